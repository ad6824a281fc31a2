//! Opening a stranger's files: regular ones only, of a bounded size.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::error::HfError;

/// What a file begins with that Git LFS has not replaced by its content.
const LFS_POINTER: &[u8] = b"version https://git-lfs";

/// Opens a regular file; a pipe or a device could block or never end. Returns its length in bytes beside it.
///
/// # Errors
/// When it is not there, is not a regular file, or cannot be opened.
pub(super) fn open(path: &Path, remedy: &'static str) -> Result<(File, u64), HfError> {
    let missing = |source: std::io::Error| match source.kind() {
        ErrorKind::NotFound => HfError::Missing { path: path.to_path_buf(), remedy },
        _ => HfError::io("read", path)(source),
    };
    let about = path.metadata().map_err(missing)?;
    if !about.is_file() {
        return Err(HfError::NotAFile(path.to_path_buf()));
    }
    let file = File::open(path).map_err(HfError::io("read", path))?;
    Ok((file, about.len()))
}

/// Reads a whole file of at most `limit` bytes.
///
/// # Errors
/// As [`open`], and when it is larger or only a pointer.
pub(super) fn read(path: &Path, limit: u64, remedy: &'static str) -> Result<Vec<u8>, HfError> {
    let (file, bytes) = open(path, remedy)?;
    if bytes > limit {
        return Err(HfError::TooLarge { path: path.to_path_buf(), bytes, limit });
    }
    let mut content = Vec::new();
    // A file that grows meanwhile is cut at the limit.
    file.take(limit).read_to_end(&mut content).map_err(HfError::io("read", path))?;
    refuse_pointer(path, &content)?;
    Ok(content)
}

/// Refuses content that only says where the file is.
pub(super) fn refuse_pointer(path: &Path, start: &[u8]) -> Result<(), HfError> {
    match start.starts_with(LFS_POINTER) {
        true => Err(HfError::LfsPointer(path.to_path_buf())),
        false => Ok(()),
    }
}

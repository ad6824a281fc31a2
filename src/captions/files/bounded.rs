//! Files of text whose size is bounded before they are read.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::super::error::CaptionError;

/// Reads a regular file of at most `limit` bytes.
///
/// # Errors
/// When it is not one (a pipe could block for ever), is larger, or cannot be read.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, CaptionError> {
    let about = path.metadata().map_err(CaptionError::io("read", path))?;
    if !about.is_file() {
        return Err(CaptionError::NotAFile { path: path.to_path_buf() });
    }
    let too_large = || CaptionError::TooLarge { path: path.to_path_buf(), limit };
    if about.len() > limit {
        return Err(too_large());
    }
    let file = File::open(path).map_err(CaptionError::io("read", path))?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(CaptionError::io("read", path))?;
    if bytes.len() as u64 > limit { Err(too_large()) } else { Ok(bytes) }
}

//! Makes a small, class-balanced data set out of a large one: what lies in `data/sample/`.

use std::fs;
use std::path::Path;

use super::binary;
use super::dataset::Dataset;
use super::error::DataError;

/// Writes the first images of each label, `train` and `test` in all, in file order, as a new folder `out` in the
/// binary layout. The folder appears whole or not at all, and none is written over.
pub fn write(data: &Dataset, train: usize, test: usize, out: &Path) -> Result<(), DataError> {
    let train = data.train.select(&data.train.first_balanced(train));
    let test = data.test.select(&data.test.first_balanced(test));
    write_new_folder(out, |folder| binary::write_folder(folder, &data.labels, &train, &test))
}

/// Converts a data set as it is into a new folder `out` in the binary layout.
pub fn convert(data: &Dataset, out: &Path) -> Result<(), DataError> {
    write_new_folder(out, |folder| binary::write_folder(folder, &data.labels, &data.train, &data.test))
}

/// Fills a temporary folder beside `out` and renames it into place.
pub(super) fn write_new_folder(out: &Path, fill: impl FnOnce(&Path) -> Result<(), DataError>) -> Result<(), DataError> {
    if out.symlink_metadata().is_ok() {
        return Err(DataError::Exists(out.to_path_buf()));
    }
    let parent = parent_of(out);
    fs::create_dir_all(parent).map_err(DataError::io("create", parent))?;
    let temporary = tempfile::Builder::new()
        .prefix(".partial-")
        .tempdir_in(parent)
        .map_err(DataError::io("create a folder in", parent))?;
    fill(temporary.path())?;
    // Renaming a folder onto an empty one replaces it and onto a full one fails: nothing is ever overwritten.
    fs::rename(temporary.path(), out).map_err(DataError::io("create", out))?;
    make_readable(out)
}

/// Temporary folders are private to their user; a data set need not be.
#[cfg(unix)]
fn make_readable(folder: &Path) -> Result<(), DataError> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).map_err(DataError::io("make readable", folder))
}

#[cfg(not(unix))]
fn make_readable(_: &Path) -> Result<(), DataError> {
    Ok(())
}

/// The folder that `path` lies in.
pub(super) fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

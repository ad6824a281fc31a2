//! Files that are either whole or not there.

use super::RunError;
use std::fs::{File, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// What the names of half-written files begin with; [`super::RunDir::remove_half_written`] clears
/// those that a killed worker left.
pub(crate) const TEMP_PREFIX: &str = ".half-";

/// Replaces `path` with what `fill` writes, so that a reader, a crash or a power cut sees the old
/// file or the new one and never a part: temporary file beside it, fsync, rename, fsync of the
/// folder.
pub fn atomic_write(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), RunError> {
    replace(path, true, fill)
}

/// [`atomic_write`] without the wait for the disk: for snapshots that are replaced each second,
/// where a power cut may cost the last of them.
pub(crate) fn atomic_replace(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), RunError> {
    replace(path, false, fill)
}

fn replace(path: &Path, durable: bool, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), RunError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    try_replace(path, folder, durable, fill).map_err(RunError::io("write", path))
}

fn try_replace(
    path: &Path,
    folder: &Path,
    durable: bool,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    // The umask decides who may read it, as for any file; `tempfile` alone would make it private.
    let temp =
        tempfile::Builder::new().prefix(TEMP_PREFIX).permissions(Permissions::from_mode(0o666)).tempfile_in(folder)?;
    let mut writer = BufWriter::with_capacity(1 << 16, temp.as_file());
    fill(&mut writer)?;
    writer.flush()?;
    drop(writer);
    if durable {
        temp.as_file().sync_all()?;
    }
    temp.persist(path).map_err(|failed| failed.error)?;
    if durable {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_failed_fill_leaves_the_old_file_and_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("weights");
        atomic_write(&path, |w| w.write_all(b"old")).unwrap();
        let failed = atomic_write(&path, |w| {
            w.write_all(b"new, but")?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        });
        assert!(failed.unwrap_err().is_disk_full());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = atomic_write(Path::new("/nonexistent/x"), |_| Ok(())).unwrap_err();
        assert_eq!(error.to_string(), "failed to write /nonexistent/x: there is no such file or folder");
    }
}

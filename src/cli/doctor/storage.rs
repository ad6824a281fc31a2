//! Where runs are written: may we, can we lock there, is there room.

use std::io;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use super::finding::Finding;
use crate::run::{free_bytes, slot};

const MIB: u64 = 1 << 20;
/// Below this a day of checkpoints may not fit.
const ENOUGH_MIB: u64 = 1024;
/// Below this a single run may not.
const LEAST_MIB: u64 = 100;

pub fn examine(runs: &Path) -> Vec<Finding> {
    let state = match slot::state_dir() {
        Ok(path) => folder("state folder", &path),
        Err(error) => Finding::problem("state folder", error.to_string(), "set HOME: the queue of runs is kept there"),
    };
    vec![folder("runs folder", runs), state, room(runs)]
}

/// A folder that need not be there yet: then its parent must let us make it.
fn folder(name: &'static str, path: &Path) -> Finding {
    let Some(there) = existing(path) else {
        return Finding::problem(
            name,
            format!("{}: no folder above it exists", path.display()),
            "name one on a mounted file system",
        );
    };
    let state = if there == path { "writable" } else { "will be made when needed" };
    match try_writing(there) {
        Ok(()) => Finding::good(name, format!("{}: {state}, locks work", path.display())),
        Err(error) => {
            let text = format!("{}: {error}", there.display());
            Finding::problem(name, text, "name a folder on a writable file system that supports flock")
        }
    }
}

fn try_writing(folder: &Path) -> io::Result<()> {
    let file = tempfile::NamedTempFile::new_in(folder)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    Ok(())
}

fn room(runs: &Path) -> Finding {
    let free = existing(runs).and_then(|there| free_bytes(there).ok());
    let advice = "a full disk loses no training, but no checkpoint fits: make room";
    match free.map(|bytes| bytes / MIB) {
        None => Finding::warning("disk", "the free space is unknown", "`df` should say it"),
        Some(mib) if mib < LEAST_MIB => Finding::problem("disk", format!("only {mib} MiB free"), advice),
        Some(mib) if mib < ENOUGH_MIB => Finding::warning("disk", format!("{mib} MiB free"), advice),
        Some(mib) => Finding::good("disk", format!("{:.0} GiB free", mib as f64 / 1024.0)),
    }
}

/// The nearest folder above (or at) `path` that exists.
fn existing(path: &Path) -> Option<&Path> {
    path.ancestors()
        .map(|place| if place.as_os_str().is_empty() { Path::new(".") } else { place })
        .find(|place| place.exists())
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_yet_is_fine_and_stays_unmade() {
        let parent = tempfile::tempdir().unwrap();
        let runs = parent.path().join("a/b");
        let finding = folder("runs folder", &runs);
        assert_eq!(finding.status, Status::Good);
        assert!(finding.text.contains("will be made") && !runs.exists());
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_in_its_place_is_a_problem() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(folder("runs folder", file.path()).status, Status::Problem);
    }

    #[test]
    fn a_relative_path_is_looked_for_from_here() {
        assert_eq!(existing(Path::new("no-such-folder")), Some(Path::new(".")));
    }
}

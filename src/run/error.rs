//! What can go wrong with a run directory, one sentence each.

use super::Phase;
use std::io;
use std::path::{Path, PathBuf};

/// An operation on a run directory that did not happen.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The file system refused.
    #[error("failed to {operation} {}: {}", path.display(), plain_reason(cause))]
    Io {
        /// A verb phrase: "write", "create the run directory" …
        operation: &'static str,
        /// What it was tried on.
        path: PathBuf,
        /// The operating system's answer; part of the message, so not a `source`.
        cause: io::Error,
    },
    /// A name that cannot be a directory under the runs folder.
    #[error("`{name}` cannot name a run: use 1 to 64 of A-Z a-z 0-9 . _ - and no dot in front")]
    BadName {
        /// The name as given, without control characters.
        name: String,
    },
    /// A name that the project itself uses.
    #[error("`{name}` is kept for the project's own weights: choose another --run name")]
    Reserved {
        /// The name as given.
        name: String,
    },
    /// A run of that name exists.
    #[error("a run named `{name}` already exists in {}: choose another --run name, or go on with `pixscribe train --resume {name}`", root.display())]
    Taken {
        /// The name as given.
        name: String,
        /// The runs folder.
        root: PathBuf,
    },
    /// No run of that name.
    #[error("no run named `{name}` in {}{}", root.display(), did_you_mean(nearest))]
    NoSuchRun {
        /// The name as given.
        name: String,
        /// The runs folder.
        root: PathBuf,
        /// Names that look like it, best first; all that there are when few.
        nearest: Vec<String>,
    },
    /// A file of the run that cannot be understood.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A worker has the run, so its files stay where they are.
    #[error("`{name}` is {phase}: `pixscribe stop {name}` ends it first")]
    StillLive {
        /// The run.
        name: String,
        /// Where it stands.
        phase: Phase,
    },
    /// A worker on another host may have the run.
    #[error("`{name}` may still be computed on {host}: stop it there first")]
    PerhapsLive {
        /// The run.
        name: String,
        /// Where its worker was last heard from.
        host: String,
    },
    /// Another run, or something else, has the name of one that is to come back.
    #[error("there is a `{name}` in {} by now: `pixscribe trash --undo OLD --as NEW` brings a run back under another name", root.display())]
    NameInUse {
        /// The name.
        name: String,
        /// The runs folder.
        root: PathBuf,
    },
    /// No such run is in the trash.
    #[error("{}: `pixscribe trash --list` shows what there is", nothing_of(name.as_deref()))]
    NotInTrash {
        /// The run that was asked for, if one was.
        name: Option<String>,
    },
    /// Nobody computes this run, so nobody can do what is asked.
    #[error("no worker computes `{name}` now")]
    NoWorker {
        /// The run.
        name: String,
    },
}

impl RunError {
    /// Wraps an I/O error with what was tried and where.
    pub fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> RunError {
        let path = path.to_path_buf();
        move |cause| RunError::Io { operation, path, cause }
    }

    /// Whether the disk or the user's quota is full, which passes when space is made.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, RunError::Io { cause, .. } if is_disk_full(cause))
    }
}

/// Whether an I/O error says that there is no room left.
pub(crate) fn is_disk_full(cause: &io::Error) -> bool {
    matches!(cause.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// The reason in words, with what to do where that is known.
fn plain_reason(cause: &io::Error) -> String {
    match cause.kind() {
        io::ErrorKind::PermissionDenied => "permission denied (check who owns it)".into(),
        io::ErrorKind::ReadOnlyFilesystem => {
            "it is on a read-only file system (choose another place with --runs DIR)".into()
        }
        io::ErrorKind::StorageFull => "the disk is full".into(),
        io::ErrorKind::QuotaExceeded => "your disk quota is used up".into(),
        io::ErrorKind::NotFound => "there is no such file or folder".into(),
        _ => cause.to_string(),
    }
}

fn nothing_of(name: Option<&str>) -> String {
    name.map_or_else(|| "the trash is empty".into(), |name| format!("no run named `{name}` is in the trash"))
}

fn did_you_mean(nearest: &[String]) -> String {
    match nearest {
        [] => " (there are no runs yet: `pixscribe train cnn` starts one)".into(),
        names => format!(": did you mean `{}`?", names.join("`, `")),
    }
}

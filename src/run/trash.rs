//! Where runs go that are not wanted any more: out of sight and one rename away, until the trash is emptied.
//!
//! `<runs>/.trash/<seconds since 1970>-<name>` is a run's whole directory. No name of a run begins with a dot, so no list of
//! runs shows it.

use super::{Liveness, Phase, RunDir, RunError, RunLock, RunName, now_ms, observe};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Beside the runs.
const FOLDER: &str = ".trash";

/// A run in the trash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trashed {
    /// When it came here, seconds since 1970.
    at_s: u64,
    name: RunName,
    folder: PathBuf,
}

impl Trashed {
    /// The name that it had, and gets again.
    pub fn name(&self) -> &RunName {
        &self.name
    }

    /// When it came here, seconds since 1970.
    pub fn at_s(&self) -> u64 {
        self.at_s
    }

    /// Bytes on disk.
    pub fn size_bytes(&self) -> u64 {
        RunDir::at(self.folder.clone(), self.name.clone()).size_bytes()
    }

    /// Brings the run back under a name; refused where there is one of that name by now.
    fn bring_back(self, runs_root: &Path, name: RunName) -> Result<RunDir, RunError> {
        let home = runs_root.join(name.as_str());
        if home.symlink_metadata().is_ok() {
            return Err(RunError::NameInUse { name: name.to_string(), root: runs_root.to_path_buf() });
        }
        fs::rename(&self.folder, &home).map_err(RunError::io("bring back", &home))?;
        Ok(RunDir::at(home, name))
    }

    /// Deletes it for good.
    pub fn delete(self) -> Result<(), RunError> {
        fs::remove_dir_all(&self.folder).map_err(RunError::io("delete", &self.folder))
    }
}

/// Moves a run that nobody computes into the trash.
pub fn put_in_trash(run: &RunDir) -> Result<Trashed, RunError> {
    // Held until the run is there, so that no worker begins meanwhile; the lock moves with its file.
    let _lock = hold(run)?;
    let trash = run.runs_root().join(FOLDER);
    fs::create_dir_all(&trash).map_err(RunError::io("create", &trash))?;
    let name = run.name().clone();
    let mut at_s = now_ms() / 1000;
    let place = |at_s: u64| trash.join(format!("{at_s}-{name}"));
    while place(at_s).symlink_metadata().is_ok() {
        at_s += 1;
    }
    let folder = place(at_s);
    fs::rename(run.root(), &folder).map_err(RunError::io("move to the trash", run.root()))?;
    Ok(Trashed { at_s, name, folder })
}

/// The right to take a run's files away: nobody computes it, here or on another host, and nobody begins to.
pub fn hold(run: &RunDir) -> Result<RunLock, RunError> {
    refuse_live(run)?;
    let begun = || RunError::StillLive { name: run.name().to_string(), phase: Phase::Starting };
    RunLock::try_acquire(run)?.ok_or_else(begun)
}

/// Refuses a run that a worker has, here or perhaps on another host.
pub fn refuse_live(run: &RunDir) -> Result<(), RunError> {
    let seen = observe(run);
    let name = run.name().to_string();
    match seen.liveness {
        Liveness::Free => Ok(()),
        Liveness::Live => Err(RunError::StillLive { name, phase: seen.phase }),
        Liveness::Unknown => {
            let host = seen.state.map(|state| state.host).filter(|host| !host.is_empty());
            Err(RunError::PerhapsLive { name, host: host.unwrap_or_else(|| "another host".into()) })
        }
    }
}

/// What is in the trash, the last that came at the end. What else lies there is no business of ours.
pub fn in_trash(runs_root: &Path) -> Result<Vec<Trashed>, RunError> {
    let trash = runs_root.join(FOLDER);
    let entries = match fs::read_dir(&trash) {
        Ok(entries) => entries,
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(cause) => return Err(RunError::io("list the trash", &trash)(cause)),
    };
    let trashed = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.ok()?;
        let file = entry.file_name();
        let (at_s, name) = file.to_str()?.split_once('-')?;
        Some(Trashed { at_s: at_s.parse().ok()?, name: name.parse().ok()?, folder: entry.path() })
    };
    let mut all: Vec<Trashed> = entries.filter_map(trashed).collect();
    all.sort_by(|a, b| (a.at_s, &a.name).cmp(&(b.at_s, &b.name)));
    Ok(all)
}

/// Brings back the run that came into the trash last, or the last of a name, under the name that it had or another.
pub fn undo_trash(runs_root: &Path, name: Option<&RunName>, new: Option<&RunName>) -> Result<RunDir, RunError> {
    let fits = |trashed: &Trashed| name.is_none_or(|name| trashed.name == *name);
    match in_trash(runs_root)?.into_iter().rfind(fits) {
        Some(trashed) => {
            let name = new.unwrap_or(&trashed.name).clone();
            trashed.bring_back(runs_root, name)
        }
        None => Err(RunError::NotInTrash { name: name.map(ToString::to_string) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{State, StateWriter};

    fn name(text: &str) -> RunName {
        text.parse().unwrap()
    }

    fn make(root: &Path, text: &str, config: &str) -> RunDir {
        RunDir::create(root, &name(text), config).unwrap()
    }

    #[test]
    fn a_run_is_out_of_sight_and_comes_back_whole() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        put_in_trash(&make(root, "a", "first")).unwrap();
        put_in_trash(&make(root, "b", "")).unwrap();
        assert!(RunDir::list(root).unwrap().is_empty());
        let there = in_trash(root).unwrap();
        assert_eq!(there.len(), 2);
        assert!(there[0].size_bytes() > 5 && there[0].at_s() > 1_000_000_000, "{there:?}");
        assert_eq!(undo_trash(root, Some(&name("a")), None).unwrap().config_toml().unwrap(), "first");
        assert_eq!(undo_trash(root, None, None).unwrap().name().as_str(), "b");
        assert!(matches!(undo_trash(root, None, None), Err(RunError::NotInTrash { name: None })));
        let error = undo_trash(root, Some(&name("zz")), None).unwrap_err().to_string();
        assert!(error.contains("`zz`"), "{error}");
    }

    #[test]
    fn runs_of_one_name_lie_beside_each_other_and_the_last_comes_back_first() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        put_in_trash(&make(root, "a", "first")).unwrap();
        put_in_trash(&make(root, "a", "second")).unwrap();
        assert_eq!(undo_trash(root, None, None).unwrap().config_toml().unwrap(), "second");
        let error = undo_trash(root, None, None).unwrap_err();
        assert!(matches!(error, RunError::NameInUse { .. }), "{error}");
        assert_eq!(in_trash(root).unwrap().len(), 1, "what cannot come back stays");
        // A file of the user's under that name is no less in the way.
        fs::remove_dir_all(root.join("a")).unwrap();
        fs::write(root.join("a"), "mine").unwrap();
        assert!(undo_trash(root, None, None).is_err());
        assert_eq!(fs::read_to_string(root.join("a")).unwrap(), "mine");
        let back = undo_trash(root, Some(&name("a")), Some(&name("a-first"))).unwrap();
        assert_eq!((back.name().as_str(), back.config_toml().unwrap().as_str()), ("a-first", "first"));
        assert_eq!(RunDir::open(root, &name("a-first")).unwrap(), back);
    }

    #[test]
    fn a_run_that_is_computed_stays() {
        let root = tempfile::tempdir().unwrap();
        let run = make(root.path(), "a", "");
        let lock = RunLock::try_acquire(&run).unwrap().unwrap();
        StateWriter::new(&run, lock.instance()).write_now(&State { phase: Phase::Running, ..State::default() });
        let error = put_in_trash(&run).unwrap_err();
        assert!(error.to_string().starts_with("`a` is running"), "{error}");
        drop(lock);
        let elsewhere = State { phase: Phase::Running, host: "elsewhere".into(), ..State::default() };
        elsewhere.write_atomic(&run.state_path()).unwrap();
        let error = put_in_trash(&run).unwrap_err();
        assert!(error.to_string().contains("elsewhere"), "{error}");
        assert!(RunDir::open(root.path(), &name("a")).is_ok());
    }

    #[test]
    fn only_what_was_trashed_is_deleted() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        assert!(in_trash(root).unwrap().is_empty());
        put_in_trash(&make(root, "a", "")).unwrap();
        let other = root.join(".trash/notes");
        fs::create_dir(&other).unwrap();
        in_trash(root).unwrap().into_iter().for_each(|trashed| trashed.delete().unwrap());
        assert_eq!(fs::read_dir(root.join(".trash")).unwrap().count(), 1);
        assert!(other.is_dir());
    }
}

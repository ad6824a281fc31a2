//! What is known of every run, shared by the tasks that look after them. Only differences are told.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::order::Update;
use super::view::RunView;
use crate::run::{Observation, RunDir, RunName};

/// Tells one `state.json` from the next without reading it: it is replaced, so that it has another inode.
pub type Stamp = Option<(u64, i64, i64)>;

#[derive(Clone, Default)]
pub struct Board(Arc<Mutex<BTreeMap<RunName, Entry>>>);

struct Entry {
    view: RunView,
    stamp: Stamp,
    /// A task of its own looks after it.
    is_supervised: bool,
    measured: Option<Stamp>,
}

impl Board {
    fn entries(&self) -> MutexGuard<'_, BTreeMap<RunName, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody looks after the run and its state is another than the one known.
    pub fn is_due(&self, run: &RunDir, stamp: Stamp) -> bool {
        self.entries().get(run.name()).is_none_or(|entry| !entry.is_supervised && entry.stamp != stamp)
    }

    /// Takes in what was seen of a run; gives its new view if that is a difference.
    pub fn note(&self, name: &RunName, seen: Observation, stamp: Stamp) -> Option<RunView> {
        let mut entries = self.entries();
        let bytes = entries.get(name).and_then(|entry| entry.view.bytes);
        let view = RunView::new(name.clone(), seen, bytes);
        match entries.get_mut(name) {
            Some(entry) if entry.view == view => {
                entry.stamp = stamp;
                None
            }
            Some(entry) => {
                entry.stamp = stamp;
                entry.view = view.clone();
                Some(view)
            }
            None => {
                let entry = Entry { view: view.clone(), stamp, is_supervised: false, measured: None };
                entries.insert(name.clone(), entry);
                Some(view)
            }
        }
    }

    /// Drops the runs that are not listed any more and gives their names.
    pub fn keep_only(&self, listed: &BTreeSet<&RunName>) -> Vec<RunName> {
        let mut entries = self.entries();
        let gone: Vec<RunName> = entries.keys().filter(|name| !listed.contains(name)).cloned().collect();
        gone.iter().for_each(|name| drop(entries.remove(name)));
        gone
    }

    /// Drops a run that was moved away: should it come back as it was, that is news.
    pub fn forget(&self, name: &RunName) {
        self.entries().remove(name);
    }

    /// Live runs that nobody looks after yet; from now on the caller does.
    pub fn take_live(&self) -> Vec<RunName> {
        let mut entries = self.entries();
        let live = entries.values_mut().filter(|entry| entry.view.phase.is_live() && !entry.is_supervised);
        live.map(|entry| {
            entry.is_supervised = true;
            entry.view.name.clone()
        })
        .collect()
    }

    pub fn release(&self, name: &RunName) {
        if let Some(entry) = self.entries().get_mut(name) {
            entry.is_supervised = false;
        }
    }

    /// Runs whose size may have changed since it was measured.
    pub fn to_measure(&self) -> Vec<RunName> {
        let entries = self.entries();
        let stale = entries.values().filter(|entry| entry.measured != Some(entry.stamp));
        stale.map(|entry| entry.view.name.clone()).collect()
    }

    /// Takes in a run's size; gives its new view if that is a difference.
    pub fn note_size(&self, name: &RunName, bytes: u64) -> Option<RunView> {
        let mut entries = self.entries();
        let entry = entries.get_mut(name)?;
        entry.measured = Some(entry.stamp);
        let differs = entry.view.bytes != Some(bytes);
        entry.view.bytes = Some(bytes);
        differs.then(|| entry.view.clone())
    }
}

pub fn stamp_of(run: &RunDir) -> Stamp {
    let meta = std::fs::metadata(run.state_path()).ok()?;
    Some((meta.ino(), meta.mtime(), meta.mtime_nsec()))
}

impl Update {
    pub fn changed(changed: Vec<RunView>) -> Update {
        Update::Runs { changed, gone: Vec::new() }
    }
}

//! A run's log, followed and replayed: what a reader that wants no single events needs.

use super::{EventTail, Replay, RunDir};

/// Follows a run's log into a [`Replay`], also across a replacement of the file.
#[derive(Debug)]
pub struct RunLog {
    tail: EventTail,
    replay: Replay,
    restarts: u64,
}

impl RunLog {
    /// Follows the run's log from its start.
    pub fn open(run: &RunDir) -> RunLog {
        RunLog { tail: EventTail::open(run.events_path()), replay: Replay::default(), restarts: 0 }
    }

    /// The whole log as it is now.
    pub fn read(run: &RunDir) -> RunLog {
        let mut log = RunLog::open(run);
        while log.poll() && log.is_behind() {}
        log
    }

    /// Takes in what came since the last call, or a piece of it; true if there was anything.
    pub fn poll(&mut self) -> bool {
        let events = self.tail.poll();
        let restarted = self.tail.restarts() != self.restarts;
        if restarted {
            self.restarts = self.tail.restarts();
            self.replay = Replay::default();
        }
        let changed = restarted || !events.is_empty();
        events.into_iter().for_each(|event| self.replay.apply(event));
        changed || self.is_behind()
    }

    /// What the log says so far.
    pub fn replay(&self) -> &Replay {
        &self.replay
    }

    /// The last poll stopped before the end of the log.
    pub fn is_behind(&self) -> bool {
        self.tail.is_behind()
    }

    /// Lines that could not be read.
    pub fn damaged(&self) -> u64 {
        self.tail.damaged()
    }

    /// Why the log cannot be read, if so.
    pub fn problem(&self) -> Option<&str> {
        self.tail.problem()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Event, EventKind};
    use std::fs;

    fn note(text: &str) -> String {
        let kind = EventKind::Note { level: "info".into(), text: text.into() };
        Event::new(1, 2, 3, kind).to_line().unwrap()
    }

    #[test]
    fn a_replaced_log_starts_the_replay_anew() {
        let root = tempfile::tempdir().unwrap();
        let run = RunDir::create(root.path(), &"a".parse().unwrap(), "").unwrap();
        fs::write(run.events_path(), note("one") + &note("two")).unwrap();
        let mut log = RunLog::read(&run);
        assert_eq!(log.replay().notes().len(), 2);
        assert!(!log.poll());
        fs::write(run.root().join("new"), note("three")).unwrap();
        fs::rename(run.root().join("new"), run.events_path()).unwrap();
        assert!(log.poll());
        assert_eq!(log.replay().notes().map(|n| n.text.as_str()).collect::<Vec<_>>(), ["three"]);
    }

    #[test]
    fn a_long_log_comes_in_pieces_and_whole() {
        let root = tempfile::tempdir().unwrap();
        let run = RunDir::create(root.path(), &"a".parse().unwrap(), "").unwrap();
        let line = note(&"x".repeat(1000));
        fs::write(run.events_path(), line.repeat(10_000)).unwrap();
        let mut log = RunLog::open(&run);
        assert!(log.poll() && log.is_behind());
        assert_eq!(RunLog::read(&run).replay().version(), 10_000);
    }
}

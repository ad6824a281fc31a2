//! Writing the event log: the worker's side.

use super::{Event, EventKind, EventTail, MAX_LINE_BYTES, RunDir, RunError, now_ms};
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Where the last record is looked for before the whole log is read.
const LAST_RECORD_WITHIN: u64 = 2 << 20;
/// What waits in memory for room on the disk; beyond it, metrics are given up, oldest first.
const BACKLOG_BYTES: usize = 2 << 20;

/// The one writer of a run's log; its owner holds the [`super::RunLock`].
///
/// A log that cannot be written never stops a training: lines wait for the disk to have room
/// again, and what had to be given up is counted and told in the log afterwards.
#[derive(Debug)]
pub struct EventWriter {
    file: File,
    next_seq: u64,
    clock: ComputeClock,
    torn: bool,
    backlog: VecDeque<Waiting>,
    backlog_bytes: usize,
    lost: u64,
    untold: u64,
    problem: Option<String>,
}

#[derive(Debug)]
struct Waiting {
    line: Vec<u8>,
    is_metrics: bool,
}

impl EventWriter {
    /// Goes on with the run's log: `seq` and `run_ms` continue, and a torn last line gets its
    /// newline before the next record.
    pub fn open(run: &RunDir) -> Result<EventWriter, RunError> {
        let path = run.events_path();
        let open = || -> io::Result<(File, bool)> {
            let file = OpenOptions::new().read(true).append(true).create(true).open(&path)?;
            let torn = ends_torn(&file)?;
            Ok((file, torn))
        };
        let (file, torn) = open().map_err(RunError::io("open the log", &path))?;
        let (next_seq, run_ms) = match last_event(&path) {
            Some(last) => (last.seq.saturating_add(1), last.run_ms),
            None => (0, 0),
        };
        Ok(EventWriter {
            file,
            next_seq,
            clock: ComputeClock { spent: Duration::from_millis(run_ms), since: None },
            torn,
            backlog: VecDeque::new(),
            backlog_bytes: 0,
            lost: 0,
            untold: 0,
            problem: None,
        })
    }

    /// Records what happened and returns the record. A phase in which the device computes starts
    /// the clock of `run_ms`, any other stops it.
    pub fn append(&mut self, kind: EventKind) -> Event {
        if let EventKind::PhaseChanged { phase, .. } = &kind {
            self.clock.set(phase.is_computing());
        }
        let is_milestone = matches!(
            kind,
            EventKind::CheckpointSaved { .. } | EventKind::PhaseChanged { .. } | EventKind::Finished { .. }
        );
        let event = self.record(kind);
        self.flush();
        if is_milestone && self.problem.is_none() {
            // A checkpoint that survives a power cut should find the log that led to it.
            if let Err(cause) = self.file.sync_data() {
                self.problem = Some(cause.to_string());
            }
        }
        event
    }

    /// Time spent computing, across resumes.
    pub fn run_ms(&self) -> u64 {
        self.clock.run_ms()
    }

    /// Records given up because the log could not be written.
    pub fn failures(&self) -> u64 {
        self.lost
    }

    /// Records that wait for the disk.
    pub fn waiting(&self) -> usize {
        self.backlog.len()
    }

    /// Why the log cannot be written now, if so.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    fn record(&mut self, kind: EventKind) -> Event {
        let is_metrics = matches!(kind, EventKind::Metrics { .. });
        let event = Event::new(self.next_seq, now_ms(), self.clock.run_ms(), kind);
        self.next_seq = self.next_seq.saturating_add(1);
        match event.to_line() {
            Ok(line) if line.len() <= MAX_LINE_BYTES => {
                self.backlog_bytes += line.len();
                self.backlog.push_back(Waiting { line: line.into_bytes(), is_metrics });
            }
            // No reader would take it.
            _ => self.give_up(),
        }
        event
    }

    fn give_up(&mut self) {
        self.lost += 1;
        self.untold += 1;
    }

    /// Writes what waits, in order, as far as the disk takes it.
    fn flush(&mut self) {
        while let Some(waiting) = self.backlog.pop_front() {
            match self.write_line(&waiting.line) {
                Ok(()) => self.backlog_bytes -= waiting.line.len(),
                Err(cause) => {
                    self.problem = Some(cause.to_string());
                    self.backlog.push_front(waiting);
                    return self.shrink();
                }
            }
            if self.backlog.is_empty() {
                self.problem = None;
                self.tell_losses();
            }
        }
    }

    fn tell_losses(&mut self) {
        let untold = std::mem::take(&mut self.untold);
        if untold > 0 {
            let text = format!("{untold} records of this log could not be written and are lost");
            self.record(EventKind::Note { level: "warning".into(), text });
        }
    }

    fn shrink(&mut self) {
        while self.backlog_bytes > BACKLOG_BYTES {
            let at = self.backlog.iter().position(|waiting| waiting.is_metrics).unwrap_or(0);
            let Some(dropped) = self.backlog.remove(at) else {
                return;
            };
            self.backlog_bytes -= dropped.line.len();
            self.give_up();
        }
    }

    /// One line is one `write(2)`. Part of a line on the disk is ended with a newline before the
    /// next, so that it costs only itself.
    fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
        let mended;
        let bytes = if self.torn {
            mended = [b"\n", line].concat();
            &mended[..]
        } else {
            line
        };
        let written = loop {
            match self.file.write(bytes) {
                Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        match bytes.len() - written {
            0 => self.torn = false,
            // All but the newline: the record is whole, and writing it again would double it.
            1 => self.torn = true,
            _ => {
                self.torn = self.torn || written > 0;
                return Err(io::Error::from(ErrorKind::StorageFull));
            }
        }
        Ok(())
    }
}

fn ends_torn(file: &File) -> io::Result<bool> {
    let len = file.metadata()?.len();
    let mut last = [b'\n'];
    if len > 0 {
        file.read_exact_at(&mut last, len - 1)?;
    }
    Ok(last != *b"\n")
}

fn last_event(path: &Path) -> Option<Event> {
    let latest = |mut tail: EventTail| {
        let mut last: Option<Event> = None;
        tail.drain(|event| {
            if last.as_ref().is_none_or(|last| last.seq <= event.seq) {
                last = Some(event);
            }
        });
        last
    };
    latest(EventTail::open_near_end(path, LAST_RECORD_WITHIN)).or_else(|| latest(EventTail::open(path)))
}

/// Counts the time in which the device computes.
#[derive(Debug)]
struct ComputeClock {
    spent: Duration,
    since: Option<Instant>,
}

impl ComputeClock {
    fn set(&mut self, computing: bool) {
        self.spent = self.total();
        self.since = computing.then(Instant::now);
    }

    fn total(&self) -> Duration {
        self.spent.saturating_add(self.since.map_or(Duration::ZERO, |since| since.elapsed()))
    }

    fn run_ms(&self) -> u64 {
        u64::try_from(self.total().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Num, Phase, read_events};
    use std::collections::BTreeMap;
    use std::fs;

    fn a_run(root: &Path) -> RunDir {
        RunDir::create(root, &"a".parse().unwrap(), "").unwrap()
    }

    fn metrics(step: u64) -> EventKind {
        let values = BTreeMap::from([("train/loss".to_owned(), Num(f64::NAN))]);
        EventKind::Metrics { step, epoch: f64::INFINITY, values }
    }

    fn phase(phase: Phase) -> EventKind {
        EventKind::PhaseChanged { phase, reason: None }
    }

    fn read(run: &RunDir) -> (Vec<Event>, u64) {
        read_events(&run.events_path()).unwrap()
    }

    #[test]
    fn what_is_returned_is_what_a_reader_gets() {
        let root = tempfile::tempdir().unwrap();
        let run = a_run(root.path());
        let mut writer = EventWriter::open(&run).unwrap();
        let written: Vec<Event> = (0..3).map(|step| writer.append(metrics(step))).collect();
        let (got, damaged) = read(&run);
        // NaN is not equal to itself in `epoch`'s type, infinity is.
        assert_eq!((got, damaged), (written, 0));
        let lines = fs::read_to_string(run.events_path()).unwrap();
        assert!(lines.starts_with("{\"seq\":0,\"t_ms\":"), "readers find records by this: {lines}");
    }

    #[test]
    fn a_second_worker_goes_on_counting_behind_a_torn_line() {
        let root = tempfile::tempdir().unwrap();
        let run = a_run(root.path());
        let mut first = EventWriter::open(&run).unwrap();
        first.append(phase(Phase::Running));
        std::thread::sleep(Duration::from_millis(30));
        first.append(phase(Phase::Paused));
        let spent = first.run_ms();
        assert!(spent >= 30);
        std::thread::sleep(Duration::from_millis(30));
        assert_eq!(first.run_ms(), spent, "a paused run computes nothing");
        let torn = fs::read(run.events_path()).unwrap();
        fs::write(run.events_path(), [&torn[..], b"{\"seq\":2,\"t_m"].concat()).unwrap();

        let mut second = EventWriter::open(&run).unwrap();
        let event = second.append(metrics(1));
        assert_eq!((event.seq, event.run_ms), (2, spent));
        let (got, damaged) = read(&run);
        assert_eq!(got.iter().map(|event| event.seq).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(damaged, 1);
    }

    #[test]
    fn a_whole_last_line_without_its_newline_is_kept() {
        let root = tempfile::tempdir().unwrap();
        let run = a_run(root.path());
        EventWriter::open(&run).unwrap().append(metrics(0));
        let log = fs::read(run.events_path()).unwrap();
        fs::write(run.events_path(), log.trim_ascii_end()).unwrap();
        EventWriter::open(&run).unwrap().append(metrics(1));
        let (got, damaged) = read(&run);
        assert_eq!((got.len(), got[1].seq, damaged), (2, 1, 0));
    }

    #[test]
    fn a_full_disk_stops_nothing_and_loses_nothing_that_memory_can_hold() {
        let root = tempfile::tempdir().unwrap();
        let run = a_run(root.path());
        let mut writer = EventWriter::open(&run).unwrap();
        writer.append(metrics(0));
        let disk = std::mem::replace(&mut writer.file, OpenOptions::new().write(true).open("/dev/full").unwrap());
        for step in 1..=100 {
            writer.append(metrics(step));
        }
        assert_eq!((writer.waiting(), writer.failures()), (100, 0));
        assert!(writer.problem().is_some());
        writer.file = disk;
        writer.append(phase(Phase::Running));
        assert_eq!((writer.waiting(), writer.problem()), (0, None));
        let (got, damaged) = read(&run);
        assert_eq!(got.iter().map(|event| event.seq).collect::<Vec<_>>(), (0..=101).collect::<Vec<_>>());
        assert_eq!(damaged, 0);
    }

    #[test]
    fn a_disk_full_for_long_costs_metrics_before_anything_else_and_is_told() {
        let root = tempfile::tempdir().unwrap();
        let run = a_run(root.path());
        let mut writer = EventWriter::open(&run).unwrap();
        let disk = std::mem::replace(&mut writer.file, OpenOptions::new().write(true).open("/dev/full").unwrap());
        let saved = |step| EventKind::CheckpointSaved { path: "weights/x".into(), step, epoch: 1, best: false };
        for step in 0..40_000 {
            writer.append(if step % 1000 == 0 { saved(step) } else { metrics(step) });
        }
        let lost = writer.failures();
        assert!(lost > 0 && writer.backlog_bytes <= BACKLOG_BYTES);
        writer.file = disk;
        writer.append(phase(Phase::Running));
        let (got, damaged) = read(&run);
        assert_eq!((got.len() as u64, damaged), (40_000 - lost + 2, 0));
        let checkpoints = got.iter().filter(|e| matches!(e.kind, EventKind::CheckpointSaved { .. })).count();
        assert_eq!(checkpoints, 40);
        let EventKind::Note { text, .. } = &got[got.len() - 1].kind else { panic!("no note") };
        assert_eq!(*text, format!("{lost} records of this log could not be written and are lost"));
    }

    #[test]
    fn a_record_that_no_reader_would_take_is_not_written() {
        let root = tempfile::tempdir().unwrap();
        let run = a_run(root.path());
        let mut writer = EventWriter::open(&run).unwrap();
        writer.append(EventKind::Note { level: "info".into(), text: "x".repeat(MAX_LINE_BYTES) });
        writer.append(metrics(1));
        let (got, damaged) = read(&run);
        assert_eq!((writer.failures(), damaged), (1, 0));
        assert!(got.iter().any(|event| matches!(&event.kind, EventKind::Note { text, .. } if text.starts_with("1 "))));
    }
}

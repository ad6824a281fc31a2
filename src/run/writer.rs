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
        while let Some(Waiting { line, .. }) = self.backlog.pop_front() {
            match self.write_line(&line) {
                Ok(()) => self.backlog_bytes -= line.len(),
                Err(cause) => {
                    self.problem = Some(cause.to_string());
                    self.backlog.push_front(Waiting { line, is_metrics: false });
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

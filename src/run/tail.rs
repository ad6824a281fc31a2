//! Following an event log that another process writes.

use super::{Event, MAX_LINE_BYTES, RunError};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// How much one [`EventTail::poll`] reads at most, so that a huge log comes in pieces.
const SLICE_BYTES: usize = 4 << 20;
const CHUNK_BYTES: usize = 256 << 10;
/// What is kept of a line that is too long: a whole record may still stand at its end.
const KEPT_OF_OVERLONG: usize = MAX_LINE_BYTES / 2;

/// An incremental reader of `events.jsonl`.
///
/// A torn last line waits for its rest; damaged lines are counted and cost only themselves; a log
/// that was truncated or replaced is read again from its start.
#[derive(Debug)]
pub struct EventTail {
    path: PathBuf,
    file: Option<File>,
    identity: (u64, u64),
    position: u64,
    lines: LineSplitter,
    restarts: u64,
    behind: bool,
    problem: Option<String>,
}

impl EventTail {
    /// Follows the log at `path`, which may not exist yet.
    pub fn open(path: impl Into<PathBuf>) -> EventTail {
        EventTail {
            path: path.into(),
            file: None,
            identity: (0, 0),
            position: 0,
            lines: LineSplitter::default(),
            restarts: 0,
            behind: false,
            problem: None,
        }
    }

    /// Follows the log from at most `back_bytes` before its present end. The first line met may be
    /// cut; it is not counted as damage.
    pub fn open_near_end(path: impl Into<PathBuf>, back_bytes: u64) -> EventTail {
        let mut tail = EventTail::open(path);
        if tail.reopen().is_ok() {
            let len = tail.file.as_ref().and_then(|file| file.metadata().ok()).map_or(0, |m| m.len());
            tail.position = len.saturating_sub(back_bytes);
            tail.lines.skip_first = tail.position > 0;
        }
        tail
    }

    /// What came since the last call: all of it, or a piece of some 4 MiB of log; then
    /// [`EventTail::is_behind`] says to call again.
    pub fn poll(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        self.behind = false;
        match self.read_slice(&mut events) {
            Ok(()) => self.problem = None,
            // Not begun yet, or removed under us: nothing new either way.
            Err(cause) if cause.kind() == ErrorKind::NotFound => self.problem = None,
            Err(cause) => self.problem = Some(RunError::io("read", &self.path)(cause).to_string()),
        }
        events
    }

    /// Gives everything up to the present end of the log to `each`.
    pub fn drain(&mut self, mut each: impl FnMut(Event)) {
        loop {
            self.poll().into_iter().for_each(&mut each);
            if !self.behind {
                return;
            }
        }
    }

    /// The last poll stopped before the end of the log.
    pub fn is_behind(&self) -> bool {
        self.behind
    }

    /// Lines that could not be read, since the log's start.
    pub fn damaged(&self) -> u64 {
        self.lines.damaged
    }

    /// How often the log was truncated or replaced. After a change, all events come again from the
    /// first: whoever collects them starts anew.
    pub fn restarts(&self) -> u64 {
        self.restarts
    }

    /// Why the log cannot be read, if so.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// The log's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn read_slice(&mut self, events: &mut Vec<Event>) -> io::Result<()> {
        self.notice_replacement()?;
        let Some(file) = &self.file else {
            return Ok(());
        };
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut taken = 0;
        while taken < SLICE_BYTES {
            let n = match file.read_at(&mut chunk, self.position) {
                Err(cause) if cause.kind() == ErrorKind::Interrupted => continue,
                read => read?,
            };
            if n == 0 {
                if taken > 0 {
                    self.lines.end_for_now(events);
                }
                return Ok(());
            }
            self.lines.feed(&chunk[..n], events);
            self.position += n as u64;
            taken += n;
        }
        self.behind = true;
        Ok(())
    }

    fn notice_replacement(&mut self) -> io::Result<()> {
        if self.file.is_none() {
            return self.reopen();
        }
        let meta = fs::metadata(&self.path)?;
        if identity(&meta) != self.identity || meta.len() < self.position {
            self.position = 0;
            self.lines = LineSplitter::default();
            self.restarts += 1;
            self.reopen()?;
        }
        Ok(())
    }

    fn reopen(&mut self) -> io::Result<()> {
        // Without NONBLOCK, opening a pipe that someone put there would wait for ever.
        let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let file = OpenOptions::new().read(true).custom_flags(nonblock).open(&self.path)?;
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        self.identity = identity(&meta);
        self.file = Some(file);
        Ok(())
    }
}

fn identity(meta: &fs::Metadata) -> (u64, u64) {
    (meta.dev(), meta.ino())
}

/// Reads a whole log: its events and how many lines were damaged. A log that is not there is
/// empty.
pub fn read_events(path: &Path) -> Result<(Vec<Event>, u64), RunError> {
    let mut tail = EventTail::open(path);
    let mut events = Vec::new();
    tail.drain(|event| events.push(event));
    match tail.problem() {
        None => Ok((events, tail.damaged())),
        Some(problem) => Err(RunError::Damaged { path: path.to_path_buf(), reason: problem.to_owned() }),
    }
}

/// Cuts bytes into lines and lines into events, in bounded memory.
#[derive(Debug, Default)]
struct LineSplitter {
    pending: Vec<u8>,
    overlong: bool,
    skip_first: bool,
    damaged: u64,
}

impl LineSplitter {
    fn feed(&mut self, mut bytes: &[u8], events: &mut Vec<Event>) {
        while let Some(end) = bytes.iter().position(|&b| b == b'\n') {
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            if self.pending.is_empty() && !self.overlong {
                self.line(line, events);
            } else {
                self.keep(line);
                let line = std::mem::take(&mut self.pending);
                self.line(&line, events);
                self.pending = line;
                self.pending.clear();
            }
            bytes = rest;
        }
        self.keep(bytes);
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() > MAX_LINE_BYTES {
            self.overlong = true;
            self.pending.drain(..self.pending.len() - KEPT_OF_OVERLONG);
        }
    }

    fn line(&mut self, line: &[u8], events: &mut Vec<Event>) {
        let overlong = std::mem::take(&mut self.overlong) || line.len() > MAX_LINE_BYTES;
        let first = std::mem::take(&mut self.skip_first);
        if line.trim_ascii().is_empty() && !overlong {
            return;
        }
        match Event::parse(line) {
            Some(event) if !overlong => events.push(event),
            _ => {
                events.extend(Event::salvage(line));
                self.damaged += u64::from(!first);
            }
        }
    }

    /// The log ends here, for now. A JSON object says itself where it ends: a whole one counts
    /// even without its newline; anything less waits.
    fn end_for_now(&mut self, events: &mut Vec<Event>) {
        if self.pending.ends_with(b"}")
            && !self.overlong
            && let Some(event) = Event::parse(&self.pending)
        {
            events.push(event);
            self.pending.clear();
            self.skip_first = false;
        }
    }
}

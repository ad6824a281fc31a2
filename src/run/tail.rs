//! Following an event log that another process writes.

use super::{Event, MAX_LINE_BYTES, RunError};
use rayon::prelude::*;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// How much one [`EventTail::poll`] reads at most, so that a huge log comes in pieces.
const SLICE_BYTES: u64 = 4 << 20;
const CHUNK_BYTES: usize = 256 << 10;
/// Lines that are worth a second thread.
const MANY_LINES: usize = 64;
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
        if let Ok(len) = tail.reopen() {
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
        let len = self.notice_replacement()?;
        let Some(file) = &self.file else { return Ok(()) };
        let begun_at = self.position;
        let mut chunk = vec![0; CHUNK_BYTES.min(usize::try_from(len - begun_at).unwrap_or(CHUNK_BYTES))];
        while self.position < len {
            if self.position - begun_at >= SLICE_BYTES {
                self.behind = true;
                return Ok(());
            }
            let n = match file.read_at(&mut chunk, self.position) {
                Err(cause) if cause.kind() == ErrorKind::Interrupted => continue,
                read => read?,
            };
            if n == 0 {
                break; // it was cut just now, which the next poll will see
            }
            self.lines.feed(&chunk[..n], events);
            self.position += n as u64;
        }
        if self.position > begun_at {
            self.lines.end_for_now(events);
        }
        Ok(())
    }

    /// The log's length now; a log that is not the one followed so far is followed from its start.
    fn notice_replacement(&mut self) -> io::Result<u64> {
        if self.file.is_none() {
            return self.reopen();
        }
        let meta = fs::metadata(&self.path)?;
        if identity(&meta) == self.identity && meta.len() >= self.position {
            return Ok(meta.len());
        }
        self.position = 0;
        self.lines = LineSplitter::default();
        self.restarts += 1;
        self.reopen()
    }

    fn reopen(&mut self) -> io::Result<u64> {
        // Without NONBLOCK, opening a pipe that someone put there would wait for ever.
        let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let file = OpenOptions::new().read(true).custom_flags(nonblock).open(&self.path)?;
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        self.identity = identity(&meta);
        self.file = Some(file);
        Ok(meta.len())
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
        if (!self.pending.is_empty() || self.overlong)
            && let Some(end) = bytes.iter().position(|&b| b == b'\n')
        {
            self.keep(&bytes[..end]);
            let mut line = std::mem::take(&mut self.pending);
            self.line(&line, Event::parse(&line), events);
            line.clear();
            self.pending = line;
            bytes = &bytes[end + 1..];
        }
        if let Some(last) = bytes.iter().rposition(|&b| b == b'\n') {
            let lines: Vec<&[u8]> = bytes[..last].split(|&b| b == b'\n').collect();
            // What a long log takes is this.
            let parsed: Vec<Option<Event>> = if lines.len() < MANY_LINES {
                lines.iter().map(|line| Event::parse(line)).collect()
            } else {
                lines.par_iter().with_min_len(MANY_LINES).map(|line| Event::parse(line)).collect()
            };
            lines.into_iter().zip(parsed).for_each(|(line, event)| self.line(line, event, events));
            bytes = &bytes[last + 1..];
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

    /// Counts a line with what was found in it.
    fn line(&mut self, line: &[u8], event: Option<Event>, events: &mut Vec<Event>) {
        let overlong = std::mem::take(&mut self.overlong) || line.len() > MAX_LINE_BYTES;
        let first = std::mem::take(&mut self.skip_first);
        if line.trim_ascii().is_empty() && !overlong {
            return;
        }
        match event {
            Some(event) if !overlong => events.push(event),
            _ => {
                events.extend(Event::salvage(line));
                self.damaged += u64::from(!first);
            }
        }
    }

    /// The log ends here, for now. A whole record counts even without its newline; anything less waits.
    fn end_for_now(&mut self, events: &mut Vec<Event>) {
        if self.overlong {
            return;
        }
        if let Some((event, len)) = Event::parse_first(&self.pending) {
            events.push(event);
            self.pending.drain(..len);
            self.skip_first = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::EventKind;
    use std::io::Write;

    fn note(seq: u64) -> String {
        let kind = EventKind::Note { level: "info".into(), text: format!("number {seq}, with \"quotes\" and é") };
        Event::new(seq, 1_700_000_000_000 + seq, 10 * seq, kind).to_line().unwrap()
    }

    fn seqs(events: &[Event]) -> Vec<u64> {
        events.iter().map(|event| event.seq).collect()
    }

    fn append(path: &Path, bytes: impl AsRef<[u8]>) {
        let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
        file.write_all(bytes.as_ref()).unwrap();
    }

    #[test]
    fn a_torn_line_waits_for_its_rest_wherever_it_is_torn() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (note(1), note(2));
        for cut in 0..=second.len() {
            let path = dir.path().join(format!("{cut}.jsonl"));
            let mut tail = EventTail::open(&path);
            assert!(tail.poll().is_empty());
            append(&path, first.clone() + &second[..0]);
            append(&path, &second.as_bytes()[..cut]);
            let mut got = seqs(&tail.poll());
            append(&path, &second.as_bytes()[cut..]);
            got.extend(seqs(&tail.poll()));
            append(&path, note(3));
            got.extend(seqs(&tail.poll()));
            assert_eq!((got, tail.damaged()), (vec![1, 2, 3], 0), "cut at {cut}");
        }
    }

    #[test]
    fn a_lost_newline_loses_no_record() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        append(&path, note(1).trim_end().to_owned() + "?" + &note(2) + "\n \n" + &note(3));
        let mut tail = EventTail::open(&path);
        assert_eq!(seqs(&tail.poll()), [1, 2, 3]);
        assert_eq!(tail.damaged(), 1);
    }

    #[test]
    fn truncation_and_replacement_start_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        append(&path, note(1) + &note(2) + "{\"torn");
        let mut tail = EventTail::open(&path);
        assert_eq!(seqs(&tail.poll()), [1, 2]);
        fs::write(&path, note(7)).unwrap();
        assert_eq!((seqs(&tail.poll()), tail.restarts()), (vec![7], 1));
        append(&dir.path().join("other"), note(8) + &note(9));
        fs::rename(dir.path().join("other"), &path).unwrap();
        assert_eq!((seqs(&tail.poll()), tail.restarts()), (vec![8, 9], 2));
        fs::remove_file(&path).unwrap();
        assert!(tail.poll().is_empty());
        assert_eq!((tail.damaged(), tail.problem()), (0, None));
    }

    #[test]
    fn a_line_without_end_takes_bounded_memory_and_hides_no_record_behind_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        append(&path, note(1));
        // A gigabyte of zeros, as a file system may leave them after a power cut; sparse, so cheap.
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(1 << 30).unwrap();
        append(&path, note(2) + &note(3));
        let mut tail = EventTail::open(&path);
        let mut got = Vec::new();
        tail.drain(|event| got.push(event.seq));
        assert_eq!((got, tail.damaged()), (vec![1, 2, 3], 1));
        let held = tail.lines.pending.capacity();
        assert!(held <= 2 * MAX_LINE_BYTES + CHUNK_BYTES, "{held}");
    }

    #[test]
    fn a_line_that_is_too_long_is_damage_even_if_it_is_json() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let long =
            format!("{{\"seq\":1,\"t_ms\":1,\"run_ms\":1,\"kind\":\"x\",\"y\":\"{}\"}}\n", "z".repeat(MAX_LINE_BYTES));
        append(&path, long + &note(2));
        let mut tail = EventTail::open(&path);
        assert_eq!((seqs(&tail.poll()), tail.damaged()), (vec![2], 1));
    }

    #[test]
    fn what_is_no_log_is_a_problem_not_a_hang() {
        let dir = tempfile::tempdir().unwrap();
        let mut tail = EventTail::open(dir.path());
        assert!(tail.poll().is_empty());
        assert!(tail.problem().unwrap().contains("not a regular file"), "{:?}", tail.problem());
        assert!(read_events(dir.path()).is_err());
        let pipe = dir.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        assert!(EventTail::open(&pipe).poll().is_empty());
        assert_eq!(read_events(&dir.path().join("none")).unwrap(), (vec![], 0));
    }

    #[test]
    fn near_the_end_means_no_damage_for_the_line_that_was_cut() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        append(&path, (0..50).map(note).collect::<String>());
        let back = note(48).len() + note(49).len() + 5;
        let mut tail = EventTail::open_near_end(&path, back as u64);
        assert_eq!((seqs(&tail.poll()), tail.damaged()), (vec![48, 49], 0));
        assert_eq!(EventTail::open_near_end(&path, 1 << 20).poll().len(), 50);
        let mut end = EventTail::open_near_end(&path, 0);
        assert!(end.poll().is_empty());
        append(&path, note(50));
        assert_eq!(seqs(&end.poll()), [50]);
    }
}

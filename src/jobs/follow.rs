//! Following the files of a run that grow: its event log and its `log.txt`.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::history::History;
use super::order::Update;
use super::outbox::Outbox;
use crate::run::{EventTail, RunDir, plain_text};

/// How often a log that moves is looked at.
const BRISK: Duration = Duration::from_millis(250);
/// How often one that stands still is.
const CALM: Duration = Duration::from_secs(1);
/// After so long without a new line a log stands still.
const STILL_AFTER: Duration = Duration::from_secs(10);
/// How much of the end of `log.txt` is shown.
const TEXT_BYTES: u64 = 64 << 10;
const TEXT_LINES: usize = 500;

/// A log being reduced, part by part.
struct Reader {
    tail: EventTail,
    next: History,
    restarts: u64,
    damaged: u64,
}

impl Reader {
    /// The next parts, if there is news; the flag says that they begin anew.
    fn read(&mut self) -> Option<(bool, Vec<History>)> {
        let events = self.tail.poll();
        let anew = self.tail.restarts() != self.restarts;
        if anew {
            self.restarts = self.tail.restarts();
            self.damaged = 0;
            self.next = History::default();
        }
        let damaged = self.tail.damaged();
        if events.is_empty() && damaged == self.damaged && !anew {
            return None;
        }
        self.next.damaged += damaged - self.damaged;
        self.damaged = damaged;
        Some((anew, self.next.take_in(events)))
    }
}

/// Sends a run's history in parts, and then what is added to it, until the task is ended.
pub async fn follow_events(run: RunDir, outbox: Outbox) {
    let tail = EventTail::open(run.events_path());
    let mut reader = Reader { tail, next: History::default(), restarts: 0, damaged: 0 };
    // The first part is sent even if it is empty: then it is known that there is nothing, and not only not yet.
    let mut first = true;
    let mut moved = Instant::now();
    let mut was_behind = false;
    loop {
        let read = spawn_blocking(move || {
            let parts = reader.read();
            (reader, parts)
        });
        let Ok((back, parts)) = read.await else { return };
        reader = back;
        if parts.is_some() {
            moved = Instant::now();
        }
        if let Some((anew, parts)) = parts.or_else(|| first.then(|| (true, Vec::new()))) {
            let update = Update::History { run: run.name().clone(), anew: anew || first, parts };
            first = false;
            if outbox.send(update).await.is_err() {
                return;
            }
        }
        let is_behind = reader.tail.is_behind();
        if was_behind && !is_behind && outbox.send(Update::CaughtUp).await.is_err() {
            return;
        }
        was_behind = is_behind;
        if !is_behind {
            sleep(if moved.elapsed() < STILL_AFTER { BRISK } else { CALM }).await;
        }
    }
}

/// Sends the last lines of `log.txt` whenever it has changed, until the task is ended.
pub async fn follow_text(run: RunDir, outbox: Outbox) {
    let mut known = None;
    loop {
        let path = run.log_path();
        let Ok((size, lines)) = spawn_blocking(move || text_if_new(&path, known)).await else { return };
        known = size;
        if let Some(lines) = lines
            && outbox.send(Update::Text { run: run.name().clone(), lines }).await.is_err()
        {
            return;
        }
        sleep(CALM).await;
    }
}

/// The size, and the last lines if it is another than the one known.
fn text_if_new(path: &Path, known: Option<u64>) -> (Option<u64>, Option<Arc<[String]>>) {
    let size = std::fs::metadata(path).ok().map(|meta| meta.len());
    if size == known {
        return (size, None);
    }
    let lines = read_end(path).unwrap_or_else(|error| vec![format!("{} cannot be read: {error}", path.display())]);
    (size, Some(lines.into()))
}

fn read_end(path: &Path) -> io::Result<Vec<String>> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(TEXT_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(TEXT_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    // The first line may have lost its beginning.
    let whole = text.lines().skip(usize::from(size > TEXT_BYTES));
    let lines: Vec<String> = whole.map(|line| plain_text(line).into_owned()).collect();
    Ok(lines[lines.len().saturating_sub(TEXT_LINES)..].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{EventKind, EventWriter, Num};
    use std::collections::BTreeMap;
    use std::fs;

    fn metrics(step: u64) -> EventKind {
        let values = BTreeMap::from([("train/loss".to_owned(), Num(step as f64))]);
        EventKind::Metrics { step, epoch: 0.0, values }
    }

    async fn next(updates: &mut tokio::sync::mpsc::Receiver<Update>) -> (bool, usize) {
        match tokio::time::timeout(Duration::from_secs(20), updates.recv()).await {
            Ok(Some(Update::History { anew, parts, .. })) => {
                let points = |part: &History| part.metric("train/loss").map_or(0, |series| series.points().len());
                (anew, parts.iter().map(points).sum())
            }
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_log_is_sent_whole_then_in_parts_and_anew_when_replaced() {
        let root = tempfile::tempdir().unwrap();
        let run = RunDir::create(root.path(), &"r".parse().unwrap(), "").unwrap();
        let (outbox, mut updates) = Outbox::channel();
        let following = tokio::spawn(follow_events(run.clone(), outbox));
        assert_eq!(next(&mut updates).await, (true, 0));
        let mut writer = EventWriter::open(&run).unwrap();
        (1..=3).for_each(|step| drop(writer.append(metrics(step))));
        assert_eq!(next(&mut updates).await, (false, 3));
        writer.append(metrics(4));
        assert_eq!(next(&mut updates).await, (false, 1));
        drop(writer);
        fs::remove_file(run.events_path()).unwrap();
        let mut writer = EventWriter::open(&run).unwrap();
        writer.append(metrics(1));
        assert_eq!(next(&mut updates).await, (true, 1));
        following.abort();
    }

    #[test]
    fn only_the_end_of_a_long_log_is_read_and_no_control_characters() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.txt");
        let long: String = (0..20_000).map(|i| format!("line {i}\n")).collect();
        fs::write(&path, long + "\x1b[31mlast\n").unwrap();
        let (size, lines) = text_if_new(&path, None);
        let lines = lines.unwrap();
        assert_eq!((lines.len(), lines[499].as_str()), (TEXT_LINES, "[31mlast"));
        assert!(lines[0].starts_with("line "));
        assert!(text_if_new(&path, size).1.is_none());
    }
}

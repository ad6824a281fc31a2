//! Where a process's own words go: into a file, never onto a screen that shows something else.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use tracing_appender::non_blocking::{NonBlocking, WorkerGuard};
use tracing_subscriber::EnvFilter;

/// The file of the run that computes now: a process may compute several, one after the other, but has one subscriber.
static NOW: Mutex<Option<NonBlocking>> = Mutex::new(None);

/// Sends tracing to the end of `path` until the guard is dropped, or until it is sent elsewhere; PIXSCRIBE_LOG sets the level
/// (`info` without it). None when the file cannot be opened: a training does not stop for its diary.
pub fn to_file(path: &Path) -> Option<WorkerGuard> {
    let file = OpenOptions::new().create(true).append(true).open(path).ok()?;
    let (writer, guard) = tracing_appender::non_blocking(file);
    *NOW.lock().unwrap_or_else(PoisonError::into_inner) = Some(writer);
    let filter = EnvFilter::try_from_env("PIXSCRIBE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    // A second subscriber in one process is refused; the first one stays, and writes where it is told to.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer_now).with_ansi(false).try_init();
    Some(guard)
}

fn writer_now() -> Box<dyn io::Write> {
    match &*NOW.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(writer) => Box::new(writer.clone()),
        None => Box::new(io::sink()),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn each_run_has_its_own_words() {
        let folder = tempfile::tempdir().unwrap();
        let say = |name: &str, word: &str| {
            let path = folder.path().join(name);
            let guard = super::to_file(&path);
            // To the writer itself: another test may have a subscriber of its own.
            super::writer_now().write_all(word.as_bytes()).unwrap();
            drop(guard);
            std::fs::read_to_string(path).unwrap()
        };
        assert_eq!((say("a", "of a").as_str(), say("b", "of b").as_str()), ("of a", "of b"));
    }
}

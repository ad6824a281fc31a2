//! Where a process's own words go: into a file, never onto a screen that shows something else.

use std::fs::OpenOptions;
use std::path::Path;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;

/// Sends tracing to the end of `path` until the guard is dropped; PIXSCRIBE_LOG sets the level (`info` without it).
/// None when the file cannot be opened: a training does not stop for its diary.
pub fn to_file(path: &Path) -> Option<WorkerGuard> {
    let file = OpenOptions::new().create(true).append(true).open(path).ok()?;
    let (writer, guard) = tracing_appender::non_blocking(file);
    let filter = EnvFilter::try_from_env("PIXSCRIBE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    // A second subscriber in one process is refused; the first one stays.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(false).try_init();
    Some(guard)
}

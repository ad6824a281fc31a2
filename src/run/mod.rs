//! The contract between a worker and everyone who watches it: one run is one directory, and while
//! it computes, one process.
//!
//! Nothing here knows models, data or screens. A worker writes through [`EventWriter`],
//! [`StateWriter`] and [`Inbox`] while it holds the [`RunLock`]; dashboards and commands read
//! through [`EventTail`], [`observe`] and ask through [`send_and_wait`].

mod answer;
mod atomic;
pub mod captions;
mod command;
mod directory;
mod error;
mod event;
mod lock;
mod name;
mod num;
mod observe;
mod phase;
pub mod predictions;
pub mod slot;
mod spark;
mod state;
mod tail;
mod text;
mod trash;
mod writer;

pub use answer::{Answer, await_answer, send_and_wait};
pub use atomic::atomic_write;
pub use command::{Command, CommandKind, Inbox, send_command};
pub use directory::RunDir;
pub use error::RunError;
pub use event::{Event, EventKind, MAX_LINE_BYTES, MetricDef, SCHEMA, SheetNote};
pub use lock::{Holder, Liveness, Pulse, RunLock, host_name, liveness};
pub use name::{RunName, nearest};
pub use num::Num;
pub use observe::{Observation, free_bytes, observe, observe_with, observed_phase};
pub use phase::Phase;
pub use spark::{SPARK_POINTS, spark};
pub use state::{QueuePlace, State, StateWriter};
pub use tail::{EventTail, read_events};
pub use text::plain_text;
pub use trash::{Trashed, hold, in_trash, put_in_trash, refuse_live, undo_trash};
pub use writer::EventWriter;

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970, the `t_ms` of every event.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}

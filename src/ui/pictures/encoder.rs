//! The thread that turns pictures into a protocol's bytes: sixel takes up to half a second for a large one.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use ratatui::layout::Rect;

use super::protocol::{Print, Protocol};
use super::{Key, Picture};

/// Identity of an encoded picture: its bytes say where it stands.
pub(super) type Id = (Key, Rect);

/// A picture to be encoded for these cells.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub picture: Picture,
    pub cells: Rect,
}

impl Request {
    pub(super) fn id(&self) -> Id {
        (self.picture.key(), self.cells)
    }
}

/// An answer; no bytes if the picture could not be encoded.
pub(super) struct Encoded {
    pub id: Id,
    pub bytes: Option<Arc<[u8]>>,
}

/// Turns what a protocol prepared into bytes.
pub(super) type Encode = fn(&Print) -> io::Result<Vec<u8>>;

#[derive(Default)]
struct State {
    queue: VecDeque<Request>,
    under_way: Option<Id>,
    done: Vec<Encoded>,
    closed: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The UI's end of the thread.
pub(super) struct Encoder {
    shared: Arc<Shared>,
}

impl Encoder {
    /// Starts the thread; `wake` is called on it after every answer.
    pub(super) fn start(
        protocol: Box<dyn Protocol>,
        encode: Encode,
        wake: impl Fn() + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        thread::Builder::new().name("pictures".to_owned()).spawn(move || {
            while let Some(request) = next(&theirs) {
                let print = protocol.prepare(&request.picture, request.cells);
                let bytes = encode(&print)
                    .map(Arc::from)
                    .inspect_err(|error| tracing::warn!("failed to encode a picture: {error}"))
                    .ok();
                let mut state = theirs.state();
                state.under_way = None;
                state.done.push(Encoded { id: request.id(), bytes });
                drop(state);
                wake();
            }
        })?;
        Ok(Self { shared })
    }

    /// What was encoded since the last call.
    pub(super) fn take_done(&self) -> Vec<Encoded> {
        std::mem::take(&mut self.shared.state().done)
    }

    /// Replaces what is waiting to be encoded: what is not on the screen any more need not be.
    pub(super) fn want(&self, requests: impl Iterator<Item = Request>) {
        let mut state = self.shared.state();
        let under_way = state.under_way;
        state.queue = requests.filter(|request| Some(request.id()) != under_way).collect();
        self.shared.changed.notify_one();
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // The thread ends by itself after the picture under way; nobody waits for it.
        self.shared.state().closed = true;
        self.shared.changed.notify_one();
    }
}

fn next(shared: &Shared) -> Option<Request> {
    let mut state = shared.state();
    loop {
        if state.closed {
            return None;
        }
        if let Some(request) = state.queue.pop_front() {
            state.under_way = Some(request.id());
            return Some(request);
        }
        state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
}

/// The bytes that viuer prints, without the line feed at their end, which would scroll the screen from its last row.
///
/// viuer prints to stdout and nowhere else, so stdout is a file for as long as it prints. The screen is drawn through
/// a descriptor of its own and does not notice.
pub(super) fn viuer_bytes(print: &Print) -> io::Result<Vec<u8>> {
    let mut file = tempfile::tempfile_in(std::env::temp_dir())?;
    let borrowed = BorrowedStdout::by(&file)?;
    let printed = viuer::print(&print.image, &print.config);
    io::stdout().flush()?;
    drop(borrowed);
    printed.map_err(io::Error::other)?;
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    if bytes.ends_with(b"\n") {
        bytes.pop();
    }
    Ok(bytes)
}

/// Stdout is another file until this is dropped.
struct BorrowedStdout(OwnedFd);

impl BorrowedStdout {
    fn by(file: &File) -> io::Result<Self> {
        io::stdout().flush()?;
        let own = io::stdout().as_fd().try_clone_to_owned()?;
        rustix::stdio::dup2_stdout(file)?;
        Ok(Self(own))
    }
}

impl Drop for BorrowedStdout {
    fn drop(&mut self) {
        // It can only fail without a free descriptor, and this one is free.
        let _ = rustix::stdio::dup2_stdout(&self.0);
    }
}

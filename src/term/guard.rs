//! The guard that owns the terminal while the dashboard runs.

use std::io::{self, Write};
use std::panic;
use std::sync::OnceLock;
use std::thread::{self, ThreadId};
use std::time::Duration;

use rustix::process::{Signal, kill_current_process_group};

use super::{Capabilities, Environment, query, signals, tty};

/// What can go wrong with the terminal.
#[derive(Debug, thiserror::Error)]
pub enum TermError {
    #[error("the dashboard needs a terminal on stdin and stdout; for text use `pixscribe --once` or `pixscribe runs`")]
    NotATerminal,
    #[error("failed to {operation} the terminal")]
    Io { operation: &'static str, source: io::Error },
}

/// Raw mode and the alternate screen, for as long as it lives.
///
/// The terminal is given back on drop, on a panic of the thread that entered, and on SIGTERM, SIGHUP, SIGINT and
/// SIGQUIT; giving back twice does no harm.
#[derive(Debug)]
pub struct TerminalGuard(());

impl TerminalGuard {
    /// Takes the terminal. Call it before any thread or crossterm `EventStream` is started.
    pub fn enter() -> Result<Self, TermError> {
        if !tty::is_terminal() {
            return Err(TermError::NotATerminal);
        }
        install_panic_hook();
        signals::start().map_err(|source| TermError::Io { operation: "watch signals for", source })?;
        tty::enter().map_err(|source| TermError::Io { operation: "enter", source })?;
        Ok(Self(()))
    }

    /// Asks the terminal what it can do; takes at most 1.5 s, usually a few milliseconds.
    ///
    /// Reads the keyboard itself: call it before a crossterm `EventStream` exists. What the user typed meanwhile is in
    /// [`Capabilities::typed`].
    pub fn detect(&self) -> Capabilities {
        query::detect(Environment::read())
    }

    /// Ctrl-Z: gives the terminal back, stops the whole job as the shell expects, and takes the terminal again when
    /// continued. Afterwards call `Stage::redraw`.
    pub fn suspend(&mut self) -> Result<(), TermError> {
        let failed = |operation| move |source| TermError::Io { operation, source };
        tty::leave();
        // The group, since `cargo run` or a pipeline must stop as well. In a group without a shell above (`xterm -e`)
        // the kernel ignores it, and we are back at once.
        kill_current_process_group(Signal::TSTP).map_err(|errno| failed("suspend")(errno.into()))?;
        // The stop may reach another thread first; by the end of this nap it has reached all.
        thread::sleep(Duration::from_millis(50));
        tty::enter().map_err(failed("enter"))
    }
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        // viuer prints through the standard library's buffer: what is left in it belongs before the restore.
        let _ = io::stdout().flush();
        tty::leave();
    }
}

static GUARDED_THREAD: OnceLock<ThreadId> = OnceLock::new();

/// A panic of the thread that draws gives the terminal back, then is reported as ever. A panic elsewhere goes to the
/// log: printed, it would tear the screen, and whoever joins that thread reports it.
fn install_panic_hook() {
    if GUARDED_THREAD.set(thread::current().id()).is_err() {
        return;
    }
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let guarded = GUARDED_THREAD.get() == Some(&thread::current().id());
        if tty::is_entered() && !guarded {
            tracing::error!("{info}");
            return;
        }
        tty::leave();
        report(info);
    }));
}

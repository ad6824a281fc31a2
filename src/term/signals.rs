//! The signal thread: whatever asks the process to end, the terminal is given back first.
//!
//! A flag that the main loop reads would not do: once the terminal is gone crossterm's `poll` never returns.

use std::io;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGWINCH};
use signal_hook::iterator::Signals;
use signal_hook::low_level;

use super::tty;

/// Longest time from the signal to the end of the process, should restoring hang.
const EXIT_LIMIT: Duration = Duration::from_millis(700);

static STARTED: OnceLock<()> = OnceLock::new();

/// Starts the thread, once a process.
pub(super) fn start() -> io::Result<()> {
    if STARTED.set(()).is_err() {
        return Ok(());
    }
    let mut signals = Signals::new([SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGCONT])?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            match signal {
                SIGCONT => come_back(),
                deadly => end(deadly),
            }
        }
    })?;
    Ok(())
}

/// Someone stopped the process from outside (`kill -STOP`) and continued it: the shell had the terminal in between.
fn come_back() {
    if tty::is_entered() && tty::enter().is_ok() {
        // The event loop takes it for a resize and draws everything anew.
        let _ = low_level::raise(SIGWINCH);
    }
}

fn end(signal: i32) -> ! {
    let status = 128 + signal;
    // If the watchdog can't be started, restoring still has its own time limit.
    let _ = thread::Builder::new().spawn(move || {
        thread::sleep(EXIT_LIMIT);
        low_level::exit(status);
    });
    tty::leave();
    low_level::exit(status)
}

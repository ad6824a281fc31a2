//! Asks the terminal what it can do, with a deadline: a mute terminal costs 1.5 s and nothing else.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::tcgetwinsize;

use super::{Capabilities, Environment, parse, tty};

/// kitty: may this picture be sent? Then the version, a cell's size in pixels, the background's colour and, since every terminal answers it and
/// they answer in order, the primary device attributes last.
const QUERY: &[u8] = b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[>q\x1b[16t\x1b]11;?\x1b\\\x1b[c";

const DEADLINE: Duration = Duration::from_millis(1500);

/// A terminal that floods us is not answering; what it sent so far is enough.
const REPLY_LIMIT: usize = 16 * 1024;

/// Asks the terminal on stdin and stdout, which must be in raw mode with nobody else reading it.
pub(super) fn detect(environment: Environment) -> Capabilities {
    // tmux shows the kitty query as a pane title, and no picture would get through it anyway.
    if !tty::is_terminal() || environment.tmux || environment.term == "dumb" {
        return Capabilities::unasked(&environment, tty::is_terminal());
    }
    let mut reply = ask().map(|bytes| parse(&bytes)).unwrap_or_default();
    reply.cell_px = reply.cell_px.or_else(cell_px_by_window);
    Capabilities::new(&environment, reply)
}

fn ask() -> io::Result<Vec<u8>> {
    let mut stdout = io::stdout();
    stdout.write_all(QUERY)?;
    stdout.flush()?;
    let deadline = Instant::now() + DEADLINE;
    let mut bytes = Vec::new();
    while bytes.len() < REPLY_LIMIT && parse(&bytes).attributes.is_none() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || !read_some(&mut bytes, left)? {
            break;
        }
    }
    Ok(bytes)
}

/// A cell's size from the window's, for terminals that tell the kernel but answer no question.
pub fn cell_px_by_window() -> Option<(u16, u16)> {
    let size = tcgetwinsize(io::stdout().as_fd()).ok()?;
    let cell = (size.ws_xpixel.checked_div(size.ws_col)?, size.ws_ypixel.checked_div(size.ws_row)?);
    (cell.0 > 0 && cell.1 > 0).then_some(cell)
}

/// Waits for input and appends it; false when none came or the terminal is gone.
fn read_some(bytes: &mut Vec<u8>, wait: Duration) -> io::Result<bool> {
    let stdin = io::stdin();
    let timeout = Timespec { tv_sec: wait.as_secs() as _, tv_nsec: wait.subsec_nanos().into() };
    let ready = match poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&timeout)) {
        Err(rustix::io::Errno::INTR) => return Ok(true),
        result => result?,
    };
    let mut chunk = [0; 1024];
    if ready == 0 {
        return Ok(false);
    }
    let read = rustix::io::read(stdin.as_fd(), &mut chunk)?;
    bytes.extend_from_slice(&chunk[..read]);
    Ok(read > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_terminal_nothing_is_asked() {
        // Under `cargo test` stdin or stdout is no terminal; if both are, TERM decides.
        let environment = Environment { term: "dumb".to_owned(), ..Environment::default() };
        let capabilities = detect(environment);
        assert!(!capabilities.answered && !capabilities.kitty && !capabilities.sixel);
    }
}

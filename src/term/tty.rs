//! The restore path: bytes and settings that bring the user's terminal back, from any thread and at any moment.
//!
//! Everything here is reachable from a panic hook and from the signal thread, so it takes no lock, writes through its
//! own non-blocking descriptor instead of the shared `stdout`, and may run twice.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

/// Alternate screen, cursor hidden, cleared.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l\x1b[2J\x1b[H";

/// The mouse is told of: buttons, drags and the wheel, not every move, which would be a flood over a slow line. Text is
/// selected with Shift held.
const MOUSE: &[u8] = b"\x1b[?1002h\x1b[?1006h";

/// CAN and ST end whatever sequence was cut in the middle; then: end the synchronized update, no mouse, plain text,
/// cursor shown, main screen.
const LEAVE: &[u8] = b"\x18\x1b\\\x1b[?2026l\x1b[?1006l\x1b[?1002l\x1b[0m\x1b[?25h\x1b[?1049l";

/// As [`LEAVE`], and every picture that kitty holds is deleted.
const LEAVE_KITTY: &[u8] =
    b"\x18\x1b\\\x1b[?2026l\x1b[?1006l\x1b[?1002l\x1b_Ga=d,d=A,q=2\x1b\\\x1b[0m\x1b[?25h\x1b[?1049l";

/// Longest time that the restore may wait for a terminal that takes no bytes.
const WRITE_LIMIT: Duration = Duration::from_millis(300);

struct Tty {
    /// Its own open file description: making it non-blocking touches nobody else's.
    file: File,
    settings: Termios,
}

static TTY: OnceLock<Tty> = OnceLock::new();
static ENTERED: AtomicBool = AtomicBool::new(false);
static KITTY_PICTURES: AtomicBool = AtomicBool::new(false);
static HEARS_MOUSE: AtomicBool = AtomicBool::new(true);

/// Whether the terminal is ours at this moment; a frame written when it is not would land on the user's shell.
pub(super) fn is_entered() -> bool {
    ENTERED.load(Ordering::Acquire)
}

/// From now on leaving deletes kitty's pictures too. Others would show the sequence as text.
pub fn expect_kitty_pictures() {
    KITTY_PICTURES.store(true, Ordering::Release);
}

/// From now on entering leaves the mouse to the terminal.
pub fn leave_mouse_alone() {
    HEARS_MOUSE.store(false, Ordering::Release);
}

/// Whether both ends are a terminal.
pub(super) fn is_terminal() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Remembers the terminal's settings (the first time), then makes it raw and takes the alternate screen.
pub(super) fn enter() -> io::Result<()> {
    let tty = match TTY.get() {
        Some(tty) => tty,
        None => {
            let opened = open()?;
            TTY.get_or_init(|| opened)
        }
    };
    let mut raw = tty.settings.clone();
    raw.make_raw();
    tcsetattr(io::stdin().as_fd(), OptionalActions::Now, &raw)?;
    ENTERED.store(true, Ordering::Release);
    write_within(tty.file.as_fd(), ENTER, WRITE_LIMIT);
    if HEARS_MOUSE.load(Ordering::Acquire) {
        write_within(tty.file.as_fd(), MOUSE, WRITE_LIMIT);
    }
    Ok(())
}

/// Gives the terminal back. Safe to call twice, from any thread, also when the terminal is gone.
pub(super) fn leave() {
    let Some(tty) = TTY.get() else { return };
    if !ENTERED.swap(false, Ordering::AcqRel) {
        return;
    }
    let bytes = if KITTY_PICTURES.load(Ordering::Acquire) { LEAVE_KITTY } else { LEAVE };
    write_within(tty.file.as_fd(), bytes, WRITE_LIMIT);
    // Nothing can be done about a terminal that is gone.
    let _ = tcsetattr(tty.file.as_fd(), OptionalActions::Now, &tty.settings);
}

fn open() -> io::Result<Tty> {
    let settings = tcgetattr(io::stdin().as_fd())?;
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits();
    let flags = i32::try_from(flags).map_err(io::Error::other)?;
    let open = |path: &str| OpenOptions::new().read(true).write(true).custom_flags(flags).open(path);
    let name = rustix::termios::ttyname(io::stdout().as_fd(), Vec::new())?;
    let file = open(&name.to_string_lossy()).or_else(|_| open("/dev/tty"))?;
    Ok(Tty { file, settings })
}

/// Writes to a non-blocking descriptor, giving up at the limit or at the first real error.
fn write_within(fd: BorrowedFd<'_>, mut bytes: &[u8], limit: Duration) {
    let deadline = Instant::now() + limit;
    while !bytes.is_empty() && Instant::now() < deadline {
        match rustix::io::write(fd, bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(rustix::io::Errno::AGAIN) => std::thread::sleep(Duration::from_millis(5)),
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

//! The writer under ratatui: a whole frame in one write, and nothing at all for a frame that changes nothing.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::event::{PollFd, PollFlags, poll};

use super::tty;

const BEGIN_SYNC: &[u8] = b"\x1b[?2026h";
const END_SYNC: &[u8] = b"\x1b[?2026l";

/// The terminal as a writer; clones share one buffer.
///
/// It has its own descriptor and bypasses the standard library's buffer: nothing may be left in a buffer that is
/// flushed on exit, after the terminal was given back, and nothing that borrows stdout may tear a frame.
#[derive(Debug, Clone)]
pub struct Screen(Arc<Mutex<Shared>>);

#[derive(Debug)]
struct Shared {
    terminal: File,
    pending: Vec<u8>,
    in_frame: bool,
}

impl Screen {
    pub fn stdout() -> io::Result<Self> {
        let terminal = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        Ok(Self(Arc::new(Mutex::new(Shared { terminal, pending: Vec::new(), in_frame: false }))))
    }

    /// From here to [`Screen::end_frame`] nothing is sent.
    pub fn begin_frame(&self) {
        self.shared().in_frame = true;
    }

    /// Sends the frame as one synchronized update; a frame that only repeats attributes is dropped.
    pub fn end_frame(&self) -> io::Result<()> {
        let mut shared = self.shared();
        shared.in_frame = false;
        if changes_nothing(&shared.pending) {
            shared.pending.clear();
            return Ok(());
        }
        shared.pending.splice(0..0, BEGIN_SYNC.iter().copied());
        shared.pending.extend_from_slice(END_SYNC);
        shared.send()
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn send(&mut self) -> io::Result<()> {
        // A frame written after the terminal was given back would land on the user's shell.
        let result = if tty::is_entered() { write_all(&self.terminal, &self.pending) } else { Ok(()) };
        self.pending.clear();
        result
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.shared().pending.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut shared = self.shared();
        if shared.in_frame { Ok(()) } else { shared.send() }
    }
}

fn write_all(terminal: &File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(terminal, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(rustix::io::Errno::INTR) => {}
            // Someone who shares the terminal made it non-blocking: wait until it takes more.
            Err(rustix::io::Errno::AGAIN) => {
                poll(&mut [PollFd::new(terminal, PollFlags::OUT)], None)?;
            }
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}
/// Whether the bytes hold nothing but attribute changes and "hide the cursor", which ratatui repeats every frame.
fn changes_nothing(mut bytes: &[u8]) -> bool {
    while let Some(rest) = bytes.strip_prefix(b"\x1b[") {
        let Some(end) = rest.iter().position(|byte| (0x40..=0x7e).contains(byte)) else {
            return false;
        };
        let (parameters, tail) = rest.split_at(end);
        if tail[0] != b'm' && !(tail[0] == b'l' && parameters == b"?25") {
            return false;
        }
        bytes = &tail[1..];
    }
    bytes.is_empty()
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::CrosstermBackend;
    use ratatui::layout::Rect;
    use ratatui::widgets::Paragraph;
    use ratatui::{TerminalOptions, Viewport};

    use super::*;

    /// A writer that the test can look into while ratatui owns it.
    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn ratatuis_unchanged_frame_counts_as_nothing_and_a_changed_one_does_not() {
        let sink = Sink::default();
        let options = TerminalOptions { viewport: Viewport::Fixed(Rect::new(0, 0, 9, 2)) };
        let mut terminal = Terminal::with_options(CrosstermBackend::new(sink.clone()), options).unwrap();
        let mut frame = |text: &str| {
            terminal.draw(|frame| frame.render_widget(Paragraph::new(text), frame.area())).unwrap();
            std::mem::take(&mut *sink.0.lock().unwrap())
        };
        assert!(!changes_nothing(&frame("loss")));
        let unchanged = frame("loss");
        assert!(!unchanged.is_empty());
        assert!(changes_nothing(&unchanged));
        assert!(!changes_nothing(&frame("less")));
    }

    #[test]
    fn a_sequence_cut_in_the_middle_is_not_nothing() {
        assert!(changes_nothing(b""));
        assert!(!changes_nothing(b"\x1b[3"));
        assert!(!changes_nothing(b"\x1b[?25h"));
        assert!(!changes_nothing(b"\x1b_Ga=d\x1b\\"));
    }
}

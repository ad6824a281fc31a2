//! A terminal for tests: a program in a pseudo-terminal, its screen as text, and answers to what it asks.
//!
//! Nothing sleeps for luck: every wait names what it waits for and has a deadline, and a failed one shows the screen.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub use portable_pty::CommandBuilder;
use portable_pty::{Child, ExitStatus, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{LocalModes, tcgetattr};

/// Longest wait for anything; a busy machine is slow, a hung program is slower.
const DEADLINE: Duration = Duration::from_secs(30);

/// How the terminal answers questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Not at all.
    Mute,
    /// As one that has no pictures.
    Plain,
    /// As kitty over SSH: pictures, but not from files.
    Kitty,
    /// As an xterm with sixel on a white background.
    Sixel,
}

impl Kind {
    /// The answers to the questions that are complete in `asked`, in their order, and how far it was read.
    fn answers(self, asked: &[u8]) -> (Vec<u8>, usize) {
        let questions: [(&[u8], &[u8]); 5] = match self {
            Self::Mute => return (Vec::new(), asked.len()),
            Self::Plain => [
                (b"\x1b[c", b"\x1b[?62;22c"),
                (b"\x1b[>q", b""),
                (b"\x1b[16t", b""),
                (b"t=d,f=24;AAAA\x1b\\", b""),
                (b"t=t;", b""),
            ],
            Self::Kitty => [
                (b"\x1b[c", b"\x1b[?62;c"),
                (b"\x1b[>q", b"\x1bP>|kitty(0.26.5)\x1b\\"),
                (b"\x1b[16t", b"\x1b[6;20;10t"),
                (b"t=d,f=24;AAAA\x1b\\", b"\x1b_Gi=31;OK\x1b\\"),
                (b"t=t;", b"\x1b_Gi=31;EBADF:no such file\x1b\\"),
            ],
            Self::Sixel => [
                (b"\x1b[c", b"\x1b[?62;1;4;22c"),
                (b"\x1b[>q", b"\x1bP>|XTerm(379)\x1b\\"),
                (b"\x1b[16t", b"\x1b[6;17;8t"),
                (b"t=d,f=24;AAAA\x1b\\", b""),
                (b"t=t;", b""),
            ],
        };
        let (mut answers, mut read) = (Vec::new(), 0);
        for at in 0..asked.len() {
            if let Some((question, answer)) = questions.iter().find(|(question, _)| asked[at..].starts_with(question)) {
                answers.extend_from_slice(answer);
                read = at + question.len();
            }
        }
        // What is left may be the beginning of a question.
        (answers, read.max(asked.len().saturating_sub(32)))
    }
}

struct Seen {
    parser: vt100::Parser,
    bytes: Vec<u8>,
}

/// A program in its terminal. Dropped, it ends the program.
pub struct Pty {
    child: Box<dyn Child + Send + Sync>,
    master: Option<Box<dyn MasterPty + Send>>,
    keyboard: Option<Arc<Mutex<Box<dyn Write + Send>>>>,
    seen: Arc<Mutex<Seen>>,
    reader: Option<JoinHandle<()>>,
    closing: Arc<AtomicBool>,
    tty: PathBuf,
    status: Option<ExitStatus>,
}

impl Pty {
    /// Starts the program on a screen of this many columns and rows, with an environment that says nothing but `TERM`
    /// about the terminal.
    pub fn spawn(mut command: CommandBuilder, (columns, rows): (u16, u16), kind: Kind) -> Self {
        for name in ["TMUX", "STY", "NO_COLOR", "COLORTERM", "TERM_PROGRAM", "LC_TERMINAL", "KONSOLE_VERSION"] {
            command.env_remove(name);
        }
        for name in ["SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT", "RUST_BACKTRACE"] {
            command.env_remove(name);
        }
        command.env("TERM", "xterm-256color");
        let pair = native_pty_system().openpty(size(columns, rows)).unwrap();
        let child = pair.slave.spawn_command(command).unwrap();
        let parser = vt100::Parser::new(NonZero::new(rows).unwrap(), NonZero::new(columns).unwrap(), 0);
        let mut pty = Self {
            child,
            tty: pair.master.tty_name().unwrap(),
            keyboard: Some(Arc::new(Mutex::new(pair.master.take_writer().unwrap()))),
            seen: Arc::new(Mutex::new(Seen { parser, bytes: Vec::new() })),
            reader: None,
            closing: Arc::default(),
            master: Some(pair.master),
            status: None,
        };
        pty.read(kind);
        pty
    }

    fn read(&mut self, kind: Kind) {
        let mut output = self.master.as_ref().unwrap().try_clone_reader().unwrap();
        let (seen, closing) = (Arc::clone(&self.seen), Arc::clone(&self.closing));
        let keyboard = Arc::clone(self.keyboard.as_ref().unwrap());
        self.reader = Some(thread::spawn(move || {
            let (mut chunk, mut asked) = ([0; 64 << 10], Vec::new());
            while let Ok(count @ 1..) = output.read(&mut chunk) {
                if closing.load(Ordering::Acquire) {
                    return;
                }
                let mut seen = seen.lock().unwrap();
                seen.bytes.extend_from_slice(&chunk[..count]);
                seen.parser.process(&chunk[..count]);
                drop(seen);
                asked.extend_from_slice(&chunk[..count]);
                let (answers, read) = kind.answers(&asked);
                asked.drain(..read);
                // A program that ended meanwhile reads no answer.
                let _ = keyboard.lock().unwrap().write_all(&answers);
            }
        }));
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    /// The screen as text, a line a row.
    pub fn screen(&self) -> String {
        self.seen().parser.screen().contents()
    }

    /// Everything that the program has written.
    pub fn bytes(&self) -> Vec<u8> {
        self.seen().bytes.clone()
    }

    /// Types; control characters and escape sequences as they are.
    pub fn keys(&self, keys: &str) {
        let keyboard = self.keyboard.as_ref().expect("the terminal is closed");
        let mut keyboard = keyboard.lock().unwrap();
        keyboard.write_all(keys.as_bytes()).unwrap();
        keyboard.flush().unwrap();
    }

    /// Waits until the text is on the screen.
    pub fn wait_for(&self, text: &str) {
        self.wait_until(&format!("`{text}` on the screen"), |screen| screen.contents().contains(text));
    }

    /// Waits until the screen is as wanted.
    pub fn wait_until(&self, what: &str, is_so: impl Fn(&vt100::Screen) -> bool) {
        self.wait(what, || is_so(self.seen().parser.screen()));
    }

    /// Waits until the program has written these bytes.
    pub fn wait_for_bytes(&self, bytes: &[u8]) {
        let what = format!("the bytes {:?}", String::from_utf8_lossy(bytes));
        self.wait(&what, || self.seen().bytes.windows(bytes.len()).any(|window| window == bytes));
    }

    /// Waits until anything is so.
    pub fn wait(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !is_so() {
            assert!(Instant::now() < deadline, "waited in vain for {what}; the screen:\n{}", self.screen());
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn resize(&self, columns: u16, rows: u16) {
        let mut seen = self.seen();
        seen.parser.screen_mut().set_size(NonZero::new(rows).unwrap(), NonZero::new(columns).unwrap());
        self.master.as_ref().expect("the terminal is closed").resize(size(columns, rows)).unwrap();
    }

    /// Sends a signal to the program alone.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    pub fn pid(&self) -> Pid {
        let pid = self.child.process_id().expect("the program has no process");
        Pid::from_raw(i32::try_from(pid).unwrap()).unwrap()
    }

    /// Waits for the end of the program; its exit status, or 128 and more for a signal that killed it.
    pub fn wait_exit(&mut self) -> u32 {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                let code = status.exit_code();
                self.status = Some(status);
                return code;
            }
            assert!(Instant::now() < deadline, "the program did not end; the screen:\n{}", self.screen());
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Closes the terminal, as a lost connection does; returns how long the program lived on.
    pub fn close(&mut self) -> Duration {
        self.hang_up();
        let closed = Instant::now();
        self.wait_exit();
        closed.elapsed()
    }

    fn hang_up(&mut self) {
        self.closing.store(true, Ordering::Release);
        // The reader holds the terminal open until it has read something.
        let woken = self.open_tty().and_then(|mut tty| tty.write_all(b" "));
        if woken.is_ok()
            && let Some(reader) = self.reader.take()
        {
            reader.join().unwrap();
        }
        self.keyboard = None;
        self.master = None;
    }

    fn open_tty(&self) -> std::io::Result<File> {
        use std::os::unix::fs::OpenOptionsExt;
        let flags = i32::try_from(rustix::fs::OFlags::NOCTTY.bits()).unwrap();
        OpenOptions::new().read(true).write(true).custom_flags(flags).open(&self.tty)
    }

    /// Fails unless the terminal is as a shell wants it: main screen, cursor shown, lines and echo on.
    pub fn assert_restored(&self) {
        self.wait_until("the main screen with a cursor", |screen| !screen.alternate_screen() && !screen.hide_cursor());
        let modes = tcgetattr(self.open_tty().unwrap()).unwrap().local_modes;
        assert!(modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG), "still raw: {modes:?}");
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        if self.status.is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        self.hang_up();
    }
}

fn size(columns: u16, rows: u16) -> PtySize {
    PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }
}

//! The terminal guard and the picture protocols in a real pseudo-terminal.
//!
//! The program under test is this test binary itself, started again with `PTY_PROGRAM` set.

use std::time::{Duration, Instant};

use crossterm::event::{self, Event, KeyCode};
use image::{Rgb, RgbImage};
use pixscribe::config::GraphicsChoice;
use pixscribe::term::TerminalGuard;
use pixscribe::ui::pictures::{Picture, Pictures, Stage, open};
use ratatui::layout::Rect;
use ratatui::widgets::Paragraph;
use rustix::process::Signal;

use super::harness::{CommandBuilder, Kind, Pty};

/// Not a test: what the others start. Without the variable it does nothing.
#[test]
fn program() {
    let Ok(graphics) = std::env::var("PTY_PROGRAM") else { return };
    run(graphics.parse().unwrap());
    // The harness would report on a terminal that is no longer ours.
    std::process::exit(0);
}

/// Says what the terminal can do, shows one picture, and does what the keys say.
fn run(choice: GraphicsChoice) {
    let mut guard = TerminalGuard::enter().unwrap_or_else(|error| panic!("{error}"));
    let capabilities = guard.detect();
    let (pictures, chosen) = open(choice, &capabilities, || ());
    let mut stage = Stage::new(pictures).unwrap();
    let picture = Picture::new(checkered()).unwrap();
    let typed: String = capabilities.typed.iter().filter_map(|key| key.code.as_char()).collect();
    let mut last = String::new();
    loop {
        stage
            .draw(|frame, pictures: &mut dyn Pictures| {
                let text = format!("ready: {} typed {typed:?} last {last}", chosen.graphics);
                frame.render_widget(Paragraph::new(text), frame.area());
                pictures.place(&picture, Rect::new(0, 2, 16, 8), frame.buffer_mut());
            })
            .unwrap();
        if !event::poll(Duration::from_millis(20)).unwrap() {
            continue;
        }
        match event::read().unwrap() {
            Event::Key(key) if key.code == KeyCode::Char('q') => return,
            Event::Key(key) if key.code == KeyCode::Char('!') => panic!("asked to panic"),
            Event::Key(key) if key.code == KeyCode::Char('z') => {
                guard.suspend().unwrap();
                stage.redraw();
            }
            Event::Key(key) => last = format!("{:?}", key.code),
            Event::Resize(..) => stage.redraw(),
            _ => {}
        }
    }
}

fn checkered() -> RgbImage {
    RgbImage::from_fn(32, 32, |x, y| Rgb([if (x + y) % 2 == 0 { 200 } else { 10 }, x as u8, y as u8]))
}

fn command(graphics: &str) -> CommandBuilder {
    let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
    command.args(["terminal::program", "--exact", "--nocapture", "--test-threads=1"]);
    command.env("PTY_PROGRAM", graphics);
    command
}

fn start(graphics: &str, kind: Kind) -> Pty {
    Pty::spawn(command(graphics), (60, 20), kind)
}

#[test]
fn leaving_by_a_key_restores_the_terminal() {
    let mut pty = start("auto", Kind::Plain);
    pty.wait_for("ready: blocks");
    pty.wait_until("the alternate screen", |screen| screen.alternate_screen() && screen.hide_cursor());
    pty.keys("q");
    assert_eq!(pty.wait_exit(), 0);
    pty.assert_restored();
}

#[test]
fn a_panic_restores_the_terminal_and_is_reported_on_the_main_screen() {
    let mut pty = start("auto", Kind::Plain);
    pty.wait_for("ready: blocks");
    pty.keys("!");
    assert_ne!(pty.wait_exit(), 0);
    pty.assert_restored();
    pty.wait_for("asked to panic");
}

#[test]
fn signals_restore_the_terminal_at_once() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT, Signal::QUIT] {
        let mut pty = start("auto", Kind::Plain);
        pty.wait_for("ready: blocks");
        let sent = Instant::now();
        pty.signal(signal);
        assert_eq!(pty.wait_exit(), 128 + u32::try_from(signal.as_raw()).unwrap(), "{signal:?}");
        assert!(sent.elapsed() < Duration::from_secs(2), "{signal:?} took {:?}", sent.elapsed());
        pty.assert_restored();
    }
}

#[test]
fn a_closed_terminal_ends_the_program_quickly() {
    let mut pty = start("auto", Kind::Plain);
    pty.wait_for("ready: blocks");
    let lived_on = pty.close();
    assert!(lived_on < Duration::from_secs(2), "{lived_on:?}");
}

#[test]
fn a_terminal_of_one_cell_is_survived() {
    let mut pty = Pty::spawn(command("auto"), (1, 1), Kind::Plain);
    pty.wait_for("r");
    pty.resize(60, 20);
    pty.wait_for("ready: blocks");
    // A key that comes in the same instant as a resize is kept by crossterm until the next one.
    let written = pty.bytes().len();
    pty.resize(1, 1);
    pty.wait("a frame of one cell", || pty.bytes().len() > written);
    pty.keys("q");
    assert_eq!(pty.wait_exit(), 0);
    pty.assert_restored();
}

#[test]
fn a_mute_terminal_costs_its_deadline_and_gets_blocks() {
    let started = Instant::now();
    let pty = start("kitty", Kind::Mute);
    pty.wait_for("ready: blocks");
    assert!(started.elapsed() >= Duration::from_millis(1400), "{:?}", started.elapsed());
    // Only our own query was sent: viuer's would hang.
    let text = String::from_utf8_lossy(&pty.bytes()).into_owned();
    assert_eq!(text.matches("\x1b[c").count(), 1);
    pty.keys("q");
}

#[test]
fn keys_typed_while_the_terminal_is_asked_are_not_lost() {
    let pty = start("auto", Kind::Mute);
    pty.wait_for_bytes(b"\x1b[c");
    pty.keys("abq");
    pty.wait_for("typed \"abq\"");
    pty.keys("x");
    pty.wait_for("last Char('x')");
}

#[test]
fn kitty_gets_the_picture_whole_in_remote_mode_and_no_line_feed() {
    let pty = start("auto", Kind::Kitty);
    pty.wait_for("ready: kitty");
    // 32x32 pixels of four bytes are 5,464 characters of base64: two chunks, the last of them closed.
    pty.wait_for_bytes(b"a=T,t=d,s=32,v=32,c=16,r=8,m=1;");
    pty.wait_for_bytes(b"\x1b_Gm=0;");
    let bytes = pty.bytes();
    let text = String::from_utf8_lossy(&bytes);
    assert!(!text.contains("t=t"), "viuer offered a file");
    let after = &text[text.find("\x1b_Gm=0;").unwrap()..];
    let end = &after[after.find("\x1b\\").unwrap()..];
    assert!(end.starts_with("\x1b\\\x1b8\x1b[?2026l"), "{:?}", &end[..end.len().min(40)]);
    // It was printed once and the keyboard still works.
    pty.keys("x");
    pty.wait_for("last Char('x')");
    let text = String::from_utf8_lossy(&pty.bytes()).into_owned();
    assert_eq!(text.matches("a=T").count(), 1);
}

#[test]
fn sixel_fills_the_cells_of_the_terminal() {
    let pty = start("auto", Kind::Sixel);
    pty.wait_for("ready: sixel");
    // 16x8 cells of 8x17 pixels, in whole units of 6x12.
    pty.wait_for_bytes(b"\"1;1;126;132");
    pty.keys("x");
    pty.wait_for("last Char('x')");
}

#[test]
fn a_protocol_that_the_terminal_lacks_falls_back_to_blocks_even_if_asked_for() {
    for graphics in ["kitty", "sixel", "iterm"] {
        start(graphics, Kind::Plain).wait_for("ready: blocks");
    }
}

#[test]
fn suspended_the_shell_has_its_terminal_and_continued_the_screen_is_back() {
    let mut shell = CommandBuilder::new("sh");
    shell.args(["-i"]);
    shell.env("PS1", "shell> ");
    shell.env("ENV", "/dev/null");
    let pty = Pty::spawn(shell, (60, 20), Kind::Kitty);
    pty.wait_for("shell>");
    let exe = std::env::current_exe().unwrap();
    pty.keys(&format!("PTY_PROGRAM=auto {} terminal::program --exact --nocapture\r", exe.display()));
    pty.wait_for("ready: kitty");
    pty.wait_for_bytes(b"a=T");
    pty.keys("z");
    pty.wait_until("the main screen", |screen| !screen.alternate_screen());
    pty.assert_restored();
    pty.wait_for("shell>");
    let printed = pty.bytes().len();
    pty.keys("fg\r");
    pty.wait_for("ready: kitty");
    pty.wait("the picture again", || String::from_utf8_lossy(&pty.bytes()[printed..]).contains("a=T"));
    pty.keys("q");
    pty.wait_until("the main screen", |screen| !screen.alternate_screen());
}

#[test]
fn stopped_and_continued_from_outside_the_screen_is_drawn_anew() {
    let mut pty = start("auto", Kind::Kitty);
    pty.wait_for_bytes(b"a=T");
    let written = pty.bytes().len();
    pty.signal(Signal::STOP);
    pty.signal(Signal::CONT);
    pty.wait("the screen and the picture again", || {
        let bytes = pty.bytes();
        let text = String::from_utf8_lossy(&bytes[written..]);
        // Blank cells are skipped: no two words of the line come in one piece.
        text.contains("\x1b[?1049h") && text.contains("ready:") && text.contains("a=T")
    });
    pty.keys("q");
    assert_eq!(pty.wait_exit(), 0);
    pty.assert_restored();
}

#[test]
fn without_a_terminal_there_is_one_clear_sentence() {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["terminal::program", "--exact", "--nocapture"])
        .env("PTY_PROGRAM", "auto")
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert!(!output.status.success());
    let text = [output.stdout, output.stderr].concat();
    assert!(String::from_utf8_lossy(&text).contains("the dashboard needs a terminal"));
}

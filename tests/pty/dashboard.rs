//! What a newcomer meets: one key starts a training, every screen shows it, a killed worker is taken up again, and
//! without a terminal there are words instead.

use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};

use super::by_keys::{EMPTY, start_run, wait_for_steps};
use super::harness::{Kind, Pty};
use super::sandbox::Sandbox;

fn open(sandbox: &Sandbox) -> Pty {
    Pty::spawn(sandbox.dashboard(), (80, 24), Kind::Plain)
}

/// The name of the only run there is, once there is one.
fn only_run(pty: &Pty, sandbox: &Sandbox) -> String {
    let names = || {
        let entries = std::fs::read_dir(sandbox.runs()).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().into_string().ok()).next()
    };
    pty.wait("a run", || names().is_some());
    names().unwrap_or_default()
}

#[test]
fn without_a_run_one_key_starts_a_training() {
    let sandbox = Sandbox::new();
    let mut pty = open(&sandbox);
    pty.wait_for(EMPTY);
    pty.keys("\r");
    let run = only_run(&pty, &sandbox);
    pty.wait_for("● running");
    pty.wait("its first step", || !sandbox.steps(&run).is_empty());
    pty.wait_for("train/loss");
    pty.keys("q");
    assert_eq!(pty.wait_exit(), 0);
    pty.assert_restored();
}

#[test]
fn every_screen_shows_what_a_training_has_learned() {
    let sandbox = Sandbox::new();
    let pty = open(&sandbox);
    pty.wait_for(EMPTY);
    start_run(&pty, 5000, "shown");
    pty.wait("an epoch's confusion", || !sandbox.events("shown", "confusion").is_empty());
    pty.wait_until("a picture and how sure the label is", |screen| {
        let text = screen.contents();
        text.contains('▄') && text.contains(" %")
    });
    pty.keys("3");
    pty.wait_for("most frequent mistakes");
    pty.keys("\r");
    pty.wait_for("c confidence");
    // Escape and what follows at once would be read as a key with Alt.
    pty.keys("\x1b");
    pty.wait_for("most frequent mistakes");
    pty.keys("6");
    // The first lines may have scrolled away: a small epoch takes less than a second.
    pty.wait_for("finished at step");
}

#[test]
fn a_killed_worker_is_seen_and_taken_up_again() {
    let sandbox = Sandbox::new();
    let pty = open(&sandbox);
    pty.wait_for(EMPTY);
    start_run(&pty, 5000, "killed");
    pty.wait_for("● running");
    wait_for_steps(&pty, &sandbox, "killed", 3);
    let pid = sandbox.state("killed")["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok()).unwrap();
    assert!(sandbox.owns(pid));
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    pty.wait_for("! interrupted");
    pty.keys("p");
    pty.wait_for("● running");
    wait_for_steps(&pty, &sandbox, "killed", 3);
}

#[test]
fn without_a_terminal_there_is_a_sentence_and_with_once_a_frame() {
    let sandbox = Sandbox::new();
    let run = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pixscribe"));
        command.args(sandbox.arguments()).args(more).envs(sandbox.environment());
        command.current_dir(sandbox.path()).env_remove("RUST_BACKTRACE").output().unwrap()
    };
    let refused = run(&[]);
    let sentence = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(sentence.contains("needs a terminal") && sentence.lines().count() == 1, "{sentence}");

    let once = run(&["--once"]);
    let frame = String::from_utf8(once.stdout).unwrap();
    assert!(once.status.success());
    assert!(frame.contains(EMPTY) && frame.lines().count() == 24, "{frame}");
    assert!(!frame.contains('\x1b'));
}

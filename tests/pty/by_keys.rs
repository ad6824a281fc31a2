//! The dashboard by keys alone, with a real worker behind it.

use std::time::Duration;

use rustix::process::Signal;

use super::harness::{Kind, Pty};
use super::sandbox::Sandbox;

const SIZE: (u16, u16) = (100, 30);

/// What an empty dashboard says.
pub const EMPTY: &str = "No runs yet";

fn open(sandbox: &Sandbox) -> Pty {
    Pty::spawn(sandbox.dashboard(), SIZE, Kind::Plain)
}

/// Fills in the form behind `n`: the plain recipe, so many epochs, a name.
pub fn start_run(pty: &Pty, epochs: u32, name: &str) {
    pty.keys("n");
    pty.wait_for("new run");
    pty.keys("\x1b[C");
    pty.wait_for("preset plain");
    pty.keys(&format!("\t{epochs}\t{name}"));
    pty.wait_for(name);
    pty.keys("\r");
}

/// Waits until the run has made more steps than it had.
pub fn wait_for_steps(pty: &Pty, sandbox: &Sandbox, run: &str, more: usize) {
    let before = sandbox.steps(run).len();
    pty.wait("more steps", || sandbox.steps(run).len() >= before + more);
}

#[test]
fn start_pause_and_resume_by_keys_alone() {
    let sandbox = Sandbox::new();
    let mut pty = open(&sandbox);
    pty.wait_for(EMPTY);
    start_run(&pty, 5000, "by-keys");
    pty.wait_for("running");
    wait_for_steps(&pty, &sandbox, "by-keys", 25);

    pty.keys("p");
    pty.wait_for("paused");
    pty.wait("a paused run", || sandbox.phase("by-keys") == "paused");
    let paused_at = sandbox.steps("by-keys").len();
    pty.wait("the worker's end", || {
        let pid = sandbox.state("by-keys")["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok());
        pid.is_none_or(|pid| !sandbox.owns(pid))
    });
    assert_eq!(sandbox.steps("by-keys").len(), paused_at, "it trained on");

    pty.keys("p");
    pty.wait_for("running");
    wait_for_steps(&pty, &sandbox, "by-keys", 25);
    let hellos = sandbox.events("by-keys", "hello");
    assert_eq!(hellos.len(), 2);
    assert!(hellos[1]["resumed_from_step"].as_u64().is_some_and(|step| step > 0));
    sandbox.assert_no_step_repeated_or_skipped("by-keys");

    pty.keys("x");
    pty.wait_for("Stop by-keys?");
    pty.keys("y");
    pty.wait_for("stopped");
    pty.keys("q");
    assert_eq!(pty.wait_exit(), 0);
    pty.assert_restored();
}

#[test]
fn the_worker_goes_on_when_the_dashboard_is_left_and_when_its_terminal_is_lost() {
    let sandbox = Sandbox::new();
    let mut first = open(&sandbox);
    first.wait_for(EMPTY);
    start_run(&first, 5000, "goes-on");
    first.wait_for("running");
    first.keys("q");
    assert_eq!(first.wait_exit(), 0);
    first.assert_restored();
    first.wait_for("1 run keeps training");

    let mut second = open(&sandbox);
    second.wait_for("running");
    wait_for_steps(&second, &sandbox, "goes-on", 5);
    let lived_on = second.close();
    assert!(lived_on < Duration::from_secs(3), "{lived_on:?}");

    let third = open(&sandbox);
    third.wait_for("running");
    wait_for_steps(&third, &sandbox, "goes-on", 5);
    assert_eq!(sandbox.events("goes-on", "hello").len(), 1, "one worker all the time");
}

#[test]
fn signals_give_the_terminal_back() {
    for signal in [Signal::TERM, Signal::HUP] {
        let sandbox = Sandbox::new();
        let mut pty = open(&sandbox);
        pty.wait_for(EMPTY);
        pty.signal(signal);
        assert_eq!(pty.wait_exit(), 128 + u32::try_from(signal.as_raw()).unwrap());
        pty.assert_restored();
    }
}

#[test]
fn any_size_down_to_one_cell_is_survived_on_every_screen() {
    let sandbox = Sandbox::new();
    let mut pty = open(&sandbox);
    pty.wait_for(EMPTY);
    for (at, size) in [(1, 1), (2, 40), (200, 1), (20, 5), (80, 24)].into_iter().enumerate() {
        let written = pty.bytes().len();
        pty.resize(size.0, size.1);
        pty.wait("a frame of the new size", || pty.bytes().len() > written);
        // The screen, its help, and any key closes that.
        pty.keys(&format!("{}? ", at + 2));
    }
    pty.keys("1");
    pty.resize(SIZE.0, SIZE.1);
    pty.wait_for(EMPTY);
    pty.keys("q");
    assert_eq!(pty.wait_exit(), 0);
    pty.assert_restored();
}

#[test]
fn a_key_pressed_while_the_window_changes_counts() {
    let sandbox = Sandbox::new();
    let pty = open(&sandbox);
    pty.wait_for(EMPTY);
    for turn in 0..10 {
        pty.resize(SIZE.0 + 1, SIZE.1);
        pty.keys("?");
        pty.wait_for("any key closes this");
        pty.resize(SIZE.0 + turn % 2, SIZE.1);
        pty.keys(" ");
        pty.wait_until("the help closed", |screen| !screen.contents().contains("any key closes this"));
    }
}

#[test]
fn an_idle_dashboard_sends_next_to_nothing() {
    let sandbox = Sandbox::new();
    let pty = open(&sandbox);
    pty.wait_for(EMPTY);
    let before = pty.bytes().len();
    // The load of the machine, on the first row, is all that may change.
    std::thread::sleep(Duration::from_secs(3));
    let sent = pty.bytes().len() - before;
    assert!(sent < 3000, "{sent} bytes in 3 s");
}

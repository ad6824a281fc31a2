//! The dashboard over SSH: the connection drops, the training goes on, a new dashboard shows all of it.

use std::io::Write;

use rustix::process::Signal;

use super::by_keys::{EMPTY, start_run, wait_for_steps};
use super::harness::{Kind, Pty};
use super::sandbox::Sandbox;
use super::sshd::Sshd;

/// The dashboard's command line for the shell on the other side.
fn remote_command(sandbox: &Sandbox) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    let environment = sandbox.environment().map(|(name, value)| quoted(&format!("{name}={}", value.display())));
    let arguments: Vec<String> = sandbox.arguments().iter().map(|argument| quoted(argument)).collect();
    let program = quoted(env!("CARGO_BIN_EXE_pixscribe"));
    format!("exec env {} {program} {}", environment.join(" "), arguments.join(" "))
}

#[test]
fn a_dropped_connection_loses_nothing() {
    let sandbox = Sandbox::new();
    let sshd = match Sshd::start(sandbox.path()) {
        Ok(sshd) => sshd,
        Err(why) => {
            // Past the capture of the harness: a skipped test must not look like a passed one.
            writeln!(std::io::stderr(), "SKIPPED a_dropped_connection_loses_nothing: {why}").unwrap();
            return;
        }
    };
    let connect = || Pty::spawn(sshd.client(&remote_command(&sandbox)), (100, 30), Kind::Plain);

    let mut first = connect();
    first.wait_for(EMPTY);
    start_run(&first, 5000, "remote");
    first.wait_for("running");
    first.wait("the end of the first epoch", || !sandbox.events("remote", "epoch_finished").is_empty());
    // The connection, not the program: the client is gone without a word.
    first.signal(Signal::KILL);
    first.wait_exit();
    first.wait("the dashboard's end", || sandbox.dashboards().is_empty());
    wait_for_steps(&first, &sandbox, "remote", 20);

    let mut second = connect();
    second.wait_for("running");
    second.keys("6");
    second.wait_for("epoch 1 finished");
    second.keys("1p");
    second.wait_for("‖ paused");
    second.wait("a paused run", || sandbox.phase("remote") == "paused");
    second.keys("p");
    second.wait_for("running");
    wait_for_steps(&second, &sandbox, "remote", 20);
    sandbox.assert_no_step_repeated_or_skipped("remote");
    second.keys("q");
    assert_eq!(second.wait_exit(), 0);
    second.wait_for("1 run keeps training");
}

//! The dashboard as its user has it: the real program, real workers, keys and a screen.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use pixscribe::run::{Liveness, Phase, RunDir, observe};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::harness::{CommandBuilder, Kind, Pty};

const PROGRAM: &str = env!("CARGO_BIN_EXE_pixscribe");
/// A worker on a busy machine needs a while for a checkpoint.
const DEADLINE: Duration = Duration::from_secs(120);

/// A folder for runs; workers left in it are ended with it.
struct Place(TempDir);

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir().unwrap())
    }

    fn runs(&self) -> PathBuf {
        self.0.path().join("runs")
    }

    /// The dashboard on a part of the sample, whose epochs take seconds.
    fn command(&self) -> CommandBuilder {
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample");
        let mut command = CommandBuilder::new(PROGRAM);
        command.arg("--runs");
        command.arg(self.runs());
        for set in ["data.limit=200", "cnn.batch_size=20", "cnn.epochs=200", "runtime.threads=1"] {
            command.args(["--set", set]);
        }
        command.args(["--set", &format!("data.path={}", sample.display())]);
        command.cwd(self.0.path());
        command.env("XDG_CONFIG_HOME", self.0.path());
        command.env("XDG_STATE_HOME", self.0.path());
        command
    }

    fn open(&self, size: (u16, u16)) -> Pty {
        Pty::spawn(self.command(), size, Kind::Plain)
    }

    fn run(&self) -> RunDir {
        RunDir::list(&self.runs()).unwrap().remove(0)
    }

    fn step(&self) -> u64 {
        observe(&self.run()).state.map_or(0, |state| state.step)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for run in RunDir::list(&self.runs()).unwrap_or_default() {
            let seen = observe(&run);
            if let (Liveness::Live, Some(state)) = (seen.liveness, seen.state)
                && let Some(pid) = Pid::from_raw(state.pid.cast_signed())
            {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }
}

fn wait(pty: &Pty, what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain for {what}; the screen:\n{}", pty.screen());
        thread::sleep(Duration::from_millis(20));
    }
}

fn shows(pty: &Pty, text: &str) {
    wait(pty, &format!("`{text}` on the screen"), || pty.screen().contains(text));
}

#[test]
fn a_training_is_started_paused_resumed_and_stopped_by_keys_alone() {
    let place = Place::new();
    let mut pty = place.open((80, 24));
    pty.wait_for("No runs yet");
    pty.keys("\r");
    shows(&pty, "● running");
    wait(&pty, "a step", || place.step() > 0);
    shows(&pty, "train/loss");
    // The picture that the time machine starts with, named by the first epoch.
    wait(&pty, "a picture with its label", || pty.screen().contains(" %") && pty.screen().contains('▄'));

    pty.keys("p");
    shows(&pty, "‖ paused");
    let paused = observe(&place.run());
    assert_eq!((paused.phase, paused.liveness), (Phase::Paused, Liveness::Free));
    let step = place.step();

    pty.keys("p");
    shows(&pty, "● running");
    wait(&pty, "further steps", || place.step() > step);

    pty.keys("3");
    shows(&pty, "most frequent mistakes");
    pty.keys("\r");
    pty.wait_for(" named ");
    pty.wait_for("epoch");

    pty.keys("1x");
    pty.wait_for("It is saved first");
    pty.keys("y");
    shows(&pty, "■ stopped");
    pty.keys("q");
    assert_eq!(pty.wait_exit(), 0);
    pty.assert_restored();
    assert_eq!(observe(&place.run()).phase, Phase::Stopped);
}

#[test]
fn a_lost_terminal_ends_the_dashboard_and_not_the_training() {
    let place = Place::new();
    let mut pty = place.open((80, 24));
    pty.wait_for("No runs yet");
    pty.keys("\r");
    wait(&pty, "a step", || RunDir::list(&place.runs()).is_ok_and(|runs| !runs.is_empty()) && place.step() > 0);
    let lived_on = pty.close();
    assert!(lived_on < Duration::from_secs(2), "{lived_on:?}");

    let step = place.step();
    let mut again = place.open((120, 40));
    shows(&again, "● running");
    wait(&again, "further steps", || place.step() > step);
    shows(&again, "train/loss");
    again.keys("q");
    assert_eq!(again.wait_exit(), 0);
    again.wait_for("1 run keeps training");
}

#[test]
fn a_killed_worker_is_seen_and_taken_up_again() {
    let place = Place::new();
    let pty = place.open((80, 24));
    pty.wait_for("No runs yet");
    pty.keys("\r");
    shows(&pty, "● running");
    wait(&pty, "a step", || place.step() > 0);
    let pid = observe(&place.run()).state.map_or(0, |state| state.pid);
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), Signal::KILL).unwrap();
    shows(&pty, "! interrupted");
    pty.keys("p");
    shows(&pty, "● running");
}

#[test]
fn a_tiny_terminal_and_wrong_keys_do_no_harm() {
    let place = Place::new();
    let mut pty = place.open((1, 1));
    pty.keys("zZ\x1b[99~\x1bOQ0789{}@#~\x1b[1;5A");
    pty.resize(80, 24);
    pty.wait_for("No runs yet");
    pty.keys("23456?");
    pty.wait_for("any key closes this");
    pty.keys("\x1b");
    pty.resize(2, 50);
    pty.resize(200, 50);
    pty.keys("1");
    pty.wait_for("No runs yet");
    pty.keys("\x03");
    assert_eq!(pty.wait_exit(), 0);
    pty.assert_restored();
}

#[test]
fn without_a_terminal_there_is_a_sentence_and_with_once_a_frame() {
    let place = Place::new();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).arg("--runs").arg(place.runs()).current_dir(place.0.path());
        command.env("XDG_CONFIG_HOME", place.0.path()).env_remove("RUST_BACKTRACE").output().unwrap()
    };
    let refused = run(&[]);
    let sentence = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(sentence.contains("needs a terminal") && sentence.lines().count() == 1, "{sentence}");

    let once = run(&["--once"]);
    let frame = String::from_utf8(once.stdout).unwrap();
    assert!(once.status.success());
    assert!(frame.contains("No runs yet") && frame.lines().count() == 24, "{frame}");
    assert!(!frame.contains('\x1b'));
}

//! What users come for, each in at most three keys after the screen's own: on small and large screens, with many, few and no
//! colours, inside tmux and outside.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use super::harness::{CommandBuilder, Kind, Pty};
use super::recorded::record;
use super::sandbox::Sandbox;

/// What is wanted, the screen's key, the keys after it, and what then stands on the screen.
struct Task(&'static str, &'static str, &'static [&'static str], &'static [&'static str]);

const LEFT: &str = "\x1b[D";
const DOWN: &str = "\x1b[B";
const END: &str = "\x1b[F";
const ENTER: &str = "\r";

const TASKS: [Task; 27] = [
    Task("how good each run is", "1", &[], &["first", "96.0 %", "second", "95.0 %", "words", "98.0 %"]),
    Task("only the runs whose name has a text", "1", &["/", "w", ENTER], &["\"w\"", "words"]),
    Task("which run failed, and why", "1", &["j", "j", "j"], &["broken", "failed", "the disk is full"]),
    Task("the last loss", "2", &[], &["train/loss", "0.2857"]),
    Task("what was logged at the last step, and the best", "2", &[LEFT], &["120", "min", "max", "best", "1.905"]),
    Task("the loss on a logarithmic axis", "2", &["l"], &["log y"]),
    Task("the loss by epochs", "2", &["a"], &["epoch", "2.5"]),
    Task("the test accuracy", "2", &[DOWN], &["● test/accuracy"]),
    Task("where the second run was best", "2", &["j", DOWN, LEFT], &["second", "best", "99.0 %", "80"]),
    Task("how far two runs are apart", "2", &["j", " ", "k"], &["level with second at step 120"]),
    Task("how often cats are called dogs", "3", &[], &["cat named dog: 20 of 50, 40.0 %"]),
    Task("the cats called dogs", "3", &[ENTER], &["cat named dog", "of 20"]),
    Task("the shares of what was called a dog", "3", &["c"], &["% of the named", "29", "71"]),
    Task("the same in counts", "3", &["c", "c"], &["30", "20"]),
    Task("labels by F1", "3", &["b", "b"], &["F1", "75 %"]),
    Task("the worst named label on top", "3", &["o"], &["cat named dog: 20 of 50"]),
    Task("the confusion an epoch before", "3", &["["], &["epoch 2 of 3", "30 of 50"]),
    Task("the second run's confusion", "3", &["j"], &["second", "25 of 50"]),
    Task("mistakes only", "4", &["f"], &["mistakes", "of 20"]),
    Task("the last picture", "4", &[END], &["500 of 500"]),
    Task("a captioner's captions", "4", &["j", "j"], &["words", "seen well"]),
    Task("the pictures as they were named an epoch before", "4", &["["], &["epoch 2 of 3"]),
    Task("the models side by side", "5", &[], &["first", "96.0 %", "second", "95.0 %", "words", "98.0 %"]),
    Task("a model's accuracy by label", "5", &["j"], &["by label", "second", "airplane", "50.0 %"]),
    Task("why the run failed, in its log", "6", &["j", "j", "j"], &["failed: the disk is full"]),
    Task("what a worker wrote", "6", &["w"], &["what the worker wrote itself"]),
    Task("the keys of this screen", "3", &["?"], &["keys: Confusion", "any key closes this"]),
];

/// Longest wait for the screen to come to rest; what is not there then is missed by name.
const REST: Duration = Duration::from_secs(20);
/// So long without a byte is rest.
const QUIET: Duration = Duration::from_millis(70);

fn settle(pty: &Pty) {
    let (begun, mut seen, mut since) = (Instant::now(), 0, Instant::now());
    while begun.elapsed() < REST {
        let bytes = pty.bytes().len();
        if bytes != seen {
            (seen, since) = (bytes, Instant::now());
        }
        let screen = pty.screen();
        let is_busy = screen.contains("Loading") || screen.contains("Reading the log");
        if since.elapsed() > QUIET && !is_busy {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn all_tasks(size: (u16, u16), command: impl Fn(&Sandbox) -> CommandBuilder) {
    let sandbox = Sandbox::new();
    let _server = Server(socket(&sandbox));
    record(&sandbox.runs());
    for Task(what, tab, keys, due) in TASKS {
        assert!(keys.len() <= 3, "{what}: too many keys");
        let mut pty = Pty::spawn(command(&sandbox), size, Kind::Plain);
        pty.wait_for("broken");
        for key in [tab].iter().chain(keys) {
            settle(&pty);
            pty.keys(key);
        }
        let has_all = |screen: &vt100::Screen| due.iter().all(|text| screen.contents().contains(text));
        pty.wait_until(&format!("{what} by {tab} {keys:?}: {due:?}"), has_all);
        // The help is closed by any key.
        pty.keys(if keys.contains(&"?") { " q" } else { "q" });
        assert_eq!(pty.wait_exit(), 0, "{what}");
    }
}

fn with_few_colours(sandbox: &Sandbox) -> CommandBuilder {
    let mut command = sandbox.dashboard();
    command.args(["--set", "ui.colours=16"]);
    command
}

fn without_colours(sandbox: &Sandbox) -> CommandBuilder {
    let mut command = sandbox.dashboard();
    command.env("NO_COLOR", "1");
    command
}

/// The dashboard as the only window of a tmux server of its own, which ends with it; none where there is no tmux.
fn in_tmux(sandbox: &Sandbox) -> CommandBuilder {
    let settings = sandbox.path().join("tmux.conf");
    fs::write(&settings, "set -g status off\n").unwrap();
    let mut command = CommandBuilder::new("tmux");
    command.arg("-S");
    command.arg(socket(sandbox));
    command.arg("-f");
    command.arg(settings);
    command.args(["new-session", "--", env!("CARGO_BIN_EXE_pixscribe")]);
    command.args(sandbox.arguments());
    command.cwd(sandbox.path());
    for (name, value) in sandbox.environment() {
        command.env(name, value);
    }
    command
}

/// Ends the tmux server of a sandbox, if there is one, also when a task fails.
struct Server(PathBuf);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("tmux").arg("-S").arg(&self.0).arg("kill-server").output();
    }
}

fn socket(sandbox: &Sandbox) -> PathBuf {
    sandbox.path().join("tmux")
}

#[test]
fn tasks_at_80x24() {
    all_tasks((80, 24), Sandbox::dashboard);
}

#[test]
fn tasks_at_200x50() {
    all_tasks((200, 50), Sandbox::dashboard);
}

#[test]
fn tasks_at_80x24_in_16_colours() {
    all_tasks((80, 24), with_few_colours);
}

#[test]
fn tasks_at_200x50_in_16_colours() {
    all_tasks((200, 50), with_few_colours);
}

#[test]
fn tasks_at_80x24_without_colours() {
    all_tasks((80, 24), without_colours);
}

#[test]
fn tasks_at_200x50_without_colours() {
    all_tasks((200, 50), without_colours);
}

#[test]
fn tasks_inside_tmux() {
    if Command::new("tmux").arg("-V").output().is_err() {
        eprintln!("skipped: there is no tmux");
        return;
    }
    for size in [(80, 24), (200, 50)] {
        all_tasks(size, in_tmux);
    }
}

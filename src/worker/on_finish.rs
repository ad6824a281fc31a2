//! `runtime.on_finish`: the user's own command, once a run is over.

use crate::run::{Phase, RunDir};
use std::fs::OpenOptions;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::absolute;
use std::process::{Command, Stdio};

/// Runs what follows, and says so on stderr if it fails: the worker does not wait for it.
const WATCHED: &str =
    r#""$@" || { status=$?; echo "runtime.on_finish: $1 failed with exit status $status" >&2; exit $status; }"#;

/// Starts the command if the run is over, and leaves it alone. What it says goes into the run's log, as does its failure.
pub fn tell(command: &[String], run: &RunDir, phase: Phase) {
    if command.is_empty() || !phase.is_over() {
        return;
    }
    if let Err(error) = start(command, run, phase) {
        tracing::error!("runtime.on_finish: {} could not be started: {error}", command[0]);
    }
}

fn start(command: &[String], run: &RunDir, phase: Phase) -> io::Result<()> {
    let log = OpenOptions::new().append(true).create(true).open(run.log_path())?;
    let mut shell = Command::new("sh");
    shell.args(["-c", WATCHED, "sh"]).args(command);
    shell.env("PIXSCRIBE_RUN", run.name().as_str()).env("PIXSCRIBE_PHASE", phase.as_str());
    shell.env("PIXSCRIBE_DIR", absolute(run.root())?);
    shell.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    // Of its own, so that a Ctrl-C at the worker's terminal is none of its business.
    shell.process_group(0).spawn().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    /// What the run's log holds once it holds `due`.
    fn log_with(run: &RunDir, due: &str) -> String {
        let begun = Instant::now();
        loop {
            let text = std::fs::read_to_string(run.log_path()).unwrap_or_default();
            if text.contains(due) || begun.elapsed() > Duration::from_secs(20) {
                return text;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn it_knows_which_run_ended_and_how() {
        let root = tempfile::tempdir().unwrap();
        let run = RunDir::create(root.path(), &"a".parse().unwrap(), "").unwrap();
        let say =
            words(&["sh", "-c", "echo \"$1: $PIXSCRIBE_RUN $PIXSCRIBE_PHASE $PIXSCRIBE_DIR\"", "sh", "two words"]);
        tell(&say, &run, Phase::Paused);
        tell(&[], &run, Phase::Finished);
        tell(&say, &run, Phase::Diverged);
        let due = format!("two words: a diverged {}\n", run.root().display());
        assert_eq!(log_with(&run, &due), due);
    }

    #[test]
    fn a_failure_is_a_line_of_the_log() {
        let root = tempfile::tempdir().unwrap();
        let run = RunDir::create(root.path(), &"a".parse().unwrap(), "").unwrap();
        tell(&words(&["false"]), &run, Phase::Finished);
        let due = "runtime.on_finish: false failed with exit status 1\n";
        assert_eq!(log_with(&run, due), due);
        tell(&words(&["/no/such/command"]), &run, Phase::Failed);
        let due = "runtime.on_finish: /no/such/command failed with exit status 127\n";
        assert!(log_with(&run, due).ends_with(due));
    }
}

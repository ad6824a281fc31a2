//! A folder of runs and a state folder of its own, and the program in it.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Nothing here takes so long, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);

pub struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn runs(&self) -> PathBuf {
        self.folder.path().join("runs")
    }

    pub fn pixscribe(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pixscribe"));
        command.arg("--runs").arg(self.runs());
        command.env("PIXSCRIBE_STATE_DIR", self.folder.path().join("state"));
        command.env("XDG_CONFIG_HOME", self.folder.path());
        command
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    /// A training in the foreground, on the sample.
    pub fn train(&self, run: &str, sets: &[&str]) -> Command {
        self.train_model("cnn", run, sets)
    }

    /// [`Self::train`] for any model.
    pub fn train_model(&self, model: &str, run: &str, sets: &[&str]) -> Command {
        let mut command = self.pixscribe();
        command.args(["train", model, "--run", run, "--set", "data.path=data/sample"]);
        for set in sets {
            command.args(["--set", set]);
        }
        command
    }

    pub fn resume(&self, run: &str) -> Command {
        let mut command = self.pixscribe();
        command.args(["train", "--resume", run]);
        command
    }

    pub fn weights(&self, run: &str) -> PathBuf {
        self.runs().join(run).join("weights")
    }

    /// The last checkpoint's name and bytes.
    pub fn last_checkpoint(&self, run: &str) -> (String, Vec<u8>) {
        let names = fs::read_dir(self.weights(run)).unwrap().map(|entry| entry.unwrap().path());
        let last = names.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("step-")).max().unwrap();
        (last.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&last).unwrap())
    }

    pub fn phase(&self, run: &str) -> String {
        self.state(run)["phase"].as_str().unwrap_or_default().to_owned()
    }

    pub fn state(&self, run: &str) -> serde_json::Value {
        let text = fs::read_to_string(self.runs().join(run).join("state.json")).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// The whole lines of the run's log.
    pub fn events(&self, run: &str) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.runs().join(run).join("events.jsonl")).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Asks with a command of the program; it waits for the worker's answer.
    pub fn ask(&self, command: &str, run: &str) {
        assert!(self.pixscribe().args([command, run]).status().unwrap().success(), "{command} {run} was refused");
    }
}

/// Looks again and again until it holds.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A worker that dies with the test.
pub struct Worker(pub Child);

impl Drop for Worker {
    fn drop(&mut self) {
        // It has mostly ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

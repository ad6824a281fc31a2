//! A place of its own for a test: runs, home and settings, and no worker left when it is over.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::harness::CommandBuilder;

/// The settings of a training that takes hundreds of small steps in a few seconds.
const TINY: [&str; 4] = ["runtime.threads=1", "data.limit=200", "cnn.preset=plain", "cnn.batch_size=20"];

pub struct Sandbox {
    folder: TempDir,
}

impl Sandbox {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("home")).unwrap();
        Self { folder }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn runs(&self) -> PathBuf {
        self.folder.path().join("runs")
    }

    /// The variables that keep the user's own settings and queue out of the test.
    pub fn environment(&self) -> [(&'static str, PathBuf); 4] {
        let home = self.folder.path().join("home");
        [
            ("XDG_CONFIG_HOME", home.join("config")),
            ("XDG_STATE_HOME", home.join("state")),
            ("XDG_CACHE_HOME", home.join("cache")),
            ("HOME", home),
        ]
    }

    /// The dashboard's arguments: these runs, the sample, a tiny training.
    pub fn arguments(&self) -> Vec<String> {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample");
        let mut arguments = vec!["--runs".to_owned(), self.runs().display().to_string()];
        let settings = TINY.map(str::to_owned).into_iter().chain([format!("data.path={}", data.display())]);
        arguments.extend(settings.flat_map(|setting| ["--set".to_owned(), setting]));
        arguments
    }

    pub fn dashboard(&self) -> CommandBuilder {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_pixscribe"));
        command.args(self.arguments());
        command.cwd(self.path());
        for (name, value) in self.environment() {
            command.env(name, value);
        }
        command
    }

    pub fn state(&self, run: &str) -> Value {
        let text = fs::read_to_string(self.runs().join(run).join("state.json")).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    pub fn phase(&self, run: &str) -> String {
        self.state(run)["phase"].as_str().unwrap_or_default().to_owned()
    }

    /// The events of one kind, as they stand in the log.
    pub fn events(&self, run: &str, kind: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.runs().join(run).join("events.jsonl")).unwrap_or_default();
        let events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        events.filter(|event| event["kind"] == kind).collect()
    }

    /// The steps that have been logged, in the order of the log.
    pub fn steps(&self, run: &str) -> Vec<u64> {
        self.events(run, "metrics").iter().filter_map(|event| event["step"].as_u64()).collect()
    }

    /// Fails unless every step from the first on was made, and none twice.
    pub fn assert_no_step_repeated_or_skipped(&self, run: &str) {
        let steps = self.steps(run);
        assert!(steps.len() > 2, "{steps:?}");
        let gaps: BTreeSet<u64> = steps.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
        assert_eq!(gaps.len(), 1, "steps are not evenly spaced: {steps:?}");
    }

    /// Whether the process has the sandbox in its command line: a process id alone may have been given away again.
    pub fn owns(&self, pid: i32) -> bool {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(&self.path().display().to_string())
    }

    /// The live processes of this program in the sandbox that are no workers.
    pub fn dashboards(&self) -> Vec<i32> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        pids.filter(|&pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let mut words = line.split(|&byte| byte == 0);
            let is_program = words.next().is_some_and(|first| first.ends_with(b"/pixscribe"));
            is_program && self.owns(pid) && !words.any(|word| word == b"train")
        })
        .collect()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let runs = fs::read_dir(self.runs()).into_iter().flatten().flatten();
        for name in runs.filter_map(|run| run.file_name().into_string().ok()) {
            let pid = self.state(&name)["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok());
            if let Some(pid) = pid.filter(|&pid| self.owns(pid)).and_then(Pid::from_raw) {
                // It may have ended in between.
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }
}

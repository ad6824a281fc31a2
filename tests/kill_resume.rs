//! A worker that is killed at any moment, also inside a checkpoint's write, and taken up again ends with the very
//! weights of one that nobody touched: byte for byte, on any number of threads.
//!
//! The test suite kills a few times; for the whole ordeal, with the default net too:
//! `PIXSCRIBE_KILLS=20 PIXSCRIBE_WRITE_KILLS=5 PIXSCRIBE_PRESET=default cargo test --release --test kill_resume`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const EPOCHS: u32 = 4;

fn from_env(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn preset() -> String {
    std::env::var("PIXSCRIBE_PRESET").unwrap_or_else(|_| "plain".to_owned())
}

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn runs(&self) -> PathBuf {
        self.folder.path().join("runs")
    }

    fn pixscribe(&self) -> Command {
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

    fn train(&self, run: &str, threads: usize) -> Command {
        let mut command = self.pixscribe();
        command.args(["train", "cnn", "--run", run, "--set", "data.path=data/sample"]);
        command.args(["--set", &format!("preset={}", preset())]);
        command.args(["--set", &format!("epochs={EPOCHS}"), "--set", &format!("runtime.threads={threads}")]);
        command
    }

    fn resume(&self, run: &str) -> Command {
        let mut command = self.pixscribe();
        command.args(["train", "--resume", run]);
        command
    }

    fn weights(&self, run: &str) -> PathBuf {
        self.runs().join(run).join("weights")
    }

    /// The last checkpoint's name and bytes.
    fn last_checkpoint(&self, run: &str) -> (String, Vec<u8>) {
        let names = fs::read_dir(self.weights(run)).unwrap().map(|entry| entry.unwrap().path());
        let last = names.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("step-")).max().unwrap();
        (last.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&last).unwrap())
    }

    fn phase(&self, run: &str) -> String {
        let text = fs::read_to_string(self.runs().join(run).join("state.json")).unwrap();
        let state: serde_json::Value = serde_json::from_str(&text).unwrap();
        state["phase"].as_str().unwrap().to_owned()
    }
}

/// A number from 0 to 1 that differs from call to call and is the same in every test run.
fn draw(n: u64) -> f64 {
    f64::from(pixscribe::ops::random::unit(17, "kill", 0, n))
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A file is being written, and not yet under its name.
fn half_written(weights: &Path) -> bool {
    let Ok(entries) = fs::read_dir(weights) else { return false };
    entries.flatten().any(|entry| !entry.file_name().to_string_lossy().ends_with(".safetensors"))
}

/// Lets the worker go on until a checkpoint is half written and kills it there; false when it ended before.
fn kill_inside_a_write(place: &Place, run: &str, mut child: Child) -> bool {
    while child.try_wait().unwrap().is_none() {
        if half_written(&place.weights(run)) {
            kill(child);
            return half_written(&place.weights(run));
        }
    }
    false
}

#[test]
fn killed_workers_end_with_the_bytes_of_an_untouched_one() {
    let place = Place::new();
    let begun = Instant::now();
    assert!(place.train("untouched", 2).status().unwrap().success());
    let whole = begun.elapsed();
    let (name, due) = place.last_checkpoint("untouched");
    assert!(place.train("one-thread", 1).status().unwrap().success());
    assert!(place.last_checkpoint("one-thread") == (name.clone(), due.clone()), "threads change the weights");

    for threads in [1, 2] {
        let run = format!("killed-{threads}");
        let mut child = place.train(&run, threads).spawn().unwrap();
        let kills = from_env("PIXSCRIBE_KILLS", 3);
        for n in 0..kills {
            // So short that the run is not over before the kills are.
            let patience = whole.mul_f64(0.05 + 0.6 * draw((threads * 1000 + n) as u64));
            std::thread::sleep(patience);
            kill(child);
            child = place.resume(&run).spawn().unwrap();
        }
        let (mut inside, due_inside) = (0, from_env("PIXSCRIBE_WRITE_KILLS", 1));
        for _ in 0..20 * due_inside {
            if inside == due_inside || place.phase(&run) == "finished" {
                break;
            }
            inside += usize::from(kill_inside_a_write(&place, &run, child));
            child = place.resume(&run).spawn().unwrap();
        }
        child.wait().unwrap();
        if place.phase(&run) != "finished" {
            place.resume(&run).status().unwrap();
        }
        println!("{threads} threads: {kills} kills at random moments, {inside} inside a write");
        assert_eq!(place.phase(&run), "finished");
        assert!(place.last_checkpoint(&run) == (name.clone(), due.clone()), "other weights after {kills} kills");
        assert!(!half_written(&place.weights(&run)), "what a kill left is cleared away");
    }
}

#[test]
fn a_paused_run_goes_on_where_it_was() {
    let place = Place::new();
    assert!(place.train("untouched", 0).status().unwrap().success());
    let mut child = place.train("paused", 0).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    let log = place.runs().join("paused/events.jsonl");
    while !fs::read_to_string(&log).is_ok_and(|text| text.matches("\"kind\":\"metrics\"").count() > 2) {
        assert!(Instant::now() < deadline, "no step within two minutes");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(place.pixscribe().args(["pause", "paused"]).status().unwrap().success());
    child.wait().unwrap();
    assert_eq!(place.phase("paused"), "paused");
    assert!(place.resume("paused").status().unwrap().success());
    assert!(place.last_checkpoint("paused") == place.last_checkpoint("untouched"));
    // Nothing is repeated or skipped: every step was logged once, in order.
    let text = fs::read_to_string(&log).unwrap();
    let steps: Vec<u64> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter(|event| event["kind"] == "metrics")
        .map(|event| event["step"].as_u64().unwrap())
        .collect();
    assert_eq!(steps, (1..=steps.len() as u64).collect::<Vec<_>>());
}

//! `state.json`: what a list of runs shows without reading a log.

use super::atomic::atomic_replace;
use super::directory::read_small;
use super::lock::host_name;
use super::{Num, Phase, RunDir, RunError, SCHEMA, now_ms, plain_text};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A state is a few KiB; more is not one.
const MAX_STATE_BYTES: u64 = 256 << 10;
/// How often the snapshot is replaced at most.
const MIN_INTERVAL: Duration = Duration::from_secs(1);

/// A snapshot of a run, replaced as a whole. Keys that are missing have their default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct State {
    /// The layout's version.
    pub schema: u32,
    /// What the worker last said; see [`super::observe`] for what is true.
    pub phase: Phase,
    /// Why, where that needs words.
    pub reason: Option<String>,
    /// `cnn`, `gan` …
    pub model: String,
    /// What it trains on, for people.
    pub data: String,
    /// `cpu`, `cuda:0` …
    pub device: String,
    /// Optimiser steps done.
    pub step: u64,
    /// Optimiser steps in all.
    pub total_steps: u64,
    /// Epochs done.
    pub epoch: u64,
    /// Epochs in all.
    pub epochs: u64,
    /// Seconds to the end, validation counted.
    pub eta_s: Option<f64>,
    /// Training speed.
    pub images_per_s: Option<f64>,
    /// Time spent computing, across resumes.
    pub run_ms: u64,
    /// The last value of each metric.
    pub last: BTreeMap<String, Num>,
    /// The best value of each metric that has a direction.
    pub best: BTreeMap<String, Num>,
    /// See [`super::spark`].
    #[serde(with = "spark_as_nums")]
    pub spark: Vec<f32>,
    /// Which metric the sparkline shows.
    pub spark_metric: String,
    /// Place in the queue while it waits.
    pub queue: Option<QueuePlace>,
    /// What the worker cannot do and goes on without: "the log cannot be written: …".
    pub trouble: Option<String>,
    /// The worker's process.
    pub pid: u32,
    /// The worker's host.
    pub host: String,
    /// The worker's instance; commands are addressed to it. Empty before the first worker.
    pub instance: String,
    /// When this worker began, Unix time.
    pub started_ms: u64,
    /// When this was written, Unix time.
    pub heartbeat_ms: u64,
}

/// "2nd, behind gan-1".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct QueuePlace {
    /// 1 is next.
    pub position: usize,
    /// The run that is just before: the one ahead in the queue, else one that computes.
    pub behind: Option<String>,
    /// Why the first in the queue still waits, if not for a slot: "needs 2,000 MiB free, 812 are".
    pub reason: Option<String>,
}

impl State {
    /// Reads a snapshot; all text in it is safe for a screen.
    pub fn read(path: &Path) -> Result<State, RunError> {
        let text = read_small(path, MAX_STATE_BYTES)?;
        let damaged = |reason: String| RunError::Damaged { path: path.to_path_buf(), reason };
        // To serde, a list would be a struct without names.
        if !text.trim_start().starts_with('{') {
            return Err(damaged("it is not a JSON object".into()));
        }
        let state: State =
            serde_json::from_str(&text).map_err(|error| damaged(plain_text(&error.to_string()).into_owned()))?;
        Ok(state.plain())
    }

    /// Replaces the snapshot: a reader sees the old one or the new one.
    pub fn write_atomic(&self, path: &Path) -> Result<(), RunError> {
        atomic_replace(path, |w| serde_json::to_writer(w, self).map_err(std::io::Error::from))
    }

    fn plain(mut self) -> State {
        fn plain(text: &mut String) {
            if let std::borrow::Cow::Owned(clean) = plain_text(text) {
                *text = clean;
            }
        }
        let texts = [
            &mut self.model,
            &mut self.data,
            &mut self.device,
            &mut self.spark_metric,
            &mut self.host,
            &mut self.instance,
        ];
        texts.into_iter().for_each(plain);
        self.reason.iter_mut().chain(&mut self.trouble).for_each(plain);
        if let Some(queue) = &mut self.queue {
            queue.behind.iter_mut().chain(&mut queue.reason).for_each(plain);
        }
        for values in [&mut self.last, &mut self.best] {
            *values = std::mem::take(values)
                .into_iter()
                .map(|(name, value)| (plain_text(&name).into_owned(), value))
                .collect();
        }
        self.spark.truncate(super::SPARK_POINTS);
        self
    }
}

/// Replaces a run's snapshot at most each second, and at once when the phase changes.
///
/// A snapshot that cannot be written never stops a training.
#[derive(Debug)]
pub struct StateWriter {
    path: PathBuf,
    started_ms: u64,
    instance: String,
    host: String,
    written: Option<(Phase, Instant)>,
    problem: Option<String>,
}

impl StateWriter {
    /// For the worker `instance`, which begins now.
    pub fn new(run: &RunDir, instance: &str) -> StateWriter {
        StateWriter {
            path: run.state_path(),
            started_ms: now_ms(),
            instance: instance.to_owned(),
            host: host_name(),
            written: None,
            problem: None,
        }
    }

    /// A snapshot is due: worth building a [`State`] for.
    pub fn is_due(&self, phase: Phase) -> bool {
        self.written.is_none_or(|(last, at)| last != phase || at.elapsed() >= MIN_INTERVAL)
    }

    /// Writes the snapshot if it is due, with pid, host, instance and heartbeat filled in.
    pub fn offer(&mut self, state: &State) {
        if self.is_due(state.phase) {
            self.write_now(state);
        }
    }

    /// Writes the snapshot, due or not: for a worker's last words.
    pub fn write_now(&mut self, state: &State) {
        let stamped = State {
            schema: SCHEMA,
            pid: std::process::id(),
            host: self.host.clone(),
            instance: self.instance.clone(),
            started_ms: self.started_ms,
            heartbeat_ms: now_ms(),
            ..state.clone()
        };
        // A failure counts as written, or a full disk would be tried at every step.
        self.written = Some((state.phase, Instant::now()));
        self.problem = stamped.write_atomic(&self.path).err().map(|error| error.to_string());
    }

    /// Why the last snapshot could not be written, if so.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }
}

/// JSON has no NaN; a sparkline may.
mod spark_as_nums {
    use crate::run::Num;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(points: &[f32], serializer: S) -> Result<S::Ok, S::Error> {
        points.iter().map(|&p| Num::from(p)).collect::<Vec<_>>().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f32>, D::Error> {
        let points = Vec::<Num>::deserialize(deserializer)?;
        Ok(points.into_iter().map(|p| p.get() as f32).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn every_field_survives_the_file_even_nan() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.json");
        let state = State {
            phase: Phase::Diverged,
            reason: Some("train/loss became NaN".into()),
            last: BTreeMap::from([("train/loss".into(), Num(f64::NAN))]),
            spark: vec![1.0, 0.1, f32::INFINITY],
            queue: Some(QueuePlace { position: 2, behind: Some("gan-1".into()), reason: None }),
            ..State::default()
        };
        state.write_atomic(&path).unwrap();
        assert_eq!(State::read(&path).unwrap(), state);
    }

    #[test]
    fn missing_and_unknown_keys_are_fine_and_nonsense_is_damage() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.json");
        fs::write(&path, r#"{"phase":"paused","later":[1],"reason":"a\u001b[31mb"}"#).unwrap();
        let state = State::read(&path).unwrap();
        assert_eq!((state.phase, state.reason.as_deref()), (Phase::Paused, Some("a[31mb")));
        for bad in ["", "{", "[]", "{\"step\":-1}", "\u{0}"] {
            fs::write(&path, bad).unwrap();
            let error = State::read(&path).unwrap_err();
            assert!(matches!(error, RunError::Damaged { .. }), "{bad:?}: {error}");
        }
        fs::write(&path, vec![b' '; MAX_STATE_BYTES as usize + 1]).unwrap();
        assert!(State::read(&path).unwrap_err().to_string().contains("bytes long"));
    }

    #[test]
    fn the_writer_waits_a_second_but_not_for_a_phase() {
        let root = tempfile::tempdir().unwrap();
        let run = RunDir::create(root.path(), &"a".parse().unwrap(), "").unwrap();
        let mut writer = StateWriter::new(&run, "me");
        let at = |phase, step| State { phase, step, ..State::default() };
        writer.offer(&at(Phase::Running, 1));
        writer.offer(&at(Phase::Running, 2));
        let read = || State::read(&run.state_path()).unwrap();
        assert_eq!(read().step, 1);
        writer.offer(&at(Phase::Pausing, 3));
        assert_eq!((read().step, read().instance.as_str()), (3, "me"));
        writer.write_now(&at(Phase::Pausing, 4));
        assert_eq!((read().step, read().pid), (4, std::process::id()));
        assert!(writer.problem().is_none());
    }
}

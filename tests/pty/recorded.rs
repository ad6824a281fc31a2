//! Runs that nobody trained: their directories are written as workers write them, so that a test knows what is in them.

use std::collections::BTreeMap;
use std::path::Path;

use pixscribe::config::Config;
use pixscribe::data::{self, Dataset};
use pixscribe::run::captions::{self, Captions, Told};
use pixscribe::run::predictions::{self, Prediction, Predictions};
use pixscribe::run::{EventKind, EventWriter, MetricDef, Num, Phase, RunDir, State};

/// Steps of an epoch.
const STEPS: u64 = 40;
const EPOCHS: u64 = 3;
/// When the first of them ended, Unix time in milliseconds.
const BEGUN_MS: u64 = 1_700_000_000_000;

/// What becomes of the runs: `first` and `second` are CNNs that call so many of the fifty cats dogs after each epoch and are
/// right about all else, `words` is a captioner, and `broken` failed. They stand in this order.
pub fn record(root: &Path) {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample");
    let data = data::load(Some(&sample), None).unwrap();
    let runs = [("first", "cnn", [40, 30, 20]), ("second", "cnn", [45, 5, 25]), ("words", "captioner", [30, 20, 10])];
    for (place, (name, model, mistaken)) in runs.into_iter().enumerate() {
        Recorder::new(root, name, model, &sample, place as u64).finished(&data, mistaken);
    }
    Recorder::new(root, "broken", "cnn", &sample, 3).failed();
}

struct Recorder {
    run: RunDir,
    log: EventWriter,
    state: State,
}

impl Recorder {
    /// A run that was heard of the earlier the higher its `place`.
    fn new(root: &Path, name: &str, model: &str, data: &Path, place: u64) -> Self {
        let mut config = Config::default();
        config.data.path = Some(data.to_path_buf());
        config.model = Some(model.parse().unwrap());
        let run = RunDir::create(root, &name.parse().unwrap(), &config.to_toml().unwrap()).unwrap();
        let log = EventWriter::open(&run).unwrap();
        let state = State {
            schema: 1,
            model: model.to_owned(),
            data: "sample".to_owned(),
            device: "cpu".to_owned(),
            epochs: EPOCHS,
            total_steps: EPOCHS * STEPS,
            instance: "recorded".to_owned(),
            heartbeat_ms: BEGUN_MS - 1000 * place,
            ..State::default()
        };
        let mut recorder = Self { run, log, state };
        recorder.log.append(EventKind::Hello {
            schema: 1,
            instance: "recorded".to_owned(),
            model: model.to_owned(),
            config_hash: String::new(),
            data_sha256: String::new(),
            resumed_from_step: None,
        });
        let def = |name: &str, unit: &str, better| MetricDef {
            name: name.to_owned(),
            unit: unit.to_owned(),
            higher_is_better: Some(better),
        };
        let defs =
            vec![def("train/loss", "nats", false), def("test/loss", "nats", false), def("test/accuracy", "%", true)];
        recorder.log.append(EventKind::MetricDefs { defs });
        recorder
    }

    /// After each epoch so many cats are called dogs, the first ones of the test images.
    fn finished(mut self, data: &Dataset, mistaken: [usize; EPOCHS as usize]) {
        for (epoch, mistaken) in (1..).zip(mistaken) {
            for step in (epoch - 1) * STEPS + 1..=epoch * STEPS {
                let loss = 2.0 / (1.0 + step as f64 / 20.0);
                self.metrics(step, BTreeMap::from([("train/loss".to_owned(), loss)]));
            }
            self.epoch(data, epoch, mistaken);
        }
        let (step, values) = (EPOCHS * STEPS, self.state.last.clone());
        self.log.append(EventKind::Finished { step, epoch: EPOCHS, values });
        self.end(Phase::Finished, None);
    }

    fn failed(mut self) {
        self.log.append(EventKind::Note { level: "error".to_owned(), text: "the disk is full".to_owned() });
        self.end(Phase::Failed, Some("the disk is full".to_owned()));
    }

    fn metrics(&mut self, step: u64, values: BTreeMap<String, f64>) {
        let values: BTreeMap<String, Num> = values.into_iter().map(|(name, x)| (name, Num::from(x))).collect();
        self.state.last.extend(values.clone());
        self.state.step = step;
        self.log.append(EventKind::Metrics { step, epoch: step as f64 / STEPS as f64, values });
    }

    fn epoch(&mut self, data: &Dataset, epoch: u64, mistaken: usize) {
        let label = |name: &str| data.labels.iter().position(|label| label == name).unwrap() as u8;
        let (cat, dog) = (label("cat"), label("dog"));
        let mut left = mistaken;
        let named: Vec<u8> = data
            .test
            .labels
            .iter()
            .map(|&truth| {
                if truth != cat || left == 0 {
                    return truth;
                }
                left -= 1;
                dog
            })
            .collect();
        let count = data.labels.len();
        let mut matrix = vec![vec![0; count]; count];
        data.test
            .labels
            .iter()
            .zip(&named)
            .for_each(|(&truth, &named)| matrix[usize::from(truth)][usize::from(named)] += 1);
        let split = "test".to_owned();
        let images = named.iter().map(|&label| Prediction::new(label, 0.75)).collect();
        let path = predictions::path(&self.run, "test", epoch);
        predictions::write(&path, &Predictions { split: split.clone(), epoch, images }).unwrap();
        let labels = data.labels.to_vec();
        self.log.append(EventKind::Confusion { split: split.clone(), epoch, labels, matrix: matrix.clone() });
        self.log.append(EventKind::Predictions { split: split.clone(), epoch, path: self.run.relative(&path) });
        if self.state.model == "captioner" {
            let told = |label: &u8| Told {
                text: format!("a {}, seen well", data.labels[usize::from(*label)]),
                ..Told::default()
            };
            let path = captions::path(&self.run, "test", epoch);
            captions::write(&path, &Captions { split: split.clone(), epoch, images: named.iter().map(told).collect() })
                .unwrap();
            self.log.append(EventKind::Captions { split, epoch, path: self.run.relative(&path) });
        }
        let accuracy = 1.0 - mistaken as f64 / named.len() as f64;
        let mut values =
            BTreeMap::from([("test/accuracy".to_owned(), accuracy), ("test/loss".to_owned(), 1.0 - accuracy)]);
        let own = matrix.iter().enumerate().map(|(label, row)| row[label] as f64 / row.iter().sum::<u64>() as f64);
        values.extend(data.labels.iter().zip(own).map(|(label, share)| (format!("test/accuracy/{label}"), share)));
        let best = self.state.best.get("test/accuracy").map_or(0.0, |best| best.get());
        self.state.best.insert("test/accuracy".to_owned(), Num::from(best.max(accuracy)));
        self.metrics(epoch * STEPS, values);
        self.state.epoch = epoch;
        self.log.append(EventKind::EpochFinished { epoch, step: epoch * STEPS, values: BTreeMap::new() });
    }

    fn end(mut self, phase: Phase, reason: Option<String>) {
        std::fs::write(self.run.log_path(), "what the worker wrote itself\n").unwrap();
        self.log.append(EventKind::PhaseChanged { phase, reason: reason.clone() });
        self.state.phase = phase;
        self.state.reason = reason;
        self.state.write_atomic(&self.run.state_path()).unwrap();
    }
}

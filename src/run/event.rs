//! The records of `events.jsonl`: one JSON object a line.

use super::{Num, Phase};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The version of the log's layout, in every `hello`.
pub const SCHEMA: u32 = 1;
/// A longer line is damage: no event comes near it, and a reader's memory stays bounded.
pub const MAX_LINE_BYTES: usize = 1 << 20;

/// One record of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Counts the records of a run, across resumes.
    pub seq: u64,
    /// Unix time in milliseconds.
    pub t_ms: u64,
    /// Time spent computing until then, across resumes.
    pub run_ms: u64,
    /// What happened.
    pub kind: EventKind,
    /// Keys that this version does not know, kept.
    pub extra: Map<String, Value>,
}

/// What happened, in the past tense.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EventKind {
    /// A worker began or went on.
    Hello {
        /// [`SCHEMA`].
        schema: u32,
        /// Names this worker process; commands are addressed to it.
        instance: String,
        /// The kind of model.
        model: String,
        /// Two runs with the same hash were asked for the same.
        #[serde(default)]
        config_hash: String,
        /// What the data is, by content.
        #[serde(default)]
        data_sha256: String,
        /// Readers drop earlier points beyond this step: they will be computed again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resumed_from_step: Option<u64>,
    },
    /// What the metrics mean, so that a display needs no code for each.
    MetricDefs {
        /// One for each name that will occur.
        defs: Vec<MetricDef>,
    },
    /// Values at a step.
    Metrics {
        /// Optimiser steps done.
        step: u64,
        /// Epochs done, as a fraction.
        #[serde(with = "as_num")]
        epoch: f64,
        /// By name: `train/loss`, `test/accuracy` …
        values: BTreeMap<String, Num>,
    },
    /// An epoch is done, its validation included.
    EpochFinished {
        /// Counted from 1.
        epoch: u64,
        /// Optimiser steps done.
        step: u64,
        /// By name.
        #[serde(default)]
        values: BTreeMap<String, Num>,
    },
    /// How labels were told apart: rows are the true label.
    Confusion {
        /// `test` or `held_out`.
        split: String,
        /// Counted from 1.
        #[serde(default)]
        epoch: u64,
        /// In the order of rows and columns.
        labels: Vec<String>,
        /// Counts.
        matrix: Vec<Vec<u64>>,
    },
    /// What was said of every image of a split is in a file.
    Predictions {
        /// Which images.
        split: String,
        /// Counted from 1.
        #[serde(default)]
        epoch: u64,
        /// Relative to the run.
        path: String,
    },
    /// What was written about every image of a split is in a file.
    Captions {
        /// Which images.
        split: String,
        /// Counted from 1.
        #[serde(default)]
        epoch: u64,
        /// Relative to the run.
        path: String,
    },
    /// The model made pictures.
    Samples {
        /// Relative to the run.
        path: String,
        /// Counted from 1.
        #[serde(default)]
        epoch: u64,
        /// Optimiser steps done.
        #[serde(default)]
        step: u64,
        /// What stands where, if the picture is a sheet of many.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sheet: Option<SheetNote>,
    },
    /// Weights, optimiser and step are safe on disk.
    CheckpointSaved {
        /// Relative to the run.
        path: String,
        /// Optimiser steps done.
        step: u64,
        /// Counted from 1.
        #[serde(default)]
        epoch: u64,
        /// The best so far by the held-out images.
        #[serde(default)]
        best: bool,
    },
    /// The run stands elsewhere now.
    PhaseChanged {
        /// Where.
        phase: Phase,
        /// Why, where that needs words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// A command was accepted or refused.
    CommandHandled {
        /// The command's id.
        id: String,
        /// Accepted.
        ok: bool,
        /// Why not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The run did all that it was to do.
    Finished {
        /// Optimiser steps done.
        #[serde(default)]
        step: u64,
        /// Epochs done.
        #[serde(default)]
        epoch: u64,
        /// The last values by name.
        #[serde(default)]
        values: BTreeMap<String, Num>,
    },
    /// Words for people.
    Note {
        /// `info`, `warning` or `error`.
        level: String,
        /// One sentence.
        text: String,
    },
    /// A kind that this version does not know, kept whole, its `kind` included.
    #[serde(untagged)]
    Other(Map<String, Value>),
}

/// What a metric means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricDef {
    /// As in `values`.
    pub name: String,
    /// Empty for a plain number; `%` for shares, which are logged as 0..1.
    #[serde(default)]
    pub unit: String,
    /// None where neither is better, as for a learning rate.
    #[serde(default)]
    pub higher_is_better: Option<bool>,
}

/// What stands where on a sheet of pictures that a model made: rows from the top, each from the left, `gap` pixels
/// around every picture. The lists have one element a picture; a shorter one says nothing of the others.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SheetNote {
    /// Width and height of a picture in pixels.
    pub side: u32,
    pub gap: u32,
    /// Pictures of a row.
    pub columns: u32,
    /// Label names.
    pub labels: Vec<String>,
    /// The label that each picture was asked to be.
    pub asked: Vec<u8>,
    /// The label that the judge sees in it, and how sure it is, 0..1.
    pub seen: Vec<u8>,
    pub sure: Vec<f32>,
    /// Who judged, in words; it had no part in the training.
    pub judge: String,
    /// A sheet of the same layout with the nearest training image of each picture, relative to the run.
    pub nearest: Option<String>,
    /// A sheet of the same layout with the pictures of the first row on their way out of noise, a stage a row from the
    /// top, relative to the run.
    pub strip: Option<String>,
}

/// Kinds that [`EventKind`] knows: such a record with other contents is damage, not novelty.
const KNOWN: [&str; 13] = [
    "hello",
    "metric_defs",
    "metrics",
    "epoch_finished",
    "confusion",
    "predictions",
    "captions",
    "samples",
    "checkpoint_saved",
    "phase_changed",
    "command_handled",
    "finished",
    "note",
];

/// How every line begins. Inside a JSON string the quotes would be escaped, so in a damaged line
/// these bytes mark where a whole record may still be.
const LINE_START: &[u8] = b"{\"seq\":";

#[derive(Serialize)]
struct Line<'a> {
    seq: u64,
    t_ms: u64,
    run_ms: u64,
    #[serde(flatten)]
    kind: &'a EventKind,
    #[serde(flatten)]
    extra: &'a Map<String, Value>,
}

/// The commonest line by far, read without the detour over a tree.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MetricsLine {
    seq: u64,
    t_ms: u64,
    run_ms: u64,
    kind: MetricsTag,
    step: u64,
    #[serde(with = "as_num")]
    epoch: f64,
    values: BTreeMap<String, Num>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum MetricsTag {
    Metrics,
}

impl Event {
    /// A record without unknown keys.
    pub fn new(seq: u64, t_ms: u64, run_ms: u64, kind: EventKind) -> Event {
        Event { seq, t_ms, run_ms, kind, extra: Map::new() }
    }

    /// The record as its line, newline included.
    pub fn to_line(&self) -> Result<String, serde_json::Error> {
        let Event { seq, t_ms, run_ms, ref kind, ref extra } = *self;
        let mut line = serde_json::to_string(&Line { seq, t_ms, run_ms, kind, extra })?;
        line.push('\n');
        Ok(line)
    }

    /// Reads one line, with or without its newline; None if it is damaged.
    pub fn parse(line: &[u8]) -> Option<Event> {
        if let Ok(line) = serde_json::from_slice::<MetricsLine>(line) {
            let MetricsTag::Metrics = line.kind;
            let kind = EventKind::Metrics { step: line.step, epoch: line.epoch, values: line.values };
            return Some(Event::new(line.seq, line.t_ms, line.run_ms, kind));
        }
        Event::from_map(serde_json::from_slice(line).ok()?)
    }

    /// The record at the beginning of `bytes`, whatever follows it, and its length: a JSON object says itself where it
    /// ends.
    pub fn parse_first(bytes: &[u8]) -> Option<(Event, usize)> {
        let mut objects = serde_json::Deserializer::from_slice(bytes).into_iter();
        let map = objects.next()?.ok()?;
        Some((Event::from_map(map)?, objects.byte_offset()))
    }

    /// Every whole record inside a damaged line. If only the newline between two records was
    /// lost, both are still there.
    pub fn salvage(line: &[u8]) -> Vec<Event> {
        let starts = line.windows(LINE_START.len()).enumerate();
        let starts = starts.filter(|(_, bytes)| *bytes == LINE_START).map(|(at, _)| at);
        let starts: Vec<usize> = starts.collect();
        let ends = starts.iter().skip(1).copied().chain([line.len()]);
        let pieces = starts.iter().zip(ends).map(|(&from, to)| &line[from..to]);
        pieces.filter_map(Event::parse_first).map(|(event, _)| event).collect()
    }

    fn from_map(mut map: Map<String, Value>) -> Option<Event> {
        let mut number = |key: &str| map.remove(key)?.as_u64();
        let (seq, t_ms, run_ms) = (number("seq")?, number("t_ms")?, number("run_ms")?);
        let name = map.get("kind")?.as_str()?;
        if !KNOWN.contains(&name) {
            return Some(Event::new(seq, t_ms, run_ms, EventKind::Other(map)));
        }
        let kind: EventKind = serde_json::from_value(Value::Object(map.clone())).ok()?;
        if matches!(kind, EventKind::Other(_)) {
            return None;
        }
        if let Value::Object(known) = serde_json::to_value(&kind).ok()? {
            map.retain(|key, value| !known.contains_key(key) && !value.is_null());
        }
        Some(Event { seq, t_ms, run_ms, kind, extra: map })
    }
}

/// A plain `f64` field, written like a [`Num`].
mod as_num {
    use super::Num;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        Num(*value).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        Num::deserialize(deserializer).map(Num::get)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<Event> {
        Event::parse(text.as_bytes())
    }

    #[test]
    fn every_kind_comes_back_as_it_was() {
        let values = BTreeMap::from([("train/loss".to_owned(), Num(0.25)), ("lr".to_owned(), Num(f64::NAN))]);
        let kinds = [
            EventKind::Hello {
                schema: SCHEMA,
                instance: "i".into(),
                model: "cnn".into(),
                config_hash: "c".into(),
                data_sha256: "d".into(),
                resumed_from_step: Some(7),
            },
            EventKind::MetricDefs {
                defs: vec![MetricDef { name: "lr".into(), unit: String::new(), higher_is_better: None }],
            },
            EventKind::Metrics { step: 1, epoch: f64::NEG_INFINITY, values: values.clone() },
            EventKind::EpochFinished { epoch: 1, step: 2, values: values.clone() },
            EventKind::Confusion { split: "test".into(), epoch: 1, labels: vec!["a".into()], matrix: vec![vec![3]] },
            EventKind::Predictions { split: "test".into(), epoch: 1, path: "predictions/test-00001.bin".into() },
            EventKind::Captions { split: "test".into(), epoch: 1, path: "captions/test-00001.json".into() },
            EventKind::Samples { path: "samples/1.png".into(), epoch: 1, step: 2, sheet: None },
            EventKind::CheckpointSaved { path: "weights/2".into(), step: 2, epoch: 1, best: true },
            EventKind::PhaseChanged { phase: Phase::Paused, reason: Some("asked".into()) },
            EventKind::CommandHandled { id: "1".into(), ok: false, reason: None },
            EventKind::Finished { step: 2, epoch: 1, values },
            EventKind::Note { level: "info".into(), text: "\u{1b}[31m \"quoted\"\n".into() },
        ];
        assert_eq!(kinds.len(), KNOWN.len());
        for (kind, name) in kinds.into_iter().zip(KNOWN) {
            let event = Event::new(1, 2, 3, kind);
            let line = event.to_line().unwrap();
            assert!(line.starts_with("{\"seq\":1,\"t_ms\":2,\"run_ms\":3,\"kind\":"), "{line}");
            assert!(line.contains(&format!("\"kind\":\"{name}\"")), "{line}");
            assert_eq!(line.matches('\n').count(), 1);
            assert_eq!(parse(&line), Some(event));
        }
    }

    #[test]
    fn unknown_kinds_and_keys_are_kept() {
        for line in [
            r#"{"seq":1,"t_ms":2,"run_ms":3,"kind":"dream","of":{"electric":["sheep"]}}"#,
            r#"{"seq":1,"t_ms":2,"run_ms":3,"kind":"metrics","step":4,"epoch":0.5,"values":{"a":1.0},"gpu":{"w":1}}"#,
            r#"{"seq":1,"t_ms":2,"run_ms":3,"kind":"note","level":"info","text":"t","author":"someone"}"#,
        ] {
            let event = parse(line).unwrap();
            let again = event.to_line().unwrap();
            let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            assert_eq!(value(&again), value(line));
            assert_eq!(parse(&again), Some(event));
        }
    }

    #[test]
    fn a_known_kind_with_other_contents_is_damage() {
        for line in [
            "",
            "{}",
            "[1,2,3]",
            r#"{"seq":1,"t_ms":2,"run_ms":3}"#,
            r#"{"seq":-1,"t_ms":2,"run_ms":3,"kind":"dream"}"#,
            r#"{"seq":1,"t_ms":2,"run_ms":3,"kind":"metrics","step":4,"epoch":0.5,"values":{"a":"many"}}"#,
            r#"{"seq":1,"t_ms":2,"run_ms":3,"kind":"metrics","step":1e9,"epoch":0.5,"values":{}}"#,
            r#"{"seq":1,"t_ms":2,"run_ms":3,"kind":"hello"}"#,
            &format!(r#"{{"seq":1,"t_ms":2,"run_ms":3,"kind":"dream","x":{}1{}}}"#, "[".repeat(500), "]".repeat(500)),
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    #[test]
    fn a_log_of_a_lean_writer_is_read() {
        let line = r#"{"kind":"samples","path":"samples/1.png","run_ms":0,"t_ms":0,"seq":0}"#;
        let kind = EventKind::Samples { path: "samples/1.png".into(), epoch: 0, step: 0, sheet: None };
        assert_eq!(parse(line), Some(Event::new(0, 0, 0, kind)));
    }

    #[test]
    fn text_cannot_pass_for_a_record() {
        let inner = Event::new(9, 9, 9, EventKind::Note { level: "info".into(), text: "in".into() });
        let text = inner.to_line().unwrap();
        let outer = Event::new(1, 1, 1, EventKind::Note { level: "info".into(), text }).to_line().unwrap();
        let damaged = outer.trim_end().strip_suffix('}').unwrap();
        assert_eq!(Event::salvage(damaged.as_bytes()), []);
    }
}

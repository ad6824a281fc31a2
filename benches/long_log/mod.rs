//! A log as a long training leaves it: 50,000 lines of 20 metrics each, a million values.

use std::collections::BTreeMap;
use std::fs;

use pixscribe::run::{Event, EventKind, Num, RunDir};

const LINES: u64 = 50_000;
const METRICS: u64 = 20;

pub fn write() -> (tempfile::TempDir, RunDir) {
    let root = tempfile::tempdir().expect("a folder");
    let name = "long".parse().expect("a name");
    let run = RunDir::create(root.path(), &name, "").expect("a run");
    let lines: String = (0..LINES)
        .map(|step| {
            let value = |i: u64| Num::from(1.0 / (1.0 + (step * 7 + i) as f32));
            let values: BTreeMap<_, _> = (0..METRICS).map(|i| (format!("split{i}/loss"), value(i))).collect();
            let kind = EventKind::Metrics { step, epoch: step as f64 / 391.0, values };
            Event::new(step, 1_700_000_000_000 + step, 10 * step, kind).to_line().expect("a line")
        })
        .collect();
    fs::write(run.events_path(), lines).expect("a log");
    (root, run)
}

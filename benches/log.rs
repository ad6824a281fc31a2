//! Reading a long log: 50,000 lines of 20 metrics each, a million values (`cargo bench --bench log`).

use std::collections::BTreeMap;
use std::fs;

use pixscribe::jobs::History;
use pixscribe::run::{Event, EventKind, EventTail, Num, RunDir};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const LINES: u64 = 50_000;
const METRICS: u64 = 20;

fn main() {
    divan::main();
}

fn a_long_log() -> (tempfile::TempDir, RunDir) {
    let root = tempfile::tempdir().expect("a folder");
    let name = "long".parse().expect("a name");
    let run = RunDir::create(root.path(), &name, "").expect("a run");
    let lines: String = (0..LINES)
        .map(|step| {
            let value = |i: u64| Num::from(1.0 / (1.0 + (step * 7 + i) as f32));
            let values: BTreeMap<_, _> = (0..METRICS).map(|i| (format!("train/metric-{i}"), value(i))).collect();
            let kind = EventKind::Metrics { step, epoch: step as f64 / 391.0, values };
            Event::new(step, 1_700_000_000_000 + step, 10 * step, kind).to_line().expect("a line")
        })
        .collect();
    fs::write(run.events_path(), lines).expect("a log");
    (root, run)
}

#[divan::bench(sample_count = 10)]
fn first_piece(bencher: divan::Bencher) {
    let (_root, run) = a_long_log();
    bencher.bench_local(|| {
        let events = EventTail::open(run.events_path()).poll();
        History::default().take_in(events)
    });
}

#[divan::bench(sample_count = 10)]
fn whole_log(bencher: divan::Bencher) {
    let (_root, run) = a_long_log();
    bencher.bench_local(|| History::read(&run).last_step());
}

//! Logs that grow fast: keys still answer at once, and a slow line is not flooded. `-- --nocapture` prints the figures.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use pixscribe::run::{Event, EventKind, Num};

use super::harness::{Kind, Pty};
use super::recorded::record;
use super::sandbox::Sandbox;

const LARGE: (u16, u16) = (200, 50);
/// Behind the last step that is recorded.
const BEGIN: u64 = 1000;

struct Flood {
    _sandbox: Sandbox,
    pty: Pty,
    log: PathBuf,
    step: u64,
}

impl Flood {
    /// A dashboard on the curves of a run whose log is about to grow.
    fn new() -> Self {
        let sandbox = Sandbox::new();
        record(&sandbox.runs());
        let pty = Pty::spawn(sandbox.dashboard(), LARGE, Kind::Plain);
        pty.wait_for("first");
        pty.keys("2");
        pty.wait_for("train/loss");
        let log = sandbox.runs().join("first/events.jsonl");
        Self { _sandbox: sandbox, pty, log, step: BEGIN }
    }

    /// Adds so many events of so many metrics in one piece.
    fn grow(&mut self, events: u64, metrics: u64) {
        let lines: String = (self.step..self.step + events)
            .map(|step| {
                let value = |metric: u64| Num::from(f64::from((step as f32 * 0.1).sin()) + metric as f64);
                let values: BTreeMap<_, _> =
                    (0..metrics).map(|metric| (format!("train/flood-{metric}"), value(metric))).collect();
                let kind = EventKind::Metrics { step, epoch: step as f64 / 40.0, values };
                Event::new(10_000 + step, 1_700_000_000_000 + step, step, kind).to_line().unwrap()
            })
            .collect();
        self.step += events;
        OpenOptions::new().append(true).open(&self.log).unwrap().write_all(lines.as_bytes()).unwrap();
    }

    /// How long the help takes to come or to go.
    fn delay(&self, key: &str, shown: bool) -> Duration {
        let pressed = Instant::now();
        self.pty.keys(key);
        while self.pty.screen().contains("any key closes this") != shown {
            assert!(pressed.elapsed() < Duration::from_secs(20), "no answer to {key:?}:\n{}", self.pty.screen());
            sleep(Duration::from_millis(1));
        }
        pressed.elapsed()
    }

    fn delays(&self, lasting: Duration) -> Vec<Duration> {
        let (begun, mut delays) = (Instant::now(), Vec::new());
        while begun.elapsed() < lasting {
            delays.extend([self.delay("?", true), self.delay(" ", false)]);
        }
        delays.sort_unstable();
        delays
    }
}

#[test]
fn a_burst_of_100_000_events_holds_no_key_up() {
    let mut flood = Flood::new();
    let calm = flood.delays(Duration::from_secs(1));
    flood.grow(100_000, 1);
    let busy = flood.delays(Duration::from_secs(2));
    let figures = |delays: &[Duration]| (delays[delays.len() / 2], delays[delays.len() - 1]);
    println!("a key's delay, median and longest: calm {:?}, in the burst {:?}", figures(&calm), figures(&busy));
    flood.pty.wait_for("train/flood-0");
    // The longest is 50 ms on a machine that does nothing else; this one may build and train beside.
    assert!(busy[busy.len() / 2] < Duration::from_millis(50), "{busy:?}");
    assert!(busy[busy.len() - 1] < Duration::from_millis(400), "{busy:?}");
}

#[test]
fn ten_metrics_twenty_times_a_second_send_less_than_20_kilobytes_a_second() {
    let mut flood = Flood::new();
    flood.grow(200, 10);
    flood.pty.wait_for("train/flood-9");
    for (tab, screen) in [("1", "Jobs"), ("2", "Loss"), ("6", "Logs")] {
        flood.pty.keys(tab);
        sleep(Duration::from_millis(500));
        let (before, begun) = (flood.pty.bytes().len(), Instant::now());
        while begun.elapsed() < Duration::from_secs(3) {
            flood.grow(1, 10);
            sleep(Duration::from_millis(50));
        }
        let rate = (flood.pty.bytes().len() - before) as f64 / begun.elapsed().as_secs_f64();
        println!("{screen} at 200x50: {rate:.0} bytes a second");
        assert!(rate < 20_000.0, "{screen}: {rate:.0} bytes a second");
    }
}

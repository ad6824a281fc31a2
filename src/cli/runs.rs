//! `pixscribe runs`: every run, as a table, as JSON, or as one line for a status bar.

use std::collections::BTreeMap;

use serde::Serialize;

use super::args::RunsArgs;
use super::table::aligned;
use super::{CliResult, Globals};
use crate::run::{Num, Observation, Phase, QueuePlace, RunDir, State, observe};

/// A run as a script sees it; the first six keys are a contract.
#[derive(Debug, Serialize)]
struct Row {
    run: String,
    model: String,
    phase: Phase,
    step: u64,
    epoch: u64,
    metrics: BTreeMap<String, Num>,
    best: BTreeMap<String, Num>,
    total_steps: u64,
    epochs: u64,
    eta_s: Option<f64>,
    images_per_s: Option<f64>,
    run_ms: u64,
    reason: Option<String>,
    queue: Option<QueuePlace>,
    pid: Option<u32>,
    host: Option<String>,
}

impl Row {
    fn of(run: &RunDir) -> Self {
        let Observation { phase, state, .. } = observe(run);
        let known = state.is_some();
        let state = state.unwrap_or_default();
        let State { model, step, epoch, total_steps, epochs, run_ms, .. } = state;
        let live = phase.is_live();
        let reason = if known { state.reason } else { Some("its state.json cannot be read".into()) };
        Self {
            run: run.name().to_string(),
            model,
            phase,
            step,
            epoch,
            metrics: state.last,
            best: state.best,
            total_steps,
            epochs,
            eta_s: state.eta_s.filter(|_| live),
            images_per_s: state.images_per_s.filter(|_| live),
            run_ms,
            reason,
            queue: state.queue.filter(|_| phase == Phase::Queued),
            pid: (live && state.pid != 0).then_some(state.pid),
            host: (live && !state.host.is_empty()).then_some(state.host),
        }
    }
}

pub fn run(args: &RunsArgs, globals: &Globals) -> CliResult {
    let rows: Vec<Row> = RunDir::list(&globals.runs)?.iter().map(Row::of).collect();
    if args.json {
        println!("{}", serde_json::to_string_pretty(&rows)?);
    } else if args.line {
        println!("{}", one_line(&rows));
    } else if rows.is_empty() {
        println!("no runs in {} yet: `pixscribe train cnn` starts one", globals.runs.display());
    } else {
        print!("{}", table(&rows));
    }
    Ok(())
}

/// "2 of 5 runs: cnn-1 45% test/accuracy 0.712 · gan-1 queued".
fn one_line(rows: &[Row]) -> String {
    let live: Vec<&Row> = rows.iter().filter(|row| row.phase.is_live()).collect();
    let count = format!("{} of {} runs live", live.len(), rows.len());
    if live.is_empty() {
        return count;
    }
    let items: Vec<String> = live.iter().map(|row| line_item(row)).collect();
    format!("{count}: {}", items.join(" · "))
}

fn line_item(row: &Row) -> String {
    let mut parts = vec![row.run.clone()];
    match row.phase {
        Phase::Running => parts.extend(percent(row)),
        phase => parts.push(phase.to_string()),
    }
    parts.extend(row.eta_s.filter(|_| row.phase == Phase::Running).map(|eta| format!("-{}", duration(eta))));
    parts.extend(headline(&row.metrics).take(1).map(|(name, value)| format!("{name} {value}")));
    parts.join(" ")
}

fn percent(row: &Row) -> Option<String> {
    let share = row.step.checked_mul(100)?.checked_div(row.total_steps)?;
    Some(format!("{}%", share.min(100)))
}

/// The metrics that say most: accuracies, then losses; of the held-out and test images before training ones.
fn headline(metrics: &BTreeMap<String, Num>) -> impl Iterator<Item = (&str, String)> {
    let rank = |name: &str| {
        let what = ["/accuracy", "/loss"].iter().position(|end| name.ends_with(end)).unwrap_or(2);
        let of = ["test/", "held_out/", "train/"].iter().position(|start| name.starts_with(start)).unwrap_or(3);
        (what, of)
    };
    let mut named: Vec<_> = metrics.iter().collect();
    named.sort_by_key(|(name, _)| rank(name));
    named.into_iter().filter(move |(name, _)| rank(name).0 < 2).map(|(name, value)| (name.as_str(), number(*value)))
}

fn number(value: Num) -> String {
    if value.is_finite() { format!("{value:.4}") } else { value.to_string() }
}

fn duration(seconds: f64) -> String {
    // `as` saturates, and what is not a number becomes 0.
    let seconds = seconds.max(0.0) as u64;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

const TITLES: [&str; 7] = ["RUN", "MODEL", "PHASE", "STEP", "EPOCH", "LEFT", "LAST"];

fn table(rows: &[Row]) -> String {
    let lines: Vec<[String; 7]> = std::iter::once(TITLES.map(String::from)).chain(rows.iter().map(cells)).collect();
    aligned(&lines)
}

fn cells(row: &Row) -> [String; 7] {
    let of = |done: u64, all: u64| if all == 0 { done.to_string() } else { format!("{done}/{all}") };
    let last: Vec<String> = headline(&row.metrics).take(2).map(|(name, value)| format!("{name} {value}")).collect();
    let waits = row.queue.as_ref().map(|queue| match &queue.behind {
        Some(ahead) => format!("{}. behind {ahead}", queue.position),
        None => format!("{}. in the queue", queue.position),
    });
    let words = row.reason.clone().filter(|_| row.phase.is_over() || row.phase == Phase::Unknown);
    [
        row.run.clone(),
        row.model.clone(),
        row.phase.to_string(),
        of(row.step, row.total_steps),
        of(row.epoch, row.epochs),
        row.eta_s.map_or_else(String::new, duration),
        waits.or(words).unwrap_or_else(|| last.join("  ")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(run: &str, phase: Phase) -> Row {
        let metrics = [("lr", 0.1), ("test/accuracy", 0.712), ("test/loss", 0.9), ("train/loss", 0.8)];
        Row {
            run: run.into(),
            model: "cnn".into(),
            phase,
            step: 45,
            epoch: 1,
            metrics: metrics.map(|(name, value)| (name.to_owned(), Num(value))).into(),
            best: BTreeMap::new(),
            total_steps: 100,
            epochs: 2,
            eta_s: Some(125.0),
            images_per_s: None,
            run_ms: 0,
            reason: None,
            queue: None,
            pid: None,
            host: None,
        }
    }

    #[test]
    fn one_line_tells_what_is_live() {
        assert_eq!(one_line(&[]), "0 of 0 runs live");
        assert_eq!(one_line(&[row("old", Phase::Finished)]), "0 of 1 runs live");
        let rows = [row("a", Phase::Running), row("b", Phase::Pausing), row("c", Phase::Paused)];
        assert_eq!(
            one_line(&rows),
            "2 of 3 runs live: a 45% -2m05s test/accuracy 0.7120 · b pausing test/accuracy 0.7120"
        );
    }

    #[test]
    fn the_table_lines_up_and_shows_the_queue() {
        let mut waiting = row("a-longer-name", Phase::Queued);
        waiting.queue = Some(QueuePlace { position: 2, behind: Some("gan-1".into()), reason: None });
        waiting.eta_s = None;
        let expected = "\
RUN            MODEL  PHASE    STEP    EPOCH  LEFT   LAST
a              cnn    running  45/100  1/2    2m05s  test/accuracy 0.7120  test/loss 0.9000
a-longer-name  cnn    queued   45/100  1/2           2. behind gan-1
";
        assert_eq!(table(&[row("a", Phase::Running), waiting]), expected);
    }

    #[test]
    fn no_figure_in_a_state_breaks_the_words() {
        assert_eq!(duration(f64::NAN), "0s");
        assert_eq!(duration(f64::INFINITY), format!("{}h{:02}m", u64::MAX / 3600, u64::MAX / 60 % 60));
        assert_eq!(duration(3725.0), "1h02m");
        assert_eq!(percent(&Row { total_steps: 0, ..row("a", Phase::Running) }), None);
        assert_eq!(percent(&Row { step: u64::MAX, ..row("a", Phase::Running) }), None);
        assert_eq!(number(Num(f64::NAN)), "nan");
    }
}

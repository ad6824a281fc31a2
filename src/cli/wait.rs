//! `pixscribe wait`: until a run ends.

use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::args::RunArg;
use super::{CliResult, Globals, ask};
use crate::run::{Liveness, Num, Observation, Phase, Pulse, RunDir, State, observe_with};

const LOOK_EVERY: Duration = Duration::from_millis(200);
/// A run that nobody computes may be about to be started.
const NOBODY_FOR: Duration = Duration::from_secs(3);
/// A host may be out of reach for a while.
const SILENT_FOR: Duration = Duration::from_secs(60);

/// A run that ended in another way than finished.
#[derive(Debug, thiserror::Error)]
#[error("`{run}` did not finish: {why}")]
struct NotFinished {
    run: String,
    why: String,
}

pub fn run(args: &RunArg, globals: &Globals) -> CliResult {
    let run = ask::open(globals, &args.run)?;
    let bar = bar();
    let last = until_rest(&run, |state| show(&bar, state));
    bar.finish_and_clear();
    if last.phase != Phase::Finished {
        return Err(NotFinished { run: run.name().to_string(), why: ask::why_nobody_computes(&run) }.into());
    }
    println!("{}", finished(&run, last.state.as_ref()));
    Ok(())
}

/// Looks until nobody computes the run and nobody is about to.
fn until_rest(run: &RunDir, mut show: impl FnMut(&State)) -> Observation {
    let mut pulse = Pulse::default();
    let mut at_rest_since: Option<Instant> = None;
    loop {
        let seen = observe_with(run, |state| pulse.observe(run, state));
        if let Some(state) = &seen.state {
            show(state);
        }
        let patience = match seen.phase {
            phase if phase.is_over() || phase == Phase::Paused => Duration::ZERO,
            Phase::Unknown => SILENT_FOR,
            _ if seen.liveness == Liveness::Free => NOBODY_FOR,
            _ => Duration::MAX,
        };
        // A worker that said its last words holds its lock for a moment more.
        let leaving = patience == Duration::ZERO && seen.liveness == Liveness::Live;
        if patience == Duration::MAX || leaving {
            at_rest_since = None;
        } else if at_rest_since.get_or_insert_with(Instant::now).elapsed() >= patience {
            return seen;
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// Drawn on stderr, and only if that is a terminal.
fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} {msg}");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn show(bar: &ProgressBar, state: &State) {
    bar.set_length(state.total_steps);
    bar.set_position(state.step);
    bar.set_prefix(state.phase.to_string());
    let left = state.eta_s.filter(|eta| eta.is_finite() && *eta >= 0.0).map(|eta| format!("{eta:.0} s left"));
    bar.set_message(left.unwrap_or_default());
}

fn finished(run: &RunDir, state: Option<&State>) -> String {
    let accuracy = state.and_then(|state| state.last.get("test/accuracy")).copied().filter(|value| value.is_finite());
    let accuracy =
        accuracy.map_or_else(String::new, |Num(share)| format!(" with a test accuracy of {:.2} %", share * 100.0));
    let steps = state.map_or(0, |state| state.step);
    format!("{} has finished after {steps} steps{accuracy}", run.name())
}

//! `pixscribe train`: makes a run and computes it here, or leaves it to a worker of its own.

use super::args::TrainArgs;
use super::progress::{JsonLines, TrainBar};
use super::{BadUsage, CliError, CliResult, Globals, ask, train_seeds};
use crate::config::{self, ModelKind};
use crate::data;
use crate::jobs::launch::Launch;
use crate::run::{Phase, RunDir, RunName, State};
use crate::worker::{self, Observer, Signals, StartOptions};
use std::path::Path;

pub fn run(args: &TrainArgs, globals: &Globals) -> CliResult {
    if let (Some(seeds), Some(model)) = (args.seeds, args.model) {
        return train_seeds::run(args, globals, model, seeds);
    }
    let (run, sets) = match (&args.resume, args.model) {
        (Some(name), _) => (ask::open(globals, name)?, globals.sets.clone()),
        (None, Some(model)) => {
            let name: Option<RunName> = args.run.as_deref().map(str::parse).transpose()?;
            (create(globals, model, name.as_ref(), None)?, Vec::new())
        }
        (None, None) => return Err(BadUsage("train: name a model, or a run with --resume".to_owned()).into()),
    };
    if args.detach {
        return detach(args, globals, &run, &sets);
    }
    let state = compute(args, &run, sets, &Signals::catch()?)?;
    report(&run, &state, args.json)
}

/// Computes a run in this process and shows how it fares.
pub(super) fn compute(args: &TrainArgs, run: &RunDir, sets: Vec<String>, signals: &Signals) -> Result<State, CliError> {
    let _log = super::log::to_file(&run.log_path());
    let options = StartOptions { sets, force: args.force };
    let mut observer: Box<dyn Observer> = if args.json { Box::new(JsonLines) } else { Box::new(TrainBar::new(run)) };
    Ok(worker::run(run, &options, signals, observer.as_mut())?)
}

/// Makes the run directory with every setting resolved, the data's place included: the run goes on from anywhere. Without a
/// name it is called after model and time, without a seed it has that of the settings.
pub(super) fn create(
    globals: &Globals,
    model: ModelKind,
    name: Option<&RunName>,
    seed: Option<u64>,
) -> Result<RunDir, CliError> {
    let mut config = globals.load(Some(model))?;
    config.model = Some(model);
    if let Some(seed) = seed {
        config.set_seed(seed);
    }
    let located = data::locate(config.data.path.as_deref())?;
    config.data.path = Some(located.path.canonicalize().unwrap_or(located.path));
    let text = config.to_toml()?;
    match name {
        Some(name) => Ok(RunDir::create(&globals.runs, name, &text)?),
        None => Ok(RunDir::create_generated(&globals.runs, model.as_str(), &text)?),
    }
}

pub(super) fn detach(args: &TrainArgs, globals: &Globals, run: &RunDir, sets: &[String]) -> CliResult {
    let config = config::load_for_resume(&run.config_path(), sets)?;
    let launch = Launch::new(run).launcher(&config.runtime.launcher).force(args.force);
    launch.settings(globals.config.as_deref(), sets).start()?;
    let name = run.name();
    if args.json {
        println!("{}", serde_json::json!({ "run": name.to_string() }));
    } else {
        println!("{name} trains on its own. Watch it: pixscribe{}; wait for it: pixscribe wait {name}", flags(globals));
    }
    Ok(())
}

/// The flag that finds this run again, where it is needed.
fn flags(globals: &Globals) -> String {
    if globals.runs == Path::new("checkpoints") { String::new() } else { format!(" --runs {}", globals.runs.display()) }
}

pub(super) fn report(run: &RunDir, state: &State, json: bool) -> CliResult {
    let name = run.name();
    let reason = state.reason.clone().unwrap_or_default();
    match state.phase {
        Phase::Finished => {
            if !json {
                println!("{}", summary(run, state));
            }
            Ok(())
        }
        Phase::Paused | Phase::Stopped => Err(format!(
            "{name} is {} at step {} of {}; it is saved and goes on with: pixscribe train --resume {name}",
            state.phase, state.step, state.total_steps
        )
        .into()),
        Phase::Diverged => Err(format!("{name} diverged: {reason}; the last good checkpoint is kept").into()),
        _ => Err(format!("{name} failed: {reason}").into()),
    }
}

fn summary(run: &RunDir, state: &State) -> String {
    let value = |name: &str| state.last.get(name).map(|value| value.get());
    let epochs = if state.epochs == 1 { "1 epoch".to_owned() } else { format!("{} epochs", state.epochs) };
    let mut text = format!("{} finished {epochs} in {:.1} min", run.name(), state.run_ms as f64 / 6e4);
    if let Some(accuracy) = value("test/accuracy") {
        text += &format!("; test accuracy of the last epoch {:.2} %", 100.0 * accuracy);
    }
    text + &format!(". Try: pixscribe eval {}", run.name())
}

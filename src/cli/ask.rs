//! What `pause`, `stop` and `checkpoint` share: ask the worker, wait for its answer, say it in one sentence.

use std::time::Duration;

use super::{BadUsage, CliError, CliResult, Globals};
use crate::run::{Answer, CommandKind, Observation, Phase, RunDir, RunError, RunLock, RunName, observe, send_and_wait};

const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// A request that was not granted.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    #[error("`{run}` was not asked to {command}: {why}")]
    NoWorker { run: String, command: &'static str, why: String },
    #[error("the worker of `{run}` refused to {command}: {reason}")]
    Refused { run: String, command: &'static str, reason: String },
    #[error(
        "the worker of `{run}` ({who}) did not answer within {} s and the request to {command} was taken back; see {log}",
        ANSWER_WITHIN.as_secs()
    )]
    TimedOut { run: String, command: &'static str, who: String, log: String },
    #[error("`{run}` took the request to {command} and is now {phase}{why}")]
    OtherEnd { run: String, command: &'static str, phase: Phase, why: String },
}

/// The run that the command line names.
pub(super) fn open(globals: &Globals, name: &str) -> Result<RunDir, CliError> {
    let name: RunName = name.parse().map_err(|error: RunError| BadUsage(error.to_string()))?;
    Ok(RunDir::open(&globals.runs, &name)?)
}

/// Asks, waits, and prints what became of it.
pub(super) fn ask(globals: &Globals, name: &str, kind: CommandKind) -> CliResult {
    let run = open(globals, name)?;
    let command = kind.as_str();
    let name = name.to_owned();
    let failure = match send_and_wait(&run, kind.clone(), ANSWER_WITHIN)? {
        Answer::Confirmed => return confirm(&run, &kind),
        Answer::Refused(reason) => AskError::Refused { run: name, command, reason },
        Answer::NoWorker(_) => AskError::NoWorker { run: name, command, why: why_nobody_computes(&run) },
        Answer::TimedOut => {
            AskError::TimedOut { run: name, command, who: who(&run), log: run.log_path().display().to_string() }
        }
    };
    Err(failure.into())
}

/// The worker agreed; what became of the run may still be something else, as when the disk was full.
fn confirm(run: &RunDir, kind: &CommandKind) -> CliResult {
    let Observation { phase, state, .. } = observe(run);
    let name = run.name();
    let step = state.as_ref().map_or(0, |state| state.step);
    let sentence = match (kind, phase) {
        (CommandKind::Pause, Phase::Paused) => {
            format!("{name} is paused at step {step}; `pixscribe resume {name}` goes on from there")
        }
        (CommandKind::Pause, Phase::Pausing) => format!("{name} is pausing: it still saves step {step}"),
        (CommandKind::Stop, Phase::Stopped) => {
            format!("{name} is stopped at step {step}; `pixscribe resume {name}` would go on from there")
        }
        (CommandKind::Stop, Phase::Stopping) => format!("{name} is stopping: it still saves step {step}"),
        (CommandKind::Checkpoint, _) => format!("{name} is saved"),
        (CommandKind::Sample { .. }, _) => format!("{name} made a sample"),
        // Somebody was quick: it is taken up again already.
        (_, Phase::Queued | Phase::Starting | Phase::Running) => format!("{name} did so and goes on already"),
        _ => {
            let why = state.and_then(|state| state.reason).map_or_else(String::new, |reason| format!(": {reason}"));
            let (run, command) = (name.to_string(), kind.as_str());
            return Err(AskError::OtherEnd { run, command, phase, why }.into());
        }
    };
    println!("{sentence}");
    Ok(())
}

/// One clause on why nobody computes a run, and what to do.
pub(super) fn why_nobody_computes(run: &RunDir) -> String {
    let Observation { phase, state, .. } = observe(run);
    let name = run.name();
    let step = state.as_ref().map_or(0, |state| state.step);
    let reason = state.and_then(|state| state.reason).map_or_else(String::new, |reason| format!(" ({reason})"));
    match phase {
        Phase::Finished => "it has finished".into(),
        Phase::Paused | Phase::Stopped => {
            format!("it is {phase} at step {step}; `pixscribe resume {name}` goes on from there")
        }
        Phase::Interrupted => {
            format!("its worker died around step {step}; `pixscribe resume {name}` goes on from its last checkpoint")
        }
        Phase::Failed => format!("it failed{reason}; `pixscribe resume {name}` tries again from its last checkpoint"),
        Phase::Diverged => format!("it diverged{reason}; start a run with a lower learning rate"),
        Phase::Queued => format!("no worker was started for it yet; `pixscribe resume {name}` starts one"),
        Phase::Unknown => format!("whether its worker lives on {} is not known", who(run)),
        _ => "its worker has just left".into(),
    }
}

/// "process 4242 on gpu-1".
pub(super) fn who(run: &RunDir) -> String {
    RunLock::last_holder(run)
        .map_or_else(|| "an unknown process".into(), |holder| format!("process {} on {}", holder.pid, holder.host))
}

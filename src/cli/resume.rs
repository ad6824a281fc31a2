//! `pixscribe resume`: start a worker for a run that has none, detached from this terminal.

use super::args::ResumeArgs;
use super::{CliResult, Globals, ask};
use crate::config;
use crate::jobs::launch::{Launch, Launched};
use crate::run::{Liveness, Phase, RunDir, observe};

/// Why a run is not taken up again.
#[derive(Debug, thiserror::Error)]
enum ResumeError {
    #[error("`{run}` is {phase} already ({who}); `pixscribe pause {run}` would make it leave")]
    Live { run: String, phase: Phase, who: String },
    #[error(
        "`{run}` may still be computed by {who}; if that worker is gone for good: `pixscribe resume {run} --force`"
    )]
    Elsewhere { run: String, who: String },
    #[error("`{run}` has finished; `pixscribe train --resume {run} --set epochs=N` goes on for longer")]
    Finished { run: String },
    #[error("`{run}` has diverged{why}: going on would diverge again; start a run with a lower learning rate")]
    Diverged { run: String, why: String },
}

pub fn run(args: &ResumeArgs, globals: &Globals) -> CliResult {
    let run = ask::open(globals, &args.run)?;
    check(&run, args.force)?;
    let config = config::load_for_resume(&run.config_path(), &globals.sets)?;
    let launched = Launch::new(&run)
        .launcher(&config.runtime.launcher)
        .settings(globals.config.as_deref(), &globals.sets)
        .force(args.force)
        .start()?;
    println!("{}", sentence(&run, &launched));
    Ok(())
}

fn check(run: &RunDir, force: bool) -> Result<(), ResumeError> {
    let seen = observe(run);
    let name = run.name().to_string();
    match (seen.liveness, seen.phase) {
        (Liveness::Live, phase) => Err(ResumeError::Live { run: name, phase, who: ask::who(run) }),
        (Liveness::Unknown, _) if !force => Err(ResumeError::Elsewhere { run: name, who: ask::who(run) }),
        (_, Phase::Finished) => Err(ResumeError::Finished { run: name }),
        (_, Phase::Diverged) => {
            let reason = seen.state.and_then(|state| state.reason);
            let why = reason.map_or_else(String::new, |reason| format!(" ({reason})"));
            Err(ResumeError::Diverged { run: name, why })
        }
        _ => Ok(()),
    }
}

fn sentence(run: &RunDir, launched: &Launched) -> String {
    let name = run.name();
    let pid = launched.pid;
    if !launched.has_lock {
        return format!("{name} is being started by process {pid}, which is not heard from yet: `pixscribe runs`");
    }
    match observe(run).state.and_then(|state| state.queue).map(|queue| queue.behind) {
        Some(Some(ahead)) => format!("{name} waits for its turn behind {ahead} (process {pid})"),
        _ => format!("{name} goes on (process {pid}); `pixscribe wait {name}` waits for its end"),
    }
}

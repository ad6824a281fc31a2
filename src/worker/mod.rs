//! The worker: the process that computes one run. It owns the run directory, the device and the model, and knows no
//! dashboard.

mod desk;
mod on_finish;
mod outlook;
#[cfg(test)]
mod tests;

use crate::config::{self, Config, ConfigError, ModelKind};
use crate::data;
use crate::ops::{Backend, share_work};
use crate::run::slot::{SlotQueue, Turn};
use crate::run::{Event, EventKind, Phase, RunDir, RunError, RunLock, SCHEMA, State, observe};
use crate::train::device::Device;
use crate::train::{self, Ending, Host, Start, TrainError, Trainer, Wish};
use desk::Desk;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often a waiting worker asks whether it is its turn.
const QUEUE_POLL: Duration = Duration::from_millis(200);

/// Why a worker could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error("run {run} is being computed already{by}; pause or stop it first")]
    Busy { run: String, by: String },
    #[error("run {run} may still be computed on {host}: start it there, or use --force when you know that it is not")]
    Unknown { run: String, host: String },
    #[error("run {run} is {phase}: there is nothing left to compute (raise the epochs with --set epochs=N)")]
    Over { run: String, phase: Phase },
    #[error("{0}")]
    Run(#[from] RunError),
    #[error("{0}")]
    Config(#[from] ConfigError),
    #[error("{0} names no model to train: add a line such as model = \"cnn\" on top")]
    NoModel(PathBuf),
    #[error("{0}")]
    Train(#[from] TrainError),
    #[error("signals cannot be caught: {0}")]
    Signals(std::io::Error),
}

/// Someone who watches a worker from within its process: a progress bar, say.
pub trait Observer {
    fn event(&mut self, event: &Event);
    fn state(&mut self, state: &State);
}

/// Nobody watches.
pub struct Unwatched;

impl Observer for Unwatched {
    fn event(&mut self, _: &Event) {}
    fn state(&mut self, _: &State) {}
}

/// Ctrl-C and a polite kill: the worker saves and leaves. A second one ends it at once.
#[derive(Clone, Debug, Default)]
pub struct Signals(Arc<AtomicBool>);

impl Signals {
    /// Catches SIGINT and SIGTERM, and ignores SIGHUP: a training outlives the connection it was started from.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn catch() -> Result<Self, WorkerError> {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        let signals = Self::default();
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(&signals.0))
                .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&signals.0)))
                .map_err(WorkerError::Signals)?;
        }
        signal_hook::flag::register(SIGHUP, Arc::default()).map_err(WorkerError::Signals)?;
        Ok(signals)
    }

    fn asked_to_leave(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn heard(&self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// What a start may change or overrule.
#[derive(Clone, Debug, Default)]
pub struct StartOptions {
    /// `key=value`; only epochs, threads and device may differ from the run's own settings.
    pub sets: Vec<String>,
    /// Start although another host may still compute the run.
    pub force: bool,
}

/// Computes a run until it ends or is asked to leave; the phase that it is left in.
///
/// # Errors
/// When it cannot begin. Once it has begun, a failure is a phase of the run (failed, diverged) with its reason.
pub fn run(
    run: &RunDir,
    options: &StartOptions,
    signals: &Signals,
    observer: &mut dyn Observer,
) -> Result<State, WorkerError> {
    let before = check_startable(run, options)?;
    let lock = RunLock::try_acquire(run)?.ok_or_else(|| busy(run))?;
    run.remove_half_written();
    let config = config::load_for_resume(&run.config_path(), &options.sets)?;
    let model = config.model.ok_or_else(|| WorkerError::NoModel(run.config_path()))?;
    if !options.sets.is_empty() {
        // Whoever resumes it next wants to go on with these.
        run.replace_config(&config.to_toml()?)?;
    }
    let mut desk = Desk::open(run, &lock, signals, observer)?;
    let resumed = before.is_some_and(|state| state.step > 0);
    let (phase, reason) = match compute(run, &lock, model, &config, resumed, &mut desk) {
        Ok(phase) => (phase, None),
        Err(error @ TrainError::Diverged { .. }) => (Phase::Diverged, Some(error.to_string())),
        Err(error) => (Phase::Failed, Some(error.to_string())),
    };
    if let Some(reason) = &reason {
        tracing::error!("{reason}");
    }
    desk.leave(phase, reason);
    let state = desk.state;
    // The user's command may want to do something with the run.
    drop(lock);
    on_finish::tell(&config.runtime.on_finish, run, phase);
    Ok(state)
}

/// Refuses a run that is over, computed, or perhaps computed elsewhere; gives its last snapshot.
fn check_startable(run: &RunDir, options: &StartOptions) -> Result<Option<State>, WorkerError> {
    let seen = observe(run);
    let name = run.name().to_string();
    match seen.phase {
        Phase::Unknown if !options.force => {
            let host = seen.state.map(|state| state.host).unwrap_or_default();
            Err(WorkerError::Unknown { run: name, host })
        }
        Phase::Finished if options.sets.is_empty() => Err(WorkerError::Over { run: name, phase: seen.phase }),
        _ => Ok(seen.state),
    }
}

fn busy(run: &RunDir) -> WorkerError {
    let by = RunLock::last_holder(run).map(|holder| format!(" by process {} on {}", holder.pid, holder.host));
    WorkerError::Busy { run: run.name().to_string(), by: by.unwrap_or_default() }
}

/// Waits for a slot, then trains. A panic in there becomes a failure of the run, not a silent death.
fn compute(
    run: &RunDir,
    lock: &RunLock,
    model: ModelKind,
    config: &Config,
    resumed: bool,
    desk: &mut Desk,
) -> Result<Phase, TrainError> {
    let mut of_device = None;
    let device = Device::open(config.runtime.device, |text| of_device = Some(text))?;
    desk.state.device = device.name();
    desk.state.model = model.to_string();
    let _slot = match wait_for_slot(run, config, resumed, desk, &device)? {
        Ok(slot) => slot,
        Err(phase) => return Ok(phase),
    };
    desk.enter(Phase::Starting, None);
    if let Some(text) = of_device {
        desk.emit(EventKind::Note { level: "warning".to_owned(), text });
    }
    share_work(config.runtime.threads);
    let attempt = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| match device {
        Device::Cpu(cpu) => learn(run, lock, model, config, desk, cpu),
        #[cfg(feature = "cuda")]
        Device::Cuda(cuda, _) => learn(run, lock, model, config, desk, cuda),
    }));
    attempt.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Err(TrainError::Panic(text.to_owned()))
    })
}

/// Ok(slot) when it is this run's turn; Err(phase) when it was asked to leave before that.
fn wait_for_slot(
    run: &RunDir,
    config: &Config,
    resumed: bool,
    desk: &mut Desk,
    device: &Device,
) -> Result<Result<crate::run::slot::Ticket, Phase>, TrainError> {
    let mut ticket = SlotQueue::open(&device.name())?.enter(run, resumed)?;
    let needed = config.runtime.min_free_mib;
    let mut said = None;
    loop {
        let reason = match ticket.ask(config.runtime.slots)? {
            Turn::Granted => {
                desk.state.queue = None;
                if device.free_mib().is_none_or(|free| free >= needed) {
                    return Ok(Ok(ticket));
                }
                Some(format!("waits for {needed} MiB of free memory on {}", device.name()))
            }
            Turn::Waiting(place) => {
                desk.state.queue = Some(place);
                None
            }
        };
        if said.as_ref() == Some(&reason) {
            desk.publish(false);
        } else {
            desk.enter(Phase::Queued, reason.clone());
            said = Some(reason);
        }
        if let Some(wish) = desk.asked_while_waiting() {
            desk.answer(&wish, Ok(()));
            return Ok(Err(if wish == Wish::Stop { Phase::Stopped } else { Phase::Paused }));
        }
        std::thread::sleep(QUEUE_POLL);
    }
}

fn learn<D: Backend>(
    run: &RunDir,
    lock: &RunLock,
    model: ModelKind,
    config: &Config,
    desk: &mut Desk,
    device: D,
) -> Result<Phase, TrainError> {
    let data = data::load(config.data.path.as_deref(), config.data.limit)?;
    let data_sha256 = data.sha256.clone();
    desk.state.data = data.name.clone();
    let (start, notes) = Start::find(run)?;
    let mut recipe = train::recipe(model, device, data, config, run.runs_root())?;
    desk.emit(EventKind::Hello {
        schema: SCHEMA,
        instance: lock.instance().to_owned(),
        model: desk.state.model.clone(),
        config_hash: config.config_hash().unwrap_or_default(),
        data_sha256,
        resumed_from_step: (start.step > 0).then_some(start.step),
    });
    desk.define(recipe.metric_defs());
    desk.recall(run, start.step);
    for text in notes {
        desk.emit(EventKind::Note { level: "warning".to_owned(), text });
    }
    let plan = recipe.plan();
    desk.enter(Phase::Running, None);
    let ending = Trainer::new(recipe.as_mut(), desk, run, &start)?.train()?;
    Ok(match ending {
        Ending::Paused => Phase::Paused,
        Ending::Stopped => Phase::Stopped,
        Ending::Finished => {
            let values = desk.state.last.clone();
            desk.emit(EventKind::Finished { step: plan.total_steps(), epoch: plan.epochs, values });
            Phase::Finished
        }
    })
}

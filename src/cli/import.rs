//! `pixscribe import`: a Hugging Face folder as a finished run.

use super::args::ImportArgs;
use super::{BadUsage, CliError, CliResult, Globals};
use crate::config::{Config, ModelKind};
use crate::hf;
use crate::nn::parameter_count;
use crate::run::{
    EventKind, EventWriter, Phase, RunDir, RunError, RunLock, RunName, SCHEMA, State, StateWriter, plain_text,
};
use crate::train::captioner::unused;
use crate::train::checkpoints::MODEL;
use crate::train::trained::{Net, Trained};
use crate::worker::WorkerError;
use dfdx::prelude::Cpu;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What the names of half-made runs begin with: no run's name does.
const TEMP_PREFIX: &str = ".half-";

/// Why a folder does not become a run.
#[derive(Debug, thiserror::Error)]
enum ImportError {
    #[error("{name} would be the run's name, and cannot be one: give it another with --name ({why})")]
    NoName { name: String, why: RunError },
    #[error("{} exists already and is left alone: give the new run another name with --name", .0.display())]
    Taken(PathBuf),
}

pub fn run(args: &ImportArgs, globals: &Globals) -> CliResult {
    let stopped = stop_flag()?;
    let name = name(args)?;
    refuse_taken(globals, &name)?;
    let folder = hf::Folder::open(&args.folder)?;
    let from = fs::canonicalize(&args.folder).unwrap_or_else(|_| args.folder.clone());
    let mut trained = Trained::from_folder(Cpu::default(), &folder, &from.display().to_string())?;
    let unused: Vec<String> = unused(&folder)?.into_iter().map(str::to_owned).collect();
    drop(folder);
    let parameters = match &mut trained.net {
        Net::Captioner(speaker) => parameter_count(&mut speaker.captioner),
        Net::Cnn(_) | Net::Gan(_) | Net::Diffusion(_) => 0,
    };
    let mut notes = vec![format!("imported from {}: {parameters} parameters", from.display())];
    if !unused.is_empty() {
        notes.push(format!("{} tensors of the folder are not used: {}", unused.len(), unused.join(", ")));
    }
    let config = Config { model: Some(ModelKind::Captioner), ..globals.load(None)? };
    make(globals, &name, &config, &mut trained, &notes, &stopped)?;
    notes.iter().for_each(|note| println!("{name}: {}", plain_text(note)));
    println!("Try: pixscribe caption PHOTO --model {name}");
    Ok(())
}

/// Makes the run beside the others under a name that is none, and gives it its own once it is whole.
fn make(
    globals: &Globals,
    name: &RunName,
    config: &Config,
    trained: &mut Trained<Cpu>,
    notes: &[String],
    stopped: &AtomicBool,
) -> CliResult {
    fs::create_dir_all(&globals.runs).map_err(RunError::io("create", &globals.runs))?;
    let temp = tempfile::Builder::new().prefix(TEMP_PREFIX).tempdir_in(&globals.runs);
    let temp = temp.map_err(RunError::io("write into", &globals.runs))?;
    let run = RunDir::create(temp.path(), name, &config.to_toml()?)?;
    let path = run.weights_dir().join(MODEL);
    if let Net::Captioner(speaker) = &mut trained.net {
        speaker.write(&trained.card, &path, &mut || !stopped.load(Ordering::Relaxed))?;
    }
    tell(&run, config, &trained.card.data, notes)?;
    refuse_taken(globals, name)?;
    let target = globals.runs.join(name.as_str());
    fs::rename(run.root(), &target).map_err(RunError::io("write", &target))?;
    Ok(())
}

/// The log and the snapshot of a run that is over before it began.
fn tell(run: &RunDir, config: &Config, data: &str, notes: &[String]) -> CliResult {
    let lock = RunLock::try_acquire(run)?.ok_or("someone else has taken the run's lock; import it again")?;
    let mut events = EventWriter::open(run)?;
    let model = ModelKind::Captioner.as_str().to_owned();
    events.append(EventKind::Hello {
        schema: SCHEMA,
        instance: lock.instance().to_owned(),
        model: model.clone(),
        config_hash: config.config_hash()?,
        data_sha256: String::new(),
        resumed_from_step: None,
    });
    for text in notes {
        events.append(EventKind::Note { level: "info".to_owned(), text: text.clone() });
    }
    events.append(EventKind::PhaseChanged { phase: Phase::Finished, reason: None });
    events.append(EventKind::Finished { step: 0, epoch: 0, values: Default::default() });
    if let Some(problem) = events.problem() {
        return Err(format!("the run's log cannot be written: {problem}").into());
    }
    let state = State { phase: Phase::Finished, model, data: data.to_owned(), ..State::default() };
    let mut snapshots = StateWriter::new(run, lock.instance());
    snapshots.write_now(&state);
    snapshots.problem().map_or(Ok(()), |problem| Err(problem.to_owned().into()))
}

/// `--name`, else the folder's own.
fn name(args: &ImportArgs) -> Result<RunName, CliError> {
    if let Some(name) = &args.name {
        return Ok(name.parse::<RunName>().map_err(|error| BadUsage(error.to_string()))?);
    }
    let folder = fs::canonicalize(&args.folder).map_err(RunError::io("read", &args.folder))?;
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(name.parse::<RunName>().map_err(|why| ImportError::NoName { name: plain_text(&name).into_owned(), why })?)
}

fn refuse_taken(globals: &Globals, name: &RunName) -> Result<(), ImportError> {
    let path = globals.runs.join(name.as_str());
    if fs::symlink_metadata(&path).is_ok() { Err(ImportError::Taken(path)) } else { Ok(()) }
}

/// Raised by whoever ends the program politely: what is half made is removed then. Asked twice, it ends at once.
fn stop_flag() -> Result<Arc<AtomicBool>, WorkerError> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(&flag))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&flag)))
            .map_err(WorkerError::Signals)?;
    }
    Ok(flag)
}

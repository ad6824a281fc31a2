//! `pixscribe export`: a model in another program's form, or what a run logged.

mod png;
mod scalars;
mod tensorboard;

use super::args::{ExportArgs, ExportForm};
use super::{CliError, CliResult, Globals, model};
use crate::config::ModelKind;
use crate::jobs::History;
use crate::run::{RunDir, RunName, atomic_write};
use crate::train::trained::Net;
use dfdx::prelude::Cpu;
use std::path::{Path, PathBuf};

/// Why nothing is exported.
#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error("{weights} holds a {model}, which has no Hugging Face form here: only a captioner has")]
    NoForm { weights: PathBuf, model: ModelKind },
    #[error("{0} exists already and is left alone: name another place with -o")]
    Exists(PathBuf),
    #[error("{run} has logged nothing yet")]
    NothingLogged { run: RunName },
}

pub fn run(args: &ExportArgs, globals: &Globals) -> CliResult {
    match args.format {
        ExportForm::Hf => hugging_face(args, globals),
        ExportForm::Csv => log(args, globals, scalars::csv),
        ExportForm::Json => log(args, globals, scalars::json),
        ExportForm::Tensorboard => log(args, globals, tensorboard::events),
        ExportForm::Png => pictures(args, globals),
    }
}

fn hugging_face(args: &ExportArgs, globals: &Globals) -> CliResult {
    let found = model::find(globals, Some(&args.model), ModelKind::Captioner)?;
    let trained = found.load(Cpu::default())?;
    let Net::Captioner(mut speaker) = trained.net else {
        return Err(ExportError::NoForm { weights: found.weights, model: trained.card.model }.into());
    };
    speaker.export(&args.out)?;
    println!("{}: {} as transformers' VisionEncoderDecoderModel", args.out.display(), args.model);
    Ok(())
}

/// Writes what a run logged as `form` has it.
fn log(args: &ExportArgs, globals: &Globals, form: fn(&RunDir, &History) -> Result<Vec<u8>, CliError>) -> CliResult {
    let (run, history) = logged(args, globals)?;
    let name = run.name();
    // TensorBoard looks for files of such names in a folder.
    let file = match args.format {
        ExportForm::Tensorboard => args.out.join(format!("events.out.tfevents.{name}")),
        _ => args.out.clone(),
    };
    refuse_existing(&args.out)?;
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let bytes = form(&run, &history)?;
    atomic_write(&file, |out| out.write_all(&bytes))?;
    let (metrics, points) = history.series().fold((0, 0), |(m, p), (_, series)| (m + 1, p + series.points().len()));
    println!("{}: {metrics} metrics of {name}, {points} values", file.display());
    Ok(())
}

/// Draws what a run logged: all of it before the first file is written.
fn pictures(args: &ExportArgs, globals: &Globals) -> CliResult {
    let (run, history) = logged(args, globals)?;
    refuse_existing(&args.out)?;
    let pictures = png::pictures(run.name(), &history)?;
    std::fs::create_dir_all(&args.out)?;
    for (name, bytes) in &pictures {
        atomic_write(&args.out.join(name), |out| out.write_all(bytes))?;
    }
    let names: Vec<&str> = pictures.iter().map(|(name, _)| name.as_str()).collect();
    println!("{}: {} of {}", args.out.display(), names.join(", "), run.name());
    Ok(())
}

/// The run that is named, and what it logged.
fn logged(args: &ExportArgs, globals: &Globals) -> Result<(RunDir, History), CliError> {
    let name: RunName = args.model.parse().map_err(|error| super::BadUsage(format!("export: {error}")))?;
    let run = RunDir::open(&globals.runs, &name)?;
    let history = History::read(&run);
    if history.series().next().is_none() {
        return Err(ExportError::NothingLogged { run: name }.into());
    }
    Ok((run, history))
}

fn refuse_existing(out: &Path) -> Result<(), ExportError> {
    if out.exists() { Err(ExportError::Exists(out.to_owned())) } else { Ok(()) }
}

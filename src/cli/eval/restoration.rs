//! What `eval --restoration` says: how well a model restores pictures, beside classical restorers on the same pictures.

use super::super::device;
use super::first;
use crate::cli::args::EvalArgs;
use crate::cli::model::{self, Found};
use crate::cli::{CliError, CliResult, Globals};
use crate::config::ModelKind;
use crate::data::{self, Dataset};
use crate::ops::{Backend, share_work};
use crate::restoration::classical::{Lessons, tuned};
use crate::restoration::table::{Table, Trial, compare};
use crate::restoration::{Picture, Restorer, Task};
use crate::train::TrainError;
use crate::train::device::Device;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::time::Duration;

/// Test images that are restored, unless told otherwise.
const IMAGES: u64 = 500;
/// Training images that classical restorers are fitted to, and others that their parameters are chosen on.
const FITTED: usize = 4000;
const CHOSEN_ON: usize = 100;
/// Of all damage: the same pictures are damaged alike in every call.
const SEED: u64 = 1;

/// Why nothing is compared.
#[derive(Debug, thiserror::Error)]
enum RestorationEvalError {
    #[error("{data_path} has {found} training images; {due} are needed to tune the classical restorers")]
    TooLittleData { data_path: String, found: usize, due: usize },
}

/// The JSON.
#[derive(Debug, Serialize)]
struct Report {
    /// Test images.
    n: usize,
    weights: String,
    data: String,
    /// One a task.
    restoration: Vec<Table>,
}

pub(super) fn run(args: &EvalArgs, globals: &Globals) -> CliResult {
    let found = model::find(globals, args.model.as_deref(), ModelKind::Diffusion)?;
    let data = data::load(found.config.data.path.as_deref(), None)?;
    share_work(found.config.runtime.threads);
    let report = match device::open(found.config.runtime.device)? {
        Device::Cpu(cpu) => measure(cpu, args, &found, &data)?,
        #[cfg(feature = "cuda")]
        Device::Cuda(cuda, _) => measure(cuda, args, &found, &data)?,
    };
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("{}", report.weights);
        report.restoration.iter().for_each(|table| println!("{table}"));
    }
    Ok(())
}

fn measure<D: Backend>(device: D, args: &EvalArgs, found: &Found, data: &Dataset) -> Result<Report, CliError> {
    let trained = found.load(device)?;
    let restorer = found.restorer(&trained)?;
    let due = 2 * CHOSEN_ON;
    if data.train.len() < due {
        let (data_path, found) = (data.path.display().to_string(), data.train.len());
        return Err(RestorationEvalError::TooLittleData { data_path, found, due }.into());
    }
    let test = first(&data.test, Some(args.limit.unwrap_or(IMAGES)));
    let clean = Picture::from_split(&test, 0..test.len());
    let choose = Picture::from_split(&data.train, 0..CHOSEN_ON);
    let fit = Picture::from_split(&data.train, CHOSEN_ON..data.train.len().min(CHOSEN_ON + FITTED));
    let lessons = Lessons { fit: &fit, choose: &choose, seed: SEED };
    let tables = Task::standard()?.into_iter().map(|task| table(&task, &lessons, &clean, &restorer, args.json));
    Ok(Report {
        n: clean.len(),
        weights: found.weights.display().to_string(),
        data: data.name.clone(),
        restoration: tables.collect::<Result<_, _>>()?,
    })
}

fn table(
    task: &Task,
    lessons: &Lessons,
    clean: &[Picture],
    restorer: &dyn Restorer,
    json: bool,
) -> Result<Table, CliError> {
    let spinner = if json { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}  {elapsed}") {
        spinner.set_style(style);
    }
    spinner.enable_steady_tick(Duration::from_millis(200));
    spinner.set_message(format!("{task}: classical restorers are tuned on training images"));
    let classical = tuned(task, lessons, &mut || true)?.unwrap_or_default();
    spinner.set_message(format!("{task}: {} test images are restored", clean.len()));
    let compared = compare(&Trial { task, clean, seed: SEED }, &classical, &[restorer], &mut || true)?;
    spinner.finish_and_clear();
    // Nobody asked it to stop.
    Ok(compared.ok_or(TrainError::OutOfBatches)?)
}

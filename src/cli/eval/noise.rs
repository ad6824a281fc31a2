//! What `eval --noise` says: how a captioner fares under noise, and what it helps to restore pictures first.

use super::super::device;
use super::captions::thresholds;
use super::{first, of_its_labels};
use crate::captions::Grammar;
use crate::cli::args::EvalArgs;
use crate::cli::model::{self, Found};
use crate::cli::{CliError, CliResult, Globals};
use crate::config::ModelKind;
use crate::data::{self, Dataset};
use crate::ops::{Backend, share_work};
use crate::restoration::Picture;
use crate::train::TrainError;
use crate::train::captioner::noise::{Row, Trial, table};
use crate::train::captioner::recipe::exam::with_beams;
use crate::train::captioner::{Pictures, Speaker};
use crate::train::device::Device;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

/// Test images that are captioned at every level, unless told otherwise.
const IMAGES: u64 = 1000;
/// Training images that the weight of total variation is chosen on.
const CHOSEN_ON: usize = 100;

/// The JSON.
#[derive(Debug, Serialize)]
struct Report {
    /// Test images.
    n: usize,
    weights: String,
    /// The weights of the model that restores.
    restorer: String,
    data: String,
    noise: Vec<Row>,
}

pub(super) fn run(args: &EvalArgs, globals: &Globals) -> CliResult {
    let found = model::find_captioner(globals, args.model.as_deref())?;
    let mender = model::find(globals, None, ModelKind::Diffusion)?;
    let data = data::load(found.config.data.path.as_deref(), None)?;
    share_work(found.config.runtime.threads);
    let report = match device::open(found.config.runtime.device)? {
        Device::Cpu(cpu) => measure(cpu, args, &found, &mender, data)?,
        #[cfg(feature = "cuda")]
        Device::Cuda(cuda, _) => measure(cuda, args, &found, &mender, data)?,
    };
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print(&report);
    }
    Ok(())
}

fn measure<D: Backend>(
    device: D,
    args: &EvalArgs,
    found: &Found,
    mender: &Found,
    data: Dataset,
) -> Result<Report, CliError> {
    let trained = found.load(device.clone())?;
    let speaker = found.speaker(&trained)?;
    let mending = mender.load(device)?;
    let restorer = mender.restorer(&mending)?;
    let data = of_its_labels(&trained.card.labels, data)?;
    let test = first(&data.test, Some(args.limit.unwrap_or(IMAGES)));
    let trial = Trial {
        clean: &test,
        grammar: &Grammar::new(&data.labels)?,
        thresholds: &thresholds(found, &data)?,
        choose: &Picture::from_split(&data.train, 0..data.train.len().min(CHOSEN_ON)),
    };
    let spinner = if args.json { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
    if let Ok(style) = ProgressStyle::with_template("{spinner} captions under noise  {elapsed}") {
        spinner.set_style(style);
    }
    let mut go_on = || {
        spinner.tick();
        true
    };
    let rows = table(&trial, &[&restorer], &mut |pixels| write(speaker, usize::from(args.beams), pixels), &mut go_on)?;
    spinner.finish_and_clear();
    Ok(Report {
        n: test.len(),
        weights: found.weights.display().to_string(),
        restorer: mender.weights.display().to_string(),
        data: data.name.clone(),
        // Nobody asked it to stop.
        noise: rows.ok_or(TrainError::OutOfBatches)?,
    })
}

/// Captions as `eval` has them searched.
fn write<D: Backend>(speaker: &Speaker<D>, beams: usize, pixels: &[u8]) -> Result<Vec<String>, TrainError> {
    let pictures = Pictures::Small(pixels);
    // A search without draws has no use for the pictures' numbers.
    let said = speaker.caption(pictures, &with_beams(speaker, beams), &vec![0; pictures.len()])?;
    Ok(said.into_iter().map(|said| said.text.trim().to_owned()).collect())
}

fn print(report: &Report) {
    println!("{}\n{} test images; {} restores", report.weights, report.n, report.restorer);
    println!("{:>5}  {:16}{:>9}{:>9}{:>9}{:>9}", "noise", "first", "label", "none", "truth", "coverage");
    let percent = |share: Option<f64>| share.map_or("-".to_owned(), |share| format!("{:.1} %", 100.0 * share));
    for row in &report.noise {
        let shares = [row.label_accuracy, row.without_label, row.truth, row.coverage].map(percent);
        let [label, none, truth, coverage] = &shares;
        println!("{:>5}  {:16}{label:>9}{none:>9}{truth:>9}{coverage:>9}", row.sigma, row.first);
    }
    println!("Facts are those of the clean pictures; total variation is tuned to each level on training images.");
}

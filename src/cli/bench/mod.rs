//! `pixscribe bench`: what a training step of each model takes on this machine.

mod children;
mod measure;
mod memory;
mod report;

use super::args::BenchArgs;
use super::{CliError, CliResult, Globals, device};
use crate::config::{Config, ModelKind};
use crate::data::{self, DataError, Dataset};
use crate::ops::{Backend, share_work, simd};
use crate::train;
use crate::train::device::Device;
use indicatif::{ProgressBar, ProgressStyle};
use measure::{Asked, Measured};
use report::{Report, Roofline};
use std::path::Path;

/// Training images that are made up where there is no data.
const MADE_UP: usize = 5000;

/// A model cannot be measured as it was asked for.
#[derive(Debug, thiserror::Error)]
enum BenchError {
    #[error(
        "a step has at most the {images} images of {data} that are learned from, not {asked}: ask for a smaller --batch, or name more data with --set data.path=DIR"
    )]
    BatchTooLarge { asked: u64, images: usize, data: String },
    #[error(
        "--roofline is measured on the CPU alone, and this would compute on {device}: add --set runtime.device=cpu"
    )]
    NoRoofline { device: String },
}

pub fn run(args: &BenchArgs, globals: &Globals) -> CliResult {
    let Some(model) = args.model else {
        let reports = children::run(args, globals)?;
        if args.json {
            println!("{}", serde_json::to_string(&reports)?);
        } else {
            report::print(&reports);
        }
        return Ok(());
    };
    let report = one(model, args, globals)?;
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        report::print(&[report]);
    }
    Ok(())
}

/// Measures a model in this process.
fn one(model: ModelKind, args: &BenchArgs, globals: &Globals) -> Result<Report, CliError> {
    let mut sets = globals.sets.clone();
    sets.extend(args.batch.map(|batch| format!("{model}.batch_size={batch}")));
    let config = Globals { sets, ..globals.clone() }.load(Some(model))?;
    let device = device::open(config.runtime.device)?;
    let name = device.name();
    if args.roofline && !matches!(device, Device::Cpu(_)) {
        return Err(BenchError::NoRoofline { device: name }.into());
    }
    share_work(config.runtime.threads);
    let data = data_of(&config)?;
    let (of, preset) = (data.name.clone(), preset(model, &config));
    let (batch, measured) = match device {
        Device::Cpu(cpu) => train_on(cpu, model, data, &config, args, &globals.runs)?,
        #[cfg(feature = "cuda")]
        Device::Cuda(cuda, _) => train_on(cuda, model, data, &config, args, &globals.runs)?,
    };
    let Measured { steps, ms_per_step, macs_per_step, peak_gflops, losses } = measured;
    Ok(Report {
        model: model.to_string(),
        preset,
        batch,
        steps,
        images_per_s: batch as f64 / ms_per_step * 1e3,
        ms_per_step,
        peak_rss_mib: memory::peak_mib(),
        device: name,
        threads: rayon::current_num_threads(),
        simd: simd::level().as_str().to_owned(),
        data: of,
        roofline: peak_gflops.map(|peak| Roofline::new(macs_per_step, ms_per_step, peak)),
        losses: args.losses.then_some(losses),
    })
}

/// The data that the settings name, else the sample: what is measured is the model, and the whole of CIFAR-10 would be most of
/// the memory. Where there is no sample either, pictures are made up.
fn data_of(config: &Config) -> Result<Dataset, DataError> {
    let sample = || data::roots().into_iter().map(|root| root.join("data/sample")).find(|folder| folder.is_dir());
    match config.data.path.clone().or_else(sample) {
        Some(path) => data::load(Some(&path), config.data.limit),
        None => Ok(data::made_up(config.data.limit.unwrap_or(MADE_UP))),
    }
}

/// The word of the settings that decides which net of its kind a model is.
fn preset(model: ModelKind, config: &Config) -> Option<String> {
    match model {
        ModelKind::Cnn => Some(config.cnn.preset.to_string()),
        ModelKind::Captioner => Some(config.captioner.preset.to_string()),
        ModelKind::Gan | ModelKind::Diffusion => None,
    }
}

/// Steps of the recipe that a training would follow; the images of each beside what was measured.
fn train_on<D: Backend>(
    device: D,
    model: ModelKind,
    data: Dataset,
    config: &Config,
    args: &BenchArgs,
    runs: &Path,
) -> Result<(usize, Measured), CliError> {
    let name = data.name.clone();
    let mut recipe = train::recipe(model, device, data, config, runs)?;
    let batch = recipe.plan().batch_size;
    if let Some(asked) = args.batch.filter(|&asked| asked > batch as u64) {
        return Err(BenchError::BatchTooLarge { asked, images: batch, data: name }.into());
    }
    let bar = bar(args.json, 1000);
    bar.set_prefix(model.to_string());
    recipe.begin()?;
    let asked = Asked { steps: args.steps, roofline: args.roofline };
    let measured = measure::steps(recipe.as_mut(), &asked, &mut |done| bar.set_position((1e3 * done) as u64));
    bar.finish_and_clear();
    Ok((batch, measured?))
}

fn bar(json: bool, length: usize) -> ProgressBar {
    let bar = if json { ProgressBar::hidden() } else { ProgressBar::new(length as u64) };
    if let Ok(style) = ProgressStyle::with_template("{prefix} {bar:30} {msg}") {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar
}

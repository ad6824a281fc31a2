//! `pixscribe eval`: a trained model's answers to every picture of a split.

mod captions;
mod made;
mod noise;
mod restoration;

use super::args::EvalArgs;
use super::model::{self, Found};
use super::{CliError, CliResult, Globals, device};
use crate::config::ModelKind;
use crate::data::{self, Dataset, IMAGE_BYTES, Split};
use crate::jobs::wilson;
use crate::ops::{Backend, macs, share_work};
use crate::train::captioner::recipe::exam::{labels_and_none, with_beams};
use crate::train::captioner::{Pictures, Speaker};
use crate::train::device::Device;
use crate::train::trained::evaluate;
use crate::train::{Evaluation, TrainError};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Instant;

/// The model and the data do not speak of the same things.
#[derive(Debug, thiserror::Error)]
enum EvalError {
    #[error("the model knows the labels {model} but {data_path} has {data}; name its data with --set data.path=DIR")]
    OtherLabels { model: String, data: String, data_path: String },
    #[error("the {split} split of {data_path} has no images")]
    NoImages { split: &'static str, data_path: String },
}

/// The JSON of `eval`: shares are 0..1, confusion rows are the true label.
#[derive(Debug, Serialize)]
struct Report {
    n: u64,
    accuracy: f64,
    /// Nats.
    loss: f64,
    per_class: BTreeMap<String, Option<f64>>,
    confusion: Vec<Vec<u64>>,
    labels: Vec<String>,
    split: String,
    weights: String,
    /// How often the net saw each image before it named it, and how long that took.
    calls_per_image: usize,
    ms_per_image: f64,
    /// Multiply-adds that naming the first image took; none where the device does not count them.
    macs_per_image: Option<u64>,
    /// Of a model that makes pictures.
    #[serde(flatten)]
    made: Option<made::Figures>,
    /// Of a model that writes captions; its labels have one more that stands for none, the last.
    #[serde(flatten)]
    captions: Option<captions::Figures>,
}

pub fn run(args: &EvalArgs, globals: &Globals) -> CliResult {
    if args.restoration {
        return restoration::run(args, globals);
    }
    if args.noise {
        return noise::run(args, globals);
    }
    let found = model::find(globals, args.model.as_deref(), ModelKind::Cnn)?;
    let data = data::load(found.config.data.path.as_deref(), None)?;
    share_work(found.config.runtime.threads);
    let report = match device::open(found.config.runtime.device)? {
        Device::Cpu(cpu) => measure(cpu, args, globals, &found, data)?,
        #[cfg(feature = "cuda")]
        Device::Cuda(cuda, _) => measure(cuda, args, globals, &found, data)?,
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
    globals: &Globals,
    found: &Found,
    data: Dataset,
) -> Result<Report, CliError> {
    let mut trained = found.load(device)?;
    found.set_sampling(&mut trained, &args.sampling)?;
    let data = of_its_labels(&trained.card.labels, data)?;
    let data_path = data.path.display().to_string();
    let (name, whole): (&'static str, &Split) =
        if args.split == "train" { ("train", &data.train) } else { ("test", &data.test) };
    let split = first(whole, args.limit);
    if split.is_empty() {
        return Err(EvalError::NoImages { split: name, data_path }.into());
    }
    let bar = bar(args.json, split.len());
    if let Some(speaker) = trained.speaker() {
        return of_captions(speaker, found, &data, (name, &split), usize::from(args.beams), &bar);
    }
    let classifier = trained.net.classifier()?;
    let mut go_on = || {
        bar.inc(classifier.batch() as u64);
        true
    };
    let (labels, stats) = (data.labels.len(), trained.card.stats());
    let begun = Instant::now();
    let evaluation = evaluate(classifier, &trained.device, name, &split, labels, stats, &mut go_on)?;
    let ms_per_image = begun.elapsed().as_secs_f64() * 1e3 / split.len() as f64;
    bar.finish_and_clear();
    let evaluation = evaluation.ok_or(TrainError::OutOfBatches)?;
    let report = report(&evaluation, &data.labels, found);
    let alone = first(&split, Some(1));
    let (named, macs) = macs::of(|| evaluate(classifier, &trained.device, name, &alone, labels, stats, &mut || true));
    named?;
    let macs_per_image = counted(macs);
    let mut report = Report { calls_per_image: classifier.passes(), ms_per_image, macs_per_image, ..report };
    if let Some(painter) = trained.painter() {
        report.made = Some(made::measure(painter, &trained, args, globals, &data, &split)?);
    }
    Ok(report)
}

fn of_captions<D: Backend>(
    speaker: &Speaker<D>,
    found: &Found,
    data: &Dataset,
    split: (&'static str, &Split),
    beams: usize,
    bar: &ProgressBar,
) -> Result<Report, CliError> {
    let mut go_on = || {
        bar.inc(speaker.batch() as u64);
        true
    };
    let measured = captions::measure(speaker, found, data, split, beams, &mut go_on)?;
    bar.finish_and_clear();
    let (evaluation, figures, took) = measured.ok_or(TrainError::OutOfBatches)?;
    let ms_per_image = took.as_secs_f64() * 1e3 / split.1.len() as f64;
    let alone = Pictures::Small(&split.1.images[..IMAGE_BYTES]);
    let (said, macs) = macs::of(|| speaker.caption(alone, &with_beams(speaker, beams), &[0]));
    said?;
    let report = report(&evaluation, &data.labels, found);
    let (labels, macs_per_image) = (labels_and_none(&data.labels), counted(macs));
    Ok(Report { labels, captions: Some(figures), ms_per_image, macs_per_image, ..report })
}

/// A device other than the CPU counts none.
fn counted(macs: u64) -> Option<u64> {
    Some(macs).filter(|&macs| macs > 0)
}

/// A model of some of the labels is measured on the images of these.
fn of_its_labels(labels: &[String], data: Dataset) -> Result<Dataset, CliError> {
    if !labels.iter().all(|label| data.labels.contains(label)) {
        let data_path = data.path.display().to_string();
        let (model, data) = (labels.join(", "), data.labels.join(", "));
        return Err(EvalError::OtherLabels { model, data, data_path }.into());
    }
    Ok(data.of_labels(labels)?)
}

fn first(split: &Split, limit: Option<u64>) -> Split {
    match limit.map(|limit| limit as usize) {
        Some(limit) if limit < split.len() => split.select(&(0..limit as u32).collect::<Vec<_>>()),
        _ => split.clone(),
    }
}

fn bar(json: bool, images: usize) -> ProgressBar {
    let bar = if json { ProgressBar::hidden() } else { ProgressBar::new(images as u64) };
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} images  {eta} left") {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar
}

fn report(evaluation: &Evaluation, labels: &[String], found: &Found) -> Report {
    let shares = evaluation.per_label().into_iter().map(|share| share.is_finite().then_some(share));
    Report {
        n: evaluation.tally.count,
        accuracy: evaluation.tally.accuracy(),
        loss: evaluation.tally.mean_loss(),
        per_class: labels.iter().cloned().zip(shares).collect(),
        confusion: evaluation.confusion.clone(),
        labels: labels.to_vec(),
        split: evaluation.split.to_owned(),
        weights: found.weights.display().to_string(),
        calls_per_image: 1,
        ms_per_image: 0.0,
        macs_per_image: None,
        made: None,
        captions: None,
    }
}

fn print(report: &Report) {
    println!("{}", report.weights);
    let (low, high) = wilson(report.accuracy, report.n as f64);
    println!(
        "{} of {} {} images: {:.2} % right (95 % interval {:.2} to {:.2}), loss {:.4} nats",
        (report.accuracy * report.n as f64).round(),
        report.n,
        report.split,
        100.0 * report.accuracy,
        100.0 * low,
        100.0 * high,
        report.loss
    );
    let passes =
        if report.calls_per_image == 1 { "one pass".to_owned() } else { format!("{} passes", report.calls_per_image) };
    let macs =
        report.macs_per_image.map_or(String::new(), |macs| format!(", {:.1} million multiply-adds", macs as f64 / 1e6));
    println!("{passes} of the net{macs} and {:.1} ms an image", report.ms_per_image);
    let width = report.labels.iter().map(|label| label.chars().count()).max().unwrap_or(0);
    for (index, label) in report.labels.iter().enumerate().filter(|(_, label)| report.per_class.contains_key(*label)) {
        let share = report.per_class.get(label).copied().flatten();
        let share = share.map_or("   -   ".to_owned(), |share| format!("{:6.2} %", 100.0 * share));
        println!("  {label:width$}  {share}{}", taken_for(&report.confusion[index], index, &report.labels));
    }
    if let Some(figures) = &report.captions {
        figures.print(report.accuracy);
    }
    if let Some(figures) = &report.made {
        figures.print(&report.labels);
    }
}

/// What label number `own` is most often taken for, in its row of a confusion matrix.
fn taken_for(row: &[u64], own: usize, labels: &[String]) -> String {
    let others = row.iter().enumerate().filter(|(other, _)| *other != own);
    match others.max_by_key(|(other, count)| (**count, std::cmp::Reverse(*other))) {
        Some((other, &count)) if count > 0 => format!("   {count} times {}", labels[other]),
        _ => String::new(),
    }
}

//! What `eval` says of the pictures that a model makes: how an independent CNN names them, and how far they are from real ones.

use super::{taken_for, wilson};
use crate::cli::args::EvalArgs;
use crate::cli::{CliError, Globals, model};
use crate::config::ModelKind;
use crate::data::{Dataset, Split};
use crate::ops::Backend;
use crate::train::TrainError;
use crate::train::made::judge::Judge;
use crate::train::made::judgement::{self, Exhibits, Judgement};
use crate::train::made::{Painter, score};
use crate::train::trained::{EVAL_BATCH, Trained};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

/// Made pictures of each label that the judge looks at.
const OF_EACH: usize = 100;
/// Pictures that the CNN of the accuracy score learns from.
const SHOWN: usize = 10_000;
/// The noise of what is judged: fixed, so that the same weights give the same figures.
const SEED: u64 = 1;

/// The part of the report.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    /// None where no judge is at hand that knows the labels.
    generated: Option<Generated>,
    /// None unless asked for.
    accuracy_score: Option<AccuracyScore>,
}

/// Made pictures under the eyes of a CNN that took no part in making them.
#[derive(Debug, Serialize)]
struct Generated {
    n: usize,
    /// The share that the judge names as asked, 0..1, and its 95 % interval (Wilson).
    agreement: f64,
    agreement_interval: (f64, f64),
    /// Counts: rows are the asked label, columns are `seen_labels`.
    asked_by_seen: Vec<Vec<u64>>,
    seen_labels: Vec<String>,
    judge: String,
    /// The judge's own share of right answers on the real images of the split.
    judge_accuracy: f64,
    /// Mean distance within a label over that of real images, in the judge's features.
    diversity: f64,
    /// In the judge's features: not the Inception distance.
    frechet_distance: Option<f64>,
    /// The same between real images and as many others.
    frechet_distance_of_real: Option<f64>,
}

/// Test accuracy of the plain CNN by what it learned from.
#[derive(Debug, Serialize)]
struct AccuracyScore {
    n: usize,
    on_generated: f64,
    on_real: f64,
}

/// Judges what `painter` makes beside the real images of `split`.
///
/// # Errors
/// When the judge's file is damaged, or the device fails.
pub(super) fn measure<D: Backend>(
    painter: &dyn Painter,
    trained: &Trained<D>,
    args: &EvalArgs,
    globals: &Globals,
    data: &Dataset,
    split: &Split,
) -> Result<Figures, CliError> {
    let generated = judge(painter, trained, args, globals, split)?;
    let accuracy_score = if args.accuracy_score { Some(accuracy_score(painter, trained, args, data)?) } else { None };
    Ok(Figures { generated, accuracy_score })
}

fn judge<D: Backend>(
    painter: &dyn Painter,
    trained: &Trained<D>,
    args: &EvalArgs,
    globals: &Globals,
    split: &Split,
) -> Result<Option<Generated>, CliError> {
    let weights = match model::pretrained(globals, ModelKind::Cnn) {
        Ok(weights) => weights,
        Err(error) => {
            eprintln!("the made pictures are not judged: {error}");
            return Ok(None);
        }
    };
    let labels = &trained.card.labels;
    let Some(judge) = Judge::from_file(trained.device.clone(), &weights, labels)? else {
        eprintln!("the made pictures are not judged: {} is no CNN that knows their labels", weights.display());
        return Ok(None);
    };
    let exhibits = Exhibits { real: split, labels: labels.len(), of_each: OF_EACH, seed: SEED };
    // Made pictures are painted, then looked at as the real ones are.
    let made = OF_EACH * labels.len();
    let batches = painter.asks(made) + made.div_ceil(EVAL_BATCH) + split.len().div_ceil(EVAL_BATCH);
    let bar = bar(args.json, batches as u64, "batches painted and judged");
    let judgement = judgement::pass(&judge, painter, &exhibits, &mut || {
        bar.inc(1);
        true
    })?;
    bar.finish_and_clear();
    Ok(judgement.map(|judgement| generated(judgement, judge.known().to_vec(), weights.display().to_string())))
}

fn generated(judgement: Judgement, seen_labels: Vec<String>, judge: String) -> Generated {
    let Judgement { n, seen, agreed, on_real, diversity, frechet_distance, frechet_distance_of_real } = judgement;
    let agreement = agreed as f64 / n as f64;
    Generated {
        n,
        agreement,
        agreement_interval: wilson(agreement, n as f64),
        asked_by_seen: seen,
        seen_labels,
        judge,
        judge_accuracy: on_real.tally.accuracy(),
        diversity,
        frechet_distance,
        frechet_distance_of_real,
    }
}

fn accuracy_score<D: Backend>(
    painter: &dyn Painter,
    trained: &Trained<D>,
    args: &EvalArgs,
    data: &Dataset,
) -> Result<AccuracyScore, TrainError> {
    let n = SHOWN.min(data.train.len());
    let painting = bar(args.json, painter.asks(n) as u64, "batches painted");
    let made = score::made_split(painter, data.labels.len(), n, SEED, &mut || {
        painting.inc(1);
        true
    })?;
    painting.finish_and_clear();
    let real = data.train.select(&data.train.first_balanced(n));
    let accuracy = |shown: Split, what: &str| -> Result<f64, TrainError> {
        let bar = bar(args.json, 0, what);
        let evaluation = score::score(trained.device.clone(), shown, data, SEED, &mut |step, steps| {
            bar.set_length(steps);
            bar.set_position(step);
        });
        bar.finish_and_clear();
        Ok(evaluation?.tally.accuracy())
    };
    Ok(AccuracyScore {
        n,
        on_generated: accuracy(made.unwrap_or_default(), "steps on made pictures")?,
        on_real: accuracy(real, "steps on real pictures")?,
    })
}

fn bar(json: bool, length: u64, what: &str) -> ProgressBar {
    let bar = if json { ProgressBar::hidden() } else { ProgressBar::new(length) };
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}  {eta} left") {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar.set_message(what.to_owned());
    bar
}

impl Figures {
    pub(super) fn print(&self, labels: &[String]) {
        if let Some(generated) = &self.generated {
            generated.print(labels);
        }
        if let Some(score) = &self.accuracy_score {
            println!(
                "the plain CNN names {:.2} % of the test images right after learning from {} made pictures, {:.2} % after as many real ones",
                100.0 * score.on_generated,
                score.n,
                100.0 * score.on_real
            );
        }
    }
}

impl Generated {
    fn print(&self, labels: &[String]) {
        let (low, high) = self.agreement_interval;
        println!(
            "{} of {} made pictures are named as asked by {} (which names {:.2} % of the real images right): {:.2} % (95 % interval {:.2} to {:.2})",
            (self.agreement * self.n as f64).round(),
            self.n,
            self.judge,
            100.0 * self.judge_accuracy,
            100.0 * self.agreement,
            100.0 * low,
            100.0 * high
        );
        let width = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0);
        for (label, row) in labels.iter().zip(&self.asked_by_seen) {
            let own = self.seen_labels.iter().position(|seen| seen == label).unwrap_or(usize::MAX);
            let share = row.get(own).copied().unwrap_or(0) as f64 / row.iter().sum::<u64>().max(1) as f64;
            println!("  {label:width$}  {:6.2} %{}", 100.0 * share, taken_for(row, own, &self.seen_labels));
        }
        println!(
            "diversity {:.3} of that of real images (mean distance within a label, in the judge's features)",
            self.diversity
        );
        if let (Some(made), Some(real)) = (self.frechet_distance, self.frechet_distance_of_real) {
            println!("Frechet distance {made:.2}, of real images {real:.2} (in the judge's features, not Inception's)");
        }
    }
}

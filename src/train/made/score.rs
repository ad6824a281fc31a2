//! The classification accuracy score: how well a classifier that saw nothing but made pictures names real ones.

use super::super::classification::Evaluation;
use super::super::cnn::CnnRecipe;
use super::super::error::TrainError;
use super::super::recipe::Recipe;
use super::Painter;
use super::sheet::to_bytes;
use crate::config::{CnnConfig, Preset};
use crate::data::{Dataset, Split};
use crate::ops::Backend;
use crate::ops::random::Stream;

/// `count` pictures that `painter` makes, evenly over its labels, as a split. None when `go_on`, asked now and then, said
/// no.
///
/// # Errors
/// When the device fails.
pub fn made_split(
    painter: &dyn Painter,
    labels: usize,
    count: usize,
    seed: u64,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Option<Split>, TrainError> {
    let numbers: Vec<usize> = (0..count).collect();
    let asked: Vec<usize> = numbers.iter().map(|i| i % labels).collect();
    let pictures = painter.draw(&Stream::new(seed, "made.score", 0), &numbers, &asked, go_on)?;
    let labels = asked.iter().map(|&label| label as u8).collect();
    Ok(pictures.map(|pictures| Split { images: to_bytes(&pictures).into(), labels }))
}

/// Trains the plain CNN on `shown`, with its preset as it is, and tests it on the test images of `data` (Ravuri and
/// Vinyals 2019, "Classification Accuracy Score for Conditional Generative Models"). `stepped` hears of steps done and
/// of all.
///
/// # Errors
/// When there is too little to learn from, or the device fails.
pub fn score<D: Backend>(
    device: D,
    shown: Split,
    data: &Dataset,
    seed: u64,
    stepped: &mut dyn FnMut(u64, u64),
) -> Result<Evaluation, TrainError> {
    let config = CnnConfig { seed, ..CnnConfig::of_preset(Preset::Plain) };
    let mut recipe = CnnRecipe::new(device, Dataset { train: shown, ..data.clone() }, config)?;
    let steps = recipe.plan().total_steps();
    for step in 0..steps {
        recipe.step(step)?;
        stepped(step + 1, steps);
    }
    let findings = recipe.evaluate(&mut || true)?;
    let evaluations = findings.map(|findings| findings.evaluations).unwrap_or_default();
    evaluations.into_iter().find(|evaluation| evaluation.split == "test").ok_or(TrainError::OutOfBatches)
}

//! A trained CNN: what its file of weights says of itself, and its answers to pictures.

use super::classification::{Answer, Evaluation};
use super::cnn::kind;
use super::error::TrainError;
use crate::config::{self, CnnConfig, Preset};
use crate::data::augment::{Loader, Normaliser};
use crate::data::{ChannelStats, Dataset, Split};
use crate::models::Cnn;
use crate::nn::checkpoint::{CheckpointError, TensorFile};
use crate::ops::{Backend, host::read};
use std::path::Path;

/// Pictures that are looked at together outside of training.
pub const EVAL_BATCH: usize = 250;

/// The model's answers to a whole split, one view a picture; None when `go_on` said no between two batches.
///
/// # Errors
/// When the device fails.
pub fn evaluate<D: Backend>(
    model: &Cnn<D>,
    device: &D,
    name: &'static str,
    split: &Split,
    labels: usize,
    stats: ChannelStats,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Option<Evaluation>, TrainError> {
    let mut evaluation = Evaluation::new(name, labels);
    let all: Vec<u32> = (0..split.len() as u32).collect();
    for batch in Loader::evaluate(split, &all, EVAL_BATCH, stats)? {
        if !go_on() {
            return Ok(None);
        }
        let logits = infer(model, device, batch.x)?;
        evaluation.add(&logits, &batch.y);
    }
    Ok(Some(evaluation))
}

/// Logits in rows for normalised pictures `(n, 32, 32, 3)` in a row.
///
/// # Errors
/// When the device fails.
pub fn infer<D: Backend>(model: &Cnn<D>, device: &D, pictures: Vec<f32>) -> Result<Vec<f32>, TrainError> {
    let side = crate::models::cnn::SIDE;
    let count = pictures.len() / (side * side * 3);
    let x = device.try_tensor_from_vec(pictures, (count, side, side, 3)).map_err(TrainError::device)?;
    Ok(read(&model.infer(x).map_err(TrainError::device)?))
}

/// What a file of weights says of itself: enough to use it without the run that made it.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Card {
    pub model: String,
    pub preset: Preset,
    pub labels: Vec<String>,
    pub mean: [f32; 3],
    pub std: [f32; 3],
    pub data: String,
    pub seed: u64,
}

impl Card {
    const KEY: &str = "card";

    pub(super) fn of(config: &CnnConfig, data: &Dataset, stats: ChannelStats) -> Self {
        Self {
            model: config::ModelKind::Cnn.to_string(),
            preset: config.preset,
            labels: data.labels.to_vec(),
            mean: stats.mean,
            std: stats.std,
            data: data.name.clone(),
            seed: config.seed,
        }
    }

    pub(super) fn write(&self, file: &mut TensorFile) {
        // A struct of plain fields always has a JSON form.
        file.meta.insert(Self::KEY.to_owned(), serde_json::to_value(self).unwrap_or_default());
    }

    /// Reads the card of a file of weights.
    ///
    /// # Errors
    /// When there is none, or it is not a CNN's.
    pub fn read(file: &TensorFile) -> Result<Self, CheckpointError> {
        let card = file.meta.get(Self::KEY).cloned().unwrap_or_default();
        Ok(serde_json::from_value(card)?)
    }

    /// The channel statistics that pictures are normalised by.
    pub fn stats(&self) -> ChannelStats {
        ChannelStats { mean: self.mean, std: self.std }
    }
}

/// A trained CNN, ready to answer.
pub struct TrainedCnn<D: Backend> {
    pub model: Cnn<D>,
    pub device: D,
    pub card: Card,
}

impl<D: Backend> TrainedCnn<D> {
    /// Takes a net out of a file of weights; `path` is told in errors.
    ///
    /// # Errors
    /// When the file holds another model, or not all of it.
    pub fn from_file(device: D, file: &TensorFile, path: &Path) -> Result<Self, TrainError> {
        let fault = |source| TrainError::Checkpoint { path: path.into(), source };
        let card = Card::read(file).map_err(fault)?;
        let labels = card.labels.len();
        let mut model = Cnn::new(&device, kind(card.preset), labels, card.seed).map_err(TrainError::device)?;
        file.apply("model", &mut model).map_err(fault)?;
        Ok(Self { model, device, card })
    }

    /// The share of each label for pictures `(n, 32, 32, 3)` in a row (u8, channels last): rows that sum to 1.
    ///
    /// # Errors
    /// When the device fails.
    pub fn shares(&self, pixels: &[u8]) -> Result<Vec<Vec<f32>>, TrainError> {
        let logits = infer(&self.model, &self.device, Normaliser::new(self.card.stats()).apply(pixels))?;
        let shares = |row: &[f32]| {
            let answer = Answer::of(row);
            row.iter().map(|&logit| answer.share(logit)).collect()
        };
        Ok(logits.chunks_exact(self.card.labels.len()).map(shares).collect())
    }
}

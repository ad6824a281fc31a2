//! A CNN that looks at made pictures and takes no part in making them.

use super::super::checkpoints;
use super::super::classification::Answer;
use super::super::error::TrainError;
use super::super::trained::{EVAL_BATCH, Net, Trained, image};
use crate::data::IMAGE_BYTES;
use crate::data::augment::Normaliser;
use crate::models::Cnn;
use crate::ops::{Backend, host::read};
use std::path::Path;

/// What the judge says when it sees a label that the GAN does not make.
const OTHER: &str = "other";

/// A trained CNN that knows all labels of a GAN.
pub struct Judge<D: Backend> {
    trained: Trained<D>,
    /// The GAN's number of each of the judge's labels; that of "other" for one that it does not make.
    numbers: Vec<usize>,
    labels: Vec<String>,
    name: String,
}

/// What is seen in a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    /// One of the judge's own labels.
    pub label: usize,
    /// 0..=1.
    pub sure: f32,
}

/// The judge's features and logits, in rows.
pub struct Looks {
    pub features: Vec<f32>,
    /// Numbers of a row of features.
    pub width: usize,
    pub logits: Vec<f32>,
}

impl<D: Backend> Judge<D> {
    /// Takes the judge out of a file of weights. None when it is no CNN that knows all of the GAN's labels.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn from_file(device: D, weights: &Path, made: &[String]) -> Result<Option<Self>, TrainError> {
        let trained: Trained<D> = Trained::from_file(device, &checkpoints::read(weights)?, weights)?;
        let known = &trained.card.labels;
        if !matches!(trained.net, Net::Cnn(_)) || !made.iter().all(|label| known.contains(label)) {
            return Ok(None);
        }
        let number = |label| made.iter().position(|own| own == label).unwrap_or(made.len());
        let numbers = known.iter().map(number).collect();
        let mut labels = made.to_vec();
        if known.len() > made.len() {
            labels.push(OTHER.to_owned());
        }
        let preset = trained.card.preset.map(|preset| format!("{preset} ")).unwrap_or_default();
        let name = format!("the {preset}CNN of seed {}", trained.card.seed);
        Ok(Some(Self { trained, numbers, labels, name }))
    }

    /// The GAN's labels, and "other" where the judge knows more.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The judge's own labels.
    pub fn known(&self) -> &[String] {
        &self.trained.card.labels
    }

    /// Which of [`Self::labels`] is one of the judge's own.
    pub fn number(&self, own: usize) -> usize {
        self.numbers[own]
    }

    /// Who it is, in words.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Features and logits of pictures `(n, 32, 32, 3)` in a row (u8, channels last). None when `go_on`, asked before
    /// each [`EVAL_BATCH`] of them, said no.
    ///
    /// # Errors
    /// When the device fails.
    pub fn look(&self, pixels: &[u8], go_on: &mut dyn FnMut() -> bool) -> Result<Option<Looks>, TrainError> {
        let normaliser = Normaliser::new(self.trained.card.stats());
        let mut looks = Looks { features: Vec::new(), width: 1, logits: Vec::new() };
        for pixels in pixels.chunks(EVAL_BATCH * IMAGE_BYTES) {
            if !go_on() {
                return Ok(None);
            }
            let x = image(&self.trained.device, normaliser.apply(pixels))?;
            let (features, logits) = self.net().look(x).map_err(TrainError::device)?;
            let features = read(&features);
            looks.width = features.len() / (pixels.len() / IMAGE_BYTES);
            looks.features.extend(features);
            looks.logits.extend(read(&logits));
        }
        Ok(Some(looks))
    }

    fn net(&self) -> &Cnn<D> {
        match &self.trained.net {
            Net::Cnn(net) => net,
            Net::Gan(_) | Net::Diffusion(_) | Net::Captioner(_) => unreachable!("a judge is made of a CNN alone"),
        }
    }

    /// What is seen in each picture; as [`Self::look`].
    ///
    /// # Errors
    /// When the device fails.
    pub fn see(&self, pixels: &[u8], go_on: &mut dyn FnMut() -> bool) -> Result<Option<Vec<Seen>>, TrainError> {
        Ok(self.look(pixels, go_on)?.map(|looks| self.seen(&looks)))
    }

    /// What the logits of some pictures say.
    pub fn seen(&self, looks: &Looks) -> Vec<Seen> {
        let seen = |row: &[f32]| {
            let answer = Answer::of(row);
            Seen { label: answer.label, sure: answer.share(row[answer.label]) }
        };
        looks.logits.chunks_exact(self.numbers.len()).map(seen).collect()
    }

    /// How often each of [`Self::labels`] (column) was seen where each (row) was asked for, and the share of pictures in
    /// which it was the one that was asked for.
    pub fn confusion(&self, seen: &[Seen], asked: &[usize]) -> (Vec<Vec<u64>>, f64) {
        let mut matrix = vec![vec![0; self.labels.len()]; self.labels.len()];
        seen.iter().zip(asked).for_each(|(seen, &asked)| matrix[asked][self.number(seen.label)] += 1);
        let agreed: u64 = (0..self.labels.len()).map(|label| matrix[label][label]).sum();
        (matrix, agreed as f64 / asked.len().max(1) as f64)
    }
}

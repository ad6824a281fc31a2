//! What is told of made pictures while the training goes on: what an independent CNN sees in them, and which training
//! image is nearest to each.

use super::super::checkpoints;
use super::super::classification::Answer;
use super::super::error::TrainError;
use super::super::trained::{Net, Trained, infer};
use crate::data::augment::Normaliser;
use crate::data::{IMAGE_BYTES, Split};
use crate::ops::Backend;
use rayon::prelude::*;
use std::path::Path;

/// What the judge says when it sees a label that the GAN does not make.
const OTHER: &str = "other";
/// Pictures that are looked at together.
const BATCH: usize = super::super::trained::EVAL_BATCH;

/// A trained CNN that looks at made pictures, and takes no part in making them.
pub struct Witness<D: Backend> {
    judge: Trained<D>,
    /// The GAN's number of each of the judge's labels; that of "other" for one that it does not make.
    number: Vec<usize>,
    labels: Vec<String>,
    name: String,
}

impl<D: Backend> Witness<D> {
    /// Takes the judge out of a file of weights. None when it does not know all of the GAN's labels.
    ///
    /// # Errors
    /// When the file is damaged or holds no CNN.
    pub fn from_file(device: D, weights: &Path, made: &[String]) -> Result<Option<Self>, TrainError> {
        let judge: Trained<D> = Trained::from_file(device, &checkpoints::read(weights)?, weights)?;
        let known = &judge.card.labels;
        if !matches!(judge.net, Net::Cnn(_)) || !made.iter().all(|label| known.contains(label)) {
            return Ok(None);
        }
        let number = known.iter().map(|label| made.iter().position(|own| own == label).unwrap_or(made.len())).collect();
        let mut labels = made.to_vec();
        if known.len() > made.len() {
            labels.push(OTHER.to_owned());
        }
        let preset = judge.card.preset.map(|preset| format!("{preset} ")).unwrap_or_default();
        let name = format!("the {preset}CNN of seed {}", judge.card.seed);
        Ok(Some(Self { judge, number, labels, name }))
    }

    /// The GAN's labels, and "other" where the judge knows more.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Who it is, in words.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The label that is seen in each picture `(n, 32, 32, 3)` in a row (u8, channels last), and how surely, 0..=1.
    ///
    /// # Errors
    /// When the device fails.
    pub fn see(&self, pixels: &[u8]) -> Result<Vec<(usize, f32)>, TrainError> {
        let normaliser = Normaliser::new(self.judge.card.stats());
        let mut seen = Vec::new();
        for pixels in pixels.chunks(BATCH * IMAGE_BYTES) {
            let logits = infer(self.judge.net.classifier(), &self.judge.device, normaliser.apply(pixels))?;
            seen.extend(logits.chunks_exact(self.number.len()).map(|row| {
                let answer = Answer::of(row);
                (self.number[answer.label], answer.share(row[answer.label]))
            }));
        }
        Ok(seen)
    }

    /// How often each label (column) was seen where each (row) was asked for, and the share of pictures in which it was
    /// the one that was asked for.
    ///
    /// # Errors
    /// When the device fails.
    pub fn confusion(&self, pixels: &[u8], asked: &[usize]) -> Result<(Vec<Vec<u64>>, f64), TrainError> {
        let mut matrix = vec![vec![0; self.labels.len()]; self.labels.len()];
        let seen = self.see(pixels)?;
        seen.iter().zip(asked).for_each(|(&(seen, _), &asked)| matrix[asked][seen] += 1);
        let agreed: u64 = (0..self.labels.len()).map(|label| matrix[label][label]).sum();
        Ok((matrix, agreed as f64 / asked.len().max(1) as f64))
    }
}

/// For each of `made (n, 32, 32, 3)` (u8), the number of the training image with the least sum of squared differences;
/// the first of equals.
pub fn nearest(made: &[u8], training: &Split, among: &[u32]) -> Vec<u32> {
    let distance = |a: &[u8], b: &[u8]| -> u32 {
        a.iter().zip(b).map(|(&a, &b)| u32::from(a.abs_diff(b)) * u32::from(a.abs_diff(b))).sum()
    };
    let of_one = |picture: &[u8]| {
        let least = among.iter().min_by_key(|&&index| distance(picture, training.image(index as usize)));
        least.copied().unwrap_or(0)
    };
    made.par_chunks_exact(IMAGE_BYTES).map(of_one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_image_is_found_among_those_that_may_be_shown() {
        let grey = |values: &[u8]| values.iter().flat_map(|&value| [value; IMAGE_BYTES]).collect::<Vec<u8>>();
        let training = Split { images: grey(&[0, 100, 200, 104]).into(), labels: [0; 4].into() };
        assert_eq!(nearest(&grey(&[103, 255, 2]), &training, &[0, 1, 2, 3]), [3, 2, 0]);
        assert_eq!(nearest(&grey(&[103, 255, 2]), &training, &[1, 2]), [1, 2, 1]);
    }
}

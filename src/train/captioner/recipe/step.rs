//! One step: teacher forcing on captions of what is true of the batch's pictures as they are shown.

use super::super::super::classification::Values;
use super::super::super::error::TrainError;
use super::super::super::gradient;
use super::super::super::made::noise;
use super::tokens::TokenSums;
use super::{CaptionerRecipe, Learning};
use crate::config::CaptionerConfig;
use crate::data::augment::{Batch, Normaliser};
use crate::data::{ChannelStats, IMAGE_BYTES};
use crate::models::captioner::Drops;
use crate::ops::random::Stream;
use crate::ops::{Backend, host::read};
use dfdx::prelude::Backward;
use rayon::prelude::*;

/// What to try when numbers are no longer finite.
const TRY: &str = "try a lower learning_rate, or another seed";

impl<D: Backend> CaptionerRecipe<D> {
    /// The loss is the cross-entropy of the tokens, smoothed, in which the label's word counts more than the others.
    pub(super) fn learn(&mut self, batch: Batch, step: u64) -> Result<Values, TrainError> {
        let CaptionerConfig { seed, noise, clip_norm, label_smoothing, .. } = self.config;
        let (stats, count, rate) = (self.material.stats, batch.y.len(), self.schedule.rate(step));
        let Learning { teacher, student, adam, .. } = self.learning()?;
        let pictures = pixels(&batch.x, stats);
        let wording = Stream::new(seed, "captioner.wording", step);
        let captions = teacher.draw(&batch, &teacher.facts(&pictures), &wording);
        let taught = teacher.taught(&captions, &student.speaker.captioner.settings().decoder)?;
        let shown = if noise > 0.0 {
            let noisy = noisy(&pictures, noise as f32, seed, step);
            let x = Normaliser::new(stats).apply(&noisy);
            student.shown(&noisy, x)?
        } else {
            student.shown(&pictures, batch.x)?
        };
        let logits = student.train(shown, &taught.lesson, Drops { seed, step })?;
        let targets = &taught.lesson.targets;
        let mut tokens = TokenSums::default();
        tokens.add_right(&read(&logits), targets);
        let loss = D::cross_entropy_tokens(logits, targets, Some(&taught.weights), label_smoothing as f32);
        let loss = loss.map_err(TrainError::device)?;
        let value = finite("the training loss", f64::from(read(&loss)[0]), step)?;
        let gradients = loss.try_backward().map_err(TrainError::device)?;
        let norm = finite("the gradient", gradient::norm(student, &gradients), step)?;
        let scale = (clip_norm / norm).min(1.0) as f32;
        adam.scaled_step(student, &gradients, scale, rate as f32).map_err(TrainError::device)?;
        self.epoch.add(value, 0, count);
        Ok(Values::from([
            ("train/loss".to_owned(), value),
            ("train/token_accuracy".to_owned(), tokens.accuracy()),
            ("train/gradient".to_owned(), norm),
            ("train/lr".to_owned(), rate),
        ]))
    }
}

/// Normalised pictures as the bytes that they were made of.
pub(super) fn pixels(x: &[f32], stats: ChannelStats) -> Vec<u8> {
    let byte = |(at, x): (usize, &f32)| ((x * stats.std[at % 3] + stats.mean[at % 3]) * 255.0).round() as u8;
    x.par_iter().enumerate().map(byte).collect()
}

/// Pictures with noise of a deviation of their own each, drawn evenly from 0 to `most`, in eight bits.
fn noisy(pictures: &[u8], most: f32, seed: u64, step: u64) -> Vec<u8> {
    let count = pictures.len() / IMAGE_BYTES;
    let sigmas = Stream::new(seed, "captioner.sigma", step);
    let noise = noise(&Stream::new(seed, "captioner.noise", step), IMAGE_BYTES, 0..count);
    let sigma = |at: usize| most * sigmas.unit((at / IMAGE_BYTES) as u64);
    let noisy = |(at, (&byte, noise)): (usize, (&u8, &f32))| {
        (f32::from(byte) + 255.0 * sigma(at) * noise).round().clamp(0.0, 255.0) as u8
    };
    pictures.par_iter().zip(&noise).enumerate().map(noisy).collect()
}

fn finite(what: &'static str, value: f64, step: u64) -> Result<f64, TrainError> {
    if value.is_finite() { Ok(value) } else { Err(TrainError::Diverged { what, value, step, advice: TRY }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back_from_its_number() {
        let bytes: Vec<u8> = (0..=255).flat_map(|byte| [byte; 3]).collect();
        for stats in [
            ChannelStats { mean: [0.5; 3], std: [0.5; 3] },
            ChannelStats { mean: [0.49, 0.48, 0.44], std: [0.24, 0.25, 0.26] },
        ] {
            assert_eq!(pixels(&Normaliser::new(stats).apply(&bytes), stats), bytes);
        }
        assert_eq!(pixels(&[f32::NAN, 9.0, -9.0], ChannelStats { mean: [0.5; 3], std: [0.5; 3] }), [0, 255, 0]);
    }

    #[test]
    fn each_picture_has_noise_of_its_own() {
        let grey = vec![128; 40 * IMAGE_BYTES];
        let (noisy, again) = (noisy(&grey, 0.2, 1, 3), noisy(&grey, 0.2, 1, 3));
        assert_eq!(noisy, again);
        let sigma = |picture: &[u8]| {
            let sum: f64 = picture.iter().map(|&byte| (f64::from(byte) - 128.0).powi(2)).sum();
            (sum / IMAGE_BYTES as f64).sqrt() / 255.0
        };
        let sigmas: Vec<f64> = noisy.chunks(IMAGE_BYTES).map(sigma).collect();
        assert!(sigmas.iter().all(|&sigma| sigma < 0.21), "{sigmas:?}");
        let mean = sigmas.iter().sum::<f64>() / sigmas.len() as f64;
        assert!((mean - 0.1).abs() < 0.03, "{mean}");
        assert!(sigmas.iter().any(|&sigma| sigma < 0.04) && sigmas.iter().any(|&sigma| sigma > 0.15));
    }
}

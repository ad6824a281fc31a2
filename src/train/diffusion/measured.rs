//! What an evaluation of a diffusion model in training measures.

use super::super::classification::{Evaluation, LABEL_LOSS};
use super::super::error::TrainError;
use super::super::recipe::Findings;
use super::super::trained::evaluate;
use super::level::{BANDS, middle};
use super::weights::{Sample, Weights};
use super::{DiffusionRecipe, STATS, contest, losses};
use crate::data::Split;
use crate::data::augment::Normaliser;
use crate::ops::Backend;

/// Held-out images that the loss by noise level is measured on.
pub(super) const LEVELLED: usize = 256;

impl<D: Backend> DiffusionRecipe<D> {
    /// The loss by noise level, how well labels are named, and after the last step what each level is worth for naming
    /// them. False when `go_on` said no.
    pub(super) fn measure(
        &mut self,
        findings: &mut Findings,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<bool, TrainError> {
        let is_fitted = self.step == self.plan.total_steps() && self.config.fitted > 0;
        Ok(self.measure_levels(findings, go_on)?
            && (!is_fitted || self.fit_weights(findings, go_on)?)
            && (self.config.classified == 0 || self.name_pictures(findings, go_on)?))
    }

    /// The loss by noise level on held-out images, which the classifier's weights follow until they are fitted. False
    /// when `go_on` said no.
    fn measure_levels(&mut self, findings: &mut Findings, go_on: &mut dyn FnMut() -> bool) -> Result<bool, TrainError> {
        let shown = first(&self.material.held_out, LEVELLED);
        let (pictures, labels) = pictures_of(&shown);
        let found = losses::by_level(&self.averaged, self.config.seed, &pictures, &labels, go_on)?;
        let Some(losses) = found else { return Ok(false) };
        self.averaged.weights = Weights::of_losses(&losses);
        findings.values.extend(losses.iter().enumerate().map(|(band, &loss)| (level_metric(band), loss)));
        findings.values.insert("held_out/loss".to_owned(), losses.iter().sum::<f64>() / BANDS as f64);
        Ok(true)
    }

    /// Fits the classifier's weights on held-out images, and says how well it names these: each half with the weights of
    /// the other. False when `go_on` said no.
    fn fit_weights(&mut self, findings: &mut Findings, go_on: &mut dyn FnMut() -> bool) -> Result<bool, TrainError> {
        let shown = first(&self.material.held_out, self.config.fitted);
        let (pictures, truth) = pictures_of(&shown);
        let labels = self.material.data.labels.len();
        let found = contest::samples(&self.averaged, labels, &pictures, &truth, go_on)?;
        let Some(samples) = found else { return Ok(false) };
        findings.evaluations.push(across_halves(&samples, labels));
        self.averaged.weights = Weights::fit(&samples);
        Ok(true)
    }

    /// Names the first test images. False when `go_on` said no.
    fn name_pictures(&self, findings: &mut Findings, go_on: &mut dyn FnMut() -> bool) -> Result<bool, TrainError> {
        let shown = first(&self.material.data.test, self.config.classified);
        let labels = self.material.data.labels.len();
        let found = evaluate(&self.averaged, &self.device, "test", &shown, labels, STATS, go_on)?;
        let is_whole = found.is_some();
        findings.evaluations.extend(found.map(|found| Evaluation { loss_name: LABEL_LOSS, ..found }));
        Ok(is_whole)
    }
}

/// The held-out loss of a band, by the middle of its times.
pub(super) fn level_metric(band: usize) -> String {
    format!("held_out/loss/t{:.2}", middle(band))
}

/// The first images of a split, so many as there are.
fn first(split: &Split, count: usize) -> Split {
    split.select(&(0..split.len().min(count) as u32).collect::<Vec<_>>())
}

/// Pictures `(n, 32, 32, 3)` in a row, -1..1, and their labels.
fn pictures_of(split: &Split) -> (Vec<f32>, Vec<usize>) {
    let labels = split.labels.iter().map(|&label| usize::from(label)).collect();
    (Normaliser::new(STATS).apply(&split.images), labels)
}

/// How well held-out images are named, each half by weights that were fitted on the other.
fn across_halves(samples: &[Sample], labels: usize) -> Evaluation {
    let halves = [0, 1].map(|half| samples.iter().skip(half).step_by(2).cloned().collect::<Vec<_>>());
    let fitted = [Weights::fit(&halves[1]), Weights::fit(&halves[0])];
    let mut evaluation = Evaluation { loss_name: LABEL_LOSS, ..Evaluation::new("held_out", labels) };
    for (index, sample) in samples.iter().enumerate() {
        let logits: Vec<f32> = fitted[index % 2].logits(&sample.errors).into_iter().map(|logit| logit as f32).collect();
        evaluation.add(&logits, &[sample.truth]);
    }
    evaluation
}

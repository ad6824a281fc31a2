//! A diffusion model out of training: what draws, restores and names pictures.

use super::super::error::TrainError;
use super::super::made::{Painter, noise};
use super::super::trained::{Card, Classifier, image, take_average};
use super::contest::{self, Round, THOROUGH};
use super::restore::Mender;
use super::sampler::{Sampling, sample};
use super::velocity::{LENGTH, Velocity};
use super::weights::Weights;
use crate::models::UNet;
use crate::nn::checkpoint::TensorFile;
use crate::ops::random::Stream;
use crate::ops::{Backend, Image, Matrix, host::read};
use dfdx::prelude::HasShape;
use std::path::Path;

/// Under what the averages of the net stand in a file of weights.
pub(super) const AVERAGE: &str = "average";
/// Under what the note of a file has the classifier's weights of the noise levels.
pub(super) const WEIGHTS: &str = "level_weights";
/// Under what the note says that the net has learned from pictures with holes.
pub(super) const FILLS: &str = "fills_holes_behind";
/// What fills the holes before it.
pub(super) const BEHIND: &str = "kriging";

/// A U-Net with averaged weights, and how it is used.
pub struct Diffuser<D: Backend> {
    pub net: UNet<D>,
    pub sampling: Sampling,
    /// How long it looks at a picture before it names it.
    pub rounds: &'static [Round],
    pub weights: Weights,
    /// Whether it has learned from pictures with holes.
    pub fills: bool,
    pub labels: usize,
    device: D,
}

impl<D: Backend> Diffuser<D> {
    /// A net with the first weights of `seed`.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn new(device: &D, labels: usize, seed: u64) -> Result<Self, TrainError> {
        Ok(Self {
            net: UNet::new(device, labels, seed).map_err(TrainError::device)?,
            sampling: Sampling::default(),
            rounds: THOROUGH,
            weights: Weights::default(),
            fills: false,
            labels,
            device: device.clone(),
        })
    }

    /// The averaged net of a checkpoint; `path` is told in errors.
    ///
    /// # Errors
    /// When the file does not hold it.
    pub fn from_file(device: &D, file: &TensorFile, card: &Card, path: &Path) -> Result<Self, TrainError> {
        let mut diffuser = Self::new(device, card.labels.len(), card.seed)?;
        take_average(file, AVERAGE, &mut diffuser.net, path)?;
        diffuser.weights = file.meta.get(WEIGHTS).and_then(Weights::from_json).unwrap_or_default();
        diffuser.fills = file.meta.get(FILLS).and_then(serde_json::Value::as_str) == Some(BEHIND);
        Ok(diffuser)
    }

    /// What restores damaged pictures with it.
    pub fn mender(&self) -> Mender<'_> {
        Mender::new(self, self.fills)
    }

    /// The device that it computes on.
    pub fn device(&self) -> &D {
        &self.device
    }
}

impl<D: Backend> Velocity for Diffuser<D> {
    fn velocity(&self, x: Vec<f32>, times: &[f32], labels: &[Option<usize>]) -> Result<Vec<f32>, TrainError> {
        let x = image(&self.device, x)?;
        Ok(read(&self.net.forward(x, times, labels).map_err(TrainError::device)?))
    }
}

impl<D: Backend> Painter for Diffuser<D> {
    fn draw(
        &self,
        stream: &Stream,
        numbers: &[usize],
        labels: &[usize],
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Vec<f32>>, TrainError> {
        let start = noise(stream, LENGTH, numbers.iter().copied());
        sample(self, self.sampling, &start, labels, &mut |_, _| {}, go_on)
    }

    fn asks(&self, pictures: usize) -> usize {
        self.sampling.asks(pictures)
    }
}

impl<D: Backend> Classifier<D> for Diffuser<D> {
    fn logits(&self, x: Image<D>) -> Result<Matrix<D>, TrainError> {
        let (pictures, count) = (read(&x), x.shape().0);
        let logits = contest::logits(self, &self.weights, self.rounds, self.labels, &pictures)?;
        self.device.try_tensor_from_vec(logits, (count, self.labels)).map_err(TrainError::device)
    }

    fn passes(&self) -> usize {
        contest::passes(self.rounds, self.labels)
    }
}

//! A generator with its discriminator, out of training: what draws samples and names labels.

use super::super::error::TrainError;
use super::super::made::{Painter, noise};
use super::super::trained::{Card, EVAL_BATCH, take_average};
use crate::models::{Discriminator, Generator};
use crate::nn::checkpoint::TensorFile;
use crate::ops::random::Stream;
use crate::ops::{Backend, host::read};
use std::path::Path;

/// Under what the averages of the generator and of the discriminator stand in a file of weights.
pub(super) const AVERAGES: [&str; 2] = ["average.generator", "average.discriminator"];

/// The deviation of the noise behind shown pictures, where training has 1: the truncation trick (Brock et al. 2019, "Large
/// Scale GAN Training for High Fidelity Natural Image Synthesis", section 3.1), turned the other way. The label head pulls
/// the pictures of a label together; wider noise takes some of its agreement back for diversity.
const NOISE_SCALE: f32 = 1.25;

/// Both nets, with averaged weights.
pub struct Pair<D: Backend> {
    pub generator: Generator<D>,
    pub discriminator: Discriminator<D>,
    /// The deviation of the noise that pictures are drawn from.
    pub noise_scale: f32,
    device: D,
}

impl<D: Backend> Pair<D> {
    /// Nets with the first weights of `seed`.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn new(device: &D, labels: usize, seed: u64) -> Result<Self, TrainError> {
        Ok(Self {
            generator: Generator::new(device, labels, seed).map_err(TrainError::device)?,
            discriminator: Discriminator::new(device, labels, seed).map_err(TrainError::device)?,
            noise_scale: NOISE_SCALE,
            device: device.clone(),
        })
    }

    /// The averaged nets of a checkpoint; `path` is told in errors.
    ///
    /// # Errors
    /// When the file does not hold them.
    pub fn from_file(device: &D, file: &TensorFile, card: &Card, path: &Path) -> Result<Self, TrainError> {
        let mut pair = Self::new(device, card.labels.len(), card.seed)?;
        take_average(file, AVERAGES[0], &mut pair.generator, path)?;
        take_average(file, AVERAGES[1], &mut pair.discriminator, path)?;
        pair.discriminator.settle_norms().map_err(TrainError::device)?;
        Ok(pair)
    }
}

impl<D: Backend> Painter for Pair<D> {
    fn draw(
        &self,
        stream: &Stream,
        numbers: &[usize],
        labels: &[usize],
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Vec<f32>>, TrainError> {
        let mut pictures = Vec::new();
        for (numbers, labels) in numbers.chunks(EVAL_BATCH).zip(labels.chunks(EVAL_BATCH)) {
            if !go_on() {
                return Ok(None);
            }
            let length = Generator::<D>::NOISE;
            let mut noise = noise(stream, length, numbers.iter().copied());
            noise.iter_mut().for_each(|number| *number *= self.noise_scale);
            let noise = self.device.try_tensor_from_vec(noise, (labels.len(), length));
            let made = self.generator.infer(noise.map_err(TrainError::device)?, labels);
            pictures.extend(read(&made.map_err(TrainError::device)?));
        }
        Ok(Some(pictures))
    }

    fn asks(&self, pictures: usize) -> usize {
        pictures.div_ceil(EVAL_BATCH)
    }
}

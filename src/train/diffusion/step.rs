//! One step: the net learns the velocity of pictures with noise of many levels.

use super::super::classification::Values;
use super::super::error::TrainError;
use super::super::gradient;
use super::super::made::noise;
use super::super::trained::image;
use super::level::Level;
use super::velocity::LENGTH;
use super::{DiffusionRecipe, draws};
use crate::data::augment::Batch;
use crate::ops::random::Stream;
use crate::ops::{Backend, host::read};
use dfdx::prelude::*;
use rayon::prelude::*;

/// What to try when numbers are no longer finite.
const TRY: &str = "try a lower learning_rate, or another seed";

impl<D: Backend> DiffusionRecipe<D> {
    /// The loss is the mean squared error of the velocity over all numbers (Salimans and Ho 2022, "SNR+1 weighting").
    pub(super) fn learn(&mut self, batch: Batch, step: u64) -> Result<Values, TrainError> {
        let (seed, count) = (self.config.seed, batch.y.len());
        let times = draws::times(seed, step, self.config.focus as f32, count);
        let labels = draws::shown(seed, step, self.config.label_drop as f32, &batch.y);
        let noise = noise(&Stream::new(seed, "diffusion.noise", step), LENGTH, 0..count);
        let states = with_noise(&batch.x, &noise, &times, Level::mix);
        let targets = with_noise(&batch.x, &noise, &times, Level::velocity);
        let answers = self.net.forward(image(&self.device, states)?.leaky_traced(), &times, &labels);
        let answers = answers.map_err(TrainError::device)?;
        let value = finite("the training loss", mean_square(&read(&answers), &targets), step)?;
        let loss = answers.try_sub(image(&self.device, targets)?).and_then(|off| off.try_square());
        let loss = loss.and_then(|squares| squares.try_mean::<Rank0, _>()).map_err(TrainError::device)?;
        let gradients = loss.try_backward().map_err(TrainError::device)?;
        let norm = finite("the gradient", gradient::norm(&mut self.net, &gradients), step)?;
        let rate = self.schedule.rate(step);
        self.adam.step(&mut self.net, &gradients, rate as f32).map_err(TrainError::device)?;
        self.average.update_at(&mut self.net, step).map_err(TrainError::device)?;
        self.epoch.add(value, 0, count);
        Ok(Values::from([
            ("train/loss".to_owned(), value),
            ("train/gradient".to_owned(), norm),
            ("train/lr".to_owned(), rate),
        ]))
    }
}

/// Pictures and noise of the same shape, one time a picture, joined number by number.
fn with_noise(pictures: &[f32], noise: &[f32], times: &[f32], join: fn(Level, f32, f32) -> f32) -> Vec<f32> {
    let mut joined = vec![0.0; pictures.len()];
    let rows = pictures.par_chunks(LENGTH).zip(noise.par_chunks(LENGTH)).zip(times);
    joined.par_chunks_mut(LENGTH).zip(rows).for_each(|(joined, ((picture, noise), &time))| {
        let level = Level::at(time);
        joined.iter_mut().zip(picture).zip(noise).for_each(|((to, &x), &e)| *to = join(level, x, e));
    });
    joined
}

fn mean_square(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>() / a.len() as f64
}

fn finite(what: &'static str, value: f64, step: u64) -> Result<f64, TrainError> {
    if value.is_finite() { Ok(value) } else { Err(TrainError::Diverged { what, value, step, advice: TRY }) }
}

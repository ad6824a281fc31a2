//! One step: the net learns the velocity of pictures with noise of many levels.

use super::super::classification::Values;
use super::super::error::TrainError;
use super::super::gradient;
use super::super::made::noise;
use super::super::trained::image;
use super::holes::{self, Asked};
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
    /// The loss is the mean squared error of the velocity over all numbers (Salimans and Ho 2022, "SNR+1 weighting"); of a
    /// picture with a hole only what is hidden counts.
    pub(super) fn learn(&mut self, batch: Batch, step: u64) -> Result<Values, TrainError> {
        let (config, count) = (&self.config, batch.y.len());
        let seed = config.seed;
        let mut times = draws::times(seed, step, config.focus as f32, count);
        let mut labels = draws::shown(seed, step, config.label_drop as f32, &batch.y);
        let noise = noise(&Stream::new(seed, "diffusion.noise", step), LENGTH, 0..count);
        let mut states = with_noise(&batch.x, &noise, &times, Level::mix);
        let mut targets = with_noise(&batch.x, &noise, &times, Level::velocity);
        let holes = holes::draw(seed, step, config.hole_share as f32, count)?;
        let asked = Asked { states: &mut states, targets: &mut targets, times: &mut times, labels: &mut labels };
        holes::ask(&holes, &batch.x, asked)?;
        let weights = holes::weights(&holes, targets.len());
        let answers = self.net.forward(image(&self.device, states)?.leaky_traced(), &times, &labels);
        let answers = answers.map_err(TrainError::device)?;
        let loss = mean_square(&read(&answers), &targets, weights.as_deref());
        let value = finite("the training loss", loss, step)?;
        let mut off = answers.try_sub(image(&self.device, targets)?).map_err(TrainError::device)?;
        if let Some(weights) = weights {
            off = off.try_mul(image(&self.device, weights)?).map_err(TrainError::device)?;
        }
        let loss = off.try_square().and_then(|squares| squares.try_mean::<Rank0, _>()).map_err(TrainError::device)?;
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

/// `weights` are roots.
fn mean_square(a: &[f32], b: &[f32], weights: Option<&[f32]>) -> f64 {
    let off = a.iter().zip(b).map(|(a, b)| a - b);
    let sum: f64 = match weights {
        Some(weights) => off.zip(weights).map(|(off, weight)| f64::from(off * weight).powi(2)).sum(),
        None => off.map(|off| f64::from(off).powi(2)).sum(),
    };
    sum / a.len() as f64
}

fn finite(what: &'static str, value: f64, step: u64) -> Result<f64, TrainError> {
    if value.is_finite() { Ok(value) } else { Err(TrainError::Diverged { what, value, step, advice: TRY }) }
}

//! A captioner while it learns, and what it is asked for.

use super::super::error::TrainError;
use super::super::trained::image;
use crate::data::ChannelStats;
use crate::data::augment::Normaliser;
use crate::models::captioner::{Captioner, Drops, Lesson, Sight};
use crate::nn::{Module, Scope, Visitor};
use crate::ops::{Backend, Matrix};
use dfdx::prelude::*;

/// A captioner with eyes for pictures of the data.
pub trait Seer<D: Backend> {
    fn captioner(&self) -> &Captioner<D>;

    /// What it is shown of pictures `(n, 32, 32, 3)` in a row.
    ///
    /// # Errors
    /// When the device fails.
    fn see(&self, pictures: &[u8]) -> Result<Sight<D>, TrainError>;
}

/// What learns. As a [`Module`] it has the weights that are trained, and the running moments beside them.
pub struct Student<D: Backend> {
    pub captioner: Captioner<D>,
    device: D,
    normaliser: Normaliser,
}

impl<D: Backend> Student<D> {
    /// A captioner that sees pixels normalised by `stats`.
    pub fn new(device: &D, captioner: Captioner<D>, stats: ChannelStats) -> Self {
        Self { captioner, device: device.clone(), normaliser: Normaliser::new(stats) }
    }

    /// The training pass: logits behind every input of the lesson, `(B N, vocabulary)`, of normalised pictures
    /// `x (B, 32, 32, 3)` in a row.
    ///
    /// # Errors
    /// When the device fails.
    pub fn train(
        &mut self,
        x: Vec<f32>,
        lesson: &Lesson,
        drops: Drops,
    ) -> Result<Matrix<D, OwnedTape<f32, D>>, TrainError> {
        let sight = Sight::Pictures(image(&self.device, x)?);
        self.captioner.train(sight, lesson, Some(drops)).map_err(TrainError::device)
    }

    /// Pictures as numbers.
    pub fn normalised(&self, pictures: &[u8]) -> Vec<f32> {
        self.normaliser.apply(pictures)
    }
}

impl<D: Backend> Seer<D> for Student<D> {
    fn captioner(&self) -> &Captioner<D> {
        &self.captioner
    }

    fn see(&self, pictures: &[u8]) -> Result<Sight<D>, TrainError> {
        Ok(Sight::Pictures(image(&self.device, self.normalised(pictures))?))
    }
}

impl<D: Backend> Module<D> for Student<D> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        self.captioner.walk(&scope.child("captioner"), visitor)
    }
}

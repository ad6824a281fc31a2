//! A captioner while it learns.

use super::super::super::error::TrainError;
use super::super::super::trained::image;
use super::super::{Pictures, Speaker};
use crate::data::{ChannelStats, SIDE};
use crate::models::captioner::{Drops, Lesson, Sight};
use crate::nn::{Module, Scope, Visitor};
use crate::ops::{Backend, Image, Matrix};
use dfdx::prelude::*;

/// A captioner and which part of it learns. As a [`Module`] it has the weights that are trained, and the running moments
/// beside them.
pub struct Student<D: Backend> {
    pub speaker: Speaker<D>,
    /// Borrowed eyes stay as they are.
    pub frozen: bool,
}

impl<D: Backend> Student<D> {
    /// What pixels of 0 to 1 are normalised by.
    pub fn stats(&self) -> ChannelStats {
        let (mean, std) = self.speaker.preprocessing.normalise.unwrap_or(([0.0; 3], [1.0; 3]));
        ChannelStats { mean, std }
    }

    /// Pictures `(n, 32, 32, 3)` in a row as the eyes take them; `x` are the same ones normalised, for eyes that take them as
    /// they are.
    ///
    /// # Errors
    /// When the device fails.
    pub fn shown(&self, pictures: &[u8], x: Vec<f32>) -> Result<Image<D>, TrainError> {
        let preprocessing = &self.speaker.preprocessing;
        let is_scaled = preprocessing.rescale.is_some_and(|scale| (scale * 255.0 - 1.0).abs() < 1e-6);
        if !(is_scaled && preprocessing.keeps(SIDE as u32, SIDE as u32))
            && let Sight::Pictures(shown) = self.speaker.see(Pictures::Small(pictures))?
        {
            return Ok(shown);
        }
        image(self.speaker.device(), x)
    }

    /// The training pass: logits behind every input of the lesson, `(B N, vocabulary)`.
    ///
    /// # Errors
    /// When the device fails.
    pub fn train(
        &mut self,
        shown: Image<D>,
        lesson: &Lesson,
        drops: Drops,
    ) -> Result<Matrix<D, OwnedTape<f32, D>>, TrainError> {
        let sight = match &mut self.speaker.lender {
            None => Sight::Pictures(shown),
            Some(lender) if self.frozen => {
                Sight::Features(lender.infer(shown)?.into_iter().map(|map| map.leaky_traced()).collect())
            }
            Some(lender) => Sight::Features(lender.train(shown.leaky_traced())?),
        };
        self.speaker.captioner.train(sight, lesson, Some(drops)).map_err(TrainError::device)
    }
}

impl<D: Backend> Module<D> for Student<D> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        self.speaker.captioner.walk(&scope.child("captioner"), visitor)?;
        match &mut self.speaker.lender {
            Some(lender) if !self.frozen => lender.walk(&scope.child("lender"), visitor),
            _ => Ok(()),
        }
    }
}

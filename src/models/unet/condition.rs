//! What the U-Net is told beside the pictures.

use super::blocks::Maker;
use crate::nn::denoising::waves;
use crate::nn::{Embedding, Linear, Module, Scope, Visitor};
use crate::ops::{Activation, Backend, Matrix};
use dfdx::prelude::*;

/// Numbers that say time and label together.
pub const WIDTH: usize = 192;
/// Numbers that say the time as waves.
const WAVES: usize = 64;

/// Times and labels to `(B, WIDTH)`: the waves of the time through two linear layers, plus the label's row, then SiLU.
#[derive(Clone, Debug)]
pub struct Condition<D: Backend> {
    time1: Linear<D>,
    time2: Linear<D>,
    /// The last row is that of a label that is not told.
    labels: Embedding<D>,
}

impl<D: Backend> Condition<D> {
    pub fn new(make: &Maker<D>, labels: usize) -> Result<Self, D::Err> {
        let rows = (labels + 1, WIDTH);
        let table = make.draw("condition.labels", rows.0 * WIDTH, 1);
        Ok(Self {
            time1: make.linear("condition.time1", WAVES, WIDTH)?,
            time2: make.linear("condition.time2", WIDTH, WIDTH)?,
            labels: Embedding { table: make.device.try_tensor_from_vec(table, rows)? },
        })
    }

    /// # Panics
    /// When a label is unknown.
    pub fn forward<T: Tape<f32, D>>(
        &self,
        device: &D,
        times: &[f32],
        labels: &[Option<usize>],
    ) -> Result<Matrix<D, T>, D::Err> {
        let untold = self.labels.table.shape().0 - 1;
        assert!(labels.iter().flatten().all(|&label| label < untold), "UNet: an unknown label");
        let rows: Vec<usize> = labels.iter().map(|label| label.unwrap_or(untold)).collect();
        let time = device.try_tensor_from_vec(waves(times, WAVES), (times.len(), WAVES))?;
        let time = D::activate(self.time1.forward(time.put_tape(T::default()))?, Activation::Silu)?;
        let both = self.time2.forward(time)?.try_add(self.labels.rows::<T>(&rows)?)?;
        D::activate(both, Activation::Silu)
    }
}

impl<D: Backend> Module<D> for Condition<D> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        self.time1.walk(&scope.child("time1"), visitor)?;
        self.time2.walk(&scope.child("time2"), visitor)?;
        self.labels.walk(&scope.child("labels"), visitor)
    }
}

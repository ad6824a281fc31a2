//! The layers of generators and discriminators.

use super::init::normal;
use super::layers::BatchNorm;
use super::parameter::{Module, Role, Scope, Visitor};
use crate::ops::{Activation, Backend, Image, Matrix, Vector, rows};
use dfdx::prelude::*;

/// A table of vectors `(N, C)`, one a label.
#[derive(Clone, Debug)]
pub struct Embedding<D: Backend> {
    pub table: Matrix<D>,
}

impl<D: Backend> Embedding<D> {
    /// The rows of `labels`, `(B, C)`; the tape is a new one, for what they are used with to merge.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When a label has no row.
    pub fn rows<T: Tape<f32, D>>(&self, labels: &[usize]) -> Result<Matrix<D, T>, D::Err> {
        rows(self.table.retaped::<T>(), labels)
    }
}

impl<D: Backend> Module<D> for Embedding<D> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        visitor.visit(scope.child("weight").name(), Role::Bias, &mut self.table)
    }
}

/// Batch normalisation whose scale and shift are looked up by label (de Vries et al. 2017; Dumoulin et al. 2017), with
/// its activation.
#[derive(Clone, Debug)]
pub struct ConditionalNorm<D: Backend> {
    scale: Embedding<D>,
    shift: Embedding<D>,
    norm: BatchNorm<D>,
    activation: Activation,
}

impl<D: Backend> ConditionalNorm<D> {
    /// A layer of `channels` that starts as the plain normalisation for each of `labels`.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn new(device: &D, labels: usize, channels: usize, activation: Activation) -> Result<Self, D::Err> {
        Ok(Self {
            scale: Embedding { table: device.try_ones_like(&(labels, channels))? },
            shift: Embedding { table: device.try_zeros_like(&(labels, channels))? },
            norm: BatchNorm::new(device, channels, Activation::Identity)?,
            activation,
        })
    }

    /// Normalises by the batch's own moments and takes them into the running ones; one label a picture.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn train<T: Tape<f32, D>>(&mut self, x: Image<D, T>, labels: &[usize]) -> Result<Image<D, T>, D::Err> {
        let x = self.norm.train(x)?;
        D::modulate(x, self.scale.rows(labels)?, self.shift.rows(labels)?, self.activation)
    }

    /// Normalises by the running moments; one label a picture.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn infer(&self, x: Image<D>, labels: &[usize]) -> Result<Image<D>, D::Err> {
        let x = self.norm.infer(x)?;
        D::modulate(x, self.scale.rows(labels)?, self.shift.rows(labels)?, self.activation)
    }
}

impl<D: Backend> Module<D> for ConditionalNorm<D> {
    /// The normalisation's own scale and shift stay 1 and 0: the tables do their work.
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        self.scale.walk(&scope.child("scale"), visitor)?;
        self.shift.walk(&scope.child("shift"), visitor)?;
        visitor.visit(scope.child("running_mean").name(), Role::Buffer, &mut self.norm.running_mean)?;
        visitor.visit(scope.child("running_var").name(), Role::Buffer, &mut self.norm.running_variance)
    }
}

/// A weight that is used divided by its largest singular value; see [`crate::ops::SpectralOp`].
#[derive(Clone, Debug)]
pub struct Spectral<D: Backend, S: Shape> {
    pub weight: Tensor<S, f32, D>,
    u: Vector<D>,
    v: Vector<D>,
}

impl<D: Backend, S: Shape> Spectral<D, S> {
    /// Power iterations before the first step, as PyTorch takes them.
    const FIRST_ITERATIONS: usize = 15;

    /// Starts from `weight` with vectors drawn by `seed` and `name`.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn new(weight: Tensor<S, f32, D>, seed: u64, name: &str) -> Result<Self, D::Err> {
        let rows = weight.shape().concrete()[0];
        let cols = weight.shape().num_elements() / rows;
        let device = weight.device().clone();
        let u = device.try_tensor_from_vec(normal(seed, &format!("{name}.u"), rows), (rows,))?;
        let v = device.try_tensor_from_vec(normal(seed, &format!("{name}.v"), cols), (cols,))?;
        let mut spectral = Self { weight, u, v };
        for _ in 0..Self::FIRST_ITERATIONS {
            spectral.iterate()?;
        }
        Ok(spectral)
    }

    /// One power iteration.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn iterate(&mut self) -> Result<(), D::Err> {
        D::power_iteration(&self.weight, &mut self.u, &mut self.v)
    }

    /// The weight over its norm, and the tape that leads back to it; none does when `frozen`.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn normalised<T: Tape<f32, D>>(&self, frozen: bool) -> Result<(Tensor<S, f32, D>, T), D::Err> {
        if frozen {
            return Ok((D::spectral_norm(self.weight.clone(), &self.u, &self.v)?, T::default()));
        }
        Ok(D::spectral_norm(self.weight.retaped::<T>(), &self.u, &self.v)?.split_tape())
    }
}

impl<D: Backend, S: Shape> Module<D> for Spectral<D, S> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        visitor.visit(scope.child("weight").name(), Role::Weight, &mut self.weight)?;
        visitor.visit(scope.child("u").name(), Role::Buffer, &mut self.u)?;
        visitor.visit(scope.child("v").name(), Role::Buffer, &mut self.v)
    }
}

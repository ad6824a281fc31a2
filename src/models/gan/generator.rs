//! The generator.

use super::COLOURS;
use crate::nn::init::{he_normal, uniform_fan_in};
use crate::nn::{ConditionalNorm, Conv, Linear, Module, Role, Scope, Visitor};
use crate::ops::{Activation, Backend, Conv2d, Image, Matrix, rows};
use dfdx::prelude::*;

/// Noise `(B, 128)` and labels to pictures `(B, 32, 32, 3)` in -1..1.
///
/// A linear layer to 4x4 pixels, then three transposed 4x4 convolutions of stride 2, each behind a conditional batch norm
/// with ReLU, and tanh. The convolutions have no biases (Radford et al. 2016): the norms shift. The linear layer's bias is
/// the label's own: conditional norms treat all pixels alike, and so cannot tell where a label has what.
#[derive(Clone, Debug)]
pub struct Generator<D: Backend> {
    seedling: Linear<D>,
    /// What each label adds to the 4x4 pixels, `(labels, 4 * 4 * C)`.
    layout: Matrix<D>,
    stages: [Stage<D>; 3],
}

impl<D: Backend> Generator<D> {
    /// Numbers of noise a picture.
    pub const NOISE: usize = 128;
    const CHANNELS: [usize; 4] = [256, 128, 64, COLOURS];
    const FIRST_SIDE: usize = 4;

    /// A generator with the first weights of `seed`.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn new(device: &D, labels: usize, seed: u64) -> Result<Self, D::Err> {
        let [a, b, c, colours] = Self::CHANNELS;
        let (noise, outputs) = (Self::NOISE, Self::FIRST_SIDE * Self::FIRST_SIDE * a);
        let weight = he_normal(seed, "generator.seedling", outputs * noise, noise);
        let stage = |index, channels, filters| Stage::new(device, labels, seed, index, channels, filters);
        Ok(Self {
            seedling: Linear { weight: device.try_tensor_from_vec(weight, (outputs, noise))?, bias: None, relu: false },
            layout: device.try_zeros_like(&(labels, outputs))?,
            stages: [stage(0, a, b)?, stage(1, b, c)?, stage(2, c, colours)?],
        })
    }

    /// The training pass: noise `(B, 128)` and one label a row to pictures `(B, 32, 32, 3)` in -1..1. Batch norms use the
    /// batch's moments and learn the running ones.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When there are not as many labels as rows, or a label is unknown.
    pub fn train<T: Tape<f32, D>>(&mut self, noise: Matrix<D, T>, labels: &[usize]) -> Result<Image<D, T>, D::Err> {
        let mut x = self.start(noise, labels)?;
        for stage in &mut self.stages {
            let normal = stage.norm.train(x, labels)?;
            x = stage.grow(normal)?;
        }
        D::activate(x, Activation::Tanh)
    }

    /// The inference pass, by the running moments: every picture by itself. Shapes as in [`Self::train`].
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When there are not as many labels as rows, or a label is unknown.
    pub fn infer(&self, noise: Matrix<D>, labels: &[usize]) -> Result<Image<D>, D::Err> {
        let mut x = self.start(noise, labels)?;
        for stage in &self.stages {
            x = stage.grow(stage.norm.infer(x, labels)?)?;
        }
        D::activate(x, Activation::Tanh)
    }

    fn start<T: Tape<f32, D>>(&self, noise: Matrix<D, T>, labels: &[usize]) -> Result<Image<D, T>, D::Err> {
        let batch = noise.shape().0;
        let x = self.seedling.forward(noise)?.try_add(rows(self.layout.retaped::<T>(), labels)?)?;
        x.try_reshape_like(&(batch, Self::FIRST_SIDE, Self::FIRST_SIDE, Self::CHANNELS[0]))
    }
}

impl<D: Backend> Module<D> for Generator<D> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        self.seedling.walk(&scope.child("seedling"), visitor)?;
        visitor.visit(scope.child("layout").name(), Role::Bias, &mut self.layout)?;
        for (stage, name) in self.stages.iter_mut().zip(["stage1", "stage2", "stage3"]) {
            stage.norm.walk(&scope.child(name).child("norm"), visitor)?;
            stage.conv.walk(&scope.child(name).child("conv"), visitor)?;
        }
        Ok(())
    }
}

/// Norm and ReLU, then twice the pixels a side.
#[derive(Clone, Debug)]
struct Stage<D: Backend> {
    norm: ConditionalNorm<D>,
    /// `(4 O, 2, 2, C)`; see [`crate::ops::SpaceDepthOp::depth_to_space`].
    conv: Conv<D>,
}

impl<D: Backend> Stage<D> {
    fn new(
        device: &D,
        labels: usize,
        seed: u64,
        index: usize,
        channels: usize,
        filters: usize,
    ) -> Result<Self, D::Err> {
        let name = format!("generator.stage{}", index + 1);
        // Each output meets 2x2 pixels. Before tanh a smaller scale keeps the first pictures off its flat ends.
        let draw = if filters == COLOURS { uniform_fan_in } else { he_normal };
        let weight = draw(seed, &name, 16 * filters * channels, 4 * channels);
        Ok(Self {
            norm: ConditionalNorm::new(device, labels, channels, Activation::Relu)?,
            conv: Conv {
                weight: device.try_tensor_from_vec(weight, (4 * filters, 2, 2, channels))?,
                bias: None,
                spec: Conv2d { pad: 1, ..Conv2d::default() },
            },
        })
    }

    fn grow<T: Tape<f32, D>>(&self, x: Image<D, T>) -> Result<Image<D, T>, D::Err> {
        D::depth_to_space(self.conv.forward(x)?, 1)
    }
}

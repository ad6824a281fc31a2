//! The plain net.

use super::{COLOURS, SIDE};
use crate::nn::init::{he_normal, uniform_fan_in};
use crate::nn::{Conv, Linear, Module, Scope, Visitor};
use crate::ops::{Backend, Conv2d, Image, Matrix};
use dfdx::prelude::*;

/// Three times convolution, ReLU and pooling (32, 64, 128 channels: 32x32, 16x16, 8x8 pixels), then two dense layers.
#[derive(Clone, Debug)]
pub struct Plain<D: Backend> {
    convs: [Conv<D>; 3],
    hidden: Linear<D>,
    head: Linear<D>,
}

impl<D: Backend> Plain<D> {
    const CHANNELS: [usize; 3] = [32, 64, 128];
    const HIDDEN: usize = 256;

    pub fn new(device: &D, labels: usize, seed: u64) -> Result<Self, D::Err> {
        let [a, b, c] = Self::CHANNELS;
        let conv = |name, channels, filters| -> Result<Conv<D>, D::Err> {
            let weights = he_normal(seed, name, filters * 9 * channels, 9 * channels);
            let no_input_gradient = channels == COLOURS;
            let spec = Conv2d { pad: 1, relu: true, pool: true, no_input_gradient, ..Conv2d::default() };
            Ok(Conv {
                weight: device.try_tensor_from_vec(weights, (filters, 3, 3, channels))?,
                bias: Some(device.try_zeros_like(&(filters,))?),
                spec,
            })
        };
        let dense = |name, inputs, outputs, relu| -> Result<Linear<D>, D::Err> {
            let weights = if relu {
                he_normal(seed, name, outputs * inputs, inputs)
            } else {
                uniform_fan_in(seed, name, outputs * inputs, inputs)
            };
            Ok(Linear {
                weight: device.try_tensor_from_vec(weights, (outputs, inputs))?,
                bias: Some(device.try_zeros_like(&(outputs,))?),
                relu,
            })
        };
        let flat = c * (SIDE / 8) * (SIDE / 8);
        Ok(Self {
            convs: [conv("conv1", COLOURS, a)?, conv("conv2", a, b)?, conv("conv3", b, c)?],
            hidden: dense("hidden", flat, Self::HIDDEN, true)?,
            head: dense("head", Self::HIDDEN, labels, false)?,
        })
    }

    pub fn forward<T: Tape<f32, D>>(&self, x: Image<D, T>) -> Result<Matrix<D, T>, D::Err> {
        self.logits(self.features(x)?)
    }

    pub fn logits<T: Tape<f32, D>>(&self, features: Matrix<D, T>) -> Result<Matrix<D, T>, D::Err> {
        self.head.forward(features)
    }

    /// Deep and shallow; see [`super::Cnn::maps`].
    pub fn maps<T: Tape<f32, D>>(&self, x: Image<D, T>) -> Result<[Image<D, T>; 2], D::Err> {
        let [first, second, third] = &self.convs;
        let (shallow, tape) = first.forward(x)?.split_tape();
        Ok([third.forward(second.forward(shallow.clone().put_tape(tape))?)?, shallow.retaped::<T>()])
    }

    pub fn features<T: Tape<f32, D>>(&self, x: Image<D, T>) -> Result<Matrix<D, T>, D::Err> {
        let [x, _] = self.maps(x)?;
        let &(batch, height, width, channels) = x.shape();
        let x = x.try_reshape_like(&(batch, height * width * channels))?;
        self.hidden.forward(x)
    }
}

impl<D: Backend> Module<D> for Plain<D> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        for (conv, name) in self.convs.iter_mut().zip(["conv1", "conv2", "conv3"]) {
            conv.walk(&scope.child(name), visitor)?;
        }
        self.hidden.walk(&scope.child("hidden"), visitor)?;
        self.head.walk(&scope.child("head"), visitor)
    }
}

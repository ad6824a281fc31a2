//! The modern net.

use super::{COLOURS, whitening};
use crate::nn::init::{lecun_normal, pass_through, uniform_fan_in};
use crate::nn::{BatchNorm, Conv, Linear, Module, Scope, Visitor};
use crate::ops::{Activation, Backend, Conv2d, Image, Matrix};
use dfdx::prelude::*;

/// Whitening (2x2, frozen), three blocks of 48, 96 and 128 channels (31x31 to 15, 7 and 3 pixels), 3x3 max pooling, and
/// a bias-free head whose logits are divided by 9. 35 million multiplications a picture.
#[derive(Clone, Debug)]
pub struct Modern<D: Backend> {
    whitening: Conv<D>,
    blocks: [Block<D>; 3],
    head: Linear<D>,
}

impl<D: Backend> Modern<D> {
    const CHANNELS: [usize; 3] = [48, 96, 128];
    /// Keeps the first logits small, so that the head learns at the pace of the rest.
    const LOGIT_SCALE: f32 = 1.0 / 9.0;

    pub fn new(device: &D, labels: usize, seed: u64) -> Result<Self, D::Err> {
        let [a, b, c] = Self::CHANNELS;
        let block = |name, channels, filters| Block::new(device, seed, name, channels, filters);
        let head = uniform_fan_in(seed, "head", labels * c, c);
        Ok(Self {
            whitening: Conv {
                weight: device.try_zeros_like(&(whitening::FILTERS, whitening::PATCH, whitening::PATCH, COLOURS))?,
                bias: None,
                spec: Conv2d::default(),
            },
            blocks: [block("block1", whitening::FILTERS, a)?, block("block2", a, b)?, block("block3", b, c)?],
            head: Linear { weight: device.try_tensor_from_vec(head, (labels, c))?, bias: None, relu: false },
        })
    }

    /// See [`super::Cnn::untrained`].
    pub fn untrained(device: &D, labels: usize, seed: u64) -> Result<Self, D::Err> {
        let mut net = Self::new(device, labels, seed)?;
        let window = whitening::PATCH * whitening::PATCH * COLOURS;
        net.set_filters(&lecun_normal(seed, "whitening", whitening::FILTERS * window, window));
        Ok(net)
    }

    /// Sets the frozen layer, `(24, 2, 2, 3)` in a row.
    pub fn set_filters(&mut self, filters: &[f32]) {
        self.whitening.weight.copy_from(filters);
    }

    /// The frozen layer leaves no trace on the tape: nothing before it learns.
    fn whitened<T: Tape<f32, D>>(&self, x: Image<D, T>) -> Result<Image<D, T>, D::Err> {
        let (x, tape) = x.split_tape();
        let white = D::activate(self.whitening.forward(x)?, Activation::Gelu)?;
        Ok(white.put_tape(tape))
    }

    pub fn train<T: Tape<f32, D>>(&mut self, x: Image<D, T>) -> Result<Matrix<D, T>, D::Err> {
        let [x, _] = self.train_maps(x)?;
        self.logits(D::global_max_pool(x)?)
    }

    /// Deep and shallow; see [`super::Cnn::train_maps`].
    pub fn train_maps<T: Tape<f32, D>>(&mut self, x: Image<D, T>) -> Result<[Image<D, T>; 2], D::Err> {
        let x = self.whitened(x)?;
        let [first, second, third] = &mut self.blocks;
        let (shallow, tape) = second.train(first.train(x, true)?, false)?.split_tape();
        Ok([third.train(shallow.clone().put_tape(tape), false)?, shallow.retaped::<T>()])
    }

    pub fn infer(&self, x: Image<D>) -> Result<Matrix<D>, D::Err> {
        self.logits(self.features(x)?)
    }

    /// Deep and shallow; see [`super::Cnn::maps`].
    pub fn maps(&self, x: Image<D>) -> Result<[Image<D>; 2], D::Err> {
        let [first, second, third] = &self.blocks;
        let shallow = second.infer(first.infer(self.whitened(x)?)?)?;
        Ok([third.infer(shallow.clone())?, shallow])
    }

    pub fn features(&self, x: Image<D>) -> Result<Matrix<D>, D::Err> {
        let [x, _] = self.maps(x)?;
        D::global_max_pool(x)
    }

    pub fn logits<T: Tape<f32, D>>(&self, features: Matrix<D, T>) -> Result<Matrix<D, T>, D::Err> {
        self.head.forward(features)?.try_mul(Self::LOGIT_SCALE)
    }
}

impl<D: Backend> Module<D> for Modern<D> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        visitor.visit(scope.child("whitening.weight").name(), crate::nn::Role::Buffer, &mut self.whitening.weight)?;
        for (block, name) in self.blocks.iter_mut().zip(["block1", "block2", "block3"]) {
            block.walk(&scope.child(name), visitor)?;
        }
        self.head.walk(&scope.child("head"), visitor)
    }
}

/// Convolution and pooling, norm and GELU, convolution, norm and GELU. The convolutions start by passing their first
/// channels through.
#[derive(Clone, Debug)]
struct Block<D: Backend> {
    conv1: Conv<D>,
    norm1: BatchNorm<D>,
    conv2: Conv<D>,
    norm2: BatchNorm<D>,
}

impl<D: Backend> Block<D> {
    fn new(device: &D, seed: u64, name: &str, channels: usize, filters: usize) -> Result<Self, D::Err> {
        let conv = |part: &str, channels: usize, pool| -> Result<Conv<D>, D::Err> {
            let mut weights = uniform_fan_in(seed, &format!("{name}.{part}"), filters * 9 * channels, 9 * channels);
            pass_through(&mut weights, 3, channels);
            let spec = Conv2d { pad: 1, pool, ..Conv2d::default() };
            let weight = device.try_tensor_from_vec(weights, (filters, 3, 3, channels))?;
            Ok(Conv { weight, bias: None, spec })
        };
        Ok(Self {
            conv1: conv("conv1", channels, true)?,
            norm1: BatchNorm::new(device, filters, Activation::Gelu)?,
            conv2: conv("conv2", filters, false)?,
            norm2: BatchNorm::new(device, filters, Activation::Gelu)?,
        })
    }

    /// `first`: nothing before this block learns, so that its input needs no gradient.
    fn train<T: Tape<f32, D>>(&mut self, x: Image<D, T>, first: bool) -> Result<Image<D, T>, D::Err> {
        let spec = Conv2d { no_input_gradient: first, ..self.conv1.spec };
        let x = D::conv2d(x, &self.conv1.weight, None, spec)?;
        let x = self.norm1.train(x)?;
        self.norm2.train(self.conv2.forward(x)?)
    }

    fn infer(&self, x: Image<D>) -> Result<Image<D>, D::Err> {
        let x = self.norm1.infer(self.conv1.forward(x)?)?;
        self.norm2.infer(self.conv2.forward(x)?)
    }
}

impl<D: Backend> Module<D> for Block<D> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        self.conv1.walk(&scope.child("conv1"), visitor)?;
        self.norm1.walk(&scope.child("norm1"), visitor)?;
        self.conv2.walk(&scope.child("conv2"), visitor)?;
        self.norm2.walk(&scope.child("norm2"), visitor)
    }
}

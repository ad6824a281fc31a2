//! Convolutional classifiers of 32x32 pictures: the article's kind of net, and a modern small one.
//!
//! Sources: the plain net is the conv-pool-dense stack of introductory texts; the modern one follows
//! K. Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU" (2024) and its code, cifar10-airbench, at about a
//! tenth of its width: a frozen whitening layer, three blocks of two convolutions, no biases but the norms'.

use super::whitening;
use crate::nn::init::{he_normal, pass_through, uniform_fan_in};
use crate::nn::{BatchNorm, Conv, Linear, Module, Scope, Visitor};
use crate::ops::{Activation, Backend, Conv2d, Image, Matrix};
use dfdx::prelude::*;

/// Which net.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CnnKind {
    Plain,
    Modern,
}

/// A classifier: pictures `(B, 32, 32, 3)`, normalised a channel, to logits `(B, labels)`.
#[derive(Clone, Debug)]
pub enum Cnn<D: Backend> {
    Plain(Box<Plain<D>>),
    Modern(Box<Modern<D>>),
}

impl<D: Backend> Cnn<D> {
    /// A net with the first weights of `seed`. Its whitening filters are zero until [`Self::whiten`] or a checkpoint
    /// sets them.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn new(device: &D, kind: CnnKind, labels: usize, seed: u64) -> Result<Self, D::Err> {
        Ok(match kind {
            CnnKind::Plain => Self::Plain(Box::new(Plain::new(device, labels, seed)?)),
            CnnKind::Modern => Self::Modern(Box::new(Modern::new(device, labels, seed)?)),
        })
    }

    /// Sets the frozen first layer from training pictures `(n, 32, 32, 3)` in a row, where the net has one.
    pub fn whiten(&mut self, pictures: &[f32]) {
        if let Self::Modern(net) = self {
            net.whitening.weight.copy_from(&whitening::filters(pictures, SIDE));
        }
    }

    /// The training pass: batch norms use the batch's moments and learn the running ones.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn train<T: Tape<f32, D>>(&mut self, x: Image<D, T>) -> Result<Matrix<D, T>, D::Err> {
        match self {
            Self::Plain(net) => net.forward(x),
            Self::Modern(net) => net.train(x),
        }
    }

    /// The inference pass: every picture by itself.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn infer(&self, x: Image<D>) -> Result<Matrix<D>, D::Err> {
        match self {
            Self::Plain(net) => net.forward(x),
            Self::Modern(net) => net.infer(x),
        }
    }

    /// The inference pass with what the head reads: features `(B, F)` and logits `(B, labels)`. F is 256 in the plain
    /// net, 128 in the modern one.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn look(&self, x: Image<D>) -> Result<(Matrix<D>, Matrix<D>), D::Err> {
        let (features, logits) = match self {
            Self::Plain(net) => {
                let features = net.features(x)?;
                (features.clone(), net.head.forward(features)?)
            }
            Self::Modern(net) => {
                let features = net.features(x)?;
                (features.clone(), net.logits(features)?)
            }
        };
        Ok((features, logits))
    }
}

impl<D: Backend> Module<D> for Cnn<D> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        match self {
            Self::Plain(net) => net.walk(scope, visitor),
            Self::Modern(net) => net.walk(scope, visitor),
        }
    }
}

/// The side of the pictures that both nets take.
pub const SIDE: usize = 32;
const COLOURS: usize = 3;

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

    fn new(device: &D, labels: usize, seed: u64) -> Result<Self, D::Err> {
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

    fn forward<T: Tape<f32, D>>(&self, x: Image<D, T>) -> Result<Matrix<D, T>, D::Err> {
        self.head.forward(self.features(x)?)
    }

    fn features<T: Tape<f32, D>>(&self, x: Image<D, T>) -> Result<Matrix<D, T>, D::Err> {
        let [first, second, third] = &self.convs;
        let x = third.forward(second.forward(first.forward(x)?)?)?;
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

    fn new(device: &D, labels: usize, seed: u64) -> Result<Self, D::Err> {
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

    /// The frozen layer leaves no trace on the tape: nothing before it learns.
    fn whitened<T: Tape<f32, D>>(&self, x: Image<D, T>) -> Result<Image<D, T>, D::Err> {
        let (x, tape) = x.split_tape();
        let white = D::activate(self.whitening.forward(x)?, Activation::Gelu)?;
        Ok(white.put_tape(tape))
    }

    fn train<T: Tape<f32, D>>(&mut self, x: Image<D, T>) -> Result<Matrix<D, T>, D::Err> {
        let mut x = self.whitened(x)?;
        for (index, block) in self.blocks.iter_mut().enumerate() {
            x = block.train(x, index == 0)?;
        }
        self.logits(D::global_max_pool(x)?)
    }

    fn infer(&self, x: Image<D>) -> Result<Matrix<D>, D::Err> {
        self.logits(self.features(x)?)
    }

    fn features(&self, x: Image<D>) -> Result<Matrix<D>, D::Err> {
        let mut x = self.whitened(x)?;
        for block in &self.blocks {
            x = block.infer(x)?;
        }
        D::global_max_pool(x)
    }

    fn logits<T: Tape<f32, D>>(&self, features: Matrix<D, T>) -> Result<Matrix<D, T>, D::Err> {
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

//! What the U-Net is built of.

use super::condition::WIDTH;
use crate::nn::init::lecun_normal;
use crate::nn::{Conv, GroupNorm, Linear, Module, Scope, SelfAttention, Visitor};
use crate::ops::{Activation, Backend, Conv2d, Image, Matrix, Vector};
use dfdx::prelude::*;

/// Groups of every normalisation: 6 channels at 16x16, 12 at 8x8, 16 at 4x4; none has channels of both pictures of a skip
/// connection.
const GROUPS: usize = 8;
/// Heads of the attention, 32 channels each.
const HEADS: usize = 3;

/// Makes layers with their first weights, drawn by seed and name.
pub struct Maker<'a, D: Backend> {
    pub device: &'a D,
    seed: u64,
}

impl<'a, D: Backend> Maker<'a, D> {
    pub fn new(device: &'a D, seed: u64) -> Self {
        Self { device, seed }
    }

    /// Numbers that keep the size of what passes a layer of `fan_in` inputs.
    pub fn draw(&self, name: &str, count: usize, fan_in: usize) -> Vec<f32> {
        lecun_normal(self.seed, &format!("unet.{name}"), count, fan_in)
    }

    fn zeros(&self, channels: usize) -> Result<Vector<D>, D::Err> {
        self.device.try_zeros_like(&(channels,))
    }

    /// A convolution that keeps the sides of its pictures, with a bias.
    pub fn conv(&self, name: &str, kernel: usize, channels: usize, filters: usize) -> Result<Conv<D>, D::Err> {
        let window = kernel * kernel * channels;
        let weight = self.draw(name, filters * window, window);
        Ok(Conv {
            weight: self.device.try_tensor_from_vec(weight, (filters, kernel, kernel, channels))?,
            bias: Some(self.zeros(filters)?),
            spec: Conv2d { pad: kernel / 2, ..Conv2d::default() },
        })
    }

    /// The same, giving zeros until it has learned.
    pub fn zero_conv(&self, kernel: usize, channels: usize, filters: usize) -> Result<Conv<D>, D::Err> {
        Ok(Conv {
            weight: self.device.try_zeros_like(&(filters, kernel, kernel, channels))?,
            bias: Some(self.zeros(filters)?),
            spec: Conv2d { pad: kernel / 2, ..Conv2d::default() },
        })
    }

    pub fn linear(&self, name: &str, inputs: usize, outputs: usize) -> Result<Linear<D>, D::Err> {
        let weight = self.draw(name, outputs * inputs, inputs);
        Ok(Linear {
            weight: self.device.try_tensor_from_vec(weight, (outputs, inputs))?,
            bias: Some(self.zeros(outputs)?),
            relu: false,
        })
    }

    pub fn norm(&self, channels: usize, activation: Activation) -> Result<GroupNorm<D>, D::Err> {
        GroupNorm::new(self.device, channels, GROUPS, activation)
    }

    pub fn attention(&self, name: &str, channels: usize) -> Result<SelfAttention<D>, D::Err> {
        let conv = |part| self.conv(&format!("{name}.{part}"), 1, channels, channels);
        Ok(SelfAttention {
            norm: self.norm(channels, Activation::Identity)?,
            queries: conv("queries")?,
            keys: Conv { bias: None, ..conv("keys")? },
            values: conv("values")?,
            out: self.zero_conv(1, channels, channels)?,
            heads: HEADS,
        })
    }
}

/// Two 3x3 convolutions around which the input passes, each behind a normalisation with SiLU, the second one's scales and
/// shifts being told by the condition (Dhariwal and Nichol 2021, section 3).
#[derive(Clone, Debug)]
pub struct ResBlock<D: Backend> {
    norm1: GroupNorm<D>,
    conv1: Conv<D>,
    modulation: Linear<D>,
    norm2: GroupNorm<D>,
    conv2: Conv<D>,
    /// 1x1, where the channels change.
    shortcut: Option<Conv<D>>,
}

impl<D: Backend> ResBlock<D> {
    pub fn new(make: &Maker<D>, name: &str, channels: usize, filters: usize) -> Result<Self, D::Err> {
        let part = |part| format!("{name}.{part}");
        let shortcut = (channels != filters).then(|| make.conv(&part("shortcut"), 1, channels, filters));
        Ok(Self {
            norm1: make.norm(channels, Activation::Silu)?,
            conv1: make.conv(&part("conv1"), 3, channels, filters)?,
            modulation: make.linear(&part("modulation"), WIDTH, 2 * filters)?,
            norm2: make.norm(filters, Activation::Silu)?,
            conv2: make.zero_conv(3, filters, filters)?,
            shortcut: shortcut.transpose()?,
        })
    }

    /// `x (B, H, W, C)` to `(B, H, W, O)`; `condition (B, WIDTH)`, whose tape must be in that of `x`.
    pub fn forward<T: Tape<f32, D>>(&self, x: Image<D, T>, condition: &Matrix<D>) -> Result<Image<D, T>, D::Err> {
        let modulation = self.modulation.forward(condition.retaped::<T>())?;
        let (onto, tape) = x.split_tape();
        let y = self.conv1.forward(self.norm1.forward(onto.clone().put_tape(tape), None)?)?;
        let y = self.norm2.forward(y, Some(modulation))?;
        let onto = match &self.shortcut {
            Some(shortcut) => shortcut.forward(onto.retaped::<T>())?,
            None => onto.retaped::<T>(),
        };
        self.conv2.forward_onto(onto, y)
    }
}

impl<D: Backend> Module<D> for ResBlock<D> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        self.norm1.walk(&scope.child("norm1"), visitor)?;
        self.conv1.walk(&scope.child("conv1"), visitor)?;
        self.modulation.walk(&scope.child("modulation"), visitor)?;
        self.norm2.walk(&scope.child("norm2"), visitor)?;
        self.conv2.walk(&scope.child("conv2"), visitor)?;
        self.shortcut.as_mut().map_or(Ok(()), |shortcut| shortcut.walk(&scope.child("shortcut"), visitor))
    }
}

/// A residual block at half the side, with channels of its own: little work for many weights, and the whole picture in
/// sight.
#[derive(Clone, Debug)]
pub struct Deep<D: Backend> {
    merge: Conv<D>,
    block: ResBlock<D>,
    split: Conv<D>,
    mix: Conv<D>,
}

impl<D: Backend> Deep<D> {
    const CHANNELS: usize = 128;

    pub fn new(make: &Maker<D>, name: &str, channels: usize) -> Result<Self, D::Err> {
        let part = |part| format!("{name}.{part}");
        Ok(Self {
            merge: make.conv(&part("merge"), 1, 4 * channels, Self::CHANNELS)?,
            block: ResBlock::new(make, &part("block"), Self::CHANNELS, Self::CHANNELS)?,
            split: make.conv(&part("split"), 1, Self::CHANNELS, 2 * channels)?,
            mix: make.zero_conv(1, channels / 2, channels)?,
        })
    }

    /// `x (B, H, W, C)` to the same shape; `condition` as in [`ResBlock::forward`].
    pub fn forward<T: Tape<f32, D>>(&self, x: Image<D, T>, condition: &Matrix<D>) -> Result<Image<D, T>, D::Err> {
        let (onto, tape) = x.split_tape();
        let x = self.merge.forward(D::space_to_depth(onto.clone().put_tape(tape), 0)?)?;
        let x = self.split.forward(self.block.forward(x, condition)?)?;
        self.mix.forward_onto(onto.retaped::<T>(), D::depth_to_space(x, 0)?)
    }
}

impl<D: Backend> Module<D> for Deep<D> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        self.merge.walk(&scope.child("merge"), visitor)?;
        self.block.walk(&scope.child("block"), visitor)?;
        self.split.walk(&scope.child("split"), visitor)?;
        self.mix.walk(&scope.child("mix"), visitor)
    }
}

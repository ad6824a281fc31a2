//! The modern net.

use super::{COLOURS, whitening};
use crate::nn::init::{lecun_normal, pass_through, uniform_fan_in};
use crate::nn::{BatchNorm, Conv, Linear, Module, Scope, Visitor};
use crate::ops::{Activation, Backend, Conv2d, Image, Matrix, host::read};
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
        let white = self.whitened(x)?;
        let deep = self.train_deep(white)?;
        self.logits(D::global_max_pool(deep)?)
    }

    fn train_deep<T: Tape<f32, D>>(&mut self, white: Image<D, T>) -> Result<Image<D, T>, D::Err> {
        let [first, second, third] = &mut self.blocks;
        third.train(second.train(first.train(white, true)?, false)?, false)
    }

    /// Deep and shallow; see [`super::Cnn::train_maps`].
    pub fn train_maps<T: Tape<f32, D>>(&mut self, x: Image<D, T>) -> Result<[Image<D, T>; 2], D::Err> {
        let (white, tape) = self.whitened(x)?.split_tape();
        let shallow = palette(&white)?.put_tape(T::default());
        Ok([self.train_deep(white.put_tape(tape))?, shallow])
    }

    pub fn infer(&self, x: Image<D>) -> Result<Matrix<D>, D::Err> {
        self.logits(self.features(x)?)
    }

    fn deep(&self, white: Image<D>) -> Result<Image<D>, D::Err> {
        self.blocks.iter().try_fold(white, |x, block| block.infer(x))
    }

    /// Deep and shallow; see [`super::Cnn::maps`].
    pub fn maps(&self, x: Image<D>) -> Result<[Image<D>; 2], D::Err> {
        let white = self.whitened(x)?;
        let shallow = palette(&white)?;
        Ok([self.deep(white)?, shallow])
    }

    pub fn features(&self, x: Image<D>) -> Result<Matrix<D>, D::Err> {
        D::global_max_pool(self.deep(self.whitened(x)?)?)
    }

    pub fn logits<T: Tape<f32, D>>(&self, features: Matrix<D, T>) -> Result<Matrix<D, T>, D::Err> {
        self.head.forward(features)?.try_mul(Self::LOGIT_SCALE)
    }
}

/// One more channel of every pixel of a palette. Who normalises the channels of a token divides by their size, and could no
/// longer tell white from grey; beside a large number that never changes their sizes stay known.
const STEADY: f32 = 3.0;

/// Whitened pictures `(B, 31, 31, C)` as a map of their colours, `(B, 16, 16, C + 1)`: the means of 2x2 pixels, of fewer in
/// the first row and column, and [`STEADY`]. Behind the blocks hardly any colour is left.
///
/// Matches `torch.nn.functional.avg_pool2d(x, 2, padding=1, count_include_pad=False)`.
fn palette<D: Backend>(white: &Image<D>) -> Result<Image<D>, D::Err> {
    let &(batch, height, width, channels) = white.shape();
    let (rows, columns) = (height / 2 + 1, width / 2 + 1);
    let both = |at: usize| (2 * at).saturating_sub(1)..=2 * at;
    let mut map = Vec::with_capacity(batch * rows * columns * (channels + 1));
    for picture in read(white).chunks_exact(height * width * channels) {
        for (i, j) in (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j))) {
            let pixels = both(i).flat_map(|y| both(j).map(move |x| (y * width + x) * channels));
            let share = 1.0 / (both(i).count() * both(j).count()) as f32;
            let mut mean = vec![0.0; channels];
            for start in pixels {
                mean.iter_mut().zip(&picture[start..]).for_each(|(mean, x)| *mean += share * x);
            }
            map.extend(mean);
            map.push(STEADY);
        }
    }
    white.device().try_tensor_from_vec(map, (batch, rows, columns, channels + 1))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{assert_close, tensor};

    /// ```python
    /// x = (torch.arange(5)[:, None] * 10.0 + torch.arange(5))[None, None]
    /// torch.nn.functional.avg_pool2d(x, 2, padding=1, count_include_pad=False)
    /// ```
    #[test]
    fn a_palette_has_the_means_of_all_pixels() {
        let white: Vec<f32> = (0..25).flat_map(|i| [(i / 5 * 10 + i % 5) as f32, 1.0]).collect();
        let map = palette::<Cpu>(&tensor(&white, (1, 5, 5, 2))).unwrap();
        assert_eq!(*map.shape(), (1, 3, 3, 3));
        let due = [0.0, 1.5, 3.5, 15.0, 16.5, 18.5, 35.0, 36.5, 38.5].map(|mean| [mean, 1.0, STEADY]);
        assert_close("palette", &read(&map), due.as_flattened(), 1e-6);
    }
}

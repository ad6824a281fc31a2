//! The discriminator.

use super::COLOURS;
use crate::nn::init::{he_normal, uniform_fan_in};
use crate::nn::{Linear, Module, Role, Scope, Spectral, Visitor};
use crate::ops::{Backend, Conv2d, Image, Matrix, Vector, rows};
use dfdx::prelude::*;

/// What the discriminator says of each picture.
///
/// The tape of the trunk, all that both have in common, is on `realness`: a loss of `logits` is to be added to one of
/// `realness` before the backward pass.
pub struct Verdict<D: Backend, T> {
    /// How real the picture looks as one of its label, `(B)`; hinge losses put the border at 0.
    pub realness: Vector<D, T>,
    /// `(B, labels)`.
    pub logits: Matrix<D, T>,
}

/// Pictures `(B, 32, 32, 3)` in -1..1 to a [`Verdict`].
///
/// A 3x3 convolution, three 4x4 convolutions of stride 2 down to 4x4 pixels, leaky ReLU behind each, and the sum over the
/// pixels. Every layer but the label head is spectrally normalised. The sum, as in Miyato et al., not the mean: a
/// normalised layer cannot make up for the lost scale, and realness would hardly reach the hinge's margin.
#[derive(Clone, Debug)]
pub struct Discriminator<D: Backend> {
    convs: [SpectralConv<D>; 4],
    realness: Spectral<D, (usize, usize)>,
    realness_bias: Vector<D>,
    projection: Spectral<D, (usize, usize)>,
    head: Linear<D>,
}

impl<D: Backend> Discriminator<D> {
    const CHANNELS: [usize; 4] = [32, 64, 128, 256];

    /// A discriminator with the first weights of `seed`.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn new(device: &D, labels: usize, seed: u64) -> Result<Self, D::Err> {
        let [a, b, c, d] = Self::CHANNELS;
        let conv = |index, kernel, channels, filters| SpectralConv::new(device, seed, index, kernel, channels, filters);
        let matrix = |name: &str, rows| -> Result<Matrix<D>, D::Err> {
            let weight = uniform_fan_in(seed, &format!("discriminator.{name}"), rows * d, d);
            device.try_tensor_from_vec(weight, (rows, d))
        };
        Ok(Self {
            convs: [conv(0, 3, COLOURS, a)?, conv(1, 2, 4 * a, b)?, conv(2, 2, 4 * b, c)?, conv(3, 2, 4 * c, d)?],
            realness: Spectral::new(matrix("realness", 1)?, seed, "discriminator.realness")?,
            realness_bias: device.try_zeros_like(&(1,))?,
            projection: Spectral::new(matrix("projection", labels)?, seed, "discriminator.projection")?,
            head: Linear {
                weight: matrix("head", labels)?,
                bias: Some(device.try_zeros_like(&(labels,))?),
                relu: false,
            },
        })
    }

    /// One power iteration a layer (Miyato et al. 2018, algorithm 1), due once a training step.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn iterate_norms(&mut self) -> Result<(), D::Err> {
        for conv in &mut self.convs {
            conv.weight.iterate()?;
        }
        self.realness.iterate()?;
        self.projection.iterate()
    }

    /// Judges pictures `(B, 32, 32, 3)` as ones of `labels`, one a picture.
    ///
    /// Gradients flow either way, not both: to the pictures alone when `frozen` (the generator's step), else to the
    /// weights alone.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When there are not as many labels as pictures, or a label is unknown.
    pub fn judge<T: Tape<f32, D>>(
        &self,
        x: Image<D, T>,
        labels: &[usize],
        frozen: bool,
    ) -> Result<Verdict<D, T>, D::Err> {
        assert_eq!(x.shape().0, labels.len(), "judge: one label a picture");
        let (features, trunk) = self.features(x, frozen)?.split_tape();
        let again = || features.retaped::<T>();
        let (weight, weight_tape) = self.realness.normalised::<T>(frozen)?;
        let linear = Linear { weight, bias: Some(self.realness_bias.clone()), relu: false };
        let linear = if frozen { linear.detached()? } else { linear };
        let plain = linear.forward(features.clone().put_tape(trunk.merge(weight_tape)))?;
        let (table, table_tape) = self.projection.normalised::<T>(frozen)?;
        let projected = rows(table.put_tape(table_tape), labels)?.try_mul(again())?.try_sum::<_, Axis<1>>()?;
        let realness = plain.try_reshape_like(&(labels.len(),))?.try_add(projected)?;
        let logits = if frozen { self.head.detached()?.forward(again())? } else { self.head.forward(again())? };
        Ok(Verdict { realness, logits })
    }

    /// The label head's logits `(B, labels)` for pictures `(B, 32, 32, 3)` in -1..1.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn label(&self, x: Image<D>) -> Result<Matrix<D>, D::Err> {
        self.head.forward(self.features(x, true)?)
    }

    /// `(B, 256)`.
    fn features<T: Tape<f32, D>>(&self, mut x: Image<D, T>, frozen: bool) -> Result<Matrix<D, T>, D::Err> {
        for (index, conv) in self.convs.iter().enumerate() {
            x = conv.forward(x, index == 0, frozen)?;
        }
        let &(_, height, width, _) = x.shape();
        D::global_avg_pool(x)?.try_mul((height * width) as f32)
    }
}

impl<D: Backend> Module<D> for Discriminator<D> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        for (conv, name) in self.convs.iter_mut().zip(["conv1", "conv2", "conv3", "conv4"]) {
            conv.weight.walk(&scope.child(name), visitor)?;
            visitor.visit(scope.child(name).child("bias").name(), Role::Bias, &mut conv.bias)?;
        }
        let realness = scope.child("realness");
        self.realness.walk(&realness, visitor)?;
        visitor.visit(realness.child("bias").name(), Role::Bias, &mut self.realness_bias)?;
        self.projection.walk(&scope.child("projection"), visitor)?;
        self.head.walk(&scope.child("head"), visitor)
    }
}

/// A spectrally normalised convolution with leaky ReLU.
#[derive(Clone, Debug)]
struct SpectralConv<D: Backend> {
    /// `(O, 3, 3, 3)` of the first, else `(O, 2, 2, 4 C)`; see [`Conv2d::squares`].
    weight: Spectral<D, (usize, usize, usize, usize)>,
    bias: Vector<D>,
}

impl<D: Backend> SpectralConv<D> {
    fn new(
        device: &D,
        seed: u64,
        index: usize,
        kernel: usize,
        channels: usize,
        filters: usize,
    ) -> Result<Self, D::Err> {
        let name = format!("discriminator.conv{}", index + 1);
        let window = kernel * kernel * channels;
        let weight = he_normal(seed, &name, filters * window, window);
        let weight = device.try_tensor_from_vec(weight, (filters, kernel, kernel, channels))?;
        Ok(Self { weight: Spectral::new(weight, seed, &name)?, bias: device.try_zeros_like(&(filters,))? })
    }

    fn forward<T: Tape<f32, D>>(&self, x: Image<D, T>, first: bool, frozen: bool) -> Result<Image<D, T>, D::Err> {
        let (weight, weight_tape) = self.weight.normalised::<T>(frozen)?;
        let (x, tape) = x.split_tape();
        let spec = Conv2d {
            pad: usize::from(first),
            leaky: true,
            squares: !first,
            no_input_gradient: first && !frozen,
            no_weight_gradient: frozen,
            ..Conv2d::default()
        };
        D::conv2d(x.put_tape(tape.merge(weight_tape)), &weight, Some(&self.bias), spec)
    }
}

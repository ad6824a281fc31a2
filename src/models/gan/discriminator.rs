//! The discriminator.

use super::COLOURS;
use super::label_head::LabelHead;
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
/// The trunk is a 3x3 convolution and two 4x4 convolutions of stride 2 down to 8x8 pixels, each with leaky ReLU. One
/// more such convolution and the sum over its pixels tell how real a picture is; a [`LabelHead`] on the same trunk names
/// it. All but the label head is spectrally normalised. The sum, as in Miyato et al., not the mean: a normalised layer
/// cannot make up for the lost scale, and realness would hardly reach the hinge's margin.
#[derive(Clone, Debug)]
pub struct Discriminator<D: Backend> {
    trunk: [SpectralConv<D>; 3],
    last: SpectralConv<D>,
    realness: Spectral<D, (usize, usize)>,
    realness_bias: Vector<D>,
    projection: Spectral<D, (usize, usize)>,
    head: LabelHead<D>,
}

impl<D: Backend> Discriminator<D> {
    const CHANNELS: [usize; 4] = [32, 64, 128, 96];

    /// A discriminator with the first weights of `seed`.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn new(device: &D, labels: usize, seed: u64) -> Result<Self, D::Err> {
        let [a, b, c, d] = Self::CHANNELS;
        let conv = |index, kernel, channels, filters| SpectralConv::new(device, seed, index, kernel, channels, filters);
        let matrix = |name: &str, rows| -> Result<Spectral<D, (usize, usize)>, D::Err> {
            let name = format!("discriminator.{name}");
            let weight = device.try_tensor_from_vec(uniform_fan_in(seed, &name, rows * d, d), (rows, d))?;
            Spectral::new(weight, seed, &name)
        };
        Ok(Self {
            trunk: [conv(0, 3, COLOURS, a)?, conv(1, 2, 4 * a, b)?, conv(2, 2, 4 * b, c)?],
            last: conv(3, 2, 4 * c, d)?,
            realness: matrix("realness", 1)?,
            realness_bias: device.try_zeros_like(&(1,))?,
            projection: matrix("projection", labels)?,
            head: LabelHead::new(device, c, labels, seed)?,
        })
    }

    /// One power iteration a layer (Miyato et al. 2018, algorithm 1), due once a training step.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn iterate_norms(&mut self) -> Result<(), D::Err> {
        self.convs().try_for_each(|conv| conv.weight.iterate())?;
        self.realness.iterate()?;
        self.projection.iterate()
    }

    /// Finds the norms of weights that came by another way than one training step, such as averaged ones: an average of
    /// the vectors of a power iteration, whose sign is free, fits no weight.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn settle_norms(&mut self) -> Result<(), D::Err> {
        self.convs().try_for_each(|conv| conv.weight.settle())?;
        self.realness.settle()?;
        self.projection.settle()
    }

    fn convs(&mut self) -> impl Iterator<Item = &mut SpectralConv<D>> {
        self.trunk.iter_mut().chain([&mut self.last])
    }

    /// The training pass over real pictures `(B, 32, 32, 3)` of `labels`, one a picture. Gradients flow to the weights,
    /// not to the pictures. The label head's batch norm uses the batch's moments and learns the running ones.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When there are not as many labels as pictures, or a label is unknown.
    pub fn study<T: Tape<f32, D>>(&mut self, x: Image<D, T>, labels: &[usize]) -> Result<Verdict<D, T>, D::Err> {
        let (features, tape) = self.features(x, false)?.split_tape();
        let logits = self.head.train(features.retaped::<T>())?;
        Ok(Verdict { realness: self.realness_of(features.put_tape(tape), labels, false)?, logits })
    }

    /// The training pass over made pictures, which are not to be named: their realness `(B)`; else as [`Self::study`].
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When there are not as many labels as pictures, or a label is unknown.
    pub fn suspect<T: Tape<f32, D>>(&self, x: Image<D, T>, labels: &[usize]) -> Result<Vector<D, T>, D::Err> {
        self.realness_of(self.features(x, false)?, labels, false)
    }

    /// Judges pictures as ones of `labels`, every picture by itself. Gradients flow to the pictures, not to the weights.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When there are not as many labels as pictures, or a label is unknown.
    pub fn judge<T: Tape<f32, D>>(&self, x: Image<D, T>, labels: &[usize]) -> Result<Verdict<D, T>, D::Err> {
        let (features, tape) = self.features(x, true)?.split_tape();
        let logits = self.head.frozen(features.retaped::<T>())?;
        Ok(Verdict { realness: self.realness_of(features.put_tape(tape), labels, true)?, logits })
    }

    /// The label head's logits `(B, labels)` for pictures `(B, 32, 32, 3)` in -1..1, every picture by itself.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn label(&self, x: Image<D>) -> Result<Matrix<D>, D::Err> {
        self.head.frozen(self.features(x, true)?)
    }

    /// The parts of the net that [`Self::maps`] do not pass: what tells how real a picture is, and the names of labels.
    pub const BEYOND_MAPS: &[&str] = &["conv4", "realness", "projection", "head.weight", "head.bias"];

    /// The map that names are read from, `(B, 4, 4, 112)`, and a map of the trunk, `(B, 16, 16, 64)`, of pictures
    /// `(B, 32, 32, 3)` in -1..1, every picture by itself.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn maps(&self, x: Image<D>) -> Result<[Image<D>; 2], D::Err> {
        let fine = self.fine(x, true)?;
        Ok([self.head.frozen_map(self.coarse(fine.clone(), true)?)?, fine])
    }

    /// The maps of the training pass, the tape on the first of them, after one power iteration of each layer that they
    /// pass. Gradients flow to the weights; the label head's batch norm uses the batch's moments and learns the running
    /// ones.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn train_maps<T: Tape<f32, D>>(&mut self, x: Image<D, T>) -> Result<[Image<D, T>; 2], D::Err> {
        self.trunk.iter_mut().try_for_each(|conv| conv.weight.iterate())?;
        let (fine, tape) = self.fine(x, false)?.split_tape();
        let features = self.coarse(fine.clone().put_tape(tape), false)?;
        Ok([self.head.train_map(features)?, fine.retaped::<T>()])
    }

    /// What both heads look at, `(B, 8, 8, 128)`.
    fn features<T: Tape<f32, D>>(&self, x: Image<D, T>, frozen: bool) -> Result<Image<D, T>, D::Err> {
        self.coarse(self.fine(x, frozen)?, frozen)
    }

    /// The trunk but for its last layer: `(B, 16, 16, 64)`.
    fn fine<T: Tape<f32, D>>(&self, x: Image<D, T>, frozen: bool) -> Result<Image<D, T>, D::Err> {
        let [first, second, _] = &self.trunk;
        second.forward(first.forward(x, true, frozen)?, false, frozen)
    }

    /// The trunk's last layer.
    fn coarse<T: Tape<f32, D>>(&self, fine: Image<D, T>, frozen: bool) -> Result<Image<D, T>, D::Err> {
        let [.., last] = &self.trunk;
        last.forward(fine, false, frozen)
    }

    fn realness_of<T: Tape<f32, D>>(
        &self,
        features: Image<D, T>,
        labels: &[usize],
        frozen: bool,
    ) -> Result<Vector<D, T>, D::Err> {
        assert_eq!(features.shape().0, labels.len(), "realness: one label a picture");
        let x = self.last.forward(features, false, frozen)?;
        let &(_, height, width, _) = x.shape();
        let (sums, tape) = D::global_avg_pool(x)?.try_mul((height * width) as f32)?.split_tape();
        let (weight, weight_tape) = self.realness.normalised::<T>(frozen)?;
        let linear = Linear { weight, bias: Some(self.realness_bias.clone()), relu: false };
        let linear = if frozen { linear.detached()? } else { linear };
        let plain = linear.forward(sums.clone().put_tape(tape.merge(weight_tape)))?;
        let (table, table_tape) = self.projection.normalised::<T>(frozen)?;
        let projected = rows(table.put_tape(table_tape), labels)?.try_mul(sums.retaped::<T>())?;
        plain.try_reshape_like(&(labels.len(),))?.try_add(projected.try_sum::<_, Axis<1>>()?)
    }
}

impl<D: Backend> Module<D> for Discriminator<D> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        for (conv, name) in self.convs().zip(["conv1", "conv2", "conv3", "conv4"]) {
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

//! A class-conditional generator of 32x32 pictures and the discriminator that it learns from.
//!
//! Sources: the nets are those of Miyato et al. 2018 ("Spectral Normalization for Generative Adversarial Networks",
//! table 3) with 4x4 convolutions of stride 2 throughout; the discriminator's label enters by projection (Miyato and
//! Koyama 2018, "cGANs with Projection Discriminator", equation 3), the generator's by conditional batch norm. A label
//! head beside the realness score (Odena et al. 2017) names what a picture shows.

use crate::nn::init::{he_normal, uniform_fan_in};
use crate::nn::{ConditionalNorm, Conv, Linear, Module, Role, Scope, Spectral, Visitor};
use crate::ops::{Activation, Backend, Conv2d, Image, Matrix, Vector, rows};
use dfdx::prelude::*;

const COLOURS: usize = 3;

/// Noise `(B, 128)` and labels to pictures `(B, 32, 32, 3)` in -1..1.
///
/// A linear layer to 4x4 pixels, then three transposed 4x4 convolutions of stride 2, each behind a conditional batch norm
/// with ReLU, and tanh. The convolutions have no biases (Radford et al. 2016): the norms shift.
#[derive(Clone, Debug)]
pub struct Generator<D: Backend> {
    seedling: Linear<D>,
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
            seedling: Linear {
                weight: device.try_tensor_from_vec(weight, (outputs, noise))?,
                bias: Some(device.try_zeros_like(&(outputs,))?),
                relu: false,
            },
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
        let mut x = self.start(noise)?;
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
        let mut x = self.start(noise)?;
        for stage in &self.stages {
            x = stage.grow(stage.norm.infer(x, labels)?)?;
        }
        D::activate(x, Activation::Tanh)
    }

    fn start<T: Tape<f32, D>>(&self, noise: Matrix<D, T>) -> Result<Image<D, T>, D::Err> {
        let batch = noise.shape().0;
        let x = self.seedling.forward(noise)?;
        x.try_reshape_like(&(batch, Self::FIRST_SIDE, Self::FIRST_SIDE, Self::CHANNELS[0]))
    }
}

impl<D: Backend> Module<D> for Generator<D> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        self.seedling.walk(&scope.child("seedling"), visitor)?;
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
            if index > 0 {
                x = D::space_to_depth(x, 1)?;
            }
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
    /// `(O, 3, 3, 3)` of the first, else `(O, 2, 2, 4 C)`; see [`crate::ops::SpaceDepthOp::space_to_depth`].
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
            no_input_gradient: first && !frozen,
            no_weight_gradient: frozen,
            ..Conv2d::default()
        };
        let y = D::conv2d(x.put_tape(tape.merge(weight_tape)), &weight, Some(&self.bias), spec)?;
        D::activate(y, Activation::LeakyRelu)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{TestTape, noise};
    use crate::ops::{hinge, host::read};

    /// cargo test --release --lib models::gan::tests::speed -- --ignored --nocapture
    #[test]
    #[ignore = "a measurement"]
    fn speed() {
        use crate::nn::{Adam, AdamConfig, Ema};
        use crate::ops::cross_entropy;
        let device = Cpu::default();
        let batch = 64;
        let labels: Vec<usize> = (0..batch).map(|i| i % 10).collect();
        let mut g = Generator::new(&device, 10, 1).unwrap();
        let mut d = Discriminator::new(&device, 10, 1).unwrap();
        let config = AdamConfig { beta1: 0.0, beta2: 0.9, eps: 1e-8, weight_decay: 0.0 };
        let mut g_adam = Adam::new(config, &mut g).unwrap();
        let mut d_adam = Adam::new(config, &mut d).unwrap();
        let mut ema = Ema::new(0.999, &mut g).unwrap();
        let z = device.tensor_from_vec(noise("z", batch * 128), (batch, 128));
        let real = device.tensor_from_vec(noise("real", batch * 3072), (batch, 32, 32, 3));
        let (mut d_best, mut g_best) = (f32::MAX, f32::MAX);
        for step in 0..8 {
            let start = std::time::Instant::now();
            d.iterate_norms().unwrap();
            let fake = g.train(z.clone(), &labels).unwrap();
            let made = start.elapsed().as_secs_f32() * 1e3;
            let on_real: Verdict<Cpu, TestTape> = d.judge(real.leaky_trace(), &labels, false).unwrap();
            let on_fake: Verdict<Cpu, TestTape> = d.judge(fake.leaky_trace(), &labels, false).unwrap();
            let loss = hinge::discriminator(on_real.realness, on_fake.realness).unwrap();
            let loss = loss + cross_entropy(on_real.logits, &labels, 0.0).unwrap();
            let forward = start.elapsed().as_secs_f32() * 1e3;
            let (d_loss, gradients) = (loss.array(), loss.backward());
            let backward = start.elapsed().as_secs_f32() * 1e3;
            d_adam.step(&mut d, &gradients, 2e-4).unwrap();
            drop(gradients);
            let d_ms = start.elapsed().as_secs_f32() * 1e3;
            println!("D: fake {made:.0}, to loss {forward:.0}, to gradients {backward:.0}, to end {d_ms:.0}");
            let start = std::time::Instant::now();
            let fake: Image<Cpu, TestTape> = g.train(z.leaky_trace(), &labels).unwrap();
            let made = start.elapsed().as_secs_f32() * 1e3;
            let verdict = d.judge(fake, &labels, true).unwrap();
            let loss = hinge::generator(verdict.realness).unwrap()
                + cross_entropy(verdict.logits, &labels, 0.0).unwrap() * 0.2;
            let forward = start.elapsed().as_secs_f32() * 1e3;
            let (g_loss, gradients) = (loss.array(), loss.backward());
            let backward = start.elapsed().as_secs_f32() * 1e3;
            g_adam.step(&mut g, &gradients, 2e-4).unwrap();
            ema.update(&mut g).unwrap();
            drop(gradients);
            let g_ms = start.elapsed().as_secs_f32() * 1e3;
            println!("G: fake {made:.0}, to loss {forward:.0}, to gradients {backward:.0}, to end {g_ms:.0}");
            println!("step {step}: losses {d_loss} {g_loss}");
            (d_best, g_best) = (d_best.min(d_ms), g_best.min(g_ms));
        }
        println!("best: D {d_best} ms, G {g_best} ms; {}", read(&z)[0]);
    }
}

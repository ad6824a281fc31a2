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

/// A tensor, and the tape that leads back to what it was made of.
type Normalised<S, D, T> = (Tensor<S, f32, D>, T);

/// A weight that is used divided by its largest singular value; see [`crate::ops::SpectralOp`].
#[derive(Clone, Debug)]
pub struct Spectral<D: Backend, S: Shape> {
    pub weight: Tensor<S, f32, D>,
    u: Vector<D>,
    v: Vector<D>,
}

impl<D: Backend, S: Shape> Spectral<D, S> {
    /// Power iterations for a weight whose vectors do not belong to it yet; PyTorch takes as many before the first step.
    const SETTLING_ITERATIONS: usize = 15;

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
        spectral.settle()?;
        Ok(spectral)
    }

    /// Power iterations enough for a weight that is not one training step away from that of the last iteration.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn settle(&mut self) -> Result<(), D::Err> {
        (0..Self::SETTLING_ITERATIONS).try_for_each(|_| self.iterate())
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
    pub fn normalised<T: Tape<f32, D>>(&self, frozen: bool) -> Result<Normalised<S, D, T>, D::Err> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::host::read;
    use crate::ops::testing::{TestTape, assert_close, noise, tensor};

    /// Each label's pictures get its own scale and shift of the batch's common normalisation.
    #[test]
    fn a_label_has_its_own_scale_and_shift() {
        let device = Cpu::default();
        let mut layer = ConditionalNorm::new(&device, 3, 2, Activation::Identity).unwrap();
        layer.scale.table.copy_from(&[1.0, 1.0, 2.0, 3.0, 5.0, 5.0]);
        layer.shift.table.copy_from(&[0.0, 0.0, 0.5, -0.5, 7.0, 7.0]);
        let x = tensor(&noise("x", 4 * 3 * 3 * 2), (4, 3, 3, 2));
        let plain = read(&BatchNorm::new(&device, 2, Activation::Identity).unwrap().train(x.clone()).unwrap());
        let rows = [([1.0, 1.0], [0.0, 0.0]), ([2.0, 3.0], [0.5, -0.5])];
        let due = plain.iter().enumerate().map(|(index, x)| {
            let (scale, shift) = rows[[0, 1, 1, 0][index / 18]];
            x * scale[index % 2] + shift[index % 2]
        });
        let y = layer.train(x, &[0, 1, 1, 0]).unwrap();
        assert_close("y", &read(&y), &due.collect::<Vec<_>>(), 1e-6);
    }

    #[test]
    fn inference_with_the_batch_s_own_moments_is_the_training_pass() {
        let device = Cpu::default();
        let x = tensor(&noise("x", 4 * 3 * 3 * 2), (4, 3, 3, 2));
        let mut layer = ConditionalNorm::new(&device, 2, 2, Activation::Relu).unwrap();
        layer.scale.table.copy_from(&noise("scale", 4));
        layer.shift.table.copy_from(&noise("shift", 4));
        let labels = [1, 0, 0, 1];
        for _ in 0..60 {
            layer.train(x.clone(), &labels).unwrap();
        }
        let unbiased: Vec<f32> = read(&layer.norm.running_variance).iter().map(|v| v * 35.0 / 36.0).collect();
        layer.norm.running_variance.copy_from(&unbiased);
        let (trained, inferred) = (layer.train(x.clone(), &labels).unwrap(), layer.infer(x, &labels).unwrap());
        assert_close("y", &read(&inferred), &read(&trained), 2e-2);
    }

    #[test]
    fn a_spectral_weight_starts_with_norm_1_and_leads_its_gradient_back() {
        let weight = tensor(&noise("w", 6 * 10), (6, 10));
        let layer = Spectral::new(weight, 1, "layer").unwrap();
        let (normal, tape) = layer.normalised::<TestTape>(false).unwrap();
        // Any unit vector is lengthened to 1 at most, give or take what 15 iterations leave open.
        let image = normal.clone().matmul(layer.v.clone().reshape_like(&(10, 1)));
        let length = read(&image).iter().map(|x| x * x).sum::<f32>().sqrt();
        assert!((length - 1.0).abs() < 0.01, "{length}");
        let gradients = normal.put_tape(tape).square().sum::<Rank0, _>().backward();
        assert!(gradients.get(&layer.weight).as_vec().iter().any(|g| *g != 0.0));
        let frozen = layer.normalised::<TestTape>(true).unwrap().0;
        let mut gradients = frozen.leaky_trace().square().sum::<Rank0, _>().backward();
        assert!(gradients.get_or_alloc_mut(&layer.weight).unwrap().iter().all(|g| *g == 0.0));
    }
}

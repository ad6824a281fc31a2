//! The layers of the convolutional nets.

use super::parameter::{Module, Role, Scope, Visitor};
use crate::ops::host::read;
use crate::ops::{Activation, Affine, Backend, Conv2d, Image, Matrix, Tokens, Vector};
use dfdx::prelude::*;

/// A convolution with its weights `(O, k, k, C)`, an optional bias `(O)`, and what is fused behind it.
#[derive(Clone, Debug)]
pub struct Conv<D: Backend> {
    pub weight: Image<D>,
    pub bias: Option<Vector<D>>,
    pub spec: Conv2d,
}

impl<D: Backend> Conv<D> {
    /// `x (B, H, W, C)` to `(B, H', W', O)`; see [`crate::ops::Conv2dOp`].
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn forward<T: Tape<f32, D>>(&self, x: Image<D, T>) -> Result<Image<D, T>, D::Err> {
        D::conv2d(x, &self.weight, self.bias.as_ref(), self.spec)
    }

    /// `onto` plus what [`Self::forward`] makes of `x`.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn forward_onto<T: Tape<f32, D>>(&self, onto: Image<D, T>, x: Image<D, T>) -> Result<Image<D, T>, D::Err> {
        D::conv2d_onto(onto, x, &self.weight, self.bias.as_ref(), self.spec)
    }
}

impl<D: Backend> Module<D> for Conv<D> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        walk_affine(&mut self.weight, self.bias.as_mut(), scope, visitor)
    }
}

/// A layer's weight and its bias, if it has one.
fn walk_affine<D: Backend, S: Shape, V: Visitor<D>>(
    weight: &mut Tensor<S, f32, D>,
    bias: Option<&mut Vector<D>>,
    scope: &Scope,
    visitor: &mut V,
) -> Result<(), V::Err> {
    visitor.visit(scope.child("weight").name(), Role::Weight, weight)?;
    bias.map_or(Ok(()), |bias| visitor.visit(scope.child("bias").name(), Role::Bias, bias))
}

/// A fully connected layer, weights `(O, I)`.
#[derive(Clone, Debug)]
pub struct Linear<D: Backend> {
    pub weight: Matrix<D>,
    pub bias: Option<Vector<D>>,
    pub relu: bool,
}

impl<D: Backend> Linear<D> {
    /// `x (B, I)` to `(B, O)`.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn forward<T: Tape<f32, D>>(&self, x: Matrix<D, T>) -> Result<Matrix<D, T>, D::Err> {
        D::linear(x, &self.weight, self.bias.as_ref(), self.relu)
    }

    /// `x (B, N, I)` to `(B, N, O)`; see [`crate::ops::LinearOp::linear_tokens`].
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn forward_tokens<T: Tape<f32, D>>(&self, x: Tokens<D, T>) -> Result<Tokens<D, T>, D::Err> {
        let y = D::linear_tokens(x, &self.weight, self.bias.as_ref())?;
        if self.relu { D::activate(y, Activation::Relu) } else { Ok(y) }
    }

    /// Its weights and bias, for ops of more than one layer.
    pub fn affine(&self) -> Affine<'_, D> {
        Affine { weight: &self.weight, bias: self.bias.as_ref() }
    }

    /// The same layer with tensors of its own: gradients that flow to them reach no parameter.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn detached(&self) -> Result<Self, D::Err> {
        let bias = self.bias.as_ref().map(|bias| bias.device().try_tensor_from_vec(read(bias), *bias.shape()));
        let weight = self.weight.device().try_tensor_from_vec(read(&self.weight), *self.weight.shape())?;
        Ok(Self { weight, bias: bias.transpose()?, relu: self.relu })
    }
}

impl<D: Backend> Module<D> for Linear<D> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        walk_affine(&mut self.weight, self.bias.as_mut(), scope, visitor)
    }
}

/// Batch normalisation with its activation, and the running moments that stand in for the batch's at inference.
#[derive(Clone, Debug)]
pub struct BatchNorm<D: Backend> {
    pub gamma: Vector<D>,
    pub beta: Vector<D>,
    pub running_mean: Vector<D>,
    pub running_variance: Vector<D>,
    pub activation: Activation,
}

impl<D: Backend> BatchNorm<D> {
    /// Added to the variance.
    pub const EPS: f32 = 1e-5;
    /// What a new batch counts for in the running moments. A training of ten short epochs changes its weights fast:
    /// PyTorch's 0.1 would remember moments of nets that are long gone.
    pub const MOMENTUM: f32 = 0.4;

    /// A layer of `channels` that starts as the plain normalisation.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn new(device: &D, channels: usize, activation: Activation) -> Result<Self, D::Err> {
        Ok(Self {
            gamma: device.try_ones_like(&(channels,))?,
            beta: device.try_zeros_like(&(channels,))?,
            running_mean: device.try_zeros_like(&(channels,))?,
            running_variance: device.try_ones_like(&(channels,))?,
            activation,
        })
    }

    /// Normalises by the batch's own moments and takes them into the running ones (variance unbiased, as PyTorch).
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn train<T: Tape<f32, D>>(&mut self, x: Image<D, T>) -> Result<Image<D, T>, D::Err> {
        let &(batch, height, width, _) = x.shape();
        let n = (batch * height * width) as f32;
        let (y, moments) = D::batch_norm(x, &self.gamma, &self.beta, Self::EPS, self.activation)?;
        let unbiased = n / (n - 1.0).max(1.0);
        let variance: Vec<f32> = moments.variance.iter().map(|v| v * unbiased).collect();
        blend(&mut self.running_mean, &moments.mean, Self::MOMENTUM);
        blend(&mut self.running_variance, &variance, Self::MOMENTUM);
        Ok(y)
    }

    /// Normalises by the running moments.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn infer(&self, x: Image<D>) -> Result<Image<D>, D::Err> {
        let (scale, shift) = self.scale_and_shift();
        D::scale_shift(x, &scale, &shift, self.activation)
    }

    /// What normalising by the running moments does to each channel: `x * scale + shift`.
    pub fn scale_and_shift(&self) -> (Vec<f32>, Vec<f32>) {
        let [gamma, beta, mean, variance] =
            [&self.gamma, &self.beta, &self.running_mean, &self.running_variance].map(read);
        let scale: Vec<f32> = gamma.iter().zip(&variance).map(|(g, v)| g / (v + Self::EPS).sqrt()).collect();
        let shift = beta.iter().zip(&mean).zip(&scale).map(|((b, m), s)| b - m * s).collect();
        (scale, shift)
    }
}

fn blend<D: Backend>(running: &mut Vector<D>, batch: &[f32], momentum: f32) {
    let mut numbers = read(running);
    numbers.iter_mut().zip(batch).for_each(|(r, b)| *r += momentum * (b - *r));
    running.copy_from(&numbers);
}

impl<D: Backend> Module<D> for BatchNorm<D> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        visitor.visit(scope.child("weight").name(), Role::Bias, &mut self.gamma)?;
        visitor.visit(scope.child("bias").name(), Role::NormBias, &mut self.beta)?;
        visitor.visit(scope.child("running_mean").name(), Role::Buffer, &mut self.running_mean)?;
        visitor.visit(scope.child("running_var").name(), Role::Buffer, &mut self.running_variance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{assert_close, noise, tensor};

    #[test]
    fn tokens_pass_a_linear_layer_one_by_one() {
        let layer = Linear::<Cpu> {
            weight: tensor(&noise("weight", 20), (5, 4)),
            bias: Some(tensor(&noise("bias", 5), (5,))),
            relu: false,
        };
        let x = noise("x", 24);
        let alone = |token: &[f32]| read(&layer.forward(tensor(token, (1, 4))).unwrap());
        let due: Vec<f32> = x.chunks(4).flat_map(alone).collect();
        let y = layer.forward_tokens(tensor(&x, (2, 3, 4))).unwrap();
        assert_eq!(*y.shape(), (2, 3, 5));
        assert_close("y", &read(&y), &due, 1e-6);
    }

    #[test]
    fn inference_with_the_batch_s_own_moments_is_the_training_pass() {
        let device = Cpu::default();
        let x: Vec<f32> = (0..4 * 3 * 3 * 2).map(|i| ((i * 37) % 19) as f32 * 0.3 - 2.0).collect();
        let image = device.tensor_from_vec(x, (4, 3, 3, 2));
        let mut norm = BatchNorm::new(&device, 2, Activation::Gelu).unwrap();
        let trained = read(&norm.train(image.clone()).unwrap());
        // Two training passes over the same batch leave the running mean this share of the way to it.
        let share = BatchNorm::<Cpu>::MOMENTUM;
        let mean: Vec<f32> = read(&norm.running_mean).iter().map(|m| m / share).collect();
        let variance: Vec<f32> = read(&norm.running_variance).iter().map(|v| (v - 1.0) / share + 1.0).collect();
        norm.running_mean.copy_from(&mean);
        norm.running_variance.copy_from(&variance.iter().map(|v| v * 35.0 / 36.0).collect::<Vec<_>>());
        let inferred = read(&norm.infer(image).unwrap());
        for (a, b) in trained.iter().zip(&inferred) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
    }
}

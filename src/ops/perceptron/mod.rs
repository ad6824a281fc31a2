//! Two linear layers with an activation between them: what lies between the layers never leaves the cache.

mod cpu;

use super::conv2d::backward::FEW_POSITIONS;
use super::host::{Held, Matrix, Tokens, Vector, add_to};
use super::linear::LARGE;
use super::{Activation, ActivationOp, LinearOp};
use dfdx::prelude::*;

/// A linear layer's weights `(O, I)` and bias `(O)`.
#[derive(Debug)]
pub struct Affine<'a, D: Device<f32>> {
    pub weight: &'a Matrix<D>,
    pub bias: Option<&'a Vector<D>>,
}

// Derived ones would ask the device for the same.
impl<D: Device<f32>> Clone for Affine<'_, D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D: Device<f32>> Copy for Affine<'_, D> {}

/// The perceptron that devices can tell how to compute.
pub trait PerceptronOp: LinearOp + ActivationOp {
    /// `y = act(x u^T + b) v^T + c` for each token; `x (B, N, I)`, `first` is `u (H, I)` with `b`, `second` is `v (O, H)` with
    /// `c`, `y (B, N, O)`.
    ///
    /// Matches `torch.nn.functional.linear` with an activation between two of them.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When the shapes do not fit each other.
    fn perceptron<T: Tape<f32, Self>>(
        x: Tokens<Self, T>,
        first: Affine<Self>,
        activation: Activation,
        second: Affine<Self>,
    ) -> Result<Tokens<Self, T>, Self::Err> {
        composed(x, first, activation, second)
    }
}

impl PerceptronOp for Cpu {
    fn perceptron<T: Tape<f32, Self>>(
        x: Tokens<Self, T>,
        first: Affine<Self>,
        activation: Activation,
        second: Affine<Self>,
    ) -> Result<Tokens<Self, T>, Self::Err> {
        let (&(batch, count, inputs), &(inner, width)) = (x.shape(), first.weight.shape());
        let &(outputs, depth) = second.weight.shape();
        assert!(width == inputs && depth == inner, "perceptron: the layers do not fit");
        let (rows, large) = (batch * count, inner * inputs.max(outputs) >= LARGE);
        if large || T::OWNS_TAPE && rows <= FEW_POSITIONS {
            return composed(x, first, activation, second);
        }
        let (x, mut tape) = x.split_tape();
        let layers = Layers::new(rows, activation, first, second);
        let numbers = Held::new(&x);
        let (y, before) = cpu::forward(&layers, &numbers, T::OWNS_TAPE);
        let y = x.device().try_tensor_from_vec(y, (batch, count, outputs))?;
        let (x_ghost, y_ghost) = (x.ghost(), y.ghost());
        let owned = |layer: Affine<Self>| (layer.weight.clone(), layer.bias.cloned());
        let parameters = [owned(first), owned(second)];
        tape.add_backward_op(move |grads| {
            let dy = std::mem::take(&mut **grads.get_or_alloc_mut(&y_ghost)?);
            let sums = cpu::backward(&layers, &numbers, &before, &dy, grads.get_or_alloc_mut(&x_ghost)?);
            for ((weight, bias), sums) in parameters.iter().zip(&sums) {
                add_to(grads.get_or_alloc_mut(weight)?, &sums.weights);
                if let Some(bias) = bias {
                    add_to(grads.get_or_alloc_mut(bias)?, &sums.bias);
                }
            }
            Ok(())
        });
        Ok(y.put_tape(tape))
    }
}

/// What both passes know.
struct Layers {
    rows: usize,
    activation: Activation,
    first: Layer,
    second: Layer,
}

struct Layer {
    inputs: usize,
    outputs: usize,
    weights: Held<(usize, usize)>,
    bias: Option<Held<(usize,)>>,
}

impl Layers {
    fn new(rows: usize, activation: Activation, first: Affine<Cpu>, second: Affine<Cpu>) -> Self {
        Self { rows, activation, first: Layer::new(first), second: Layer::new(second) }
    }
}

impl Layer {
    fn new(layer: Affine<Cpu>) -> Self {
        let &(outputs, inputs) = layer.weight.shape();
        Self { inputs, outputs, weights: Held::new(layer.weight), bias: layer.bias.map(Held::new) }
    }
}

#[cfg(feature = "cuda")]
impl PerceptronOp for Cuda {}

/// [`PerceptronOp::perceptron`] by the device's own ops, one after the other.
pub fn composed<D: LinearOp + ActivationOp, T: Tape<f32, D>>(
    x: Tokens<D, T>,
    first: Affine<D>,
    activation: Activation,
    second: Affine<D>,
) -> Result<Tokens<D, T>, D::Err> {
    let inner = D::activate(D::linear_tokens(x, first.weight, first.bias)?, activation)?;
    D::linear_tokens(inner, second.weight, second.bias)
}

#[cfg(test)]
mod tests;

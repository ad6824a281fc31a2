//! Attention with the linear layers around it: all that lies between them stays in the cache, picture by picture.

mod cpu;

use super::host::{Held, Tokens, add_to};
use super::linear::LARGE;
use super::perceptron::Affine;
use super::{Attention, AttentionOp, LinearOp};
use dfdx::prelude::*;

/// The four layers of multi-head attention: what asks, what answers, what is said, and what is made of it.
#[derive(Debug)]
pub struct Projections<'a, D: Device<f32>> {
    /// `(C, I)`
    pub query: Affine<'a, D>,
    /// `(C, J)`
    pub key: Affine<'a, D>,
    /// `(C, J)`
    pub value: Affine<'a, D>,
    /// `(O, C)`
    pub out: Affine<'a, D>,
}

// A derived one would ask the device for the same.
impl<D: Device<f32>> Clone for Projections<'_, D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D: Device<f32>> Copy for Projections<'_, D> {}

impl<'a, D: Device<f32>> Projections<'a, D> {
    fn all(&self) -> [Affine<'a, D>; 4] {
        [self.query, self.key, self.value, self.out]
    }
}

/// Multi-head attention that devices can tell how to compute.
pub trait AttendOp: LinearOp + AttentionOp {
    /// Tokens `x (B, N, I)` attend to `memory (B, M, J)`, or to each other without one: `y (B, N, O)`. The tape of `memory` must
    /// be in that of `x`.
    ///
    /// Source: Vaswani et al. 2017, section 3.2.2. Matches `torch.nn.functional.scaled_dot_product_attention` between linear
    /// layers.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When the shapes do not fit each other.
    fn attend<T: Tape<f32, Self>>(
        x: Tokens<Self, T>,
        memory: Option<&Tokens<Self>>,
        layers: Projections<Self>,
        spec: Attention,
    ) -> Result<Tokens<Self, T>, Self::Err> {
        composed(x, memory, layers, spec)
    }
}

impl AttendOp for Cpu {
    fn attend<T: Tape<f32, Self>>(
        x: Tokens<Self, T>,
        memory: Option<&Tokens<Self>>,
        layers: Projections<Self>,
        spec: Attention,
    ) -> Result<Tokens<Self, T>, Self::Err> {
        let all = layers.all();
        let largest = all.iter().map(|layer| layer.weight.shape().0 * layer.weight.shape().1).max();
        // One picture is one thread's here, and every part of the batch has sums of its own.
        let (batch, queries, _) = *x.shape();
        if 4 * largest.unwrap_or(0) >= LARGE || batch < super::conv2d::PARTS {
            return composed(x, memory, layers, spec);
        }
        let block = cpu::Block::new(x.shape(), memory.map(HasShape::shape), layers, spec);
        let (x, mut tape) = x.split_tape();
        let (numbers, known) = (Held::new(&x), memory.map(Held::new));
        let (y, kept) = cpu::forward(&block, &numbers, known.as_deref(), T::OWNS_TAPE);
        let y = x.device().try_tensor_from_vec(y, (batch, queries, layers.out.weight.shape().0))?;
        let (x_ghost, known_ghost, y_ghost) = (x.ghost(), memory.map(|memory| memory.ghost()), y.ghost());
        let parameters = all.map(|layer| (layer.weight.clone(), layer.bias.cloned()));
        tape.add_backward_op(move |grads| {
            let dy = std::mem::take(&mut **grads.get_or_alloc_mut(&y_ghost)?);
            let mut dx = std::mem::take(&mut **grads.get_or_alloc_mut(&x_ghost)?);
            let known_slot = known_ghost.as_ref().map(|ghost| grads.get_or_alloc_mut(ghost)).transpose()?;
            let sums = cpu::backward(
                &block,
                &numbers,
                known.as_deref(),
                &kept,
                &dy,
                &mut dx,
                known_slot.map(|slot| slot.as_mut_slice()),
            );
            **grads.get_or_alloc_mut(&x_ghost)? = dx;
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

#[cfg(feature = "cuda")]
impl AttendOp for Cuda {}

/// [`AttendOp::attend`] by the device's own ops, one after the other.
pub fn composed<D: LinearOp + AttentionOp, T: Tape<f32, D>>(
    x: Tokens<D, T>,
    memory: Option<&Tokens<D>>,
    layers: Projections<D>,
    spec: Attention,
) -> Result<Tokens<D, T>, D::Err> {
    let (x, tape) = x.split_tape();
    let known = memory.unwrap_or(&x);
    let keys = D::linear_tokens(known.retaped::<T>(), layers.key.weight, layers.key.bias)?;
    let values = D::linear_tokens(known.retaped::<T>(), layers.value.weight, layers.value.bias)?;
    let queries = D::linear_tokens(x.put_tape(tape), layers.query.weight, layers.query.bias)?;
    D::linear_tokens(D::attention(queries, keys, values, spec)?, layers.out.weight, layers.out.bias)
}

#[cfg(test)]
mod tests;

//! The layers of transformers.

use super::parameter::{Module, Role, Scope, Visitor};
use crate::ops::{Backend, Tokens, Vector};
use dfdx::prelude::*;

/// Layer normalisation with a gain and a bias of each channel.
#[derive(Clone, Debug)]
pub struct LayerNorm<D: Backend> {
    pub gamma: Vector<D>,
    pub beta: Vector<D>,
    /// Added to the variance.
    pub eps: f32,
}

impl<D: Backend> LayerNorm<D> {
    /// A layer of `width` channels that starts as the plain normalisation.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn new(device: &D, width: usize, eps: f32) -> Result<Self, D::Err> {
        Ok(Self { gamma: device.try_ones_like(&(width,))?, beta: device.try_zeros_like(&(width,))?, eps })
    }

    /// `x (B, N, C)`; see [`crate::ops::LayerNormOp`].
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When the channels are not those of the layer.
    pub fn forward<T: Tape<f32, D>>(&self, x: Tokens<D, T>) -> Result<Tokens<D, T>, D::Err> {
        D::layer_norm(x, &self.gamma, &self.beta, self.eps)
    }
}

impl<D: Backend> Module<D> for LayerNorm<D> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        visitor.visit(scope.child("weight").name(), Role::Bias, &mut self.gamma)?;
        visitor.visit(scope.child("bias").name(), Role::NormBias, &mut self.beta)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::host::read;
    use crate::ops::testing::{assert_close, tensor};

    #[test]
    fn a_new_layer_is_the_plain_normalisation() {
        let layer = LayerNorm::new(&Cpu::default(), 4, 0.25).unwrap();
        let y = layer.forward(tensor(&[1.0, 1.0, 3.0, 3.0, 0.0, 4.0, 0.0, 4.0], (1, 2, 4))).unwrap();
        let (near, far) = (1.0 / 1.25f32.sqrt(), 2.0 / 4.25f32.sqrt());
        assert_close("y", &read(&y), &[-near, -near, near, near, -far, far, -far, far], 1e-6);
    }
}

//! The one walk over a model's tensors.
//!
//! Optimiser, checkpoint and count are visitors: a layer names each of its tensors once, and all three see it.

use crate::ops::Backend;
use dfdx::prelude::*;

/// What a tensor is to an optimiser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Trained, with weight decay.
    Weight,
    /// Trained, without weight decay.
    Bias,
    /// The shift of a normalisation: trained without weight decay, at a rate of its own.
    NormBias,
    /// Saved with the model but not trained: running statistics, frozen filters.
    Buffer,
}

/// Where a tensor stands in a model, such as `block1.conv2`.
#[derive(Clone, Debug, Default)]
pub struct Scope(String);

impl Scope {
    /// A part of this scope.
    pub fn child(&self, name: &str) -> Self {
        if self.0.is_empty() { Self(name.to_owned()) } else { Self(format!("{}.{name}", self.0)) }
    }

    /// The full name.
    pub fn name(&self) -> &str {
        &self.0
    }
}

/// Something done to every tensor of a model.
pub trait Visitor<D: Backend> {
    type Err;
    /// Called once for each tensor, in an order that never changes.
    fn visit<S: Shape>(&mut self, name: &str, role: Role, tensor: &mut Tensor<S, f32, D>) -> Result<(), Self::Err>;
}

/// Something with tensors.
pub trait Module<D: Backend> {
    /// Shows every tensor to `visitor` under its name below `scope`.
    ///
    /// # Errors
    /// The visitor's first error.
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err>;
}

/// The number of trained numbers of a model.
pub fn parameter_count<D: Backend>(module: &mut impl Module<D>) -> usize {
    struct Count(usize);
    impl<D: Backend> Visitor<D> for Count {
        type Err = std::convert::Infallible;
        fn visit<S: Shape>(&mut self, _: &str, role: Role, tensor: &mut Tensor<S, f32, D>) -> Result<(), Self::Err> {
            if role != Role::Buffer {
                self.0 += tensor.shape().num_elements();
            }
            Ok(())
        }
    }
    let mut count = Count(0);
    match module.walk(&Scope::default(), &mut count) {
        Ok(()) => count.0,
    }
}

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

/// Shows another visitor what stands below a scope, but for some parts of it.
pub struct Without<'a, V> {
    pub visitor: &'a mut V,
    pub scope: &'a Scope,
    /// Names below the scope, of modules or of single tensors.
    pub parts: &'a [&'a str],
}

impl<D: Backend, V: Visitor<D>> Visitor<D> for Without<'_, V> {
    type Err = V::Err;

    fn visit<S: Shape>(&mut self, name: &str, role: Role, tensor: &mut Tensor<S, f32, D>) -> Result<(), V::Err> {
        let is_within = |part: &&str| {
            let rest = name.strip_prefix(self.scope.child(part).name());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        if self.parts.iter().any(is_within) { Ok(()) } else { self.visitor.visit(name, role, tensor) }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Linear;
    use dfdx::prelude::{Cpu, ZerosTensor};

    struct Names(Vec<String>);

    impl Visitor<Cpu> for Names {
        type Err = std::convert::Infallible;
        fn visit<S: Shape>(&mut self, name: &str, _: Role, _: &mut Tensor<S, f32, Cpu>) -> Result<(), Self::Err> {
            self.0.push(name.to_owned());
            Ok(())
        }
    }

    #[test]
    fn parts_are_left_out_by_their_whole_names() {
        let device = Cpu::default();
        let mut layer =
            Linear::<Cpu> { weight: device.zeros_like(&(2, 3)), bias: Some(device.zeros_like(&(2,))), relu: false };
        let net = Scope::default().child("net");
        let mut shown = |parts: &[&str]| {
            let mut names = Names(Vec::new());
            let mut visitor = Without { visitor: &mut names, scope: &net, parts };
            for name in ["conv1", "conv10"] {
                let Ok(()) = layer.walk(&net.child(name), &mut visitor);
            }
            names.0
        };
        assert_eq!(shown(&["conv1"]), ["net.conv10.weight", "net.conv10.bias"]);
        assert_eq!(shown(&["conv1.bias", "conv10"]), ["net.conv1.weight"]);
        assert_eq!(shown(&["conv", "net"]).len(), 4);
    }
}

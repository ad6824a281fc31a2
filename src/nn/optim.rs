//! Optimisers over the parameter walk, their state as plain vectors that a checkpoint can hold.

use super::parameter::{Module, Role, Scope, Visitor};
use crate::ops::{Backend, SgdStep, Vector};
use dfdx::prelude::*;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// SGD with Nesterov momentum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SgdConfig {
    pub momentum: f32,
    /// For parameters of [`Role::Weight`] alone.
    pub weight_decay: f32,
    /// What the rate of [`Role::NormBias`] is multiplied by.
    pub norm_bias_rate: f32,
}

/// The optimiser and its velocities by parameter name.
pub struct Sgd<D: Backend> {
    config: SgdConfig,
    velocities: BTreeMap<String, Vector<D>>,
}

impl<D: Backend> Sgd<D> {
    /// An optimiser at rest, with a velocity for every trained parameter of `module`.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn new(config: SgdConfig, module: &mut impl Module<D>) -> Result<Self, D::Err> {
        let mut optimiser = Self { config, velocities: BTreeMap::new() };
        module.walk(&Scope::default(), &mut AtRest(&mut optimiser))?;
        Ok(optimiser)
    }

    /// One step along `gradients`.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When a trained parameter took no part in the loss: it has no gradient.
    pub fn step(
        &mut self,
        module: &mut impl Module<D>,
        gradients: &Gradients<f32, D>,
        learning_rate: f32,
    ) -> Result<(), D::Err> {
        module.walk(&Scope::default(), &mut Descent { optimiser: self, gradients, learning_rate })
    }

    fn velocity<S: Shape>(&mut self, name: &str, of: &Tensor<S, f32, D>) -> Result<&mut Vector<D>, D::Err> {
        match self.velocities.entry(name.to_owned()) {
            Entry::Occupied(velocity) => Ok(velocity.into_mut()),
            Entry::Vacant(place) => Ok(place.insert(of.device().try_zeros_like(&(of.shape().num_elements(),))?)),
        }
    }
}

struct AtRest<'a, D: Backend>(&'a mut Sgd<D>);

impl<D: Backend> Visitor<D> for AtRest<'_, D> {
    type Err = D::Err;

    fn visit<S: Shape>(&mut self, name: &str, role: Role, tensor: &mut Tensor<S, f32, D>) -> Result<(), D::Err> {
        if role != Role::Buffer {
            self.0.velocity(name, tensor)?;
        }
        Ok(())
    }
}

struct Descent<'a, D: Backend> {
    optimiser: &'a mut Sgd<D>,
    gradients: &'a Gradients<f32, D>,
    learning_rate: f32,
}

impl<D: Backend> Visitor<D> for Descent<'_, D> {
    type Err = D::Err;

    fn visit<S: Shape>(&mut self, name: &str, role: Role, tensor: &mut Tensor<S, f32, D>) -> Result<(), D::Err> {
        let config = self.optimiser.config;
        let (rate, weight_decay) = match role {
            Role::Buffer => return Ok(()),
            Role::Weight => (1.0, config.weight_decay),
            Role::Bias => (1.0, 0.0),
            Role::NormBias => (config.norm_bias_rate, 0.0),
        };
        let step = SgdStep { learning_rate: self.learning_rate * rate, momentum: config.momentum, weight_decay };
        let gradient = self.gradients.get(tensor);
        let velocity = self.optimiser.velocity(name, tensor)?;
        D::sgd(tensor, gradient, velocity, step)
    }
}

/// An optimiser's state is a module: a checkpoint walks it as it walks the model.
impl<D: Backend> Module<D> for Sgd<D> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        for (name, velocity) in &mut self.velocities {
            visitor.visit(scope.child(name).name(), Role::Buffer, velocity)?;
        }
        Ok(())
    }
}

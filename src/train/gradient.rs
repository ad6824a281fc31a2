//! How large a step's gradients are.

use crate::nn::{Module, Role, Scope, Visitor};
use crate::ops::{Backend, host::read};
use dfdx::prelude::{Gradients, Shape, Tensor};
use std::convert::Infallible;

/// The Euclidean norm of all gradients of a module's trained tensors; NaN if any of them is.
pub fn norm<D: Backend>(module: &mut impl Module<D>, gradients: &Gradients<f32, D>) -> f64 {
    let mut squares = Squares { gradients, sum: 0.0 };
    match module.walk(&Scope::default(), &mut squares) {
        Ok(()) => squares.sum.sqrt(),
    }
}

struct Squares<'a, D: Backend> {
    gradients: &'a Gradients<f32, D>,
    sum: f64,
}

impl<D: Backend> Visitor<D> for Squares<'_, D> {
    type Err = Infallible;

    fn visit<S: Shape>(&mut self, _: &str, role: Role, tensor: &mut Tensor<S, f32, D>) -> Result<(), Infallible> {
        if role != Role::Buffer {
            self.sum += read(&self.gradients.get(tensor)).iter().map(|&g| f64::from(g).powi(2)).sum::<f64>();
        }
        Ok(())
    }
}

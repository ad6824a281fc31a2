//! The sum of two tensors, as residual connections need it: dfdx's own loop over elements knows one thread.

use super::host::{Held, add_to, sums};
use dfdx::prelude::*;

/// The sum that devices can tell how to compute.
pub trait PlusOp: Device<f32> {
    /// `x + y`, of the same shape.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When the shapes differ.
    fn plus<S: Shape, T: Tape<f32, Self>>(
        x: Tensor<S, f32, Self, T>,
        y: Tensor<S, f32, Self>,
    ) -> Result<Tensor<S, f32, Self, T>, Self::Err> {
        composed(x, y)
    }
}

impl PlusOp for Cpu {
    fn plus<S: Shape, T: Tape<f32, Self>>(
        x: Tensor<S, f32, Self, T>,
        y: Tensor<S, f32, Self>,
    ) -> Result<Tensor<S, f32, Self, T>, Self::Err> {
        assert_eq!(x.shape(), y.shape(), "plus: the shapes differ");
        let (x, mut tape) = x.split_tape();
        let sums = x.device().try_tensor_from_vec(sums(&Held::new(&x), &Held::new(&y)), *x.shape())?;
        let (x_ghost, y_ghost, sums_ghost) = (x.ghost(), y.ghost(), sums.ghost());
        tape.add_backward_op(move |grads| {
            let d = std::mem::take(&mut **grads.get_or_alloc_mut(&sums_ghost)?);
            add_to(grads.get_or_alloc_mut(&x_ghost)?, &d);
            add_to(grads.get_or_alloc_mut(&y_ghost)?, &d);
            Ok(())
        });
        Ok(sums.put_tape(tape))
    }
}

#[cfg(feature = "cuda")]
impl PlusOp for Cuda {}

/// [`PlusOp::plus`] by dfdx's own op.
pub fn composed<S: Shape, D: Device<f32>, T: Tape<f32, D>>(
    x: Tensor<S, f32, D, T>,
    y: Tensor<S, f32, D>,
) -> Result<Tensor<S, f32, D, T>, D::Err> {
    x.try_add(y)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::host::Matrix;
    use crate::ops::testing::{
        Outcome, TestTape, assert_gradients_add_up, assert_outcome, assert_same_bits_on_any_threads, differentiate,
        noise, tensor,
    };

    const SHAPE: (usize, usize) = (37, 1003);

    fn run(op: impl Fn(Matrix<Cpu, TestTape>, Matrix<Cpu>) -> Result<Matrix<Cpu, TestTape>, CpuError>) -> Outcome {
        let (x, y): (Matrix<Cpu>, Matrix<Cpu>) =
            (tensor(&noise("x", 37 * 1003), SHAPE), tensor(&noise("y", 37 * 1003), SHAPE));
        let (sums, gradients) = differentiate(op(x.leaky_trace(), y.clone()).unwrap());
        Outcome { y: sums, gradients: vec![gradients.get(&x).as_vec(), gradients.get(&y).as_vec()] }
    }

    #[test]
    fn fused_is_composed_on_any_threads() {
        assert_outcome(&"plus", &run(Cpu::plus), &run(composed), 0.0);
        assert_same_bits_on_any_threads(&"plus", || run(Cpu::plus));
    }

    #[test]
    fn a_tensor_and_itself() {
        let x: Matrix<Cpu> = tensor(&noise("x", 6), (2, 3));
        assert_gradients_add_up(&x, |x| {
            let (x, tape) = x.split_tape();
            Cpu::plus(x.clone().put_tape(tape), x).unwrap()
        });
    }
}

//! A fully connected layer.

use super::conv2d::{Conv2d, Conv2dOp};
use super::host::{Matrix, Vector};
use dfdx::prelude::*;

/// A fully connected layer on a device.
pub trait LinearOp: Conv2dOp {
    /// `y = x w^T + bias`, then ReLU when asked; `x (B, I)`, `w (O, I)`, `bias (O)`, `y (B, O)`.
    ///
    /// Matches `torch.nn.functional.linear`.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When the shapes do not fit each other.
    fn linear<T: Tape<f32, Self>>(
        x: Matrix<Self, T>,
        w: &Matrix<Self>,
        bias: Option<&Vector<Self>>,
        relu: bool,
    ) -> Result<Matrix<Self, T>, Self::Err> {
        composed(x, w, bias, relu)
    }
}

impl LinearOp for Cpu {
    /// A layer is a convolution of pictures of one pixel: the same kernels, and the same fixed order of sums.
    fn linear<T: Tape<f32, Self>>(
        x: Matrix<Self, T>,
        w: &Matrix<Self>,
        bias: Option<&Vector<Self>>,
        relu: bool,
    ) -> Result<Matrix<Self, T>, Self::Err> {
        let &(batch, inputs) = x.shape();
        let &(outputs, _) = w.shape();
        let (x, mut tape) = x.split_tape();
        let pixels = x.device().try_tensor_from_vec(super::host::read(&x), (batch, 1, 1, inputs))?;
        let kernel = x.device().try_tensor_from_vec(super::host::read(w), (outputs, 1, 1, inputs))?;
        let (x_ghost, w, kernel_ghost, pixels_ghost) = (x.ghost(), w.clone(), kernel.ghost(), pixels.ghost());
        tape.add_backward_op(move |grads| {
            let dw = std::mem::take(&mut **grads.get_or_alloc_mut(&kernel_ghost)?);
            super::host::add_to(grads.get_or_alloc_mut(&w)?, &dw);
            let dx = std::mem::take(&mut **grads.get_or_alloc_mut(&pixels_ghost)?);
            super::host::add_to(grads.get_or_alloc_mut(&x_ghost)?, &dx);
            Ok(())
        });
        let spec = Conv2d { relu, ..Conv2d::default() };
        let y = Self::conv2d(pixels.put_tape(tape), &kernel, bias, spec)?;
        y.try_reshape_like(&(batch, outputs))
    }
}

#[cfg(feature = "cuda")]
impl LinearOp for Cuda {}

/// [`LinearOp::linear`] composed of dfdx's own ops.
pub fn composed<D: Device<f32>, T: Tape<f32, D>>(
    x: Matrix<D, T>,
    w: &Matrix<D>,
    bias: Option<&Vector<D>>,
    relu: bool,
) -> Result<Matrix<D, T>, D::Err> {
    let y = x.try_matmul(w.retaped::<T>().try_permute::<_, Axes2<1, 0>>()?)?;
    let shape = *y.shape();
    let y = match bias {
        Some(bias) => y.try_add(bias.retaped::<T>().try_broadcast_like::<_, Axis<0>>(&shape)?)?,
        None => y,
    };
    if relu { y.try_relu() } else { Ok(y) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{Outcome, TestTape, assert_same, differentiate, noise, tensor};

    fn run(sizes: [usize; 3], bias: bool, relu: bool, fused: bool) -> Outcome {
        let [batch, inputs, outputs] = sizes;
        let x = tensor(&noise("x", batch * inputs), (batch, inputs));
        let w = tensor(&noise("w", outputs * inputs), (outputs, inputs));
        let bias = bias.then(|| tensor(&noise("bias", outputs), (outputs,)));
        let traced: Matrix<Cpu, TestTape> = x.leaky_trace();
        let y = match fused {
            true => Cpu::linear(traced, &w, bias.as_ref(), relu),
            false => composed(traced, &w, bias.as_ref(), relu),
        };
        let (y, gradients) = differentiate(y.unwrap());
        let mut all = vec![gradients.get(&x).as_vec(), gradients.get(&w).as_vec()];
        all.extend(bias.map(|bias| gradients.get(&bias).as_vec()));
        Outcome { y, gradients: all }
    }

    #[test]
    fn kernel_matches_its_composition() {
        for sizes in [[1, 3, 2], [5, 7, 16], [17, 33, 10], [300, 20, 35]] {
            for (bias, relu) in [(false, false), (true, true)] {
                let what = format!("{sizes:?} {bias} {relu}");
                assert_same(&what, &run(sizes, bias, relu, true), &run(sizes, bias, relu, false), 2e-5);
            }
        }
    }
}

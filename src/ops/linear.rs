//! A fully connected layer.

use super::conv2d::backward::backward;
use super::conv2d::forward::{Epilogue, Outputs, forward};
use super::conv2d::{Conv2dOp, Geometry};
use super::embed::EmbedOp;
use super::host::{Held, Matrix, Tokens, Vector, add_to};
use super::{Activation, ActivationOp, macs};
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

    /// `y = x w^T + bias` for each token; `x (B, N, I)`, `w (O, I)`, `bias (O)`, `y (B, N, O)`.
    ///
    /// Matches `torch.nn.functional.linear`: all tokens are rows of one product.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When the shapes do not fit each other.
    fn linear_tokens<T: Tape<f32, Self>>(
        x: Tokens<Self, T>,
        w: &Matrix<Self>,
        bias: Option<&Vector<Self>>,
    ) -> Result<Tokens<Self, T>, Self::Err> {
        let (&(batch, tokens, channels), &(outputs, inputs)) = (x.shape(), w.shape());
        assert_eq!(channels, inputs, "linear: input and weights have different lengths");
        let y = Self::linear(x.try_reshape_like(&(batch * tokens, inputs))?, w, bias, false)?;
        y.try_reshape_like(&(batch, tokens, outputs))
    }
}

/// So many weights are more than the kernels should copy and pack for every batch.
pub const LARGE: usize = 1 << 19;

impl LinearOp for Cpu {
    /// A layer is a convolution of pictures of one pixel: the same kernels, and the same fixed order of sums. Where the
    /// weights are many, dfdx's own product takes over, which reads them where they lie.
    fn linear<T: Tape<f32, Self>>(
        x: Matrix<Self, T>,
        w: &Matrix<Self>,
        bias: Option<&Vector<Self>>,
        relu: bool,
    ) -> Result<Matrix<Self, T>, Self::Err> {
        let (&(batch, channels), &(filters, inputs)) = (x.shape(), w.shape());
        assert_eq!(channels, inputs, "linear: input and weights have different lengths");
        if filters * inputs >= LARGE {
            return product(x, w, bias, relu);
        }
        let g = Geometry { batch, height: 1, width: 1, channels, filters, kernel: 1, pad: 0, squares: false };
        let (x, mut tape) = x.split_tape();
        let (numbers, weights, shifts) = (Held::new(&x), Held::new(w), bias.map(Held::new));
        let epilogue = Epilogue { bias: shifts.as_deref(), relu, leaky: false, pool: false };
        let Outputs { y, select } = forward(&g, &numbers, &weights, &epilogue);
        let y = x.device().try_tensor_from_vec(y, (batch, filters))?;
        let (x_ghost, y_ghost, w, bias) = (x.ghost(), y.ghost(), w.clone(), bias.cloned());
        tape.add_backward_op(move |grads| {
            let dy = std::mem::take(&mut **grads.get_or_alloc_mut(&y_ghost)?);
            let epilogue = Epilogue { bias: shifts.as_deref(), relu, leaky: false, pool: false };
            let dx = grads.get_or_alloc_mut(&x_ghost)?;
            let sums = backward(&g, &numbers, &weights, &epilogue, &select, &dy, Some(dx));
            add_to(grads.get_or_alloc_mut(&w)?, &sums.weights);
            if let Some(bias) = &bias {
                add_to(grads.get_or_alloc_mut(bias)?, &sums.bias);
            }
            Ok(())
        });
        Ok(y.put_tape(tape))
    }
}

/// [`LinearOp::linear`] by dfdx's own product; the bias is added as the position of texts of one token is.
fn product<T: Tape<f32, Cpu>>(
    x: Matrix<Cpu, T>,
    w: &Matrix<Cpu>,
    bias: Option<&Vector<Cpu>>,
    relu: bool,
) -> Result<Matrix<Cpu, T>, <Cpu as HasErr>::Err> {
    let once = x.shape().0 * w.shape().num_elements();
    macs::count(once);
    let (y, mut tape) = x.try_matmul(w.retaped::<T>().try_permute::<_, Axes2<1, 0>>()?)?.split_tape();
    tape.add_backward_op(move |_| {
        macs::count(2 * once);
        Ok(())
    });
    let mut y = y.put_tape(tape);
    if let Some(bias) = bias {
        let (rows, outputs) = *y.shape();
        let bias = bias.clone().try_reshape_like(&(1, outputs))?;
        y = Cpu::add_positions(y.try_reshape_like(&(rows, 1, outputs))?, &bias, 0)?
            .try_reshape_like(&(rows, outputs))?;
    }
    if relu { Cpu::activate(y, Activation::Relu) } else { Ok(y) }
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
    use crate::ops::testing::{
        Outcome, TestTape, assert_gradients_add_up, assert_outcome, assert_same_bits_on_any_threads, assert_slopes,
        differentiate, noise, steps, tensor,
    };
    use proptest::prelude::*;

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Way {
        Kernel,
        Composition,
        /// [`LinearOp::linear_tokens`] of texts of one token, without ReLU.
        Tokens,
    }

    #[derive(Clone, Copy, Debug)]
    struct Case {
        way: Way,
        /// Batch, inputs and outputs.
        sizes: [usize; 3],
        bias: bool,
        relu: bool,
    }

    impl Case {
        fn inputs(&self) -> Vec<Vec<f32>> {
            let [batch, inputs, outputs] = self.sizes;
            let mut all = vec![noise("x", batch * inputs), noise("w", outputs * inputs)];
            all.extend(self.bias.then(|| noise("bias", outputs)));
            all
        }

        fn run(&self, numbers: &[Vec<f32>]) -> Outcome {
            let [batch, inputs, outputs] = self.sizes;
            let (x, w) = (tensor(&numbers[0], (batch, inputs)), tensor(&numbers[1], (outputs, inputs)));
            let bias = self.bias.then(|| tensor(&numbers[2], (outputs,)));
            let traced: Matrix<Cpu, TestTape> = x.leaky_trace();
            let y = match self.way {
                Way::Kernel => Cpu::linear(traced, &w, bias.as_ref(), self.relu),
                Way::Composition => composed(traced, &w, bias.as_ref(), self.relu),
                Way::Tokens => {
                    let texts = traced.reshape_like(&(batch, 1, inputs));
                    Cpu::linear_tokens(texts, &w, bias.as_ref()).map(|y| y.reshape_like(&(batch, outputs)))
                }
            };
            let (y, gradients) = differentiate(y.unwrap());
            let mut all = vec![gradients.get(&x).as_vec(), gradients.get(&w).as_vec()];
            all.extend(bias.map(|bias| gradients.get(&bias).as_vec()));
            Outcome { y, gradients: all }
        }
    }

    // x = steps(6, 7, 11).reshape(2, 3).requires_grad_()
    // w = steps(12, 3, 13).reshape(4, 3).requires_grad_()
    // b = steps(4, 1, 2).requires_grad_()
    // y = act(F.linear(x, w, b))  # act: identity, F.relu
    // (y * cotangent(y)).sum().backward()
    // print(y, x.grad, w.grad, b.grad)
    #[test]
    fn outputs_and_gradients_as_pytorch() {
        let plain: [&[f32]; 4] = [
            &[1.375, 0.4375, -0.1875, 1.3125, -2.1875, 2.1875, -1.25, -1.75],
            &[3.65625, 1.78125, 1.125, 1.15625, 1.15625, -2.5],
            &[1.875, -0.84375, 0.90625, 1.875, 0.09375, -0.65625, -2.5, 0.15625, 0.40625, 1.875, -0.65625, 0.59375],
            &[-1.75, 0.75, -0.25, -1.25],
        ];
        let relu: [&[f32]; 4] = [
            &[1.375, 0.4375, 0.0, 1.3125, 0.0, 2.1875, 0.0, 0.0],
            &[3.875, 1.34375, 0.03125, 0.84375, 1.6875, -1.125],
            &[2.03125, -0.8125, 0.8125, 1.875, 0.09375, -0.65625, 0.0, 0.0, 0.0, 1.71875, -0.6875, 0.6875],
            &[-1.625, 0.75, 0.0, -1.375],
        ];
        for (lists, relu) in [(plain, false), (relu, true)] {
            let [y, gradients @ ..] = lists.map(<[f32]>::to_vec);
            let due = Outcome { y, gradients: gradients.into() };
            let ways =
                if relu { &[Way::Kernel, Way::Composition][..] } else { &[Way::Kernel, Way::Composition, Way::Tokens] };
            for &way in ways {
                let case = Case { way, sizes: [2, 3, 4], bias: true, relu };
                assert_outcome(&case, &case.run(&[steps(6, 7, 11), steps(12, 3, 13), steps(4, 1, 2)]), &due, 1e-6);
            }
        }
    }

    #[test]
    fn gradients_are_slopes() {
        for (bias, relu) in [(false, false), (true, true)] {
            let case = Case { way: Way::Kernel, sizes: [3, 5, 4], bias, relu };
            assert_slopes(&case, &case.inputs(), 1e-3, |inputs| case.run(inputs));
        }
    }

    proptest! {
        #[test]
        fn kernel_matches_composition_at_any_shape(
            (batch, inputs, outputs) in (1usize..300, 1usize..80, 1usize..80),
            (bias, relu) in any::<(bool, bool)>(),
        ) {
            let kernel = Case { way: Way::Kernel, sizes: [batch, inputs, outputs], bias, relu };
            let numbers = kernel.inputs();
            let due = Case { way: Way::Composition, ..kernel }.run(&numbers);
            assert_outcome(&kernel, &kernel.run(&numbers), &due, 2e-5);
            if !relu {
                let tokens = Case { way: Way::Tokens, ..kernel };
                assert_outcome(&tokens, &tokens.run(&numbers), &due, 2e-5);
            }
        }
    }

    #[test]
    fn many_weights_give_what_the_composition_gives() {
        for (bias, relu) in [(false, false), (true, true)] {
            let kernel = Case { way: Way::Kernel, sizes: [5, 800, 700], bias, relu };
            let numbers = kernel.inputs();
            let due = Case { way: Way::Composition, ..kernel }.run(&numbers);
            assert_outcome(&kernel, &kernel.run(&numbers), &due, 2e-5);
            assert_same_bits_on_any_threads(&kernel, || kernel.run(&numbers));
        }
    }

    #[test]
    fn gradients_add_up() {
        let (x, w) = (tensor(&noise("x", 15), (3, 5)), tensor(&noise("w", 20), (4, 5)));
        assert_gradients_add_up(&x, |x| Cpu::linear(x, &w, None, true).unwrap());
        assert_gradients_add_up(&w, |w| {
            let (w, tape) = w.split_tape();
            Cpu::linear(x.clone().put_tape(tape), &w, None, true).unwrap()
        });
    }

    #[test]
    fn same_bits_on_any_number_of_threads() {
        for (way, relu) in [(Way::Kernel, true), (Way::Tokens, false)] {
            let case = Case { way, sizes: [70, 200, 30], bias: true, relu };
            let inputs = case.inputs();
            assert_same_bits_on_any_threads(&case, || case.run(&inputs));
        }
    }

    #[test]
    #[should_panic(expected = "different lengths")]
    fn tokens_of_another_width_are_refused() {
        let _ = Cpu::linear_tokens(tensor(&[0.0; 6], (1, 2, 3)), &tensor(&[0.0; 4], (2, 2)), None);
    }
}

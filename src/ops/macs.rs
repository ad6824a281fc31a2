//! How many multiply-adds a piece of work takes, counted where the work is done.
//!
//! The CPU kernels of convolutions, linear layers and attention count their passes; a convolution counts as a direct one, its
//! border of zeros included. A backward pass counts the products that its gradients need: those of the weights and those of
//! the input once each, where they are computed; what a kernel computes anew to save memory counts nothing. Nothing else of a
//! net comes near these.

use std::cell::Cell;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// Counts these.
pub fn count(macs: usize) {
    COUNT.set(COUNT.get().wrapping_add(macs as u64));
}

/// What `work` returns, and the multiply-adds of the ops that this thread called meanwhile; none on another device.
pub fn of<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let before = COUNT.get();
    let result = work();
    (result, COUNT.get().wrapping_sub(before))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{TestTape, differentiate, tensor};
    use crate::ops::{Attention, AttentionOp, Conv2d, Conv2dOp, LinearOp};
    use dfdx::prelude::*;

    #[test]
    fn layers_count_as_on_paper() {
        let picture = tensor(&[0.0; 2 * 5 * 4 * 3], (2, 5, 4, 3));
        let filters = tensor(&[0.0; 7 * 9 * 3], (7, 3, 3, 3));
        let conv = Conv2d { pad: 1, ..Conv2d::default() };
        assert_eq!(of(|| Cpu::conv2d(picture, &filters, None, conv).unwrap()).1, 2 * 5 * 4 * 9 * 3 * 7);
        for (rows, inputs, outputs) in [(6, 4, 5), (2, 800, 700)] {
            let x = tensor(&vec![0.0; rows * inputs], (rows, inputs));
            let w = tensor(&vec![0.0; outputs * inputs], (outputs, inputs));
            let (_, macs) = of(|| Cpu::linear(x, &w, None, false).unwrap());
            assert_eq!(macs, (rows * inputs * outputs) as u64);
        }
        let tokens = || tensor(&[0.0; 2 * 3 * 8], (2, 3, 8));
        for (causal, pairs) in [(false, 9), (true, 6)] {
            let spec = Attention { heads: 2, causal, scale: None };
            let (_, macs) = of(|| Cpu::attention(tokens(), tokens(), tokens(), spec).unwrap());
            assert_eq!(macs, 2 * 2 * pairs * 8);
        }
    }

    /// What `work` and its backward pass count.
    fn trained<S: Shape>(work: impl FnOnce() -> Tensor<S, f32, Cpu, TestTape>) -> u64 {
        of(|| differentiate(work())).1
    }

    #[test]
    fn gradients_count_a_product_each() {
        let picture = tensor(&[0.0; 2 * 5 * 4 * 3], (2, 5, 4, 3));
        let filters = tensor(&[0.0; 7 * 9 * 3], (7, 3, 3, 3));
        let same = Conv2d { pad: 1, ..Conv2d::default() };
        for (spec, products) in [
            (same, 3),
            (Conv2d { no_input_gradient: true, ..same }, 2),
            (Conv2d { no_weight_gradient: true, ..same }, 2),
            (Conv2d { no_input_gradient: true, no_weight_gradient: true, ..same }, 1),
        ] {
            let macs = trained(|| Cpu::conv2d(picture.leaky_trace(), &filters, None, spec).unwrap());
            assert_eq!(macs, products * 7_560, "{spec:?}");
        }
        // 6 rows, 4 inputs, 5 outputs by the tiles; 2 rows, 800 inputs, 700 outputs by dfdx's own product.
        for ((rows, inputs, outputs), due) in [((6, 4, 5), 3 * 120), ((2, 800, 700), 3 * 1_120_000)] {
            let x = tensor(&vec![0.0; rows * inputs], (rows, inputs));
            let w = tensor(&vec![0.0; outputs * inputs], (outputs, inputs));
            assert_eq!(trained(|| Cpu::linear(x.leaky_trace(), &w, None, false).unwrap()), due);
        }
        // Two pictures, two heads of four channels, three queries on three keys: two products on the way there, and four back.
        let tokens = || tensor(&[0.0; 2 * 3 * 8], (2, 3, 8));
        for (causal, due) in [(false, 6 * 144), (true, 6 * 96)] {
            let spec = Attention { heads: 2, causal, scale: None };
            let [q, k, v] = [(); 3].map(|()| tokens().leaky_traced());
            assert_eq!(trained(|| Cpu::attention(q, k, v, spec).unwrap()), due);
        }
    }
}

//! Rows of a table by index.

use super::host::Matrix;
use dfdx::prelude::*;

/// `y[b] = table[labels[b]]`: `table (N, C)`, labels in `0..N`, `y (B, C)`.
///
/// Matches `torch.nn.functional.embedding`. On the CPU the gradients of a row that is taken twice add up in the order
/// of `b`. A batch of labels is small, so that dfdx's own op serves every device.
///
/// # Errors
/// When the device is out of memory.
/// # Panics
/// When a label is not below `N`.
pub fn rows<D: Device<f32>, T: Tape<f32, D>>(table: Matrix<D, T>, labels: &[usize]) -> Result<Matrix<D, T>, D::Err> {
    let &(count, _) = table.shape();
    assert!(labels.iter().all(|&label| label < count), "rows: a label is not in the table");
    let index = table.device().try_tensor_from_vec(labels.to_vec(), (labels.len(),))?;
    table.try_gather(index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{
        Outcome, TestTape, assert_outcome, assert_same_bits_on_any_threads, assert_slopes, differentiate, noise, steps,
        tensor,
    };

    fn run(table: &[f32], count: usize, labels: &[usize]) -> Outcome {
        let table = tensor(table, (count, table.len() / count));
        let traced: Matrix<Cpu, TestTape> = table.leaky_trace();
        let (y, gradients) = differentiate(rows(traced, labels).unwrap());
        Outcome { y, gradients: vec![gradients.get(&table).as_vec()] }
    }

    // x = steps(12, 7, 11).reshape(4, 3).requires_grad_()
    // y = F.embedding(torch.tensor([2, 0, 2]), x)
    // (y * cotangent(y)).sum().backward()
    // print(y, x.grad)
    #[test]
    fn rows_and_gradients_as_pytorch() {
        let due = Outcome {
            y: vec![1.0, 0.0, -1.0, -1.25, 0.5, -0.5, 1.0, 0.0, -1.0],
            gradients: vec![vec![-1.375, -0.125, 1.125, 0.0, 0.0, 0.0, -2.75, -0.25, 2.25, 0.0, 0.0, 0.0]],
        };
        assert_outcome(&"rows", &run(&steps(12, 7, 11), 4, &[2, 0, 2]), &due, 1e-6);
    }

    #[test]
    fn gradients_are_slopes() {
        assert_slopes(&"rows", &[noise("x", 20)], 1e-3, |inputs| run(&inputs[0], 5, &[1, 4, 4, 0, 4]));
    }

    #[test]
    fn same_bits_on_any_number_of_threads() {
        let labels: Vec<usize> = (0..100).map(|i| i * i % 7).collect();
        assert_same_bits_on_any_threads(&"rows", || run(&noise("x", 70), 7, &labels));
    }

    #[test]
    #[should_panic(expected = "not in the table")]
    fn an_unknown_label_is_refused() {
        let _ = rows(tensor(&[0.0; 6], (2, 3)), &[2]);
    }
}

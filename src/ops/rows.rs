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

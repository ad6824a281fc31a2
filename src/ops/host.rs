//! Between dfdx's tape and slices: what every CPU kernel needs to read its inputs and to work on gradients.

use dfdx::prelude::*;

/// A batch of pictures, channels last: `(B, H, W, C)`.
pub type Image<D, T = NoneTape> = Tensor<(usize, usize, usize, usize), f32, D, T>;
/// A batch of sequences of vectors, `(B, N, C)`.
pub type Tokens<D, T = NoneTape> = Tensor<(usize, usize, usize), f32, D, T>;
/// A batch of vectors, `(B, C)`.
pub type Matrix<D, T = NoneTape> = Tensor<(usize, usize), f32, D, T>;
/// A vector of run-time length, `(C)`.
pub type Vector<D, T = NoneTape> = Tensor<(usize,), f32, D, T>;

/// The numbers of a contiguous tensor. dfdx keeps its storage private, so this is a copy.
pub fn read<S: Shape, D: CopySlice<f32>, T>(tensor: &Tensor<S, f32, D, T>) -> Vec<f32> {
    let mut numbers = vec![0.0; tensor.shape().num_elements()];
    tensor.copy_into(&mut numbers);
    numbers
}

/// Adds `values` to a gradient buffer.
pub fn add_to(gradient: &mut [f32], values: &[f32]) {
    gradient.iter_mut().zip(values).for_each(|(sum, &value)| *sum += value);
}

//! Windows by index: how ops that dfdx lacks are composed of those that it has, on any device.

use super::host::{Image, Matrix};
use dfdx::prelude::*;

/// Takes `places` of each flat picture: `x (B, H, W, C)` to `(N, B)`.
///
/// A place is an index into the picture's `H * W * C` numbers; `H * W * C` itself names a zero (padding).
pub fn gather<D: Device<f32>, T: Tape<f32, D>>(x: Image<D, T>, places: Vec<usize>) -> Result<Matrix<D, T>, D::Err> {
    let &(batch, height, width, channels) = x.shape();
    let device = x.device().clone();
    let flat = x.try_reshape_like(&(batch, height * width * channels))?;
    let columns: Matrix<D, T> = flat.try_permute::<_, Axes2<1, 0>>()?;
    // One more row of zeros stands for every place in the padding.
    let padding = device.try_zeros_like(&(1, batch))?.put_tape(T::default());
    let columns: Matrix<D, T> = (columns, padding).try_concat_along(Axis::<0>)?;
    let count = places.len();
    let index = device.try_tensor_from_vec(places, (count,))?;
    columns.try_gather(index)
}

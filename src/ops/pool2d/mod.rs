//! Pooling, channels last: 2x2 maxima, 2x2 means, and the maximum or mean over the whole picture.

pub(crate) mod cpu;

use crate::ops::gather::gather;
use crate::ops::host::{Held, Image, Matrix};
use dfdx::prelude::*;
use rayon::prelude::*;

/// Pooling on a device. Shapes: `x (B, H, W, C)`; an odd last row or column is left out of a 2x2 pool.
pub trait Pool2dOp: Device<f32> {
    /// The largest of each 2x2, `y (B, H / 2, W / 2, C)`; matches `torch.nn.functional.max_pool2d(x, 2)`.
    ///
    /// The CPU kernel sends the gradient to the first of equals, the composition to each of them.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When a side is shorter than 2.
    fn max_pool2d<T: Tape<f32, Self>>(x: Image<Self, T>) -> Result<Image<Self, T>, Self::Err> {
        composed_max(x)
    }

    /// The mean of each 2x2, `y (B, H / 2, W / 2, C)`; matches `torch.nn.functional.avg_pool2d(x, 2)`.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When a side is shorter than 2.
    fn avg_pool2d<T: Tape<f32, Self>>(x: Image<Self, T>) -> Result<Image<Self, T>, Self::Err> {
        let shape = *x.shape();
        corners(x)?.try_mean::<_, Axis<0>>().and_then(|y| to_images(y, shape))
    }

    /// The largest over all positions, `y (B, C)`; matches `torch.nn.functional.adaptive_max_pool2d(x, 1)`.
    ///
    /// The CPU kernel sends the gradient to the first of equals, the composition to each of them.
    ///
    /// # Errors
    /// When the device is out of memory.
    fn global_max_pool<T: Tape<f32, Self>>(x: Image<Self, T>) -> Result<Matrix<Self, T>, Self::Err> {
        composed_global_max(x)
    }

    /// The mean over all positions, `y (B, C)`; matches `torch.mean(x, (2, 3))`.
    ///
    /// # Errors
    /// When the device is out of memory.
    fn global_avg_pool<T: Tape<f32, Self>>(x: Image<Self, T>) -> Result<Matrix<Self, T>, Self::Err> {
        composed_global_avg(x)
    }
}

impl Pool2dOp for Cpu {
    fn max_pool2d<T: Tape<f32, Self>>(x: Image<Self, T>) -> Result<Image<Self, T>, Self::Err> {
        let &(batch, height, width, channels) = x.shape();
        assert!(height >= 2 && width >= 2, "pool2d: the picture is smaller than a window");
        let size = [height, width, channels];
        let (x, mut tape) = x.split_tape();
        let out_len = (height / 2) * (width / 2) * channels;
        let (mut y, mut select) = (vec![0.0; batch * out_len], vec![0u8; batch * out_len]);
        let each = (y.par_chunks_mut(out_len), select.par_chunks_mut(out_len));
        let numbers = Held::new(&x);
        each.into_par_iter()
            .zip(numbers.par_chunks(height * width * channels))
            .for_each(|((y, select), x)| cpu::max_pool_image(size, x, y, select));
        let y = x.device().try_tensor_from_vec(y, (batch, height / 2, width / 2, channels))?;
        let (x_ghost, y_ghost) = (x.ghost(), y.ghost());
        tape.add_backward_op(move |grads| {
            let dy = std::mem::take(&mut **grads.get_or_alloc_mut(&y_ghost)?);
            let dx = &mut **grads.get_or_alloc_mut(&x_ghost)?;
            let image = height * width * channels;
            let each = dx.par_chunks_mut(image).zip(dy.par_chunks(out_len)).zip(select.par_chunks(out_len));
            each.for_each(|((dx, dy), select)| {
                let mut spread = vec![0.0; image];
                cpu::max_unpool_image(size, dy, select, &mut spread);
                super::host::add_to(dx, &spread);
            });
            Ok(())
        });
        Ok(y.put_tape(tape))
    }

    fn global_max_pool<T: Tape<f32, Self>>(x: Image<Self, T>) -> Result<Matrix<Self, T>, Self::Err> {
        let &(batch, height, width, channels) = x.shape();
        let image = height * width * channels;
        let (x, mut tape) = x.split_tape();
        let (mut y, mut taken) = (vec![0.0; batch * channels], vec![0u32; batch * channels]);
        let each = y.par_chunks_mut(channels).zip(taken.par_chunks_mut(channels));
        each.zip(Held::new(&x).par_chunks(image)).for_each(|((y, taken), x)| cpu::global_max_image(x, y, taken));
        let y = x.device().try_tensor_from_vec(y, (batch, channels))?;
        let (x_ghost, y_ghost) = (x.ghost(), y.ghost());
        tape.add_backward_op(move |grads| {
            let dy = std::mem::take(&mut **grads.get_or_alloc_mut(&y_ghost)?);
            let dx = &mut **grads.get_or_alloc_mut(&x_ghost)?;
            let each = dx.chunks_exact_mut(image).zip(dy.chunks_exact(channels)).zip(taken.chunks_exact(channels));
            for ((dx, dy), taken) in each {
                for (channel, (&dy, &position)) in dy.iter().zip(taken).enumerate() {
                    dx[position as usize * channels + channel] += dy;
                }
            }
            Ok(())
        });
        Ok(y.put_tape(tape))
    }

    fn global_avg_pool<T: Tape<f32, Self>>(x: Image<Self, T>) -> Result<Matrix<Self, T>, Self::Err> {
        let &(batch, height, width, channels) = x.shape();
        let (image, share) = (height * width * channels, 1.0 / (height * width) as f32);
        let (x, mut tape) = x.split_tape();
        let mut y = vec![0.0; batch * channels];
        let numbers = Held::new(&x);
        y.par_chunks_mut(channels).zip(numbers.par_chunks(image)).for_each(|(y, x)| cpu::mean_image(x, share, y));
        let y = x.device().try_tensor_from_vec(y, (batch, channels))?;
        let (x_ghost, y_ghost) = (x.ghost(), y.ghost());
        tape.add_backward_op(move |grads| {
            let dy = std::mem::take(&mut **grads.get_or_alloc_mut(&y_ghost)?);
            let dx = &mut **grads.get_or_alloc_mut(&x_ghost)?;
            let each = dx.par_chunks_mut(image).zip(dy.par_chunks(channels));
            each.for_each(|(dx, dy)| cpu::spread_image(dy, share, dx));
            Ok(())
        });
        Ok(y.put_tape(tape))
    }
}

#[cfg(feature = "cuda")]
impl Pool2dOp for Cuda {}

/// [`Pool2dOp::global_avg_pool`] composed of dfdx's own ops.
pub fn composed_global_avg<D: Device<f32>, T: Tape<f32, D>>(x: Image<D, T>) -> Result<Matrix<D, T>, D::Err> {
    let &(batch, height, width, channels) = x.shape();
    let rows = x.try_reshape_like(&(batch, height * width, channels))?;
    rows.try_mean::<(usize, usize), Axis<1>>()
}

/// [`Pool2dOp::max_pool2d`] composed of dfdx's own ops.
pub fn composed_max<D: Device<f32>, T: Tape<f32, D>>(x: Image<D, T>) -> Result<Image<D, T>, D::Err> {
    let shape = *x.shape();
    corners(x)?.try_max::<_, Axis<0>>().and_then(|y| to_images(y, shape))
}

/// [`Pool2dOp::global_max_pool`] composed of dfdx's own ops.
pub fn composed_global_max<D: Device<f32>, T: Tape<f32, D>>(x: Image<D, T>) -> Result<Matrix<D, T>, D::Err> {
    let &(batch, height, width, channels) = x.shape();
    let rows = x.try_reshape_like(&(batch, height * width, channels))?;
    rows.try_max::<(usize, usize), Axis<1>>()
}

type Shape4 = (usize, usize, usize, usize);

/// `(4, outputs, B)`.
type Corners<D, T> = Tensor<(usize, usize, usize), f32, D, T>;

/// The four inputs of each 2x2, `(4, H' * W' * C, B)`.
fn corners<D: Device<f32>, T: Tape<f32, D>>(x: Image<D, T>) -> Result<Corners<D, T>, D::Err> {
    let &(batch, height, width, channels) = x.shape();
    assert!(height >= 2 && width >= 2, "pool2d: the picture is smaller than a window");
    let (out_height, out_width) = (height / 2, width / 2);
    let mut places = Vec::with_capacity(4 * out_height * out_width * channels);
    for (u, v) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        for (i, j) in (0..out_height).flat_map(|i| (0..out_width).map(move |j| (i, j))) {
            let start = ((2 * i + u) * width + 2 * j + v) * channels;
            places.extend(start..start + channels);
        }
    }
    gather(x, places)?.try_reshape_like(&(4, out_height * out_width * channels, batch))
}

fn to_images<D: Device<f32>, T: Tape<f32, D>>(
    y: Matrix<D, T>,
    (batch, height, width, channels): Shape4,
) -> Result<Image<D, T>, D::Err> {
    let rows: Matrix<D, T> = y.try_permute::<_, Axes2<1, 0>>()?;
    rows.try_reshape_like(&(batch, height / 2, width / 2, channels))
}

#[cfg(test)]
mod tests;

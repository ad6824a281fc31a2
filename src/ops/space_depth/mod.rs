//! Squares of 2x2 pixels as channels and back: what turns convolutions of stride 2 into ones of stride 1.

use super::gather::gather;
use super::host::{Held, Image, zeros};
use dfdx::prelude::*;
use rayon::prelude::*;

/// Between space and depth on a device; each of the two ops is the other's adjoint.
///
/// The four pixels of a square follow one another row by row, each with its channels: `(0, 0), (0, 1), (1, 0), (1, 1)`.
/// `torch.nn.functional.pixel_unshuffle` has the channels outside: its order is this one's with the two swapped.
pub trait SpaceDepthOp: Device<f32> {
    /// `y[b, i, j, (u, v, c)] = x[b, 2 i + u - pad, 2 j + v - pad, c]`, zero outside the picture.
    ///
    /// Shapes: `x (B, H, W, C)`, `y (B, H / 2 + pad, W / 2 + pad, 4 C)` for even sides. Padded by 1 and followed by a 2x2
    /// convolution of weights `(O, 2, 2, 4 C)` it is `torch.nn.functional.conv2d(stride=2, padding=1)` of 4x4 weights:
    /// `w[o, U, V, (u, v, c)]` is PyTorch's `[o, c, 2 U + u, 2 V + v]`.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When a side is odd.
    fn space_to_depth<T: Tape<f32, Self>>(x: Image<Self, T>, pad: usize) -> Result<Image<Self, T>, Self::Err> {
        composed_to_depth(x, pad)
    }

    /// `y[b, 2 i + u - crop, 2 j + v - crop, c] = x[b, i, j, (u, v, c)]`, what falls outside is left out.
    ///
    /// Shapes: `x (B, h, w, 4 C)`, `y (B, 2 h - 2 crop, 2 w - 2 crop, C)`. Behind a 2x2 convolution padded by 1 of
    /// weights `(4 O, 2, 2, C)`, and cropped by 1, it is `torch.nn.functional.conv_transpose2d(stride=2, padding=1)` of
    /// 4x4 weights: `w[(u, v, o), U, V, c]` is PyTorch's `[c, o, 2 (1 - U) + u, 2 (1 - V) + v]`.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When the channels are no multiple of 4, or nothing is left.
    fn depth_to_space<T: Tape<f32, Self>>(x: Image<Self, T>, crop: usize) -> Result<Image<Self, T>, Self::Err> {
        composed_to_space(x, crop)
    }
}

/// A picture with its border of zeros, and how its pixels lie in squares.
#[derive(Clone, Copy)]
pub struct Layout {
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    pub border: usize,
}

impl Layout {
    fn of_picture(&(_, height, width, channels): &Shape4, pad: usize) -> Self {
        assert!(height % 2 == 0 && width % 2 == 0, "space_to_depth: an odd side");
        Self { height, width, channels, border: pad }
    }

    fn of_squares(&(_, height, width, channels): &Shape4, crop: usize) -> Self {
        assert!(channels % 4 == 0 && height.min(width) > crop, "depth_to_space: bad sizes");
        Self { height: 2 * (height - crop), width: 2 * (width - crop), channels: channels / 4, border: crop }
    }

    fn picture(&self, batch: usize) -> Shape4 {
        (batch, self.height, self.width, self.channels)
    }

    fn squares(&self, batch: usize) -> Shape4 {
        (batch, self.height / 2 + self.border, self.width / 2 + self.border, 4 * self.channels)
    }

    /// Floats of the picture.
    #[allow(clippy::len_without_is_empty)] // a size, not a container's
    pub fn len(&self) -> usize {
        self.height * self.width * self.channels
    }

    fn squares_len(&self) -> usize {
        let (_, height, width, channels) = self.squares(1);
        height * width * channels
    }

    /// Calls `run(place in the picture, place in the squares, length)` for every run of floats that is contiguous in
    /// both.
    #[inline(always)]
    pub fn runs(&self, mut run: impl FnMut(usize, usize, usize)) {
        let (_, rows, cols, _) = self.squares(1);
        for (i, u) in (0..rows).flat_map(|i| [(i, 0), (i, 1)]) {
            let row = (2 * i + u).wrapping_sub(self.border);
            if row >= self.height {
                continue;
            }
            for j in 0..cols {
                let first = (2 * j).max(self.border);
                let end = (2 * j + 2).min(self.width + self.border);
                if first < end {
                    let place = (row * self.width + first - self.border) * self.channels;
                    let square = ((i * cols + j) * 4 + 2 * u + first - 2 * j) * self.channels;
                    run(place, square, (end - first) * self.channels);
                }
            }
        }
    }
}

type Shape4 = (usize, usize, usize, usize);

fn add(sums: &mut [f32], values: &[f32]) {
    sums.iter_mut().zip(values).for_each(|(sum, &value)| *sum += value);
}

impl SpaceDepthOp for Cpu {
    fn space_to_depth<T: Tape<f32, Self>>(x: Image<Self, T>, pad: usize) -> Result<Image<Self, T>, Self::Err> {
        let layout = Layout::of_picture(x.shape(), pad);
        let batch = x.shape().0;
        let (x, mut tape) = x.split_tape();
        let mut y = zeros(batch * layout.squares_len());
        y.par_chunks_mut(layout.squares_len()).zip(Held::new(&x).par_chunks(layout.len())).for_each(|(y, x)| {
            layout.runs(|picture, square, len| y[square..square + len].copy_from_slice(&x[picture..picture + len]));
        });
        let y = x.device().try_tensor_from_vec(y, layout.squares(batch))?;
        let (x_ghost, y_ghost) = (x.ghost(), y.ghost());
        tape.add_backward_op(move |grads| {
            let dy = std::mem::take(&mut **grads.get_or_alloc_mut(&y_ghost)?);
            let dx = &mut **grads.get_or_alloc_mut(&x_ghost)?;
            dx.par_chunks_mut(layout.len()).zip(dy.par_chunks(layout.squares_len())).for_each(|(dx, dy)| {
                layout.runs(|picture, square, len| add(&mut dx[picture..picture + len], &dy[square..square + len]));
            });
            Ok(())
        });
        Ok(y.put_tape(tape))
    }

    fn depth_to_space<T: Tape<f32, Self>>(x: Image<Self, T>, crop: usize) -> Result<Image<Self, T>, Self::Err> {
        let layout = Layout::of_squares(x.shape(), crop);
        let batch = x.shape().0;
        let (x, mut tape) = x.split_tape();
        let mut y = zeros(batch * layout.len());
        y.par_chunks_mut(layout.len()).zip(Held::new(&x).par_chunks(layout.squares_len())).for_each(|(y, x)| {
            layout.runs(|picture, square, len| y[picture..picture + len].copy_from_slice(&x[square..square + len]));
        });
        let y = x.device().try_tensor_from_vec(y, layout.picture(batch))?;
        let (x_ghost, y_ghost) = (x.ghost(), y.ghost());
        tape.add_backward_op(move |grads| {
            let dy = std::mem::take(&mut **grads.get_or_alloc_mut(&y_ghost)?);
            let dx = &mut **grads.get_or_alloc_mut(&x_ghost)?;
            dx.par_chunks_mut(layout.squares_len()).zip(dy.par_chunks(layout.len())).for_each(|(dx, dy)| {
                layout.runs(|picture, square, len| add(&mut dx[square..square + len], &dy[picture..picture + len]));
            });
            Ok(())
        });
        Ok(y.put_tape(tape))
    }
}

#[cfg(feature = "cuda")]
impl SpaceDepthOp for Cuda {}

/// [`SpaceDepthOp::space_to_depth`] composed of dfdx's own ops.
pub fn composed_to_depth<D: Device<f32>, T: Tape<f32, D>>(x: Image<D, T>, pad: usize) -> Result<Image<D, T>, D::Err> {
    let layout = Layout::of_picture(x.shape(), pad);
    let batch = x.shape().0;
    let mut places = vec![layout.len(); layout.squares_len()];
    layout.runs(|picture, square, len| {
        places[square..square + len].iter_mut().zip(picture..).for_each(|(place, index)| *place = index);
    });
    turn(gather(x, places)?, layout.squares(batch))
}

/// [`SpaceDepthOp::depth_to_space`] composed of dfdx's own ops.
pub fn composed_to_space<D: Device<f32>, T: Tape<f32, D>>(x: Image<D, T>, crop: usize) -> Result<Image<D, T>, D::Err> {
    let layout = Layout::of_squares(x.shape(), crop);
    let batch = x.shape().0;
    let mut places = vec![0; layout.len()];
    layout.runs(|picture, square, len| {
        places[picture..picture + len].iter_mut().zip(square..).for_each(|(place, index)| *place = index);
    });
    turn(gather(x, places)?, layout.picture(batch))
}

/// Gathered columns `(N, B)` as pictures.
fn turn<D: Device<f32>, T: Tape<f32, D>>(
    columns: super::host::Matrix<D, T>,
    shape: Shape4,
) -> Result<Image<D, T>, D::Err> {
    let rows: super::host::Matrix<D, T> = columns.try_permute::<_, Axes2<1, 0>>()?;
    rows.try_reshape_like(&shape)
}

#[cfg(test)]
mod tests;

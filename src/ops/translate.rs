//! Pictures shifted by whole pixels.

use super::gather::gather;
use super::host::{Image, read};
use dfdx::prelude::*;
use rayon::prelude::*;

/// Translation on a device.
pub trait TranslateOp: Device<f32> {
    /// `y[b, i, j, c] = x[b, i - down, j - right, c]` with `(down, right) = shifts[b]`, zero where that lies outside.
    ///
    /// Shapes: `x (B, H, W, C)`, one shift a picture, of any size and either sign. This is the translation of
    /// DiffAugment (Zhao et al. 2020, section 3.2); gradients flow to the pixels.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When there are not as many shifts as pictures.
    fn translate<T: Tape<f32, Self>>(x: Image<Self, T>, shifts: &[(i32, i32)]) -> Result<Image<Self, T>, Self::Err> {
        composed(x, shifts)
    }
}

type Shape4 = (usize, usize, usize, usize);

/// Calls `run(from, to, length)` for each row of the part of a picture that stays inside.
fn runs(&(_, height, width, channels): &Shape4, (down, right): (i32, i32), mut run: impl FnMut(usize, usize, usize)) {
    let kept = |side: usize, shift: i32| side.saturating_sub(shift.unsigned_abs() as usize);
    // Where the part that stays begins: in the source when the shift is negative, in the result when it is positive.
    let start = |shift: i32| (shift.min(0).unsigned_abs() as usize, shift.max(0).unsigned_abs() as usize);
    let ((from_row, to_row), (from_col, to_col)) = (start(down), start(right));
    let len = kept(width, right) * channels;
    if len > 0 {
        for row in 0..kept(height, down) {
            let from = ((from_row + row) * width + from_col) * channels;
            run(from, ((to_row + row) * width + to_col) * channels, len);
        }
    }
}

impl TranslateOp for Cpu {
    fn translate<T: Tape<f32, Self>>(x: Image<Self, T>, shifts: &[(i32, i32)]) -> Result<Image<Self, T>, Self::Err> {
        let shape = *x.shape();
        assert_eq!(shape.0, shifts.len(), "translate: one shift a picture");
        let image = shape.1 * shape.2 * shape.3;
        let (x, mut tape) = x.split_tape();
        let mut y = vec![0.0; shape.0 * image];
        y.par_chunks_mut(image).zip(read(&x).par_chunks(image)).zip(shifts).for_each(|((y, x), &shift)| {
            runs(&shape, shift, |from, to, len| y[to..to + len].copy_from_slice(&x[from..from + len]));
        });
        let y = x.device().try_tensor_from_vec(y, shape)?;
        let (x_ghost, y_ghost, shifts) = (x.ghost(), y.ghost(), shifts.to_vec());
        tape.add_backward_op(move |grads| {
            let dy = std::mem::take(&mut **grads.get_or_alloc_mut(&y_ghost)?);
            let dx = &mut **grads.get_or_alloc_mut(&x_ghost)?;
            dx.par_chunks_mut(image).zip(dy.par_chunks(image)).zip(&shifts).for_each(|((dx, dy), &shift)| {
                runs(&shape, shift, |from, to, len| super::host::add_to(&mut dx[from..from + len], &dy[to..to + len]));
            });
            Ok(())
        });
        Ok(y.put_tape(tape))
    }
}

#[cfg(feature = "cuda")]
impl TranslateOp for Cuda {}

/// [`TranslateOp::translate`] composed of dfdx's own ops: the batch is gathered as one tall picture.
pub fn composed<D: Device<f32>, T: Tape<f32, D>>(x: Image<D, T>, shifts: &[(i32, i32)]) -> Result<Image<D, T>, D::Err> {
    let shape = *x.shape();
    let (batch, height, width, channels) = shape;
    assert_eq!(batch, shifts.len(), "translate: one shift a picture");
    let image = height * width * channels;
    let mut places = vec![batch * image; batch * image];
    for (index, (places, &shift)) in places.chunks_exact_mut(image).zip(shifts).enumerate() {
        runs(&shape, shift, |from, to, len| {
            places[to..to + len].iter_mut().zip(index * image + from..).for_each(|(place, index)| *place = index);
        });
    }
    gather(x.try_reshape_like(&(1, batch * height, width, channels))?, places)?.try_reshape_like(&shape)
}

//! Dropout with a mask that is a hash.

use super::host::read;
use super::random::Stream;
use dfdx::prelude::*;
use rayon::prelude::*;

/// Numbers that one task works on.
const CHUNK: usize = 1 << 13;

/// Dropout on a device, for any shape.
pub trait DropoutOp: Device<f32> {
    /// `y[i] = x[i] / (1 - share)` where `stream.unit(i) >= share`, and 0 elsewhere: a share of the numbers is left out,
    /// their mean stays (Srivastava et al. 2014, section 10, the scaling moved to the training).
    ///
    /// Where nothing is recorded on a tape no training takes place, and `y = x`; so it is at a share of 0. Matches
    /// `torch.nn.functional.dropout` but for the mask, which depends on `stream` and the index alone.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When the share is not in `[0, 1)`.
    fn dropout<S: Shape, T: Tape<f32, Self>>(
        x: Tensor<S, f32, Self, T>,
        share: f32,
        stream: Stream,
    ) -> Result<Tensor<S, f32, Self, T>, Self::Err> {
        composed(x, share, stream)
    }
}

/// Whether there is anything to do.
fn is_on<T: Tape<f32, D>, D: Device<f32>>(share: f32) -> bool {
    assert!((0.0..1.0).contains(&share), "dropout: a share of {share} is not in [0, 1)");
    T::OWNS_TAPE && share > 0.0
}

/// What the number at `index` is multiplied by.
fn factor(stream: Stream, share: f32, index: usize) -> f32 {
    if stream.unit(index as u64) >= share { 1.0 / (1.0 - share) } else { 0.0 }
}

/// Does `change` to every number and its factor, which depends on where it is alone.
fn with_factors(numbers: &mut [f32], share: f32, stream: Stream, change: impl Fn(&mut f32, f32) + Sync) {
    numbers.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, numbers)| {
        for (index, number) in numbers.iter_mut().enumerate() {
            change(number, factor(stream, share, chunk * CHUNK + index));
        }
    });
}

impl DropoutOp for Cpu {
    fn dropout<S: Shape, T: Tape<f32, Self>>(
        x: Tensor<S, f32, Self, T>,
        share: f32,
        stream: Stream,
    ) -> Result<Tensor<S, f32, Self, T>, Self::Err> {
        if !is_on::<T, Self>(share) {
            return Ok(x);
        }
        let (x, mut tape) = x.split_tape();
        let mut y = read(&x);
        // A factor of 0 must stop a NaN too.
        let keep = |x: &mut f32, factor: f32| *x = if factor == 0.0 { 0.0 } else { *x * factor };
        with_factors(&mut y, share, stream, keep);
        let y = x.device().try_tensor_from_vec(y, *x.shape())?;
        let (x_ghost, y_ghost) = (x.ghost(), y.ghost());
        tape.add_backward_op(move |grads| {
            let mut dy = std::mem::take(&mut **grads.get_or_alloc_mut(&y_ghost)?);
            with_factors(&mut dy, share, stream, keep);
            super::host::add_to(grads.get_or_alloc_mut(&x_ghost)?, &dy);
            Ok(())
        });
        Ok(y.put_tape(tape))
    }
}

#[cfg(feature = "cuda")]
impl DropoutOp for Cuda {}

/// [`DropoutOp::dropout`] composed of dfdx's own ops.
pub fn composed<S: Shape, D: Device<f32>, T: Tape<f32, D>>(
    x: Tensor<S, f32, D, T>,
    share: f32,
    stream: Stream,
) -> Result<Tensor<S, f32, D, T>, D::Err> {
    if !is_on::<T, D>(share) {
        return Ok(x);
    }
    let factors = (0..x.shape().num_elements()).map(|index| factor(stream, share, index)).collect();
    let factors = x.device().try_tensor_from_vec(factors, *x.shape())?;
    x.try_mul(factors)
}

#[cfg(test)]
mod tests;

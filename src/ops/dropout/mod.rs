//! Dropout with a mask that is a hash.

use super::host::{Held, add_to, copy};
use super::random::Stream;
use dfdx::prelude::*;
use rayon::prelude::*;

/// Numbers that one task works on.
const CHUNK: usize = 1 << 13;
/// Numbers that share one hash, each of them 16 of its 64 bits.
const SHARING: usize = 4;
/// Values of 16 bits.
const STEPS: f32 = 65_536.0;

/// Dropout on a device, for any shape.
pub trait DropoutOp: Device<f32> {
    /// `y[i] = x[i] / (1 - share)` where number `i` is kept, and 0 elsewhere: a share of the numbers is left out, their
    /// mean stays (Srivastava et al. 2014, section 10, the scaling moved to the training).
    ///
    /// Of the hash `stream.at(i / 4)`, number `i` has the 16 bits from `16 (i % 4)` on, and is kept when they are at
    /// least `65536 share`, rounded: the share is met to `2^-17`.
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

/// The smallest 16 bits of a number that is kept.
fn threshold(share: f32) -> u64 {
    (share * STEPS).round() as u64
}

/// Whether the number in this place of those that share a hash is kept.
#[inline(always)]
fn is_kept(hash: u64, place: usize, threshold: u64) -> bool {
    (hash >> (16 * place)) & 0xffff >= threshold
}

/// Leaves out what is not kept, NaNs too, and scales the rest.
fn leave_out(numbers: &mut [f32], share: f32, stream: Stream) {
    let (threshold, scale) = (threshold(share), 1.0 / (1.0 - share));
    numbers.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, numbers)| {
        for (group, numbers) in numbers.chunks_mut(SHARING).enumerate() {
            let hash = stream.at((chunk * CHUNK / SHARING + group) as u64);
            for (place, x) in numbers.iter_mut().enumerate() {
                *x = if is_kept(hash, place, threshold) { *x * scale } else { 0.0 };
            }
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
        let mut y = copy(&Held::new(&x));
        leave_out(&mut y, share, stream);
        let y = x.device().try_tensor_from_vec(y, *x.shape())?;
        let (x_ghost, y_ghost) = (x.ghost(), y.ghost());
        tape.add_backward_op(move |grads| {
            let mut dy = std::mem::take(&mut **grads.get_or_alloc_mut(&y_ghost)?);
            leave_out(&mut dy, share, stream);
            add_to(grads.get_or_alloc_mut(&x_ghost)?, &dy);
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
    let mut factors = vec![1.0; x.shape().num_elements()];
    leave_out(&mut factors, share, stream);
    let factors = x.device().try_tensor_from_vec(factors, *x.shape())?;
    x.try_mul(factors)
}

#[cfg(test)]
mod tests;

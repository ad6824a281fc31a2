//! Scale and shift by picture and channel, with the activation behind them in the same op.

use super::activation::{self, Activation, ActivationOp, pull_back, specialised, value};
use super::host::{Held, Image, Matrix, add_to, zeros};
use super::simd::simd_fn;
use dfdx::prelude::*;
use rayon::prelude::*;

/// Feature-wise modulation on a device (Perez et al. 2018, "FiLM", equation 2).
pub trait ModulateOp: ActivationOp {
    /// `y[b, i, j, c] = activation(x[b, i, j, c] * scale[b, c] + shift[b, c])`.
    ///
    /// Shapes: `x (B, H, W, C)`, `scale (B, C)`, `shift (B, C)`, `y` as `x`; gradients flow to all three.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When the shapes do not fit each other.
    fn modulate<T: Tape<f32, Self>>(
        x: Image<Self, T>,
        scale: Matrix<Self, T>,
        shift: Matrix<Self, T>,
        activation: Activation,
    ) -> Result<Image<Self, T>, Self::Err> {
        composed(x, scale, shift, activation)
    }
}

impl ModulateOp for Cpu {
    fn modulate<T: Tape<f32, Self>>(
        x: Image<Self, T>,
        scale: Matrix<Self, T>,
        shift: Matrix<Self, T>,
        activation: Activation,
    ) -> Result<Image<Self, T>, Self::Err> {
        let shape = *x.shape();
        let (batch, height, width, channels) = shape;
        check(&shape, scale.shape(), shift.shape());
        let image = height * width * channels;
        let ((x, x_tape), (scale, scale_tape), (shift, shift_tape)) =
            (x.split_tape(), scale.split_tape(), shift.split_tape());
        let mut tape = x_tape.merge(scale_tape).merge(shift_tape);
        let (numbers, scales, shifts) = (Held::new(&x), Held::new(&scale), Held::new(&shift));
        let mut y = zeros(batch * image);
        let rows = scales.par_chunks(channels).zip(shifts.par_chunks(channels));
        y.par_chunks_mut(image)
            .zip(numbers.par_chunks(image))
            .zip(rows)
            .for_each(|((y, x), (scale, shift))| forward(activation, x, scale, shift, y));
        let y = x.device().try_tensor_from_vec(y, shape)?;
        let (x_ghost, scale_ghost, shift_ghost, y_ghost) = (x.ghost(), scale.ghost(), shift.ghost(), y.ghost());
        tape.add_backward_op(move |grads| {
            let dy = std::mem::take(&mut **grads.get_or_alloc_mut(&y_ghost)?);
            let dx = &mut **grads.get_or_alloc_mut(&x_ghost)?;
            let mut sums = vec![0.0; 2 * batch * channels];
            let rows = scales.par_chunks(channels).zip(shifts.par_chunks(channels));
            let inputs = numbers.par_chunks(image).zip(dy.par_chunks(image)).zip(rows);
            dx.par_chunks_mut(image).zip(sums.par_chunks_mut(2 * channels)).zip(inputs).for_each(
                |((dx, sums), ((x, dy), (scale, shift)))| {
                    let (scale_sums, shift_sums) = sums.split_at_mut(channels);
                    backward(activation, x, dy, scale, shift, dx, scale_sums, shift_sums);
                },
            );
            for (ghost, start) in [(&scale_ghost, 0), (&shift_ghost, channels)] {
                let gradient = grads.get_or_alloc_mut(ghost)?;
                for (gradient, sums) in gradient.chunks_exact_mut(channels).zip(sums.chunks_exact(2 * channels)) {
                    add_to(gradient, &sums[start..start + channels]);
                }
            }
            Ok(())
        });
        Ok(y.put_tape(tape))
    }
}

fn check(x: &(usize, usize, usize, usize), scale: &(usize, usize), shift: &(usize, usize)) {
    let due = (x.0, x.3);
    assert!(*scale == due && *shift == due, "modulate: one scale and shift a picture and channel");
}

simd_fn! {
    /// One picture.
    fn forward(activation: Activation, x: &[f32], scale: &[f32], shift: &[f32], y: &mut [f32]) {
        let c = scale.len();
        let shift = &shift[..c];
        specialised!(activation, A => for (x, y) in x.chunks_exact(c).zip(y.chunks_exact_mut(c)) {
            for i in 0..c {
                y[i] = value(A, x[i] * scale[i] + shift[i]);
            }
        })
    }
}

simd_fn! {
    /// One picture: adds to `dx` and to the sums over its positions.
    fn backward(
        activation: Activation,
        x: &[f32],
        dy: &[f32],
        scale: &[f32],
        shift: &[f32],
        dx: &mut [f32],
        scale_sums: &mut [f32],
        shift_sums: &mut [f32],
    ) {
        let c = scale.len();
        let (shift, scale_sums, shift_sums) = (&shift[..c], &mut scale_sums[..c], &mut shift_sums[..c]);
        let rows = x.chunks_exact(c).zip(dy.chunks_exact(c)).zip(dx.chunks_exact_mut(c));
        specialised!(activation, A => for ((x, dy), dx) in rows {
            for i in 0..c {
                let dz = pull_back(A, x[i] * scale[i] + shift[i], dy[i]);
                dx[i] += dz * scale[i];
                scale_sums[i] += dz * x[i];
                shift_sums[i] += dz;
            }
        })
    }
}

#[cfg(feature = "cuda")]
impl ModulateOp for Cuda {}

/// [`ModulateOp::modulate`] composed of dfdx's own ops.
pub fn composed<D: Device<f32>, T: Tape<f32, D>>(
    x: Image<D, T>,
    scale: Matrix<D, T>,
    shift: Matrix<D, T>,
    activation: Activation,
) -> Result<Image<D, T>, D::Err> {
    let shape = *x.shape();
    check(&shape, scale.shape(), shift.shape());
    let y = x.try_mul(scale.try_broadcast_like::<_, Axes2<1, 2>>(&shape)?)?;
    let y = y.try_add(shift.try_broadcast_like::<_, Axes2<1, 2>>(&shape)?)?;
    activation::composed(y, activation)
}

#[cfg(test)]
mod tests;

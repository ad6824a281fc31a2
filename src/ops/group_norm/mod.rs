//! Group normalisation picture by picture, with a scale and shift of each picture's own and the activation behind it in
//! the same op.

mod cpu;

use super::activation::{self, Activation, ActivationOp};
use super::host::{Held, Image, Matrix, Vector, add_to, read};
use dfdx::prelude::*;

/// Added to the variance.
pub const EPS: f32 = 1e-5;

/// Group normalisation on a device (Wu and He 2018, equations 1, 2 and 7).
pub trait GroupNormOp: ActivationOp {
    /// `y = activation((1 + s[b, c]) gamma[c] n[b, i, j, c] + beta[c] + h[b, c])` with
    /// `n = (x - mean) / sqrt(variance + EPS)`, mean and biased variance being those of one picture and one of `groups`
    /// equal runs of channels.
    ///
    /// Shapes: `x (B, H, W, C)`, `gamma (C)`, `beta (C)`, `y` as `x`; `modulation (B, 2 C)` has each picture's scales
    /// `s` and then its shifts `h`, zeros where there is none. Gradients flow to all of them.
    ///
    /// Without modulation it matches `torch.nn.functional.group_norm` on permuted tensors. With it, it is the adaptive
    /// group normalisation of Dhariwal and Nichol 2021, section 3, but that `beta` is not scaled: a shift has `h` for
    /// that. No statistics are taken over the batch, so training and inference are one pass.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When the shapes do not fit each other, or the groups are not equal.
    fn group_norm<T: Tape<f32, Self>>(
        x: Image<Self, T>,
        gamma: &Vector<Self>,
        beta: &Vector<Self>,
        modulation: Option<Matrix<Self, T>>,
        groups: usize,
        activation: Activation,
    ) -> Result<Image<Self, T>, Self::Err> {
        composed(x, gamma, beta, modulation, groups, activation)
    }
}

type Shape4 = (usize, usize, usize, usize);

fn check(x: &Shape4, gamma: &(usize,), beta: &(usize,), modulation: Option<&(usize, usize)>, groups: usize) {
    assert!(groups > 0 && x.3.is_multiple_of(groups), "group_norm: {groups} groups of {} channels", x.3);
    assert!(gamma.0 == x.3 && beta.0 == x.3, "group_norm: one gamma and beta a channel");
    let fits = modulation.is_none_or(|&rows| rows == (x.0, 2 * x.3));
    assert!(fits, "group_norm: one scale and shift a picture and channel");
}

impl GroupNormOp for Cpu {
    fn group_norm<T: Tape<f32, Self>>(
        x: Image<Self, T>,
        gamma: &Vector<Self>,
        beta: &Vector<Self>,
        modulation: Option<Matrix<Self, T>>,
        groups: usize,
        activation: Activation,
    ) -> Result<Image<Self, T>, Self::Err> {
        let shape = *x.shape();
        check(&shape, gamma.shape(), beta.shape(), modulation.as_ref().map(HasShape::shape), groups);
        let (x, mut tape) = x.split_tape();
        let (modulation, rows_tape) = modulation.map(SplitTape::split_tape).unzip();
        tape = tape.merge(rows_tape.unwrap_or_default());
        let (numbers, rows) = (Held::new(&x), modulation.as_ref().map(Held::new));
        let norm = cpu::Norm::new(&shape, read(gamma), read(beta), rows, groups, activation);
        let (y, statistics) = norm.forward(&numbers);
        let y = x.device().try_tensor_from_vec(y, shape)?;
        let (x_ghost, rows_ghost, y_ghost) = (x.ghost(), modulation.map(|rows| rows.ghost()), y.ghost());
        let (gamma, beta) = (gamma.clone(), beta.clone());
        tape.add_backward_op(move |grads| {
            let mut dy = std::mem::take(&mut **grads.get_or_alloc_mut(&y_ghost)?);
            let dx = grads.get_or_alloc_mut(&x_ghost)?;
            let sums = norm.backward(&numbers, &statistics, &mut dy, dx);
            add_to(grads.get_or_alloc_mut(&gamma)?, &sums.gamma);
            add_to(grads.get_or_alloc_mut(&beta)?, &sums.beta);
            if let Some(rows_ghost) = &rows_ghost {
                add_to(grads.get_or_alloc_mut(rows_ghost)?, &sums.modulation);
            }
            Ok(())
        });
        Ok(y.put_tape(tape))
    }
}

#[cfg(feature = "cuda")]
impl GroupNormOp for Cuda {}

/// [`GroupNormOp::group_norm`] composed of dfdx's own ops.
pub fn composed<D: Device<f32>, T: Tape<f32, D>>(
    x: Image<D, T>,
    gamma: &Vector<D>,
    beta: &Vector<D>,
    modulation: Option<Matrix<D, T>>,
    groups: usize,
    activation: Activation,
) -> Result<Image<D, T>, D::Err> {
    let shape = *x.shape();
    let (batch, height, width, channels) = shape;
    check(&shape, gamma.shape(), beta.shape(), modulation.as_ref().map(HasShape::shape), groups);
    let normal = normalised(x.try_reshape_like(&(batch, height * width, groups, channels / groups))?)?;
    let normal = normal.try_reshape_like(&shape)?;
    let mut scale = gamma.retaped::<T>().try_broadcast_like::<_, Axes3<0, 1, 2>>(&shape)?;
    let mut shift = beta.retaped::<T>().try_broadcast_like::<_, Axes3<0, 1, 2>>(&shape)?;
    if let Some(rows) = modulation {
        let (rows, tape) = rows.split_tape();
        let scales: Matrix<D, T> = rows.retaped::<T>().try_slice((0..batch, 0..channels))?;
        let shifts: Matrix<D, T> = rows.put_tape(tape).try_slice((0..batch, channels..2 * channels))?;
        let scales = scales.try_add(1.0)?.try_broadcast_like::<_, Axes2<1, 2>>(&shape)?;
        scale = scale.try_mul(scales)?;
        shift = shift.try_add(shifts.try_broadcast_like::<_, Axes2<1, 2>>(&shape)?)?;
    }
    activation::composed(normal.try_mul(scale)?.try_add(shift)?, activation)
}

/// `x (B, positions, groups, channels of a group)` with mean 0 and variance 1 in each picture's groups.
fn normalised<D: Device<f32>, T: Tape<f32, D>>(x: Image<D, T>) -> Result<Image<D, T>, D::Err> {
    let shape = *x.shape();
    let (x, tape) = x.split_tape();
    let mean: Matrix<D, T> = x.retaped::<T>().try_mean::<_, Axes2<1, 3>>()?;
    let centred = x.put_tape(tape).try_sub(mean.try_broadcast_like::<_, Axes2<1, 3>>(&shape)?)?;
    let (centred, tape) = centred.split_tape();
    let variance: Matrix<D, T> = centred.retaped::<T>().try_square()?.try_mean::<_, Axes2<1, 3>>()?;
    let deviation = variance.try_add(EPS)?.try_sqrt()?.try_broadcast_like::<_, Axes2<1, 3>>(&shape)?;
    centred.put_tape(tape).try_div(deviation)
}

#[cfg(test)]
mod tests;

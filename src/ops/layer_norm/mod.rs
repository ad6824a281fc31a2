//! Layer normalisation, token by token.

mod cpu;

use super::host::{Held, Matrix, Tokens, Vector, add_to};
use dfdx::prelude::*;

/// Layer normalisation on a device (Ba et al. 2016, equation 3 with the gain and bias of equation 4).
pub trait LayerNormOp: Device<f32> {
    /// `y[b, n, c] = gamma[c] (x[b, n, c] - mean) / sqrt(variance + eps) + beta[c]`, mean and biased variance being
    /// those of the `C` numbers of one token.
    ///
    /// Shapes: `x (B, N, C)`, `gamma (C)`, `beta (C)`, `y` as `x`; gradients flow to all three. `eps` is added to the
    /// variance and must be positive. Matches `torch.nn.functional.layer_norm(x, (C,), gamma, beta, eps)`.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When the shapes do not fit each other.
    fn layer_norm<T: Tape<f32, Self>>(
        x: Tokens<Self, T>,
        gamma: &Vector<Self>,
        beta: &Vector<Self>,
        eps: f32,
    ) -> Result<Tokens<Self, T>, Self::Err> {
        composed(x, gamma, beta, eps)
    }
}

fn check(channels: usize, gamma: &(usize,), beta: &(usize,)) {
    assert!(gamma.0 == channels && beta.0 == channels, "layer_norm: one gamma and beta a channel");
}

impl LayerNormOp for Cpu {
    fn layer_norm<T: Tape<f32, Self>>(
        x: Tokens<Self, T>,
        gamma: &Vector<Self>,
        beta: &Vector<Self>,
        eps: f32,
    ) -> Result<Tokens<Self, T>, Self::Err> {
        let shape = *x.shape();
        check(shape.2, gamma.shape(), beta.shape());
        let (x, mut tape) = x.split_tape();
        let (numbers, gains) = (Held::new(&x), Held::new(gamma));
        let (y, statistics) = cpu::forward(&numbers, &gains, &Held::new(beta), eps);
        let y = x.device().try_tensor_from_vec(y, shape)?;
        let (x_ghost, y_ghost, gamma, beta) = (x.ghost(), y.ghost(), gamma.clone(), beta.clone());
        tape.add_backward_op(move |grads| {
            let dy = std::mem::take(&mut **grads.get_or_alloc_mut(&y_ghost)?);
            let sums = cpu::backward(&numbers, &statistics, &gains, &dy, grads.get_or_alloc_mut(&x_ghost)?);
            add_to(grads.get_or_alloc_mut(&gamma)?, &sums.gamma);
            add_to(grads.get_or_alloc_mut(&beta)?, &sums.beta);
            Ok(())
        });
        Ok(y.put_tape(tape))
    }
}

#[cfg(feature = "cuda")]
impl LayerNormOp for Cuda {}

/// [`LayerNormOp::layer_norm`] composed of dfdx's own ops.
pub fn composed<D: Device<f32>, T: Tape<f32, D>>(
    x: Tokens<D, T>,
    gamma: &Vector<D>,
    beta: &Vector<D>,
    eps: f32,
) -> Result<Tokens<D, T>, D::Err> {
    let shape = *x.shape();
    check(shape.2, gamma.shape(), beta.shape());
    let (x, tape) = x.split_tape();
    let mean: Matrix<D, T> = x.retaped::<T>().try_mean::<_, Axis<2>>()?;
    let centred = x.put_tape(tape).try_sub(mean.try_broadcast_like::<_, Axis<2>>(&shape)?)?;
    let (centred, tape) = centred.split_tape();
    let variance: Matrix<D, T> = centred.retaped::<T>().try_square()?.try_mean::<_, Axis<2>>()?;
    let deviation = variance.try_add(eps)?.try_sqrt()?.try_broadcast_like::<_, Axis<2>>(&shape)?;
    let gains = gamma.retaped::<T>().try_broadcast_like::<_, Axes2<0, 1>>(&shape)?;
    let shifts = beta.retaped::<T>().try_broadcast_like::<_, Axes2<0, 1>>(&shape)?;
    centred.put_tape(tape).try_div(deviation)?.try_mul(gains)?.try_add(shifts)
}

#[cfg(test)]
mod tests;

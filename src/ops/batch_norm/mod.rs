//! Batch normalisation over all positions, channels last, with its activation in the same op.

pub(crate) mod cpu;

use super::activation::{self, Activation, ActivationOp};
use super::host::{Held, Image, Vector, add_to, read};
use dfdx::prelude::*;

/// The moments of one batch, one number a channel, for the running statistics.
pub struct Moments {
    pub mean: Vec<f32>,
    /// Biased (divided by n).
    pub variance: Vec<f32>,
}

/// Batch normalisation on a device (Ioffe and Szegedy 2015).
pub trait BatchNormOp: ActivationOp {
    /// `y = activation(gamma * (x - mean) / sqrt(variance + eps) + beta)` with the batch's own moments.
    ///
    /// Shapes: `x (B, H, W, C)`, `gamma (C)`, `beta (C)`; mean and biased variance are over `B, H, W`. Matches
    /// `torch.nn.functional.batch_norm(training=True)`. The moments are summed around a pivot in 16 fixed parts.
    ///
    /// # Errors
    /// When the device is out of memory.
    fn batch_norm<T: Tape<f32, Self>>(
        x: Image<Self, T>,
        gamma: &Vector<Self>,
        beta: &Vector<Self>,
        eps: f32,
        activation: Activation,
    ) -> Result<(Image<Self, T>, Moments), Self::Err> {
        composed(x, gamma, beta, eps, activation)
    }

    /// The same with given moments, for pictures one at a time: `y = activation(x * scale + shift)`; no gradients.
    ///
    /// # Errors
    /// When the device is out of memory.
    fn scale_shift(
        x: Image<Self>,
        scale: &[f32],
        shift: &[f32],
        activation: Activation,
    ) -> Result<Image<Self>, Self::Err> {
        let device = x.device().clone();
        let shape = *x.shape();
        let scale = device.try_tensor_from_vec(scale.to_vec(), (scale.len(),))?;
        let shift = device.try_tensor_from_vec(shift.to_vec(), (shift.len(),))?;
        let y = x.try_mul(scale.try_broadcast_like::<_, Axes3<0, 1, 2>>(&shape)?)?;
        let y = y.try_add(shift.try_broadcast_like::<_, Axes3<0, 1, 2>>(&shape)?)?;
        Self::activate(y, activation)
    }
}

impl BatchNormOp for Cpu {
    fn batch_norm<T: Tape<f32, Self>>(
        x: Image<Self, T>,
        gamma: &Vector<Self>,
        beta: &Vector<Self>,
        eps: f32,
        activation: Activation,
    ) -> Result<(Image<Self, T>, Moments), Self::Err> {
        let shape = *x.shape();
        let (x, mut tape) = x.split_tape();
        let (numbers, gammas, betas) = (Held::new(&x), Held::new(gamma), Held::new(beta));
        let statistics = cpu::statistics(&numbers, shape.3, eps);
        let scale: Vec<f32> = gammas.iter().zip(&statistics.inverse_deviation).map(|(&g, &i)| g * i).collect();
        let shift: Vec<f32> = betas.iter().zip(&scale).zip(&statistics.mean).map(|((&b, &s), &m)| b - s * m).collect();
        let y = cpu::normalise(&numbers, &scale, &shift, activation);
        let moments = Moments { mean: statistics.mean.clone(), variance: statistics.variance.clone() };
        let y = x.device().try_tensor_from_vec(y, shape)?;
        let (x_ghost, y_ghost, gamma, beta) = (x.ghost(), y.ghost(), gamma.clone(), beta.clone());
        tape.add_backward_op(move |grads| {
            let mut dy = std::mem::take(&mut **grads.get_or_alloc_mut(&y_ghost)?);
            let dx = grads.get_or_alloc_mut(&x_ghost)?;
            let sums = cpu::backward(&numbers, &statistics, &gammas, &betas, activation, &mut dy, dx);
            add_to(grads.get_or_alloc_mut(&gamma)?, &sums.gamma);
            add_to(grads.get_or_alloc_mut(&beta)?, &sums.beta);
            Ok(())
        });
        Ok((y.put_tape(tape), moments))
    }

    fn scale_shift(
        x: Image<Self>,
        scale: &[f32],
        shift: &[f32],
        activation: Activation,
    ) -> Result<Image<Self>, Self::Err> {
        let y = cpu::normalise(&Held::new(&x), scale, shift, activation);
        x.device().try_tensor_from_vec(y, *x.shape())
    }
}

#[cfg(feature = "cuda")]
impl BatchNormOp for Cuda {}

/// [`BatchNormOp::batch_norm`] composed of dfdx's own ops.
pub fn composed<D: Device<f32>, T: Tape<f32, D>>(
    x: Image<D, T>,
    gamma: &Vector<D>,
    beta: &Vector<D>,
    eps: f32,
    activation: Activation,
) -> Result<(Image<D, T>, Moments), D::Err> {
    let &(batch, height, width, channels) = x.shape();
    let rows = (batch * height * width, channels);
    let x = x.try_reshape_like(&rows)?;
    let (x, tape) = x.split_tape();
    let mean = x.retaped::<T>().try_mean::<(usize,), Axis<0>>()?;
    let mean_numbers = read(&mean);
    let centred = x.put_tape(tape).try_sub(mean.try_broadcast_like::<_, Axis<0>>(&rows)?)?;
    let (centred, tape) = centred.split_tape();
    let variance = centred.retaped::<T>().try_square()?.try_mean::<(usize,), Axis<0>>()?;
    let moments = Moments { mean: mean_numbers, variance: read(&variance) };
    let deviation = variance.try_add(eps)?.try_sqrt()?.try_broadcast_like::<_, Axis<0>>(&rows)?;
    let normal = centred.put_tape(tape).try_div(deviation)?;
    let scaled = normal.try_mul(gamma.retaped::<T>().try_broadcast_like::<_, Axis<0>>(&rows)?)?;
    let y = scaled.try_add(beta.retaped::<T>().try_broadcast_like::<_, Axis<0>>(&rows)?)?;
    let y = activation::composed(y, activation)?.try_reshape_like(&(batch, height, width, channels))?;
    Ok((y, moments))
}

#[cfg(test)]
mod tests;

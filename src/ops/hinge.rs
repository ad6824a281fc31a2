//! The hinge losses of adversarial training.

use super::activation::{Activation, ActivationOp};
use super::host::Vector;
use dfdx::prelude::*;

/// The discriminator's loss, `mean relu(1 - real) + mean relu(1 + fake)`; both are scores `(B)` of any length.
///
/// Lim and Ye 2017, "Geometric GAN", and Miyato et al. 2018, equation 16. The two means are taken apart, so that the
/// batches may differ in size.
///
/// # Errors
/// When the device is out of memory.
pub fn discriminator<D: ActivationOp, T: Tape<f32, D>>(
    real: Vector<D, T>,
    fake: Vector<D, T>,
) -> Result<Tensor<Rank0, f32, D, T>, D::Err> {
    let real = D::activate(real.try_negate()?.try_add(1.0)?, Activation::Relu)?;
    let fake = D::activate(fake.try_add(1.0)?, Activation::Relu)?;
    real.try_mean::<Rank0, _>()?.try_add(fake.try_mean::<Rank0, _>()?)
}

/// The generator's loss, `-mean fake` (Miyato et al. 2018, equation 17).
///
/// # Errors
/// When the device is out of memory.
pub fn generator<D: Device<f32>, T: Tape<f32, D>>(fake: Vector<D, T>) -> Result<Tensor<Rank0, f32, D, T>, D::Err> {
    fake.try_mean::<Rank0, _>()?.try_negate()
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{Outcome, TestTape, assert_outcome, assert_slopes, cotangent, noise, steps, tensor};

    fn run(real: &[f32], fake: &[f32]) -> Outcome {
        let (real, fake) = (tensor(real, (real.len(),)), tensor(fake, (fake.len(),)));
        let (traced, traced_fake): (Vector<Cpu, TestTape>, Vector<Cpu, TestTape>) =
            (real.leaky_trace(), fake.leaky_trace());
        let loss = discriminator(traced, traced_fake).unwrap();
        let y = loss.as_vec();
        let gradients = loss.backward();
        Outcome { y, gradients: vec![gradients.get(&real).as_vec(), gradients.get(&fake).as_vec()] }
    }

    // r = torch.tensor([-1.25, 0.5, 1.0, 1.25]).requires_grad_()
    // f = torch.tensor([-1.25, -0.125, 0.625]).requires_grad_()
    // loss = F.relu(1 - r).mean() + F.relu(1 + f).mean()
    // loss.backward()
    // print(loss, r.grad, f.grad)
    #[test]
    fn the_discriminator_s_loss_as_pytorch() {
        let due = Outcome {
            y: vec![1.5208333],
            gradients: vec![vec![-0.25, -0.25, 0.0, 0.0], vec![0.0, 0.33333334, 0.33333334]],
        };
        let got = run(&[-1.25, 0.5, 1.0, 1.25], &[-1.25, -0.125, 0.625]);
        assert_outcome(&"hinge", &got, &due, 1e-6);
    }

    #[test]
    fn gradients_are_slopes() {
        let weight = cotangent(1)[0];
        assert_slopes(&"hinge", &[noise("real", 20), noise("fake", 30)], 1e-3, |inputs| {
            let mut outcome = run(&inputs[0], &inputs[1]);
            outcome.gradients.iter_mut().flatten().for_each(|g| *g *= weight);
            outcome
        });
    }

    #[test]
    fn the_generator_s_loss_is_the_mean_turned_round() {
        let fake = tensor(&steps(5, 7, 11), (5,));
        let traced: Vector<Cpu, TestTape> = fake.leaky_trace();
        let loss = generator(traced).unwrap();
        let due = Outcome { y: vec![-0.05], gradients: vec![vec![-0.2; 5]] };
        let y = loss.as_vec();
        assert_outcome(&"generator", &Outcome { y, gradients: vec![loss.backward().get(&fake).as_vec()] }, &due, 1e-6);
    }

    #[test]
    fn a_nan_score_is_a_nan_loss() {
        assert!(run(&[0.0, f32::NAN], &[1.0]).y[0].is_nan());
        assert!(run(&[0.0], &[f32::NAN, 1.0]).y[0].is_nan());
    }
}

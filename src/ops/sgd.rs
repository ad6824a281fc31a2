//! One step of stochastic gradient descent on a parameter, in place.

use super::host::{Vector, read};
use super::simd::simd_fn;
use dfdx::prelude::*;

/// The numbers of one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SgdStep {
    pub learning_rate: f32,
    pub momentum: f32,
    pub weight_decay: f32,
}

/// SGD with Nesterov momentum on a device.
///
/// `g' = g + decay * w; v = momentum * v + g'; w -= rate * (g' + momentum * v)`, as
/// `torch.optim.SGD(nesterov=True)` does it (Sutskever et al. 2013).
pub trait SgdOp: Device<f32> {
    /// Shapes: `w`, `gradient` alike; `velocity` is `w`'s numbers in a row.
    ///
    /// # Errors
    /// When the device is out of memory.
    fn sgd<S: Shape>(
        w: &mut Tensor<S, f32, Self>,
        gradient: Tensor<S, f32, Self>,
        velocity: &mut Vector<Self>,
        step: SgdStep,
    ) -> Result<(), Self::Err> {
        composed(w, gradient, velocity, step)
    }
}

impl SgdOp for Cpu {
    fn sgd<S: Shape>(
        w: &mut Tensor<S, f32, Self>,
        gradient: Tensor<S, f32, Self>,
        velocity: &mut Vector<Self>,
        step: SgdStep,
    ) -> Result<(), Self::Err> {
        let (mut weights, gradient, mut velocities) = (read(w), read(&gradient), read(velocity));
        descend(&mut weights, &gradient, &mut velocities, step);
        w.copy_from(&weights);
        velocity.copy_from(&velocities);
        Ok(())
    }
}

#[cfg(feature = "cuda")]
impl SgdOp for Cuda {}

simd_fn! {
    fn descend(w: &mut [f32], gradient: &[f32], velocity: &mut [f32], step: SgdStep) {
        for ((w, &g), v) in w.iter_mut().zip(gradient).zip(velocity) {
            let g = g + step.weight_decay * *w;
            *v = step.momentum * *v + g;
            *w -= step.learning_rate * (g + step.momentum * *v);
        }
    }
}

/// [`SgdOp::sgd`] composed of dfdx's own ops.
pub fn composed<S: Shape, D: Device<f32>>(
    w: &mut Tensor<S, f32, D>,
    gradient: Tensor<S, f32, D>,
    velocity: &mut Vector<D>,
    step: SgdStep,
) -> Result<(), D::Err> {
    let shape = *w.shape();
    let flat = (shape.num_elements(),);
    let weights = w.clone().try_reshape_like(&flat)?;
    let decay = weights.clone().try_mul(step.weight_decay)?;
    let g = gradient.try_reshape_like(&flat)?.try_add(decay)?;
    *velocity = velocity.clone().try_mul(step.momentum)?.try_add(g.clone())?;
    let move_by = g.try_add(velocity.clone().try_mul(step.momentum)?)?.try_mul(step.learning_rate)?;
    // The parameter keeps its identity, by which its gradients are found: only its numbers are replaced.
    w.copy_from(&read(&weights.try_sub(move_by)?));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ```python
    /// w = torch.nn.Parameter(torch.tensor([1.0, -2.0, 0.5]))
    /// opt = torch.optim.SGD([w], lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=True)
    /// for g in ([0.5, -1.0, 2.0], [0.25, 0.5, -1.0]):
    ///     w.grad = torch.tensor(g); opt.step()
    /// print(w)
    /// ```
    #[test]
    fn two_steps_match_pytorch_and_the_composition() {
        let device = Cpu::default();
        let step = SgdStep { learning_rate: 0.1, momentum: 0.9, weight_decay: 0.01 };
        let mut fused = device.tensor_from_vec(vec![1.0f32, -2.0, 0.5], (3,));
        let mut plain = fused.clone();
        let (mut v, mut u) = (device.zeros_like(&(3,)), device.zeros_like(&(3,)));
        for g in [[0.5, -1.0, 2.0], [0.25, 0.5, -1.0]] {
            let g = device.tensor_from_vec(g.to_vec(), (3,));
            Cpu::sgd(&mut fused, g.clone(), &mut v, step).unwrap();
            composed(&mut plain, g, &mut u, step).unwrap();
        }
        let due = PYTORCH_TWO_STEPS;
        for ((f, p), d) in read(&fused).iter().zip(read(&plain)).zip(due) {
            assert!((f - d).abs() < 1e-6 && (p - d).abs() < 1e-6, "{f} {p} {d}");
        }
    }

    const PYTORCH_TWO_STEPS: [f32; 3] = [0.8125741, -1.8151482, 0.1464188];
}

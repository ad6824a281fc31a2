//! One step of stochastic gradient descent on a parameter, in place.

use super::host::{Held, Vector, numbers_mut, read};
use super::simd::simd_fn;
use dfdx::prelude::*;
use rayon::prelude::*;

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

/// Numbers that one task works on.
const CHUNK: usize = 1 << 14;

impl SgdOp for Cpu {
    fn sgd<S: Shape>(
        w: &mut Tensor<S, f32, Self>,
        gradient: Tensor<S, f32, Self>,
        velocity: &mut Vector<Self>,
        step: SgdStep,
    ) -> Result<(), Self::Err> {
        numbers_mut(w)
            .par_chunks_mut(CHUNK)
            .zip(Held::new(&gradient).par_chunks(CHUNK))
            .zip(numbers_mut(velocity).par_chunks_mut(CHUNK))
            .for_each(|((w, g), v)| descend(w, g, v, step));
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
    use crate::ops::testing::{assert_close, steps, tensor};

    // w = steps(5, 7, 11).requires_grad_()
    // o = torch.optim.SGD([w], lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.05)
    // for _ in range(3):
    //     w.grad = steps(5, 3, 13)
    //     o.step()
    //     print(w)
    // print(o.state[w]["momentum_buffer"])
    #[test]
    fn three_steps_as_pytorch() {
        let due = [
            [-0.953125, 0.63775, -0.49525, 1.095625, -0.037375003],
            [-0.5325078, 0.8329164, -0.48852012, 0.87690413, -0.44453242],
            [-0.0031825225, 1.0785233, -0.48005092, 0.601655, -0.95691925],
        ];
        let step = SgdStep { learning_rate: 0.1, momentum: 0.9, weight_decay: 0.05 };
        for way in [Cpu::sgd, composed] {
            let (mut w, mut velocity) = (tensor(&steps(5, 7, 11), (5,)), tensor(&[0.0; 5], (5,)));
            let before = w.clone();
            for due in &due {
                way(&mut w, tensor(&steps(5, 3, 13), (5,)), &mut velocity, step).unwrap();
                assert_close("w", &read(&w), due, 1e-6);
            }
            let due = [-4.185141, -1.9419055, -0.06696226, 2.1762733, 4.051216];
            assert_close("velocity", &read(&velocity), &due, 1e-6);
            // A copy made before keeps its numbers; the parameter keeps its identity, by which gradients are found.
            assert_close("copy", &read(&before), &steps(5, 7, 11), 0.0);
            let y: Tensor<(usize,), f32, Cpu, OwnedTape<f32, Cpu>> = w.leaky_trace();
            assert_close("gradient", &y.sum::<Rank0, _>().backward().get(&w).as_vec(), &[1.0; 5], 0.0);
        }
    }
}

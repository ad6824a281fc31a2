//! One step of Adam on a parameter, and of a running average of it, in place.

use super::host::{Held, Vector, numbers_mut, read};
use super::simd::simd_fn;
use dfdx::prelude::*;
use rayon::prelude::*;

/// The numbers of one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    pub learning_rate: f32,
    pub beta1: f32,
    pub beta2: f32,
    pub eps: f32,
    /// Decoupled: the weights shrink by `learning_rate * weight_decay`.
    pub weight_decay: f32,
    /// What the gradient is multiplied by: below 1 where it is clipped.
    pub gradient_scale: f32,
    /// `1 - beta1^t` and `1 - beta2^t` at step `t`, the first being 1.
    pub correction1: f32,
    pub correction2: f32,
}

/// Adam with decoupled weight decay on a device.
///
/// `g *= scale; w *= 1 - rate * decay; m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2;
/// w -= rate * (m / c1) / (sqrt(v / c2) + eps)`, as `torch.optim.AdamW` does it (Kingma and Ba 2015; Loshchilov and
/// Hutter 2019, algorithm 2).
pub trait AdamOp: Device<f32> {
    /// Shapes: `w`, `gradient` alike; the moments `m` and `v` are `w`'s numbers in a row.
    ///
    /// # Errors
    /// When the device is out of memory.
    fn adam<S: Shape>(
        w: &mut Tensor<S, f32, Self>,
        gradient: Tensor<S, f32, Self>,
        m: &mut Vector<Self>,
        v: &mut Vector<Self>,
        step: AdamStep,
    ) -> Result<(), Self::Err> {
        composed(w, gradient, m, v, step)
    }

    /// `average = decay * average + (1 - decay) * w`; `average` is `w`'s numbers in a row.
    ///
    /// # Errors
    /// When the device is out of memory.
    fn blend<S: Shape>(average: &mut Vector<Self>, w: &Tensor<S, f32, Self>, decay: f32) -> Result<(), Self::Err> {
        composed_blend(average, w, decay)
    }
}

/// Numbers that one task works on.
const CHUNK: usize = 1 << 14;

impl AdamOp for Cpu {
    fn adam<S: Shape>(
        w: &mut Tensor<S, f32, Self>,
        gradient: Tensor<S, f32, Self>,
        m: &mut Vector<Self>,
        v: &mut Vector<Self>,
        step: AdamStep,
    ) -> Result<(), Self::Err> {
        let moments = numbers_mut(m).par_chunks_mut(CHUNK).zip(numbers_mut(v).par_chunks_mut(CHUNK));
        numbers_mut(w)
            .par_chunks_mut(CHUNK)
            .zip(Held::new(&gradient).par_chunks(CHUNK))
            .zip(moments)
            .for_each(|((w, g), (m, v))| descend(w, g, m, v, step));
        Ok(())
    }

    fn blend<S: Shape>(average: &mut Vector<Self>, w: &Tensor<S, f32, Self>, decay: f32) -> Result<(), Self::Err> {
        numbers_mut(average)
            .par_chunks_mut(CHUNK)
            .zip(Held::new(w).par_chunks(CHUNK))
            .for_each(|(average, w)| approach(average, w, decay));
        Ok(())
    }
}

#[cfg(feature = "cuda")]
impl AdamOp for Cuda {}

simd_fn! {
    fn descend(w: &mut [f32], gradient: &[f32], m: &mut [f32], v: &mut [f32], step: AdamStep) {
        let keep = 1.0 - step.learning_rate * step.weight_decay;
        let rate = step.learning_rate / step.correction1;
        let inverse = 1.0 / step.correction2.sqrt();
        for (((w, &g), m), v) in w.iter_mut().zip(gradient).zip(m).zip(v) {
            let g = g * step.gradient_scale;
            *m = step.beta1 * *m + (1.0 - step.beta1) * g;
            *v = step.beta2 * *v + (1.0 - step.beta2) * g * g;
            *w = keep * *w - rate * *m / (v.sqrt() * inverse + step.eps);
        }
    }
}

simd_fn! {
    fn approach(average: &mut [f32], w: &[f32], decay: f32) {
        for (average, &w) in average.iter_mut().zip(w) {
            *average = decay * *average + (1.0 - decay) * w;
        }
    }
}

/// [`AdamOp::adam`] composed of dfdx's own ops.
pub fn composed<S: Shape, D: Device<f32>>(
    w: &mut Tensor<S, f32, D>,
    gradient: Tensor<S, f32, D>,
    m: &mut Vector<D>,
    v: &mut Vector<D>,
    step: AdamStep,
) -> Result<(), D::Err> {
    let flat = (w.shape().num_elements(),);
    let g = gradient.try_reshape_like(&flat)?.try_mul(step.gradient_scale)?;
    *m = m.clone().try_mul(step.beta1)?.try_add(g.clone().try_mul(1.0 - step.beta1)?)?;
    *v = v.clone().try_mul(step.beta2)?.try_add(g.try_square()?.try_mul(1.0 - step.beta2)?)?;
    let size = v.clone().try_sqrt()?.try_mul(1.0 / step.correction2.sqrt())?.try_add(step.eps)?;
    let move_by = m.clone().try_mul(step.learning_rate / step.correction1)?.try_div(size)?;
    let kept = w.clone().try_reshape_like(&flat)?.try_mul(1.0 - step.learning_rate * step.weight_decay)?;
    // The parameter keeps its identity, by which its gradients are found: only its numbers are replaced.
    w.copy_from(&read(&kept.try_sub(move_by)?));
    Ok(())
}

/// [`AdamOp::blend`] composed of dfdx's own ops.
pub fn composed_blend<S: Shape, D: Device<f32>>(
    average: &mut Vector<D>,
    w: &Tensor<S, f32, D>,
    decay: f32,
) -> Result<(), D::Err> {
    let fresh = w.clone().try_reshape_like(&(w.shape().num_elements(),))?.try_mul(1.0 - decay)?;
    *average = average.clone().try_mul(decay)?.try_add(fresh)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{assert_close, noise, steps, tensor};

    // w = steps(5, 7, 11).requires_grad_()
    // o = torch.optim.AdamW([w], lr=0.1, betas=(0.5, 0.9), eps=1e-3, weight_decay=0.05)
    // for i in range(3):
    //     w.grad = steps(5, 3, 13) * (i + 1)
    //     o.step()
    //     print(w)
    // print(o.state[w]["exp_avg"], o.state[w]["exp_avg_sq"])
    #[test]
    fn three_steps_as_pytorch() {
        let due = [
            [-1.1438166, 0.59736687, -0.4975, 1.1438831, 0.14881662],
            [-1.0343573, 0.6980772, -0.4950125, 1.0344665, 0.04433229],
            [-0.92004377, 0.8036959, -0.49253744, 0.9201851, -0.06503115],
        ];
        for way in [Cpu::adam, composed] {
            let mut w = tensor(&steps(5, 7, 11), (5,));
            let (mut m, mut v) = (tensor(&[0.0; 5], (5,)), tensor(&[0.0; 5], (5,)));
            let before = w.clone();
            for (i, due) in (1..).zip(&due) {
                let step = AdamStep {
                    learning_rate: 0.1,
                    beta1: 0.5,
                    beta2: 0.9,
                    eps: 1e-3,
                    weight_decay: 0.05,
                    gradient_scale: 0.5,
                    correction1: 1.0 - 0.5f32.powi(i),
                    correction2: 1.0 - 0.9f32.powi(i),
                };
                let gradient: Vec<f32> = steps(5, 3, 13).iter().map(|g| 2.0 * g * i as f32).collect();
                way(&mut w, tensor(&gradient, (5,)), &mut m, &mut v, step).unwrap();
                assert_close("w", &read(&w), due, 1e-6);
            }
            assert_close("m", &read(&m), &[-3.1875, -1.59375, 0.0, 1.59375, 3.1875], 1e-6);
            assert_close("v", &read(&v), &[3.01725, 0.7543125, 0.0, 0.7543125, 3.01725], 1e-6);
            // A copy made before keeps its numbers; the parameter keeps its identity, by which gradients are found.
            assert_close("copy", &read(&before), &steps(5, 7, 11), 0.0);
            let y: Tensor<(usize,), f32, Cpu, OwnedTape<f32, Cpu>> = w.leaky_trace();
            assert_close("gradient", &y.sum::<Rank0, _>().backward().get(&w).as_vec(), &[1.0; 5], 0.0);
        }
    }

    /// Over several chunks, of which the last is shorter.
    #[test]
    fn kernels_match_compositions() {
        let len = 2 * CHUNK + 7;
        let (w, gradient) = (tensor(&noise("w", len), (5, len / 5)), tensor(&noise("g", len), (5, len / 5)));
        let squares: Vec<f32> = noise("v", len).iter().map(|x| x * x).collect();
        let (m, v) = (tensor(&noise("m", len), (len,)), tensor(&squares, (len,)));
        let step = AdamStep {
            learning_rate: 0.01,
            beta1: 0.9,
            beta2: 0.99,
            eps: 1e-6,
            weight_decay: 0.1,
            gradient_scale: 0.3,
            correction1: 0.4,
            correction2: 0.1,
        };
        let run = |way: fn(&mut _, _, &mut _, &mut _, _) -> _| {
            let (mut w, mut m, mut v) = (w.clone(), m.clone(), v.clone());
            let done: Result<(), CpuError> = way(&mut w, gradient.clone(), &mut m, &mut v, step);
            done.unwrap();
            [read(&w), read(&m), read(&v)]
        };
        for (got, due) in run(Cpu::adam).iter().zip(run(composed)) {
            assert_close("adam", got, &due, 1e-6);
        }
        let (mut got, mut due) = (m.clone(), m.clone());
        Cpu::blend(&mut got, &w, 0.75).unwrap();
        composed_blend(&mut due, &w, 0.75).unwrap();
        assert_close("blend", &read(&got), &read(&due), 1e-6);
        let by_hand: Vec<f32> = read(&m).iter().zip(read(&w)).map(|(m, w)| 0.75 * m + 0.25 * w).collect();
        assert_close("blend", &read(&got), &by_hand, 1e-6);
    }
}

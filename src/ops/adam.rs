//! One step of Adam on a parameter, and of a running average of it, in place.

use super::host::{Vector, read};
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
    /// `1 - beta1^t` and `1 - beta2^t` at step `t`, the first being 1.
    pub correction1: f32,
    pub correction2: f32,
}

/// Adam with decoupled weight decay on a device.
///
/// `w *= 1 - rate * decay; m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2;
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
        let (mut weights, gradient, mut first, mut second) = (read(w), read(&gradient), read(m), read(v));
        let moments = first.par_chunks_mut(CHUNK).zip(second.par_chunks_mut(CHUNK));
        weights
            .par_chunks_mut(CHUNK)
            .zip(gradient.par_chunks(CHUNK))
            .zip(moments)
            .for_each(|((w, g), (m, v))| descend(w, g, m, v, step));
        w.copy_from(&weights);
        m.copy_from(&first);
        v.copy_from(&second);
        Ok(())
    }

    fn blend<S: Shape>(average: &mut Vector<Self>, w: &Tensor<S, f32, Self>, decay: f32) -> Result<(), Self::Err> {
        let mut numbers = read(average);
        let weights = read(w);
        numbers
            .par_chunks_mut(CHUNK)
            .zip(weights.par_chunks(CHUNK))
            .for_each(|(average, w)| approach(average, w, decay));
        average.copy_from(&numbers);
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
    let g = gradient.try_reshape_like(&flat)?;
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

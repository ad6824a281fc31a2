//! Activations as numbers: a value and its slope in one go, so that fused kernels need no second pass.

use super::host::Held;
use super::simd::{exp, simd_fn};
use dfdx::prelude::*;
use serde::{Deserialize, Serialize};

/// A pointwise function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `x`.
    Identity,
    /// `max(0, x)`; a NaN stays a NaN.
    Relu,
    /// `x` above 0 and [`LEAK`]` x` below; matches `torch.nn.functional.leaky_relu(x, 0.1)`.
    LeakyRelu,
    /// `tanh(x)` to 2e-7.
    Tanh,
    /// `x Phi(x)` with the exact normal distribution (Hendrycks and Gimpel 2016); matches
    /// `torch.nn.functional.gelu(x)` to 5e-7. dfdx's own `accurate_gelu` has a wrong gradient on the CPU.
    Gelu,
    /// [`Activation::Gelu`] with the normal distribution by a tanh, `x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2`
    /// (Hendrycks and Gimpel 2016, section 2); matches `torch.nn.functional.gelu(x, approximate="tanh")` to 5e-7, and
    /// is GPT-2's `gelu_new`.
    GeluTanh,
    /// `x / (1 + e^-x)` to 5e-7 (Elfwing et al. 2018, "SiLU", equation 7); matches `torch.nn.functional.silu(x)`.
    Silu,
}

/// The slope of [`Activation::LeakyRelu`] below 0.
pub const LEAK: f32 = 0.1;

/// `Phi(x)` and the density `phi(x)` of the standard normal distribution; `Phi` is within 1e-7.
///
/// Abramowitz and Stegun 7.1.26 for `erfc`, with the exponential shared by both.
#[inline(always)]
fn normal(x: f32) -> (f32, f32) {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let bell = exp(-z * z);
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let mut p = 1.061_405_4_f32;
    p = p * t - 1.453_152_1;
    p = p * t + 1.421_413_8;
    p = p * t - 0.284_496_72;
    p = p * t + 0.254_829_6;
    let tail = 0.5 * p * t * bell;
    let below = if x > 0.0 { 1.0 - tail } else { tail };
    (below, bell * 0.398_942_3)
}

/// `gelu(x)`.
#[inline(always)]
pub fn gelu(x: f32) -> f32 {
    x * normal(x).0
}

/// The derivative of [`gelu`], `Phi(x) + x phi(x)`.
#[inline(always)]
pub fn gelu_slope(x: f32) -> f32 {
    let (below, density) = normal(x);
    below + x * density
}

/// `tanh(x)`, by one exponential that neither overflows nor hides a NaN.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (exp(2.0 * x) + 1.0)
}

/// The logistic function `1 / (1 + e^-x)`, by one exponential that does not overflow.
#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// `2 sqrt(2 / pi)`: `(1 + tanh(a)) / 2` is the logistic function of `2 a`.
const STEEPNESS: f32 = 1.595_769;
/// The cube's share in the argument of [`Activation::GeluTanh`].
const CUBE: f32 = 0.044_715;

/// The derivative of [`Activation::GeluTanh`].
#[inline(always)]
fn gelu_tanh_slope(x: f32) -> f32 {
    // Far out the slope is flat, and the square of a huge number would overflow; a NaN passes.
    let x = if x > 15.0 { 15.0 } else { x };
    let x = if x < -15.0 { -15.0 } else { x };
    let square = x * x;
    let fall = exp(-STEEPNESS * x * (1.0 + CUBE * square));
    let share = 1.0 / (1.0 + fall);
    // 1 - share with no difference of nearly equal numbers.
    let rest = fall * share;
    share * (1.0 + x * rest * STEEPNESS * (1.0 + 3.0 * CUBE * square))
}

/// The activation of one number.
#[inline(always)]
pub fn value(activation: Activation, x: f32) -> f32 {
    match activation {
        Activation::Identity => x,
        Activation::Relu => {
            if x <= 0.0 {
                0.0
            } else {
                x
            }
        }
        Activation::LeakyRelu => {
            if x <= 0.0 {
                LEAK * x
            } else {
                x
            }
        }
        Activation::Tanh => tanh(x),
        Activation::Gelu => gelu(x),
        Activation::GeluTanh => x * sigmoid(STEEPNESS * x * (1.0 + CUBE * x * x)),
        Activation::Silu => x * sigmoid(x),
    }
}

/// `dy` times the slope at `x`; a slope of 0 gives 0 whatever `dy` is.
#[inline(always)]
pub fn pull_back(activation: Activation, x: f32, dy: f32) -> f32 {
    match activation {
        Activation::Identity => dy,
        Activation::Relu => {
            if x <= 0.0 {
                0.0
            } else {
                dy
            }
        }
        Activation::LeakyRelu => {
            if x <= 0.0 {
                LEAK * dy
            } else {
                dy
            }
        }
        Activation::Tanh => {
            // 1 - tanh^2 with no difference of nearly equal numbers.
            let rest = 2.0 / (exp(2.0 * x.abs()) + 1.0);
            dy * rest * (2.0 - rest)
        }
        Activation::Gelu => dy * gelu_slope(x),
        Activation::GeluTanh => dy * gelu_tanh_slope(x),
        Activation::Silu => {
            let share = sigmoid(x);
            dy * share * (1.0 + x * (1.0 - share))
        }
    }
}

/// Runs a loop with its activation as a constant `$A`, so that each activation has a loop of its own that vectorises.
macro_rules! specialised {
    ($activation:expr, $A:ident => $body:expr) => {
        specialised!(@ $activation, $A, $body; Identity Relu LeakyRelu Tanh Gelu GeluTanh Silu)
    };
    (@ $activation:expr, $A:ident, $body:expr; $($variant:ident)*) => {
        match $activation {
            $($crate::ops::Activation::$variant => {
                const $A: $crate::ops::Activation = $crate::ops::Activation::$variant;
                $body
            })*
        }
    };
}
pub(crate) use specialised;

simd_fn! {
    /// The activation of every number, in place.
    pub fn apply(activation: Activation, x: &mut [f32]) {
        specialised!(activation, A => for x in x {
            *x = value(A, *x);
        })
    }
}

simd_fn! {
    /// `dy` times the slope at `x`, in place of `dy`.
    pub fn apply_slope(activation: Activation, x: &[f32], dy: &mut [f32]) {
        specialised!(activation, A => for (dy, &x) in dy.iter_mut().zip(x) {
            *dy = pull_back(A, x, *dy);
        })
    }
}

simd_fn! {
    /// The activation of every number, in place, and its slope there.
    pub fn apply_with_slopes(activation: Activation, x: &mut [f32], slopes: &mut [f32]) {
        specialised!(activation, A => for (x, slope) in x.iter_mut().zip(slopes) {
            let before = *x;
            *x = value(A, before);
            *slope = pull_back(A, before, 1.0);
        })
    }
}

/// Numbers that one task works on.
const CHUNK: usize = 1 << 14;

/// Activations on a device, for any shape.
pub trait ActivationOp: Device<f32> {
    /// The activation of every number of `x`.
    ///
    /// # Errors
    /// When the device is out of memory.
    fn activate<S: Shape, T: Tape<f32, Self>>(
        x: Tensor<S, f32, Self, T>,
        activation: Activation,
    ) -> Result<Tensor<S, f32, Self, T>, Self::Err> {
        composed(x, activation)
    }
}

impl ActivationOp for Cpu {
    fn activate<S: Shape, T: Tape<f32, Self>>(
        x: Tensor<S, f32, Self, T>,
        activation: Activation,
    ) -> Result<Tensor<S, f32, Self, T>, Self::Err> {
        use rayon::prelude::*;
        let (x, mut tape) = x.split_tape();
        let numbers = Held::new(&x);
        let mut y = super::host::copy(&numbers);
        y.par_chunks_mut(CHUNK).for_each(|y| apply(activation, y));
        let y = x.device().try_tensor_from_vec(y, *x.shape())?;
        let (x_ghost, y_ghost) = (x.ghost(), y.ghost());
        tape.add_backward_op(move |grads| {
            let mut dy = std::mem::take(&mut **grads.get_or_alloc_mut(&y_ghost)?);
            let dx = &mut **grads.get_or_alloc_mut(&x_ghost)?;
            let each = dy.par_chunks_mut(CHUNK).zip(numbers.par_chunks(CHUNK)).zip(dx.par_chunks_mut(CHUNK));
            each.for_each(|((dy, x), dx)| {
                apply_slope(activation, x, dy);
                super::host::add_to(dx, dy);
            });
            Ok(())
        });
        Ok(y.put_tape(tape))
    }
}

#[cfg(feature = "cuda")]
impl ActivationOp for Cuda {}

/// [`ActivationOp::activate`] composed of dfdx's own ops.
///
/// `Phi` is composed of Abramowitz and Stegun's polynomial too, since dfdx has no error function but inside the op
/// whose gradient is wrong.
pub fn composed<S: Shape, D: Device<f32>, T: Tape<f32, D>>(
    x: Tensor<S, f32, D, T>,
    activation: Activation,
) -> Result<Tensor<S, f32, D, T>, D::Err> {
    match activation {
        Activation::Identity => Ok(x),
        Activation::Relu => x.try_relu(),
        Activation::LeakyRelu => {
            let (bare, tape) = x.split_tape();
            let below = bare.retaped::<T>().try_mul(LEAK)?;
            bare.put_tape(tape).try_relu()?.try_mul(1.0 - LEAK)?.try_add(below)
        }
        Activation::Tanh => x.try_tanh(),
        Activation::Gelu => {
            let (bare, tape) = x.split_tape();
            let x = || bare.retaped::<T>();
            // z = |x| / sqrt 2, t = 1 / (1 + p z), tail = poly(t) t e^(-z^2) / 2; gelu = x / 2 + |x| (1 / 2 - tail).
            // This form has the right slope at 0 too, where dfdx takes the slopes of |x| and of ReLU to be 0.
            let size = x().try_abs()?;
            let z = x().try_abs()?.try_mul(std::f32::consts::FRAC_1_SQRT_2)?;
            let bell = x().try_square()?.try_mul(-0.5)?.try_exp()?;
            let (t, t_tape) = z.try_mul(0.327_591_1)?.try_add(1.0)?.try_recip()?.split_tape();
            let t = || t.retaped::<T>();
            let p = t().try_mul(1.061_405_4)?.try_sub(1.453_152_1)?;
            let p = p.try_mul(t())?.try_add(1.421_413_8)?;
            let p = p.try_mul(t())?.try_sub(0.284_496_72)?;
            let p = p.try_mul(t())?.try_add(0.254_829_6)?;
            let tail = p.try_mul(t())?.try_mul(bell)?.try_mul(0.5)?;
            let (y, y_tape) = tail.try_negate()?.try_add(0.5)?.try_mul(size)?.try_add(x().try_mul(0.5)?)?.split_tape();
            Ok(y.put_tape(tape.merge(t_tape).merge(y_tape)))
        }
        Activation::GeluTanh => {
            let (bare, tape) = x.split_tape();
            let grown = bare.retaped::<T>().try_square()?.try_mul(STEEPNESS * CUBE)?.try_add(STEEPNESS)?;
            let share = grown.try_mul(bare.retaped::<T>())?.try_sigmoid()?;
            bare.put_tape(tape).try_mul(share)
        }
        Activation::Silu => {
            let (bare, tape) = x.split_tape();
            let share = bare.retaped::<T>().try_sigmoid()?;
            bare.put_tape(tape).try_mul(share)
        }
    }
}

#[cfg(test)]
mod tests;

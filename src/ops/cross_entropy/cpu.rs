//! Softmax, loss and gradient of each row while it is in the cache.

use crate::ops::simd::{exp, simd_fn};
use rayon::prelude::*;

/// Rows that one task works on.
const ROWS: usize = 16;
/// Numbers that are folded side by side.
const LANES: usize = 16;
/// Numbers that are summed in single precision before they join the double-precision total.
const BLOCK: usize = 64 * LANES;

/// The loss of all rows; see [`super::CrossEntropyOp::cross_entropy_tokens`]. Where `with_gradient`, the loss's
/// gradient takes the place of the logits.
///
/// `goals` has the target and the weight of each row that counts, `total` is the sum of all weights. The rows' losses
/// are added up in their order.
pub fn loss(
    logits: &mut [f32],
    classes: usize,
    goals: &[Option<(usize, f32)>],
    total: f32,
    smoothing: f32,
    with_gradient: bool,
) -> f32 {
    let losses: Vec<Vec<f64>> = logits
        .par_chunks_mut(ROWS * classes)
        .zip(goals.par_chunks(ROWS))
        .map(|(logits, goals)| {
            let rows = logits.chunks_exact_mut(classes).zip(goals);
            rows.map(|(logits, goal)| row(logits, *goal, total, smoothing, with_gradient)).collect()
        })
        .collect();
    (losses.iter().flatten().sum::<f64>() / f64::from(total)) as f32
}

/// One row's part of the loss times `total`.
fn row(logits: &mut [f32], goal: Option<(usize, f32)>, total: f32, smoothing: f32, with_gradient: bool) -> f64 {
    let Some((target, weight)) = goal else {
        logits.fill(0.0);
        return 0.0;
    };
    let classes = logits.len() as f64;
    // Sums of e^z and of z, the logits being z around the largest.
    let (mut sum, mut plain, mut largest) = (0.0, 0.0, [0.0]);
    find_largest(logits, &mut largest);
    let of_target = f64::from(logits[target] - largest[0]);
    for block in logits.chunks_mut(BLOCK) {
        let mut sums = [0.0; 2];
        exponentials(largest[0], block, &mut sums);
        sum += f64::from(sums[0]);
        plain += f64::from(sums[1]);
    }
    if with_gradient {
        let share = weight / total;
        scale_and_shift(logits, (f64::from(share) / sum) as f32, -share * smoothing / classes as f32);
        logits[target] -= share * (1.0 - smoothing);
    }
    let smoothing = f64::from(smoothing);
    // A class of no chance at all has no part in a loss that is not smoothed.
    let smooth = if smoothing > 0.0 { smoothing * plain / classes } else { 0.0 };
    f64::from(weight) * (sum.ln() - (1.0 - smoothing) * of_target - smooth)
}

simd_fn! {
    /// The largest number; NaNs are passed over.
    fn find_largest(x: &[f32], largest: &mut [f32; 1]) {
        let mut lanes = [f32::NEG_INFINITY; LANES];
        let (chunks, rest) = x.as_chunks::<LANES>();
        for chunk in chunks {
            for (lane, &x) in lanes.iter_mut().zip(chunk) {
                *lane = if x > *lane { x } else { *lane };
            }
        }
        largest[0] = lanes.iter().chain(rest).fold(f32::NEG_INFINITY, |a, &b| if b > a { b } else { a });
    }
}

simd_fn! {
    /// `z = x - largest` to `e^z` in place, and the sums of `e^z` and of `z`.
    fn exponentials(largest: f32, x: &mut [f32], sums: &mut [f32; 2]) {
        let (mut exponentials, mut plain) = ([0.0f32; LANES], [0.0f32; LANES]);
        let (chunks, rest) = x.as_chunks_mut::<LANES>();
        for chunk in chunks {
            for lane in 0..LANES {
                let z = chunk[lane] - largest;
                chunk[lane] = exp(z);
                exponentials[lane] += chunk[lane];
                plain[lane] += z;
            }
        }
        for (lane, x) in rest.iter_mut().enumerate() {
            let z = *x - largest;
            *x = exp(z);
            exponentials[lane] += *x;
            plain[lane] += z;
        }
        *sums = [exponentials.iter().sum(), plain.iter().sum()];
    }
}

simd_fn! {
    /// `scale x + shift`, in place.
    fn scale_and_shift(x: &mut [f32], scale: f32, shift: f32) {
        for x in x {
            *x = *x * scale + shift;
        }
    }
}

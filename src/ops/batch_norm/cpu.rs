//! Batch normalisation with its activation on the CPU, channels last.

use crate::ops::activation::{Activation, pull_back, specialised, value};
use crate::ops::conv2d::parts;
use crate::ops::host::zeros;
use crate::ops::simd::simd_fn;
use rayon::prelude::*;
use std::ops::Range;

/// Rows that are summed in single precision before they join the double-precision total.
const BLOCK_ROWS: usize = 64;

/// What the backward pass needs of the forward pass, one number a channel.
pub struct Statistics {
    pub mean: Vec<f32>,
    /// Biased, as it normalises the batch.
    pub variance: Vec<f32>,
    pub inverse_deviation: Vec<f32>,
}

/// Mean and variance of each channel of `x (rows, C)`, around the first row so that a large mean costs no precision.
pub fn statistics(x: &[f32], channels: usize, eps: f32) -> Statistics {
    let pivot = &x[..channels];
    let rows = x.len() / channels;
    let sums = sum_parts(rows, channels, &|range, sums, squares| {
        add_moments(&x[range.start * channels..range.end * channels], pivot, sums, squares);
    });
    let (sums, squares) = sums.split_at(channels);
    let n = rows as f64;
    let mean: Vec<f32> = sums.iter().zip(pivot).map(|(&s, &p)| (s / n + f64::from(p)) as f32).collect();
    let variance: Vec<f32> =
        sums.iter().zip(squares).map(|(&s, &q)| not_negative(q / n - (s / n) * (s / n)) as f32).collect();
    let inverse_deviation = variance.iter().map(|&v| 1.0 / (v + eps).sqrt()).collect();
    Statistics { mean, variance, inverse_deviation }
}

/// Rounding can leave a variance just under zero; a NaN must pass.
pub fn not_negative(x: f64) -> f64 {
    if x < 0.0 { 0.0 } else { x }
}

/// Adds to two sums a channel over a range of rows.
type AddRows<'a> = &'a (dyn Fn(Range<usize>, &mut [f32], &mut [f32]) + Sync);

/// Two sums a channel over all rows: part by part, then over the parts in order.
fn sum_parts(rows: usize, channels: usize, add: AddRows) -> Vec<f64> {
    let totals: Vec<Vec<f64>> = parts(rows).into_par_iter().map(|range| block_sums(range, channels, add)).collect();
    let mut sums = vec![0.0; 2 * channels];
    for total in totals {
        sums.iter_mut().zip(&total).for_each(|(s, &t)| *s += t);
    }
    sums
}

/// Two sums a channel over some rows, block by block: first all of the one, then all of the other.
pub fn block_sums(rows: Range<usize>, channels: usize, add: AddRows) -> Vec<f64> {
    let mut total = vec![0.0f64; 2 * channels];
    let mut block = vec![0.0f32; 2 * channels];
    for start in rows.clone().step_by(BLOCK_ROWS) {
        block.fill(0.0);
        let (first, second) = block.split_at_mut(channels);
        add(start..(start + BLOCK_ROWS).min(rows.end), first, second);
        total.iter_mut().zip(&block).for_each(|(t, &b)| *t += f64::from(b));
    }
    total
}

simd_fn! {
    /// Adds sums of `x - pivot` and of its square to `sums` and `squares`.
    pub fn add_moments(x: &[f32], pivot: &[f32], sums: &mut [f32], squares: &mut [f32]) {
        for row in x.chunks_exact(pivot.len()) {
            for (((&x, &pivot), sum), square) in row.iter().zip(pivot).zip(sums.iter_mut()).zip(squares.iter_mut()) {
                let d = x - pivot;
                *sum += d;
                *square += d * d;
            }
        }
    }
}

/// `activation(x * scale + shift)` for each channel.
pub fn normalise(x: &[f32], scale: &[f32], shift: &[f32], activation: Activation) -> Vec<f32> {
    let mut y = zeros(x.len());
    let chunk = BLOCK_ROWS * scale.len();
    y.par_chunks_mut(chunk).zip(x.par_chunks(chunk)).for_each(|(y, x)| normalise_rows(activation, x, scale, shift, y));
    y
}

simd_fn! {
    /// `activation(x * scale + shift)` for rows of channels.
    pub fn normalise_rows(activation: Activation, x: &[f32], scale: &[f32], shift: &[f32], y: &mut [f32]) {
        specialised!(activation, A => {
            for (x, y) in x.chunks_exact(scale.len()).zip(y.chunks_exact_mut(scale.len())) {
                let each = x.iter().zip(y).zip(scale).zip(shift);
                each.for_each(|(((&x, y), &a), &b)| *y = value(A, x * a + b));
            }
        })
    }
}

/// Per-channel gradients of scale (`gamma`) and shift (`beta`).
pub struct ParameterGradients {
    pub gamma: Vec<f32>,
    pub beta: Vec<f32>,
}

/// The gradients of `activation(gamma * (x - mean) / deviation + beta)` with the batch's own statistics.
///
/// `dy` is overwritten; the input's gradient is added to `dx`. Ioffe and Szegedy 2015, section 3.
pub fn backward(
    x: &[f32],
    statistics: &Statistics,
    gamma: &[f32],
    beta: &[f32],
    activation: Activation,
    dy: &mut [f32],
    dx: &mut [f32],
) -> ParameterGradients {
    let channels = gamma.len();
    let (mean, inverse) = (&statistics.mean, &statistics.inverse_deviation);
    let chunk = BLOCK_ROWS * channels;
    dy.par_chunks_mut(chunk)
        .zip(x.par_chunks(chunk))
        .for_each(|(dy, x)| through_activation(activation, x, mean, inverse, gamma, beta, dy));
    let dz: &[f32] = dy;
    let sums = sum_parts(x.len() / channels, channels, &|range, betas, gammas| {
        let range = range.start * channels..range.end * channels;
        add_products(&x[range.clone()], &dz[range], mean, inverse, betas, gammas);
    });
    let n = (x.len() / channels) as f64;
    let (beta_sums, gamma_sums) = sums.split_at(channels);
    let mean_dz: Vec<f32> = beta_sums.iter().map(|&s| (s / n) as f32).collect();
    let mean_product: Vec<f32> = gamma_sums.iter().map(|&s| (s / n) as f32).collect();
    dx.par_chunks_mut(chunk)
        .zip(x.par_chunks(chunk).zip(dz.par_chunks(chunk)))
        .for_each(|(dx, (x, dz))| input_rows(x, dz, mean, inverse, gamma, &mean_dz, &mean_product, dx));
    ParameterGradients {
        gamma: gamma_sums.iter().map(|&s| s as f32).collect(),
        beta: beta_sums.iter().map(|&s| s as f32).collect(),
    }
}

simd_fn! {
    /// `dy` times the activation's slope at `gamma (x - mean) inverse + beta`, in place of `dy`.
    pub fn through_activation(
        activation: Activation,
        x: &[f32],
        mean: &[f32],
        inverse: &[f32],
        gamma: &[f32],
        beta: &[f32],
        dy: &mut [f32],
    ) {
        let c = mean.len();
        let (mean, inverse, gamma, beta) = (&mean[..c], &inverse[..c], &gamma[..c], &beta[..c]);
        if activation == Activation::Identity {
            return;
        }
        specialised!(activation, A => for (x, dy) in x.chunks_exact(c).zip(dy.chunks_exact_mut(c)) {
            for i in 0..c {
                let z = (x[i] - mean[i]) * inverse[i] * gamma[i] + beta[i];
                dy[i] = pull_back(A, z, dy[i]);
            }
        })
    }
}

simd_fn! {
    /// Adds sums of `dz` and of `dz (x - mean) inverse` to `betas` and `gammas`.
    pub fn add_products(
        x: &[f32],
        dz: &[f32],
        mean: &[f32],
        inverse: &[f32],
        betas: &mut [f32],
        gammas: &mut [f32],
    ) {
        let c = mean.len();
        let (mean, inverse) = (&mean[..c], &inverse[..c]);
        let (betas, gammas) = (&mut betas[..c], &mut gammas[..c]);
        for (x, dz) in x.chunks_exact(c).zip(dz.chunks_exact(c)) {
            for i in 0..c {
                betas[i] += dz[i];
                gammas[i] += dz[i] * ((x[i] - mean[i]) * inverse[i]);
            }
        }
    }
}

simd_fn! {
    fn input_rows(
        x: &[f32],
        dz: &[f32],
        mean: &[f32],
        inverse: &[f32],
        gamma: &[f32],
        mean_dz: &[f32],
        mean_product: &[f32],
        dx: &mut [f32],
    ) {
        let c = mean.len();
        let (mean, inverse, gamma) = (&mean[..c], &inverse[..c], &gamma[..c]);
        let (mean_dz, mean_product) = (&mean_dz[..c], &mean_product[..c]);
        for ((x, dz), dx) in x.chunks_exact(c).zip(dz.chunks_exact(c)).zip(dx.chunks_exact_mut(c)) {
            for i in 0..c {
                let normal = (x[i] - mean[i]) * inverse[i];
                dx[i] += gamma[i] * inverse[i] * (dz[i] - mean_dz[i] - normal * mean_product[i]);
            }
        }
    }
}

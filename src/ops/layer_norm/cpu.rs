//! Layer normalisation on the CPU: a token stays in the nearest cache from pass to pass.

use crate::ops::host::zeros;
use crate::ops::simd::simd_fn;
use rayon::prelude::*;

/// Numbers that are summed side by side.
const LANES: usize = 16;
/// Tokens whose gradients are summed in single precision before they join the double-precision total.
const BLOCK: usize = 64;
/// Shares of the tokens whose gradients are summed each by itself: a fixed number, so that the order of sums is one on
/// any number of threads.
const PARTS: usize = 16;

/// The gradients of gain and bias.
pub struct Gradients {
    pub gamma: Vec<f32>,
    pub beta: Vec<f32>,
}

/// `y`, and each token's mean and one over its deviation: `(tokens, 2)`.
pub fn forward(x: &[f32], gamma: &[f32], beta: &[f32], eps: f32) -> (Vec<f32>, Vec<f32>) {
    let channels = gamma.len();
    let mut y = zeros(x.len());
    let mut statistics = vec![0.0; x.len() / channels * 2];
    y.par_chunks_mut(BLOCK * channels)
        .zip(x.par_chunks(BLOCK * channels))
        .zip(statistics.par_chunks_mut(BLOCK * 2))
        .for_each(|((y, x), statistics)| normalise(x, gamma, beta, eps, statistics, y));
    (y, statistics)
}

/// The gradients of the parameters; the input's is added to `dx`.
pub fn backward(x: &[f32], statistics: &[f32], gamma: &[f32], dy: &[f32], dx: &mut [f32]) -> Gradients {
    let channels = gamma.len();
    let tokens = (statistics.len() / 2).div_ceil(PARTS).max(1);
    let floats = tokens * channels;
    let parts: Vec<Vec<f64>> = dx
        .par_chunks_mut(floats)
        .zip(dy.par_chunks(floats).zip(x.par_chunks(floats)))
        .zip(statistics.par_chunks(2 * tokens))
        .map(|((dx, (dy, x)), statistics)| part_gradients(x, statistics, gamma, dy, dx))
        .collect();
    let mut sums = vec![0.0f64; 2 * channels];
    for part in &parts {
        sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
    }
    let single = |sums: &[f64]| sums.iter().map(|&sum| sum as f32).collect();
    Gradients { gamma: single(&sums[..channels]), beta: single(&sums[channels..]) }
}

/// Of some tokens: adds to `dx` and gives the sums for the gains and then for the biases.
fn part_gradients(x: &[f32], statistics: &[f32], gamma: &[f32], dy: &[f32], dx: &mut [f32]) -> Vec<f64> {
    let channels = gamma.len();
    let (mut totals, mut sums) = (vec![0.0f64; 2 * channels], vec![0.0f32; 2 * channels]);
    let floats = BLOCK * channels;
    let blocks = x.chunks(floats).zip(statistics.chunks(2 * BLOCK)).zip(dy.chunks(floats).zip(dx.chunks_mut(floats)));
    for ((x, statistics), (dy, dx)) in blocks {
        sums.fill(0.0);
        let (gammas, betas) = sums.split_at_mut(channels);
        pull_back(x, statistics, gamma, dy, dx, gammas, betas);
        totals.iter_mut().zip(&sums).for_each(|(total, &sum)| *total += f64::from(sum));
    }
    totals
}

/// The sums over `a` and `b` of the two numbers that `of` makes of a pair, in [`LANES`] columns that are added up at
/// the end.
#[inline(always)]
fn sum_pairs(a: &[f32], b: &[f32], of: impl Fn(f32, f32) -> (f32, f32)) -> (f32, f32) {
    let mut sums = ([0.0f32; LANES], [0.0f32; LANES]);
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            let (first, second) = of(a[lane], b[lane]);
            sums.0[lane] += first;
            sums.1[lane] += second;
        }
    }
    for (lane, (&a, &b)) in a_rest.iter().zip(b_rest).enumerate() {
        let (first, second) = of(a, b);
        sums.0[lane] += first;
        sums.1[lane] += second;
    }
    (sums.0.iter().sum(), sums.1.iter().sum())
}

/// Mean and one over the deviation of one token.
///
/// The second pass sums around the mean of the first one and corrects it by what is left (Chan, Golub and LeVeque 1983,
/// equation 1.7), so that a large mean costs no precision.
#[inline(always)]
fn moments(x: &[f32], eps: f32) -> (f32, f32) {
    let count = x.len() as f32;
    let first = sum_pairs(x, x, |x, _| (x, 0.0)).0 / count;
    let (rest, squares) = sum_pairs(x, x, |x, _| (x - first, (x - first) * (x - first)));
    let rest = rest / count;
    let variance = squares / count - rest * rest;
    // Rounding can leave it just under zero; a NaN must pass.
    let variance = if variance < 0.0 { 0.0 } else { variance };
    (first + rest, 1.0 / (variance + eps).sqrt())
}

simd_fn! {
    /// Some tokens, and the statistics of each.
    fn normalise(x: &[f32], gamma: &[f32], beta: &[f32], eps: f32, statistics: &mut [f32], y: &mut [f32]) {
        let c = gamma.len();
        let beta = &beta[..c];
        let rows = x.chunks_exact(c).zip(y.chunks_exact_mut(c));
        for ((x, y), statistics) in rows.zip(statistics.as_chunks_mut::<2>().0) {
            let (mean, inverse) = moments(x, eps);
            *statistics = [mean, inverse];
            for i in 0..c {
                y[i] = (x[i] - mean) * inverse * gamma[i] + beta[i];
            }
        }
    }
}

simd_fn! {
    /// Some tokens: with `n` normalised and `dn = gamma dy`,
    /// `dx += (dn - mean(dn) - n mean(dn n)) / deviation`; adds to the sums of `dy n` and of `dy`.
    fn pull_back(
        x: &[f32],
        statistics: &[f32],
        gamma: &[f32],
        dy: &[f32],
        dx: &mut [f32],
        gammas: &mut [f32],
        betas: &mut [f32],
    ) {
        let c = gamma.len();
        let (gammas, betas) = (&mut gammas[..c], &mut betas[..c]);
        let rows = x.chunks_exact(c).zip(dy.chunks_exact(c)).zip(dx.chunks_exact_mut(c));
        let mut slopes = vec![0.0; c];
        for (((x, dy), dx), &[mean, inverse]) in rows.zip(statistics.as_chunks::<2>().0) {
            for i in 0..c {
                slopes[i] = gamma[i] * dy[i];
                gammas[i] += dy[i] * ((x[i] - mean) * inverse);
                betas[i] += dy[i];
            }
            let (plain, products) = sum_pairs(&slopes, x, |dn, x| (dn, dn * ((x - mean) * inverse)));
            let (plain, products) = (plain / c as f32, products / c as f32);
            for i in 0..c {
                let normal = (x[i] - mean) * inverse;
                dx[i] += inverse * (slopes[i] - plain - normal * products);
            }
        }
    }
}

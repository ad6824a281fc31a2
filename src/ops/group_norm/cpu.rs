//! Group normalisation on the CPU, channels last: every picture is a task, and stays in the cache from pass to pass.

use super::EPS;
use crate::ops::activation::Activation;
use crate::ops::batch_norm::cpu::{
    add_moments, add_products, block_sums, normalise_rows, not_negative, through_activation,
};
use crate::ops::host::{Held, zeros};
use crate::ops::simd::simd_fn;
use rayon::prelude::*;

/// One normalisation: its sizes and the numbers of its parameters.
pub struct Norm {
    batch: usize,
    positions: usize,
    channels: usize,
    groups: usize,
    gamma: Vec<f32>,
    beta: Vec<f32>,
    /// `(B, 2 C)`: scales and then shifts.
    modulation: Option<Held<(usize, usize)>>,
    activation: Activation,
}

/// What the backward pass needs of the forward pass: `(B, 2 C)`, the mean of each channel's group and then one over its
/// deviation.
pub struct Statistics(Vec<f32>);

/// The gradients of all but the input.
pub struct Gradients {
    pub gamma: Vec<f32>,
    pub beta: Vec<f32>,
    /// `(B, 2 C)`; empty without modulation.
    pub modulation: Vec<f32>,
}

impl Norm {
    pub fn new(
        &(batch, height, width, channels): &(usize, usize, usize, usize),
        gamma: Vec<f32>,
        beta: Vec<f32>,
        modulation: Option<Held<(usize, usize)>>,
        groups: usize,
        activation: Activation,
    ) -> Self {
        Self { batch, positions: height * width, channels, groups, gamma, beta, modulation, activation }
    }

    /// Floats of a picture.
    fn image(&self) -> usize {
        self.positions * self.channels
    }

    /// `y`, and what is needed to go back.
    pub fn forward(&self, x: &[f32]) -> (Vec<f32>, Statistics) {
        let mut y = zeros(x.len());
        let mut statistics = vec![0.0; self.batch * 2 * self.channels];
        y.par_chunks_mut(self.image())
            .zip(x.par_chunks(self.image()))
            .zip(statistics.par_chunks_mut(2 * self.channels))
            .enumerate()
            .for_each(|(picture, ((y, x), statistics))| {
                let (mean, inverse) = statistics.split_at_mut(self.channels);
                self.moments(x, mean, inverse);
                let (mut scale, mut shift) = self.scale_and_shift(picture);
                for (((scale, shift), mean), inverse) in scale.iter_mut().zip(&mut shift).zip(mean).zip(inverse) {
                    *scale *= *inverse;
                    *shift -= *mean * *scale;
                }
                normalise_rows(self.activation, x, &scale, &shift, y);
            });
        (y, Statistics(statistics))
    }

    /// The moments of one picture's groups, told for each channel; around the first row, so that a large mean costs no
    /// precision.
    fn moments(&self, x: &[f32], mean: &mut [f32], inverse: &mut [f32]) {
        let c = self.channels;
        let pivot = &x[..c];
        let sums = block_sums(0..self.positions, c, &|range, sums, squares| {
            add_moments(&x[range.start * c..range.end * c], pivot, sums, squares);
        });
        let (sums, squares) = sums.split_at(c);
        let (n, size) = (self.positions as f64, c / self.groups);
        for first in (0..c).step_by(size) {
            let of_group = first..first + size;
            let channel_mean = |i: usize| f64::from(pivot[i]) + sums[i] / n;
            let group_mean = of_group.clone().map(channel_mean).sum::<f64>() / size as f64;
            let spread = |i: usize| {
                let apart = channel_mean(i) - group_mean;
                squares[i] / n - (sums[i] / n) * (sums[i] / n) + apart * apart
            };
            let variance = not_negative(of_group.clone().map(spread).sum::<f64>() / size as f64);
            mean[of_group.clone()].fill(group_mean as f32);
            inverse[of_group].fill((1.0 / (variance + f64::from(EPS)).sqrt()) as f32);
        }
    }

    /// `(1 + s) gamma` and `beta + h` of one picture.
    fn scale_and_shift(&self, picture: usize) -> (Vec<f32>, Vec<f32>) {
        let (mut scale, mut shift) = (self.gamma.clone(), self.beta.clone());
        if let Some(rows) = &self.modulation {
            let (s, h) = rows[picture * 2 * self.channels..][..2 * self.channels].split_at(self.channels);
            scale.iter_mut().zip(s).for_each(|(scale, s)| *scale *= 1.0 + s);
            shift.iter_mut().zip(h).for_each(|(shift, h)| *shift += h);
        }
        (scale, shift)
    }

    /// The gradients; `dy` is overwritten, the input's is added to `dx`.
    pub fn backward(&self, x: &[f32], statistics: &Statistics, dy: &mut [f32], dx: &mut [f32]) -> Gradients {
        let rows = 2 * self.channels;
        let mut sums = vec![0.0; self.batch * rows];
        dx.par_chunks_mut(self.image())
            .zip(dy.par_chunks_mut(self.image()).zip(x.par_chunks(self.image())))
            .zip(sums.par_chunks_mut(rows).zip(statistics.0.par_chunks(rows)))
            .enumerate()
            .for_each(|(picture, ((dx, (dy, x)), (sums, statistics)))| {
                let moments = statistics.split_at(self.channels);
                self.picture_gradients(picture, x, moments, dy, dx, sums);
            });
        self.total(&sums)
    }

    /// Of one picture: adds to `dx` and writes the sums of `dz` and of `dz n` over its positions.
    fn picture_gradients(
        &self,
        picture: usize,
        x: &[f32],
        (mean, inverse): (&[f32], &[f32]),
        dy: &mut [f32],
        dx: &mut [f32],
        sums: &mut [f32],
    ) {
        let c = self.channels;
        let (scale, shift) = self.scale_and_shift(picture);
        through_activation(self.activation, x, mean, inverse, &scale, &shift, dy);
        let dz: &[f32] = dy;
        let totals = block_sums(0..self.positions, c, &|range, plain, products| {
            let range = range.start * c..range.end * c;
            add_products(&x[range.clone()], &dz[range], mean, inverse, plain, products);
        });
        sums.iter_mut().zip(&totals).for_each(|(sum, &total)| *sum = total as f32);
        // Of dn = scale dz, the means over each group of dn and of dn n.
        let size = c / self.groups;
        let n = (self.positions * size) as f64;
        let (mut mean_dn, mut mean_product) = (vec![0.0; c], vec![0.0; c]);
        for first in (0..c).step_by(size) {
            let of_group = first..first + size;
            let weighted = |totals: &[f64]| -> f32 {
                let sum: f64 = of_group.clone().map(|i| f64::from(scale[i]) * totals[i]).sum();
                (sum / n) as f32
            };
            mean_dn[of_group.clone()].fill(weighted(&totals[..c]));
            mean_product[of_group.clone()].fill(weighted(&totals[c..]));
        }
        input_rows(x, dz, mean, inverse, &scale, &mean_dn, &mean_product, dx);
    }

    /// The pictures' sums `(B, 2 C)` as gradients; those of gamma and beta add up picture by picture, in order.
    fn total(&self, sums: &[f32]) -> Gradients {
        let c = self.channels;
        let (mut gamma, mut beta) = (vec![0.0f64; c], vec![0.0f64; c]);
        let mut modulation = vec![0.0; if self.modulation.is_some() { sums.len() } else { 0 }];
        for (picture, sums) in sums.chunks_exact(2 * c).enumerate() {
            let (plain, products) = sums.split_at(c);
            let scales = self.modulation.as_ref().map(|rows| &rows[picture * 2 * c..][..c]);
            for i in 0..c {
                let one_plus_s = scales.map_or(1.0, |s| 1.0 + s[i]);
                gamma[i] += f64::from(one_plus_s * products[i]);
                beta[i] += f64::from(plain[i]);
            }
            if let Some(rows) = modulation.chunks_exact_mut(2 * c).nth(picture) {
                let (ds, dh) = rows.split_at_mut(c);
                ds.iter_mut().zip(products).zip(&self.gamma).for_each(|((ds, p), gamma)| *ds = p * gamma);
                dh.copy_from_slice(plain);
            }
        }
        let single = |sums: Vec<f64>| sums.into_iter().map(|sum| sum as f32).collect();
        Gradients { gamma: single(gamma), beta: single(beta), modulation }
    }
}

simd_fn! {
    /// `dx += inverse (scale dz - mean_dn - n mean_product)`.
    fn input_rows(
        x: &[f32],
        dz: &[f32],
        mean: &[f32],
        inverse: &[f32],
        scale: &[f32],
        mean_dn: &[f32],
        mean_product: &[f32],
        dx: &mut [f32],
    ) {
        let c = mean.len();
        let (mean, inverse, scale) = (&mean[..c], &inverse[..c], &scale[..c]);
        let (mean_dn, mean_product) = (&mean_dn[..c], &mean_product[..c]);
        for ((x, dz), dx) in x.chunks_exact(c).zip(dz.chunks_exact(c)).zip(dx.chunks_exact_mut(c)) {
            for i in 0..c {
                let normal = (x[i] - mean[i]) * inverse[i];
                dx[i] += inverse[i] * (scale[i] * dz[i] - mean_dn[i] - normal * mean_product[i]);
            }
        }
    }
}

//! Weights to the points, and their gradients back.

use super::lanes::{LANES, Lanes, for_level};
use super::transform::{FourOfThree, FourOfTwo, Minimal};
use super::{Geometry, Plan};
use crate::ops::scratch::Scratch;
use rayon::prelude::*;

/// Weights at the points, as panels of one matrix product a point.
pub struct Filters {
    /// `(points, panels, rows, LANES)`.
    pub panels: Scratch,
    /// Of one point.
    pub len: usize,
}

/// `G g G^T`.
///
/// SAFETY: this and all below need the level of `L`.
#[inline(always)]
unsafe fn spread<L: Lanes, F: Minimal<4, R, A>, const R: usize, const A: usize>(weights: &[[L; R]; R]) -> [[L; A]; A] {
    // SAFETY: as the caller says.
    let zero = unsafe { L::zero() };
    let (mut half, mut points) = ([[zero; A]; R], [[zero; A]; A]);
    for (half, row) in half.iter_mut().zip(weights) {
        for (sum, factors) in half.iter_mut().zip(&F::FILTER) {
            row.iter().zip(factors).for_each(|(&lanes, &factor)| *sum = sum.plus(lanes, factor));
        }
    }
    for (sums, factors) in points.iter_mut().zip(&F::FILTER) {
        for (row, &factor) in half.iter().zip(factors) {
            sums.iter_mut().zip(row).for_each(|(sum, &lanes)| *sum = sum.plus(lanes, factor));
        }
    }
    points
}

/// `G^T v G`.
#[inline(always)]
unsafe fn gather<L: Lanes, F: Minimal<4, R, A>, const R: usize, const A: usize>(points: &[[L; A]; A]) -> [[L; R]; R] {
    // SAFETY: as the caller says.
    let zero = unsafe { L::zero() };
    let (mut half, mut weights) = ([[zero; R]; A], [[zero; R]; R]);
    for (half, row) in half.iter_mut().zip(points) {
        for (&lanes, factors) in row.iter().zip(&F::FILTER) {
            half.iter_mut().zip(factors).for_each(|(sum, &factor)| *sum = sum.plus(lanes, factor));
        }
    }
    for (row, factors) in half.iter().zip(&F::FILTER) {
        for (sums, &factor) in weights.iter_mut().zip(factors) {
            sums.iter_mut().zip(row).for_each(|(sum, &lanes)| *sum = sum.plus(lanes, factor));
        }
    }
    weights
}

/// `count` numbers at a distance from each other, zeros behind them.
#[inline(always)]
unsafe fn lanes_of<L: Lanes>(w: &[f32], first: usize, count: usize, distance: usize) -> L {
    let mut lanes = [0.0; LANES];
    for (lane, number) in lanes.iter_mut().enumerate().take(count) {
        *number = w[first + lane * distance];
    }
    // SAFETY: as the caller says; there are as many.
    unsafe { L::load(lanes.as_ptr()) }
}

/// What a panel is made of.
#[derive(Clone, Copy)]
struct Panel {
    filters: usize,
    channels: usize,
    /// [`LANES`] filters, a row for each channel; else [`LANES`] channels, a row for each filter.
    by_filter: bool,
    /// The kernel turned by half a circle.
    turned: bool,
    index: usize,
}

/// One panel at all points, `(rows, LANES)` from `point * rows * LANES` on.
#[inline(always)]
unsafe fn panel<L: Lanes, F: Minimal<4, R, A>, const R: usize, const A: usize>(
    of: Panel,
    w: &[f32],
    panel: &mut [f32],
) {
    let Panel { filters, channels, by_filter, turned, index } = of;
    let (all, rows) = if by_filter { (filters, channels) } else { (channels, filters) };
    let first = index * LANES;
    let count = LANES.min(all - first);
    // SAFETY: as the caller says; slices of that length are taken.
    unsafe {
        for row in 0..rows {
            let mut weights = [[L::zero(); R]; R];
            for (place, lanes) in weights.as_flattened_mut().iter_mut().enumerate() {
                let place = if turned { R * R - 1 - place } else { place };
                *lanes = if by_filter {
                    lanes_of(w, (first * R * R + place) * channels + row, count, R * R * channels)
                } else {
                    lanes_of(w, (row * R * R + place) * channels + first, count, 1)
                };
            }
            for (point, lanes) in spread::<L, F, R, A>(&weights).as_flattened().iter().enumerate() {
                lanes.store(panel[(point * rows + row) * LANES..][..LANES].as_mut_ptr());
            }
        }
    }
}

/// The gradients of one filter's weights `(R, R, C)`, added to `weights`, from sums at the points: those of point `p` and
/// channel block `b` lie from `p * point + b * block` on.
#[inline(always)]
unsafe fn gradients<L: Lanes, F: Minimal<4, R, A>, const R: usize, const A: usize>(
    channels: usize,
    turned: bool,
    sums: &[f32],
    [point, block]: [usize; 2],
    weights: &mut [f32],
) {
    for first in (0..channels).step_by(LANES) {
        let start = first / LANES * block;
        let count = LANES.min(channels - first);
        // SAFETY: as the caller says; slices of that length are taken.
        unsafe {
            let mut points = [[L::zero(); A]; A];
            for (at, lanes) in points.as_flattened_mut().iter_mut().enumerate() {
                *lanes = L::load(sums[start + at * point..][..LANES].as_ptr());
            }
            for (place, lanes) in gather::<L, F, R, A>(&points).as_flattened().iter().enumerate() {
                let place = if turned { R * R - 1 - place } else { place };
                let weights = &mut weights[place * channels + first..][..count];
                weights.iter_mut().zip(lanes.array()).for_each(|(weight, x)| *weight += x);
            }
        }
    }
}

macro_rules! steps {
    ($module:ident, $filter:ty, $kernel:literal, $side:literal) => {
        mod $module {
            use super::*;
            use super::{gradients as g, panel as p};

            for_level! {
                pub fn panel(of: Panel, w: &[f32], panel: &mut [f32]) = p[$filter, $kernel, $side];
                pub fn gradients(
                    channels: usize,
                    turned: bool,
                    sums: &[f32],
                    distances: [usize; 2],
                    weights: &mut [f32],
                ) = g[$filter, $kernel, $side];
            }
        }
    };
}

steps!(three, FourOfThree, 3, 6);
steps!(two, FourOfTwo, 2, 5);

impl Plan {
    /// Weights `(O, k, k, C)` for sums: panels of filters with a row for each channel.
    pub fn filters(&self, w: &[f32]) -> Filters {
        self.panels(w, true)
    }

    /// Weights `(O, k, k, C)` for the gradients of pixels: panels of channels with a row for each filter.
    pub fn filters_back(&self, w: &[f32]) -> Filters {
        self.panels(w, false)
    }

    fn panels(&self, w: &[f32], by_filter: bool) -> Filters {
        let (count, rows) = match by_filter {
            true => (self.filter_blocks(), self.g.channels),
            false => (self.channel_blocks(), self.g.filters),
        };
        let mut panels = Scratch::new(self.points() * count * rows * LANES);
        let mut shares: Vec<Vec<&mut [f32]>> = (0..count).map(|_| Vec::new()).collect();
        for (index, share) in panels.chunks_exact_mut(rows * LANES).enumerate() {
            shares[index % count].push(share);
        }
        let Geometry { filters, channels, .. } = self.g;
        shares.into_par_iter().enumerate().for_each(|(index, shares)| {
            let mut panel = Scratch::new(self.points() * rows * LANES);
            let of = Panel { filters, channels, by_filter, turned: self.turned, index };
            match self.g.kernel {
                3 => three::panel(of, w, &mut panel),
                _ => two::panel(of, w, &mut panel),
            }
            shares.into_iter().zip(panel.chunks_exact(rows * LANES)).for_each(|(to, panel)| to.copy_from_slice(panel));
        });
        Filters { panels, len: count * rows * LANES }
    }

    /// Sums at the points `(points, channel blocks, O, LANES)`, as gradients of weights, added to `weights (O, k, k, C)`.
    pub fn gather_filters(&self, sums: &[f32], shared: bool, weights: &mut [f32]) {
        let block = self.g.filters * LANES;
        let distances = [self.channel_blocks() * block, block];
        let filters = weights.par_chunks_exact_mut(self.g.window_len()).enumerate();
        filters.with_min_len(if shared { 1 } else { usize::MAX }).for_each(|(filter, weights)| {
            let sums = &sums[filter * LANES..];
            match self.g.kernel {
                3 => three::gradients(self.g.channels, self.turned, sums, distances, weights),
                _ => two::gradients(self.g.channels, self.turned, sums, distances, weights),
            }
        });
    }
}

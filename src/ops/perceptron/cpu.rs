//! The perceptron on the CPU, part by part of the tokens and in each by groups that stay in the second cache.

use super::{Layer, Layers};
use crate::ops::activation::{apply, apply_with_slopes};
use crate::ops::conv2d::backward::{Gradients, PartSums, add_columns, group_sums, total};
use crate::ops::conv2d::forward::convolve;
use crate::ops::conv2d::kernel::LANES;
use crate::ops::conv2d::panels::{pack, pack_turned, panel_count};
use crate::ops::conv2d::{Geometry, parts};
use crate::ops::host::{written_in_parts, zeros};
use crate::ops::macs;
use crate::ops::scratch::Scratch;
use crate::ops::simd::simd_fn;
use rayon::prelude::*;

/// Tokens of a group: whole tiles.
const GROUP: usize = 120;

impl Layer {
    /// As a convolution of pictures of one pixel.
    fn geometry(&self, rows: usize) -> Geometry {
        let (channels, filters) = (self.inputs, self.outputs);
        Geometry { batch: rows, height: 1, width: 1, channels, filters, kernel: 1, pad: 0, squares: false }
    }
}

/// Where the rows of a group start.
fn starts(width: usize) -> Vec<usize> {
    (0..GROUP).map(|row| row * width).collect()
}

/// `y (rows, O)`, and what comes before the activation, `(rows, H)`, if `keep` is set.
pub fn forward(layers: &Layers, x: &[f32], keep: bool) -> (Vec<f32>, Vec<f32>) {
    let Layers { rows, activation, first, second } = layers;
    let (into, out) = (first.geometry(*rows), second.geometry(*rows));
    macs::count(into.macs() + out.macs());
    let (into_panels, out_panels) = (pack(&into, &first.weights), pack(&out, &second.weights));
    let (x_starts, inner_starts) = (starts(into.channels), starts(out.channels));
    let mut y = zeros(rows * out.filters);
    let mut rest = y.as_mut_slice();
    let mut work = Vec::new();
    for part in parts(*rows) {
        let (own, tail) = rest.split_at_mut(part.len() * out.filters);
        rest = tail;
        let kept = if keep { part.len() * into.filters } else { 0 };
        work.push((kept, (&x[part.start * into.channels..part.end * into.channels], own)));
    }
    let before = written_in_parts(work, |(x, y), room| {
        let mut inner = Scratch::new(GROUP * into.filters);
        for (x, y) in x.chunks(GROUP * into.channels).zip(y.chunks_mut(GROUP * out.filters)) {
            let count = x.len() / into.channels;
            let inner = &mut inner[..count * into.filters];
            convolve(&into, x, &x_starts[..count], &into_panels, first.bias.as_deref(), false, inner);
            if keep {
                room.append(inner);
            }
            apply(*activation, inner);
            convolve(&out, inner, &inner_starts[..count], &out_panels, second.bias.as_deref(), false, y);
        }
    });
    (y, before)
}

/// The gradients of both layers, from what [`forward`] kept; the input's is added to `dx`.
pub fn backward(layers: &Layers, x: &[f32], before: &[f32], dy: &[f32], dx: &mut [f32]) -> [Gradients; 2] {
    let Layers { rows, first, second, .. } = layers;
    let (into, out) = (first.geometry(*rows), second.geometry(*rows));
    macs::count(2 * (into.macs() + out.macs()));
    let turned = [pack_turned(&into, &first.weights), pack_turned(&out, &second.weights)];
    let mut rest = dx;
    let mut work = Vec::new();
    for part in parts(*rows) {
        let (dx, tail) = rest.split_at_mut(part.len() * into.channels);
        rest = tail;
        let of = |width: usize| part.start * width..part.end * width;
        work.push((&x[of(into.channels)], &before[of(into.filters)], &dy[of(out.filters)], dx));
    }
    let sums = work.into_par_iter().map(|(x, before, dy, dx)| part(layers, [&into, &out], &turned, x, before, dy, dx));
    let (into_sums, out_sums): (Vec<PartSums>, Vec<PartSums>) = sums.collect::<Vec<_>>().into_iter().unzip();
    [total(&into, &into_sums), total(&out, &out_sums)]
}

/// The sums of some tokens.
fn part(
    layers: &Layers,
    [into, out]: [&Geometry; 2],
    [into_turned, out_turned]: &[Vec<f32>; 2],
    x: &[f32],
    before: &[f32],
    dy: &[f32],
    dx: &mut [f32],
) -> (PartSums, PartSums) {
    let (mut inner, mut slopes) = (Scratch::new(GROUP * into.filters), Scratch::new(GROUP * into.filters));
    let mut gradient = Scratch::new(GROUP * into.filters);
    let packed = panel_count(into.filters.max(out.filters)) * GROUP * LANES;
    let mut packed = Scratch::new(packed);
    let (dy_starts, inner_starts) = (starts(out.filters), starts(into.filters));
    let mut sums = (PartSums::new(into, layers.first.bias.is_some()), PartSums::new(out, layers.second.bias.is_some()));
    let groups = x.chunks(GROUP * into.channels).zip(before.chunks(GROUP * into.filters));
    let outputs = dy.chunks(GROUP * out.filters).zip(dx.chunks_mut(GROUP * into.channels));
    for (group, ((x, before), (dy, dx))) in groups.zip(outputs).enumerate() {
        let count = x.len() / into.channels;
        let [inner, slopes, gradient] =
            [&mut inner, &mut slopes, &mut gradient].map(|room| &mut room[..count * into.filters]);
        inner.copy_from_slice(before);
        apply_with_slopes(layers.activation, inner, slopes);
        if !sums.1.bias.is_empty() {
            add_columns(dy, &mut sums.1.bias);
        }
        group_sums(out, inner, count, dy, &mut packed, group > 0, &mut sums.1.weights);
        convolve(&out.transposed(), dy, &dy_starts[..count], out_turned, None, false, gradient);
        times(slopes, gradient);
        if !sums.0.bias.is_empty() {
            add_columns(gradient, &mut sums.0.bias);
        }
        group_sums(into, x, count, gradient, &mut packed, group > 0, &mut sums.0.weights);
        convolve(&into.transposed(), gradient, &inner_starts[..count], into_turned, None, true, dx);
    }
    sums
}

simd_fn! {
    fn times(slopes: &[f32], gradient: &mut [f32]) {
        gradient.iter_mut().zip(slopes).for_each(|(gradient, slope)| *gradient *= slope);
    }
}

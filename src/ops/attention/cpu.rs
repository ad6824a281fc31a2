//! Attention on the CPU: every picture is a task, or a run of its queries, head by head. Where queries are few, as when
//! a text grows word by word, the keys are read where they lie; else all products go by tiles.

use super::Sizes;
use super::panels::{Panels, Rows};
use crate::ops::conv2d::kernel::ROWS;
use crate::ops::host::zeros;
use crate::ops::macs;
use crate::ops::scratch::Scratch;
use crate::ops::simd::{exp, simd_fn};
use rayon::prelude::*;
use std::ops::Range;

/// The numbers of queries `(B, N, C)`, keys and values `(B, M, C)`.
pub struct Inputs<'a> {
    pub q: &'a [f32],
    pub k: &'a [f32],
    pub v: &'a [f32],
}

/// Their gradients.
pub struct Sums {
    pub q: Vec<f32>,
    pub k: Vec<f32>,
    pub v: Vec<f32>,
}

/// Queries of a task: a picture alone keeps several threads busy.
const RUN: usize = 16 * ROWS;
/// Up to so many queries, laying out the keys anew would take longer than it saves.
const FEW: usize = 3;

/// `y (B, N, C)`.
pub fn forward(sizes: &Sizes, inputs: &Inputs) -> Vec<f32> {
    let c = sizes.channels();
    let (queries, keys) = (sizes.queries * c, sizes.keys * c);
    macs::count(2 * sizes.product_macs());
    let mut y = zeros(inputs.q.len());
    let pictures = inputs.q.par_chunks(queries).zip(inputs.k.par_chunks(keys)).zip(inputs.v.par_chunks(keys));
    y.par_chunks_mut(queries).zip(pictures).for_each(|(y, ((q, k), v))| picture(sizes, &Inputs { q, k, v }, y));
    y
}

/// One picture, `y (N, C)`.
pub fn picture(sizes: &Sizes, &Inputs { q, k, v }: &Inputs, y: &mut [f32]) {
    if sizes.queries <= FEW {
        attend_few(*sizes, q, k, v, y);
    } else {
        let runs = y.par_chunks_mut(RUN * sizes.channels()).enumerate();
        runs.for_each(|(run, y)| attend(sizes, run * RUN, q, k, v, y));
    }
}

/// The weights of all queries, `(B, heads, N, M)`; none where a query does not look.
pub fn weights(sizes: &Sizes, q: &[f32], k: &[f32]) -> Vec<f32> {
    let c = sizes.channels();
    let floats = sizes.queries * sizes.keys;
    let mut weights = vec![0.0; sizes.batch * sizes.heads * floats];
    weights.par_chunks_mut(floats).enumerate().for_each(|(index, weights)| {
        let (picture, head) = (index / sizes.heads, index % sizes.heads);
        let q = &q[picture * sizes.queries * c..][..sizes.queries * c];
        let k = &k[picture * sizes.keys * c..][..sizes.keys * c];
        let keys = Panels::of_tokens(k, c, sizes.own(head));
        for (queries, weights) in groups(0..sizes.queries).zip(weights.chunks_mut(ROWS * sizes.keys)) {
            weigh(sizes, q, head, queries, &keys, weights);
        }
    });
    weights
}

/// The gradients of all three.
pub fn backward(sizes: &Sizes, inputs: &Inputs, dy: &[f32]) -> Sums {
    macs::count(4 * sizes.product_macs());
    let (queries, keys) = (sizes.queries * sizes.channels(), sizes.keys * sizes.channels());
    let mut sums = Sums { q: zeros(inputs.q.len()), k: zeros(inputs.k.len()), v: zeros(inputs.v.len()) };
    let pictures = inputs.q.par_chunks(queries).zip(inputs.k.par_chunks(keys)).zip(inputs.v.par_chunks(keys));
    sums.q
        .par_chunks_mut(queries)
        .zip(sums.k.par_chunks_mut(keys).zip(sums.v.par_chunks_mut(keys)))
        .zip(pictures.zip(dy.par_chunks(queries)))
        .for_each(|((dq, (dk, dv)), (((q, k), v), dy))| {
            let [mut weights, mut slopes] = [0; 2].map(|_| Scratch::new(sizes.queries * sizes.keys));
            picture_gradients(sizes, &Inputs { q, k, v }, dy, [&mut weights, &mut slopes], [dq, dk, dv]);
        });
    sums
}

/// Those of one picture, in the place of `dq`, `dk` and `dv`; with room for weights and slopes, `(N, M)` each.
pub fn picture_gradients(
    sizes: &Sizes,
    &Inputs { q, k, v }: &Inputs,
    dy: &[f32],
    [weights, slopes]: [&mut [f32]; 2],
    [dq, dk, dv]: [&mut [f32]; 3],
) {
    for head in 0..sizes.heads {
        query_gradients(sizes, head, [q, k, v, dy], weights, slopes, dq);
        key_gradients(sizes, head, [q, dy], weights, slopes, dk, dv);
    }
}

/// Some queries in groups of up to [`ROWS`].
fn groups(queries: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let end = queries.end;
    queries.step_by(ROWS).map(move |first| first..(first + ROWS).min(end))
}

/// Where the rows of `tokens` start, and how many they are.
fn starts(tokens: Range<usize>, stride: usize, offset: usize) -> ([usize; ROWS], usize) {
    let mut starts = [0; ROWS];
    let count = tokens.len();
    starts.iter_mut().zip(tokens).for_each(|(start, token)| *start = token * stride + offset);
    (starts, count)
}

/// The weights `(queries, M)` of a group of queries of one head; none where a query does not look.
fn weigh(sizes: &Sizes, q: &[f32], head: usize, queries: Range<usize>, keys: &Panels, weights: &mut [f32]) {
    let (first, m) = (sizes.own(head).start, sizes.keys);
    let (starts, count) = starts(queries.clone(), sizes.channels(), first);
    let reach = sizes.seen(queries.end - 1);
    keys.multiply(q, &starts[..count], sizes.width, reach, false, Rows { y: weights, stride: m });
    for (query, weights) in queries.zip(weights.chunks_exact_mut(m)) {
        let (seen, unseen) = weights.split_at_mut(sizes.seen(query));
        softmax(sizes.scale, seen);
        unseen.fill(0.0);
    }
}

/// The queries of one picture from `first` on, as many as `y` has.
fn attend(sizes: &Sizes, first: usize, q: &[f32], k: &[f32], v: &[f32], y: &mut [f32]) {
    let (c, m) = (sizes.channels(), sizes.keys);
    let queries = first..first + y.len() / c;
    let mut weights = vec![0.0; ROWS * m];
    for head in 0..sizes.heads {
        let own = sizes.own(head);
        let (keys, values) = (Panels::of_tokens(k, c, own.clone()), Panels::of_channels(v, c, own.clone()));
        for (group, y) in groups(queries.clone()).zip(y.chunks_mut(ROWS * c)) {
            weigh(sizes, q, head, group.clone(), &keys, &mut weights);
            let (rows, count) = starts(0..group.len(), m, 0);
            let reach = sizes.seen(group.end - 1);
            let y = Rows { y: &mut y[own.start..], stride: c };
            values.multiply(&weights, &rows[..count], reach, sizes.width, false, y);
        }
    }
}

/// Of one picture's head: the weights `(N, M)`, the slopes of the scores, already times the scale, and the head's `dq`.
fn query_gradients(
    sizes: &Sizes,
    head: usize,
    [q, k, v, dy]: [&[f32]; 4],
    weights: &mut [f32],
    slopes: &mut [f32],
    dq: &mut [f32],
) {
    let (c, m, own) = (sizes.channels(), sizes.keys, sizes.own(head));
    let [keys, values] = [k, v].map(|tokens| Panels::of_tokens(tokens, c, own.clone()));
    let key_rows = Panels::of_channels(k, c, own.clone());
    let rows = weights.chunks_mut(ROWS * m).zip(slopes.chunks_mut(ROWS * m)).zip(dq.chunks_mut(ROWS * c));
    for (group, ((weights, slopes), dq)) in groups(0..sizes.queries).zip(rows) {
        weigh(sizes, q, head, group.clone(), &keys, weights);
        let (of_dy, count) = starts(group.clone(), c, own.start);
        let reach = sizes.seen(group.end - 1);
        values.multiply(dy, &of_dy[..count], sizes.width, reach, false, Rows { y: slopes, stride: m });
        for (query, (weights, slopes)) in group.zip(weights.chunks_exact(m).zip(slopes.chunks_exact_mut(m))) {
            let (seen, unseen) = slopes.split_at_mut(sizes.seen(query));
            through_softmax(sizes.scale, &weights[..seen.len()], seen);
            unseen.fill(0.0);
        }
        let (rows, _) = starts(0..count, m, 0);
        let dq = Rows { y: &mut dq[own.start..], stride: c };
        key_rows.multiply(slopes, &rows[..count], reach, sizes.width, false, dq);
    }
}

/// The `dk` and `dv` of one picture's head.
fn key_gradients(
    sizes: &Sizes,
    head: usize,
    [q, dy]: [&[f32]; 2],
    weights: &[f32],
    slopes: &[f32],
    dk: &mut [f32],
    dv: &mut [f32],
) {
    let (c, m, own) = (sizes.channels(), sizes.keys, sizes.own(head));
    let [queries, gradients] = [q, dy].map(|tokens| Panels::of_channels(tokens, c, own.clone()));
    for keys in groups(0..m) {
        // Queries before this one see none of these keys.
        let from = if sizes.causal { (keys.start + sizes.queries).saturating_sub(m) } else { 0 };
        let place = keys.start * c + own.start;
        queries.multiply_turned(slopes, m, from, keys.clone(), Rows { y: &mut dk[place..], stride: c });
        gradients.multiply_turned(weights, m, from, keys, Rows { y: &mut dv[place..], stride: c });
    }
}

/// Numbers that are folded side by side.
const SIDE_BY_SIDE: usize = 16;
type Side = [f32; SIDE_BY_SIDE];

/// Numbers in whole sides, and the rest of them filled up to one, so that every loop over them vectorises.
#[inline(always)]
fn sides(numbers: &[f32], filler: f32) -> (&[Side], Option<Side>) {
    let (whole, rest) = numbers.as_chunks();
    let mut last = [filler; SIDE_BY_SIDE];
    last[..rest.len()].copy_from_slice(rest);
    (whole, (!rest.is_empty()).then_some(last))
}

/// Folds the sides, and then the numbers of what is left by halves.
#[inline(always)]
fn fold(sides: impl Iterator<Item = Side>, start: f32, join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut folded = [start; SIDE_BY_SIDE];
    for side in sides {
        folded.iter_mut().zip(side).for_each(|(folded, x)| *folded = join(*folded, x));
    }
    let mut half = SIDE_BY_SIDE / 2;
    while half > 0 {
        for at in 0..half {
            folded[at] = join(folded[at], folded[at + half]);
        }
        half /= 2;
    }
    folded[0]
}

/// The sum of products.
#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, last_a), (b, last_b)) = (sides(a, 0.0), sides(b, 0.0));
    let both = a.iter().copied().chain(last_a).zip(b.iter().copied().chain(last_b));
    fold(both.map(|(a, b)| std::array::from_fn(|at| a[at] * b[at])), 0.0, |a, b| a + b)
}

simd_fn! {
    /// Products to the softmax of `scale` times them, in place. A NaN spoils all.
    fn softmax(scale: f32, scores: &mut [f32]) {
        let (_, mut last) = sides(scores, f32::NEG_INFINITY);
        let (whole, rest) = scores.as_chunks_mut::<SIDE_BY_SIDE>();
        let scaled = whole.iter().copied().chain(last).map(|side| side.map(|score| score * scale));
        let largest = fold(scaled, f32::NEG_INFINITY, |a, b| if b > a { b } else { a });
        let mut sums = [0.0; SIDE_BY_SIDE];
        for side in whole.iter_mut().chain(&mut last) {
            for (score, sum) in side.iter_mut().zip(&mut sums) {
                *score = exp(*score * scale - largest);
                *sum += *score;
            }
        }
        let inverse = 1.0 / fold(std::iter::once(sums), 0.0, |a, b| a + b);
        whole.as_flattened_mut().iter_mut().for_each(|score| *score *= inverse);
        rest.iter_mut().zip(last.iter().flatten()).for_each(|(score, exp)| *score = exp * inverse);
    }
}

simd_fn! {
    /// The slopes of the weights to those of the products, in place: `scale p (dp - sum p dp)`.
    fn through_softmax(scale: f32, weights: &[f32], slopes: &mut [f32]) {
        let mean = dot(weights, slopes);
        for (slope, &weight) in slopes.iter_mut().zip(weights) {
            *slope = weight * (*slope - mean) * scale;
        }
    }
}

simd_fn! {
    /// One picture of few queries.
    fn attend_few(sizes: Sizes, q: &[f32], k: &[f32], v: &[f32], y: &mut [f32]) {
        let c = sizes.channels();
        let mut weights = vec![0.0; sizes.keys];
        for (query, (q, y)) in q.chunks_exact(c).zip(y.chunks_exact_mut(c)).enumerate() {
            let weights = &mut weights[..sizes.seen(query)];
            for head in 0..sizes.heads {
                let own = sizes.own(head);
                let (q, y) = (&q[own.clone()], &mut y[own.clone()]);
                for (weight, k) in weights.iter_mut().zip(k.chunks_exact(c)) {
                    *weight = dot(q, &k[own.clone()]);
                }
                softmax(sizes.scale, weights);
                y.fill(0.0);
                for (&weight, v) in weights.iter().zip(v.chunks_exact(c)) {
                    for (y, &v) in y.iter_mut().zip(&v[own.clone()]) {
                        *y += weight * v;
                    }
                }
            }
        }
    }
}

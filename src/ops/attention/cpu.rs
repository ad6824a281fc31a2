//! Attention on the CPU: every picture is a task, head by head and query by query. All loops run over keys or over the
//! channels of a head, side by side in memory.

use super::Sizes;
use crate::ops::simd::{exp, simd_fn};
use rayon::prelude::*;

/// The numbers of queries `(B, N, C)`, keys and values `(B, M, C)`; or their gradients.
pub struct Inputs {
    pub q: Vec<f32>,
    pub k: Vec<f32>,
    pub v: Vec<f32>,
}

/// `y (B, N, C)`.
pub fn forward(sizes: &Sizes, inputs: &Inputs) -> Vec<f32> {
    let (queries, keys) = (sizes.queries * sizes.channels(), sizes.keys * sizes.channels());
    let mut y = vec![0.0; inputs.q.len()];
    let pictures = inputs.q.par_chunks(queries).zip(inputs.k.par_chunks(keys)).zip(inputs.v.par_chunks(keys));
    y.par_chunks_mut(queries).zip(pictures).for_each(|(y, ((q, k), v))| attend(*sizes, q, k, v, y));
    y
}

/// The gradients of all three.
pub fn backward(sizes: &Sizes, inputs: &Inputs, dy: &[f32]) -> Inputs {
    let (queries, keys) = (sizes.queries * sizes.channels(), sizes.keys * sizes.channels());
    let mut sums = Inputs { q: vec![0.0; inputs.q.len()], k: vec![0.0; inputs.k.len()], v: vec![0.0; inputs.v.len()] };
    let pictures = inputs.q.par_chunks(queries).zip(inputs.k.par_chunks(keys)).zip(inputs.v.par_chunks(keys));
    sums.q
        .par_chunks_mut(queries)
        .zip(sums.k.par_chunks_mut(keys).zip(sums.v.par_chunks_mut(keys)))
        .zip(pictures.zip(dy.par_chunks(queries)))
        .for_each(|((dq, (dk, dv)), (((q, k), v), dy))| attend_back(*sizes, q, k, v, dy, dq, dk, dv));
    sums
}

/// The channels of one head, key by key: `(M, C)` to `(width, M)`.
#[inline(always)]
fn transpose(sizes: &Sizes, head: usize, rows: &[f32], columns: &mut [f32]) {
    for (key, row) in rows.chunks_exact(sizes.channels()).enumerate() {
        for (c, &x) in row[head * sizes.width..][..sizes.width].iter().enumerate() {
            columns[c * sizes.keys + key] = x;
        }
    }
}

/// `out[j] = factor sum_c row[c] columns[c, j]` for the first keys, as many as `out` has.
#[inline(always)]
fn products(row: &[f32], columns: &[f32], keys: usize, factor: f32, out: &mut [f32]) {
    out.fill(0.0);
    for (&x, column) in row.iter().zip(columns.chunks_exact(keys)) {
        add_scaled(x * factor, &column[..out.len()], out);
    }
}

/// `sums += factor x`.
#[inline(always)]
fn add_scaled(factor: f32, x: &[f32], sums: &mut [f32]) {
    for (sum, &x) in sums.iter_mut().zip(x) {
        *sum += factor * x;
    }
}

/// Numbers that are folded side by side.
const SIDE_BY_SIDE: usize = 8;

/// Folds numbers in [`SIDE_BY_SIDE`] columns and then the columns, so that the loop vectorises.
#[inline(always)]
fn fold(numbers: impl ExactSizeIterator<Item = f32>, start: f32, join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut columns = [start; SIDE_BY_SIDE];
    for (index, x) in numbers.enumerate() {
        let column = &mut columns[index % SIDE_BY_SIDE];
        *column = join(*column, x);
    }
    columns.into_iter().fold(start, join)
}

/// Scores to their softmax, in place. A NaN spoils all.
#[inline(always)]
fn softmax(scores: &mut [f32]) {
    let largest = fold(scores.iter().copied(), f32::NEG_INFINITY, |a, b| if b > a { b } else { a });
    for score in scores.iter_mut() {
        *score = exp(*score - largest);
    }
    let inverse = 1.0 / fold(scores.iter().copied(), 0.0, |a, b| a + b);
    for score in scores {
        *score *= inverse;
    }
}

simd_fn! {
    /// One picture.
    fn attend(sizes: Sizes, q: &[f32], k: &[f32], v: &[f32], y: &mut [f32]) {
        let (c, width) = (sizes.channels(), sizes.width);
        let mut columns = vec![0.0; width * sizes.keys];
        let mut weights = vec![0.0; sizes.keys];
        for head in 0..sizes.heads {
            transpose(&sizes, head, k, &mut columns);
            let own = head * width..(head + 1) * width;
            for (query, (q, y)) in q.chunks_exact(c).zip(y.chunks_exact_mut(c)).enumerate() {
                let weights = &mut weights[..sizes.seen(query)];
                products(&q[own.clone()], &columns, sizes.keys, sizes.scale(), weights);
                softmax(weights);
                let y = &mut y[own.clone()];
                for (&weight, v) in weights.iter().zip(v.chunks_exact(c)) {
                    add_scaled(weight, &v[own.clone()], y);
                }
            }
        }
    }
}

simd_fn! {
    /// One picture: adds to the three gradients.
    fn attend_back(
        sizes: Sizes,
        q: &[f32],
        k: &[f32],
        v: &[f32],
        dy: &[f32],
        dq: &mut [f32],
        dk: &mut [f32],
        dv: &mut [f32],
    ) {
        let (c, width) = (sizes.channels(), sizes.width);
        let (mut key_columns, mut value_columns) = (vec![0.0; width * sizes.keys], vec![0.0; width * sizes.keys]);
        let (mut weights, mut slopes) = (vec![0.0; sizes.keys], vec![0.0; sizes.keys]);
        for head in 0..sizes.heads {
            transpose(&sizes, head, k, &mut key_columns);
            transpose(&sizes, head, v, &mut value_columns);
            let own = head * width..(head + 1) * width;
            let rows = q.chunks_exact(c).zip(dy.chunks_exact(c)).zip(dq.chunks_exact_mut(c));
            for (query, ((q, dy), dq)) in rows.enumerate() {
                let (q, dy, dq) = (&q[own.clone()], &dy[own.clone()], &mut dq[own.clone()]);
                let seen = sizes.seen(query);
                let (weights, slopes) = (&mut weights[..seen], &mut slopes[..seen]);
                products(q, &key_columns, sizes.keys, sizes.scale(), weights);
                softmax(weights);
                products(dy, &value_columns, sizes.keys, 1.0, slopes);
                // ds = p (dp - sum p dp), and the scale that stands between scores and products.
                let mean = fold(weights.iter().zip(slopes.iter()).map(|(p, dp)| p * dp), 0.0, |a, b| a + b);
                for (slope, &weight) in slopes.iter_mut().zip(weights.iter()) {
                    *slope = weight * (*slope - mean) * sizes.scale();
                }
                let gradients = dk.chunks_exact_mut(c).zip(dv.chunks_exact_mut(c)).zip(k.chunks_exact(c));
                for ((&weight, &slope), ((dk, dv), k)) in weights.iter().zip(slopes.iter()).zip(gradients) {
                    add_scaled(slope, &k[own.clone()], dq);
                    add_scaled(slope, q, &mut dk[own.clone()]);
                    add_scaled(weight, dy, &mut dv[own.clone()]);
                }
            }
        }
    }
}

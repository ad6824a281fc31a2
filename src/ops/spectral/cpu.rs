//! Matrix times vector, in a fixed order of sums.

use crate::ops::simd::simd_fn;

const LANES: usize = 16;

/// The sum of the products, in [`LANES`] sums that are added up at the end.
#[inline(always)]
fn product_sum(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

simd_fn! {
    /// `y = w x`: `w (O, K)`, `x (K)`, `y (O)`.
    pub fn times(w: &[f32], x: &[f32], y: &mut [f32]) {
        for (w, y) in w.chunks_exact(x.len()).zip(y) {
            *y = product_sum(w, x);
        }
    }
}

simd_fn! {
    /// `y = w^T x`: `w (O, K)`, `x (O)`, `y (K)`.
    pub fn times_transposed(w: &[f32], x: &[f32], y: &mut [f32]) {
        y.fill(0.0);
        for (w, &x) in w.chunks_exact(y.len()).zip(x) {
            for (y, &w) in y.iter_mut().zip(w) {
                *y += w * x;
            }
        }
    }
}

/// Numbers that are summed in single precision before they join the double-precision total.
const BLOCK: usize = 4096;

/// The inner product.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut total = 0.0f64;
    for (a, b) in a.chunks(BLOCK).zip(b.chunks(BLOCK)) {
        let mut sum = [0.0];
        times(a, b, &mut sum);
        total += f64::from(sum[0]);
    }
    total as f32
}

simd_fn! {
    pub fn scale(x: &mut [f32], by: f32) {
        for x in x {
            *x *= by;
        }
    }
}

/// Divides `x` by its length; a vector of next to no length is left next to zero.
pub fn normalise(x: &mut [f32]) {
    let norm = dot(x, x).sqrt();
    let smallest = super::SMALLEST;
    scale(x, 1.0 / if norm < smallest { smallest } else { norm });
}

simd_fn! {
    /// One row: `dw += (dy - v * along) * inverse`.
    pub fn add_gradient(dy: &[f32], v: &[f32], along: f32, inverse: f32, dw: &mut [f32]) {
        for ((dw, &dy), &v) in dw.iter_mut().zip(dy).zip(v) {
            *dw += (dy - v * along) * inverse;
        }
    }
}

//! A first layer that nobody trains: filters that turn the patches of natural pictures into numbers of equal variance.
//!
//! Each of the patch covariance's eigenvectors is a filter, divided by the root of its eigenvalue, and each filter
//! stands beside its negative, so that the GELU behind loses neither sign (as in K. Jordan's cifar10-airbench, 2024).

/// The side of a patch.
pub const PATCH: usize = 2;
/// Numbers of a patch: 2 x 2 pixels of three colours.
const DIM: usize = PATCH * PATCH * 3;
/// Filters: each direction and its negative.
pub const FILTERS: usize = 2 * DIM;
/// Added to an eigenvalue: directions that hardly occur stay quiet. As in airbench.
const EPS: f64 = 5e-4;

/// The filters `(24, 2, 2, 3)` for `pictures (n, side, side, 3)` in a row.
pub fn filters(pictures: &[f32], side: usize) -> Vec<f32> {
    let (values, vectors) = eigen(covariance(pictures, side));
    let mut filters = Vec::with_capacity(FILTERS * DIM);
    for sign in [1.0, -1.0] {
        for (value, vector) in values.iter().zip(&vectors) {
            let scale = sign / (value + EPS).sqrt();
            filters.extend(vector.iter().map(|v| (v * scale) as f32));
        }
    }
    filters
}

type Matrix = [[f64; DIM]; DIM];

/// The second moments of all patches around zero: the pictures are normalised, so zero is their mean.
fn covariance(pictures: &[f32], side: usize) -> Matrix {
    let mut sums = [[0.0; DIM]; DIM];
    let mut count = 0.0;
    let row = side * 3;
    for picture in pictures.chunks_exact(side * row) {
        for (y, x) in (0..=side - PATCH).flat_map(|y| (0..=side - PATCH).map(move |x| (y, x))) {
            let mut patch = [0.0f64; DIM];
            for (line, patch) in patch.chunks_exact_mut(PATCH * 3).enumerate() {
                let start = (y + line) * row + x * 3;
                patch.iter_mut().zip(&picture[start..]).for_each(|(p, &v)| *p = f64::from(v));
            }
            for (sums, a) in sums.iter_mut().zip(patch) {
                sums.iter_mut().zip(patch).for_each(|(sum, b)| *sum += a * b);
            }
            count += 1.0;
        }
    }
    sums.map(|row| row.map(|sum| sum / f64::max(count, 1.0)))
}

/// Eigenvalues, largest first, and unit eigenvectors of a symmetric matrix, by Jacobi's rotations
/// (Golub and Van Loan, "Matrix Computations", section 8.5). Each vector's largest component is positive.
fn eigen(mut a: Matrix) -> (Vec<f64>, Vec<[f64; DIM]>) {
    let mut v: Matrix = std::array::from_fn(|i| std::array::from_fn(|j| f64::from(u8::from(i == j))));
    for _ in 0..30 {
        for p in 0..DIM {
            for q in p + 1..DIM {
                rotate(&mut a, &mut v, p, q);
            }
        }
    }
    let mut order: Vec<usize> = (0..DIM).collect();
    order.sort_by(|&i, &j| a[j][j].total_cmp(&a[i][i]));
    let vector = |column: usize| {
        let vector: [f64; DIM] = std::array::from_fn(|row| v[row][column]);
        let largest = vector.iter().fold(0.0f64, |most, &x| if x.abs() > most.abs() { x } else { most });
        vector.map(|x| if largest < 0.0 { -x } else { x })
    };
    (order.iter().map(|&i| a[i][i]).collect(), order.iter().map(|&i| vector(i)).collect())
}

/// Turns the plane of axes `p` and `q` so that `a[p][q]` becomes zero.
fn rotate(a: &mut Matrix, v: &mut Matrix, p: usize, q: usize) {
    if a[p][q].abs() < 1e-300 {
        return;
    }
    let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
    let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let c = 1.0 / (t * t + 1.0).sqrt();
    let s = t * c;
    for row in a.iter_mut() {
        (row[p], row[q]) = (c * row[p] - s * row[q], s * row[p] + c * row[q]);
    }
    let (above, below) = a.split_at_mut(q);
    for (x, y) in above[p].iter_mut().zip(&mut below[0]) {
        (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
    }
    for row in v.iter_mut() {
        (row[p], row[q]) = (c * row[p] - s * row[q], s * row[p] + c * row[q]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::random::Stream;

    #[test]
    fn whitened_patches_have_unit_covariance() {
        // Neighbouring pixels are made alike, as in pictures.
        let stream = Stream::new(3, "pictures", 0);
        let mut pictures: Vec<f32> = (0..200 * 8 * 8 * 3).map(|i| stream.normal(i)).collect();
        for i in 3..pictures.len() {
            pictures[i] = 0.8 * pictures[i - 3] + 0.6 * pictures[i];
        }
        let filters = filters(&pictures, 8);
        let covariance = covariance(&pictures, 8);
        for (i, f) in filters.chunks(DIM).enumerate().take(DIM) {
            for (j, g) in filters.chunks(DIM).enumerate().take(DIM) {
                let mut sum = 0.0;
                for (a, row) in covariance.iter().enumerate() {
                    sum += row.iter().enumerate().map(|(b, c)| f64::from(f[a]) * c * f64::from(g[b])).sum::<f64>();
                }
                let due = if i == j { 1.0 } else { 0.0 };
                assert!((sum - due).abs() < 0.02, "{i} {j}: {sum}");
            }
        }
        assert_eq!(filters[..DIM], filters[DIM * DIM..].iter().take(DIM).map(|x| -x).collect::<Vec<_>>());
    }
}

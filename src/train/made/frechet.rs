//! The Fréchet distance of two clouds of points, taken as normal distributions.

/// Mean and covariance of points.
#[derive(Clone, Debug)]
pub struct Cloud {
    mean: Vec<f64>,
    covariance: Matrix,
}

/// A square matrix in rows.
type Matrix = Vec<Vec<f64>>;

impl Cloud {
    /// Of rows of `width` numbers; None for fewer than two, which have no covariance.
    pub fn of(rows: &[f32], width: usize) -> Option<Self> {
        let count = rows.len() / width.max(1);
        if count < 2 {
            return None;
        }
        let mut mean = vec![0.0; width];
        for row in rows.chunks_exact(width) {
            mean.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
        }
        mean.iter_mut().for_each(|sum| *sum /= count as f64);
        let mut covariance = vec![vec![0.0; width]; width];
        for row in rows.chunks_exact(width) {
            let off: Vec<f64> = row.iter().zip(&mean).map(|(&x, mean)| f64::from(x) - mean).collect();
            for (line, a) in covariance.iter_mut().zip(&off) {
                line.iter_mut().zip(&off).for_each(|(sum, b)| *sum += a * b);
            }
        }
        covariance.iter_mut().flatten().for_each(|sum| *sum /= (count - 1) as f64);
        Some(Self { mean, covariance })
    }

    /// `|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))`: the squared Fréchet distance of normal distributions (Dowson and
    /// Landau 1982), which Heusel et al. 2017 take of Inception features. Both clouds have points of the same width.
    pub fn distance(&self, other: &Self) -> f64 {
        let apart: f64 = self.mean.iter().zip(&other.mean).map(|(a, b)| (a - b).powi(2)).sum();
        let trace = |matrix: &Matrix| (0..matrix.len()).map(|i| matrix[i][i]).sum::<f64>();
        let root = root(&self.covariance);
        // (C1 C2)^(1/2) has the trace of the symmetric (C1^(1/2) C2 C1^(1/2))^(1/2).
        let (values, _) = eigen(product(&product(&root, &other.covariance), &root));
        let common: f64 = values.iter().map(|value| value.max(0.0).sqrt()).sum();
        apart + trace(&self.covariance) + trace(&other.covariance) - 2.0 * common
    }
}

fn product(a: &Matrix, b: &Matrix) -> Matrix {
    let line = |row: &Vec<f64>| {
        let mut sums = vec![0.0; b.len()];
        for (x, row) in row.iter().zip(b) {
            sums.iter_mut().zip(row).for_each(|(sum, y)| *sum += x * y);
        }
        sums
    };
    a.iter().map(line).collect()
}

/// The symmetric root of a covariance.
fn root(covariance: &Matrix) -> Matrix {
    let (values, vectors) = eigen(covariance.clone());
    let size = values.len();
    let mut root = vec![vec![0.0; size]; size];
    for (value, vector) in values.iter().zip(&vectors) {
        let scale = value.max(0.0).sqrt();
        for (line, a) in root.iter_mut().zip(vector) {
            line.iter_mut().zip(vector).for_each(|(sum, b)| *sum += scale * a * b);
        }
    }
    root
}

/// Sweeps over all pairs of axes: Jacobi's method converges quadratically, ten are plenty for double precision.
const SWEEPS: usize = 16;

/// Eigenvalues and unit eigenvectors of a symmetric matrix, by Jacobi's rotations (Golub and Van Loan, "Matrix
/// Computations", section 8.5).
fn eigen(mut a: Matrix) -> (Vec<f64>, Matrix) {
    let size = a.len();
    let mut vectors: Matrix = (0..size).map(|i| (0..size).map(|j| if i == j { 1.0 } else { 0.0 }).collect()).collect();
    for _ in 0..SWEEPS {
        let off: f64 = (0..size).map(|i| a[i][..i].iter().map(|x| x * x).sum::<f64>()).sum();
        let whole: f64 = a.iter().flatten().map(|x| x * x).sum();
        if off <= 1e-26 * whole {
            break;
        }
        for p in 0..size {
            for q in p + 1..size {
                rotate(&mut a, &mut vectors, p, q);
            }
        }
    }
    ((0..size).map(|i| a[i][i]).collect(), vectors)
}

/// Turns the plane of axes `p < q` so that `a[p][q]` becomes zero; row `i` of `vectors` is the i-th eigenvector.
fn rotate(a: &mut Matrix, vectors: &mut Matrix, p: usize, q: usize) {
    if a[p][q] == 0.0 {
        return;
    }
    let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
    let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let c = 1.0 / (t * t + 1.0).sqrt();
    let s = t * c;
    for row in a.iter_mut() {
        (row[p], row[q]) = (c * row[p] - s * row[q], s * row[p] + c * row[q]);
    }
    for rows in [a, vectors] {
        let (above, below) = rows.split_at_mut(q);
        for (x, y) in above[p].iter_mut().zip(&mut below[0]) {
            (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::random::Stream;

    /// ```python
    /// import numpy as np
    /// i = np.arange(60)
    /// a = ((i * 37 % 23) / 10 - 1).astype(np.float32).reshape(20, 3).astype(float)
    /// b = ((i * 29 % 31) / 15 - 0.5).astype(np.float32).reshape(20, 3).astype(float)
    /// ca, cb = np.cov(a.T), np.cov(b.T)
    /// m = a.mean(0) - b.mean(0)
    /// print(m @ m + np.trace(ca + cb) - 2 * np.sqrt(np.linalg.eigvals(ca @ cb)).sum())  # 0.981957
    /// ```
    #[test]
    fn the_distance_is_numpy_s() {
        let a: Vec<f32> = (0..60).map(|i| (i * 37 % 23) as f32 / 10.0 - 1.0).collect();
        let b: Vec<f32> = (0..60).map(|i| (i * 29 % 31) as f32 / 15.0 - 0.5).collect();
        let (a, b) = (Cloud::of(&a, 3).unwrap(), Cloud::of(&b, 3).unwrap());
        assert!((a.distance(&b) - 0.981_957).abs() < 1e-5, "{}", a.distance(&b));
        assert!((a.distance(&b) - b.distance(&a)).abs() < 1e-9);
        assert!(a.distance(&a).abs() < 1e-9);
    }

    #[test]
    fn a_shift_counts_as_its_square_and_a_scale_by_its_deviation() {
        let stream = Stream::new(1, "cloud", 0);
        let rows: Vec<f32> = (0..4000).map(|i| stream.normal(i)).collect();
        let cloud = Cloud::of(&rows, 4).unwrap();
        let moved: Vec<f32> = rows.iter().map(|x| x + 2.0).collect();
        assert!((Cloud::of(&moved, 4).unwrap().distance(&cloud) - 16.0).abs() < 1e-3);
        // Deviations s and 3 s: (3 s - s)^2 an axis, and the means move too.
        let wide: Vec<f32> = rows.iter().map(|x| 3.0 * x).collect();
        let due: f64 = (0..4).map(|i| 4.0 * (cloud.covariance[i][i] + cloud.mean[i].powi(2))).sum();
        let wide = Cloud::of(&wide, 4).unwrap();
        assert!((wide.distance(&cloud) - due).abs() < 1e-3, "{} {due}", wide.distance(&cloud));
    }

    #[test]
    fn a_flat_cloud_and_a_single_point_are_no_trap() {
        let flat = Cloud::of(&[1.0, 5.0, 2.0, 5.0, 3.0, 5.0], 2).unwrap();
        assert!(flat.distance(&flat).abs() < 1e-12);
        assert!(Cloud::of(&[1.0, 2.0], 2).is_none());
    }
}

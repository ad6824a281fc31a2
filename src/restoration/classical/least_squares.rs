//! Least squares over many samples, by the normal equations.

use super::super::RestorationError;
use nalgebra::{Cholesky, DMatrix};
use rayon::prelude::*;

/// Sums are made in this many parts and then added in order: the same bits on any number of threads.
const PARTS: usize = 16;
/// Samples that are multiplied together.
const BLOCK: usize = 1024;

/// The normal equations of `targets ~ weights^T features`: sums of products over samples.
pub(super) struct Equations {
    /// `(features, features)`.
    gram: DMatrix<f64>,
    /// `(features, targets)`.
    cross: DMatrix<f64>,
    samples: f64,
}

/// Features and targets of samples, one sample after another.
#[derive(Default)]
pub(super) struct Samples {
    pub(super) features: Vec<f64>,
    pub(super) targets: Vec<f64>,
}

impl Equations {
    /// Of `count` things to learn from, each of which `append` turns into some samples of `features` and `targets` numbers.
    pub(super) fn gather(
        (features, targets): (usize, usize),
        count: usize,
        append: impl Fn(usize, &mut Samples) + Sync,
    ) -> Self {
        let part = |part: usize| {
            let mut sums = Self::zero(features, targets);
            let mut samples = Samples::default();
            for index in part * count / PARTS..(part + 1) * count / PARTS {
                append(index, &mut samples);
                if samples.features.len() >= BLOCK * features {
                    sums.add(std::mem::take(&mut samples));
                }
            }
            sums.add(samples);
            sums
        };
        let parts: Vec<Self> = (0..PARTS).into_par_iter().map(part).collect();
        parts.into_iter().fold(Self::zero(features, targets), |mut sum, part| {
            sum.gram += part.gram;
            sum.cross += part.cross;
            sum.samples += part.samples;
            sum
        })
    }

    fn zero(features: usize, targets: usize) -> Self {
        Self { gram: DMatrix::zeros(features, features), cross: DMatrix::zeros(features, targets), samples: 0.0 }
    }

    fn add(&mut self, samples: Samples) {
        let count = samples.features.len() / self.gram.nrows();
        let features = DMatrix::from_vec(self.gram.nrows(), count, samples.features);
        let targets = DMatrix::from_vec(self.cross.ncols(), count, samples.targets);
        self.gram.gemm(1.0, &features, &features.transpose(), 1.0);
        self.cross.gemm(1.0, &features, &targets.transpose(), 1.0);
        self.samples += count as f64;
    }

    /// The weights `(features, targets)` of the least `mean |targets - weights^T features|^2 + ridge |weights|^2`.
    ///
    /// # Errors
    /// When the equations are singular: too few samples for the ridge.
    pub(super) fn solve(&self, ridge: f64, what: &'static str) -> Result<DMatrix<f64>, RestorationError> {
        let mut gram = &self.gram / self.samples;
        for i in 0..gram.nrows() {
            gram[(i, i)] += ridge;
        }
        let factors = Cholesky::new(gram).ok_or(RestorationError::Singular(what))?;
        let weights = factors.solve(&(&self.cross / self.samples));
        if weights.iter().all(|weight| weight.is_finite()) {
            Ok(weights)
        } else {
            Err(RestorationError::Singular(what))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::random::Stream;

    #[test]
    fn known_weights_are_found_and_a_ridge_shrinks_them() {
        let stream = Stream::new(1, "samples", 0);
        let append = |index: usize, samples: &mut Samples| {
            let x: [f64; 3] = std::array::from_fn(|i| f64::from(stream.normal((3 * index + i) as u64)));
            samples.features.extend(x);
            samples.targets.extend([2.0 * x[0] - x[2], 0.5 * x[1]]);
        };
        let equations = Equations::gather((3, 2), 5000, append);
        let weights = equations.solve(0.0, "test").unwrap();
        for (found, due) in weights.iter().zip([2.0, 0.0, -1.0, 0.0, 0.5, 0.0]) {
            assert!((found - due).abs() < 1e-9, "{weights}");
        }
        let shrunk = equations.solve(1.0, "test").unwrap();
        assert!((shrunk[(0, 0)] - 1.0).abs() < 0.1, "variance 1, ridge 1: {shrunk}");
    }

    #[test]
    fn too_few_samples_are_told() {
        let append = |_: usize, samples: &mut Samples| {
            samples.features.extend([1.0, 2.0]);
            samples.targets.push(1.0);
        };
        assert!(matches!(Equations::gather((2, 1), 1, append).solve(0.0, "test"), Err(RestorationError::Singular(_))));
        assert!(Equations::gather((2, 1), 0, append).solve(0.1, "test").is_err(), "no sample at all");
        assert!(Equations::gather((2, 1), 1, append).solve(0.1, "test").is_ok());
    }
}

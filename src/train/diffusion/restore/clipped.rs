//! Noise that a file cut off: what a pixel at the end of its range may have been.

use std::f64::consts::TAU;

/// The mean of a normal number of mean `mean` and deviation `sigma` that is known to lie above `bound`:
/// `mean + sigma h((bound - mean) / sigma)`, `h` the hazard of the standard normal.
pub fn mean_above(bound: f64, mean: f64, sigma: f64) -> f64 {
    mean + sigma * hazard((bound - mean) / sigma)
}

/// Terms of the continued fraction: enough for 1 and above.
const TERMS: u32 = 60;

/// `phi(a) / (1 - Phi(a))` of the standard normal, for `a` of 0 or above: below 1 by the polynomial of Abramowitz and
/// Stegun 1964 (26.2.17, error below 1e-7), from there by Laplace's continued fraction `a + 1/(a + 2/(a + 3/(a + ...`.
fn hazard(a: f64) -> f64 {
    let a = a.max(0.0);
    if a >= 1.0 {
        return (1..=TERMS).rev().fold(a, |below, term| a + f64::from(term) / below);
    }
    let t = 1.0 / (1.0 + 0.231_641_9 * a);
    let terms = [1.330_274_429, -1.821_255_978, 1.781_477_937, -0.356_563_782, 0.319_381_530];
    let ratio = t * terms.into_iter().fold(0.0, |sum, term| sum * t + term);
    debug_assert!(ratio > 0.0 && ratio < (TAU / 4.0).sqrt() + 1e-6);
    1.0 / ratio
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::random::Stream;

    /// ```python
    /// from scipy.stats import norm
    /// [norm.pdf(a) / norm.sf(a) for a in (0, 0.5, 0.999, 1, 2, 6)]
    /// ```
    #[test]
    fn the_hazard_is_scipy_s() {
        let due =
            [(0.0, 0.797_884_56), (0.5, 1.141_077_8), (0.999, 1.524_334_4), (1.0, 1.525_135_3), (2.0, 2.373_215_5)];
        for (a, due) in due.into_iter().chain([(6.0, 6.158_482_6)]) {
            assert!((hazard(a) - due).abs() < 1e-4, "{a}: {} {due}", hazard(a));
        }
    }

    #[test]
    fn what_was_cut_off_has_its_mean_back() {
        let stream = Stream::new(1, "cut", 0);
        let drawn: Vec<f64> = (0..100_000).map(|i| 0.8 + 0.3 * f64::from(stream.normal(i))).collect();
        let above: Vec<f64> = drawn.into_iter().filter(|value| *value > 1.0).collect();
        let mean = above.iter().sum::<f64>() / above.len() as f64;
        assert!((mean_above(1.0, 0.8, 0.3) - mean).abs() < 5e-3, "{mean}");
    }
}

//! Smoothing: an exponential moving average over the points of a series as they were logged.
//!
//! With the weight `w` and the finite values `x_1 … x_n` of a series,
//!
//! ```text
//! m_n = w m_{n-1} + (1 - w) x_n,   m_0 = 0,        y_n = m_n / (1 - w^n)
//! ```
//!
//! The division takes back the pull of `m_0 = 0` on the first values (Kingma and Ba, "Adam", 2015, section 3). This is
//! the smoothing of TensorBoard's scalar charts; unlike there, a value that is no number is left out and does not end
//! the curve, and `w` is one of a few: a series keeps its averages at those, and no chart has to begin at the first point.

/// The weights that can be chosen. An average reaches over about `1 / (1 - w)` points: 2.5, 10, 33, 100, 333 and 1,000.
const WEIGHTS: [f64; 6] = [0.6, 0.9, 0.97, 0.99, 0.997, 0.999];

/// By itself the average reaches over at most one in so many of a run's points, so that it follows the curve's shape.
const SHARE_OF_RUN: f64 = 25.0;

/// How strongly a curve is smoothed; the least is not at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Smoothing(usize);

impl Smoothing {
    pub const NONE: Smoothing = Smoothing(0);

    /// What suits a series of so many points.
    pub fn for_points(points: usize) -> Smoothing {
        let reaches_too_far = |weight: &f64| 1.0 / (1.0 - weight) > points as f64 / SHARE_OF_RUN;
        Smoothing(WEIGHTS.iter().position(reaches_too_far).unwrap_or(WEIGHTS.len()))
    }

    /// `w`: 0 for none.
    pub fn weight(self) -> f64 {
        self.0.checked_sub(1).map_or(0.0, |at| WEIGHTS[at])
    }

    pub fn stronger(self) -> Smoothing {
        Smoothing((self.0 + 1).min(WEIGHTS.len()))
    }

    pub fn weaker(self) -> Smoothing {
        Smoothing(self.0.saturating_sub(1))
    }
}

/// One average under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Average {
    weight: f64,
    /// `m_n`
    sum: f64,
    /// `n`
    finite: u32,
}

impl Average {
    pub fn new(smoothing: Smoothing) -> Average {
        Average { weight: smoothing.weight(), sum: 0.0, finite: 0 }
    }

    pub fn add(&mut self, value: f32) {
        if value.is_finite() {
            self.sum = self.weight * self.sum + (1.0 - self.weight) * f64::from(value);
            self.finite += 1;
        }
    }

    /// `y_n`; none before the first finite value.
    pub fn value(&self) -> Option<f32> {
        let count = i32::try_from(self.finite).unwrap_or(i32::MAX);
        (count > 0).then(|| (self.sum / (1.0 - self.weight.powi(count))) as f32)
    }
}

/// Where every average stands at one point of a series, none at all being the value itself.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Averages {
    sums: [f64; WEIGHTS.len()],
    last: f64,
    finite: u32,
}

impl Averages {
    pub fn add(&mut self, value: f32) {
        if value.is_finite() {
            let value = f64::from(value);
            for (sum, weight) in self.sums.iter_mut().zip(WEIGHTS) {
                *sum = weight * *sum + (1.0 - weight) * value;
            }
            self.last = value;
            self.finite += 1;
        }
    }

    pub fn of(&self, smoothing: Smoothing) -> Average {
        let sum = smoothing.0.checked_sub(1).map_or(self.last, |at| self.sums[at]);
        Average { weight: smoothing.weight(), sum, finite: self.finite }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn smoothed(smoothing: Smoothing, values: &[f32]) -> Vec<Option<f32>> {
        let mut average = Average::new(smoothing);
        let next = |value: &f32| {
            average.add(*value);
            average.value()
        };
        values.iter().map(next).collect()
    }

    #[test]
    fn the_first_values_are_not_pulled_to_zero() {
        // By hand, w = 0.6: m = 0.4, 0.24 + 0.8 = 1.04, 0.624 + 1.6 = 2.224; 1 - w^n = 0.4, 0.64, 0.784.
        let found = smoothed(Smoothing::NONE.stronger(), &[1.0, 2.0, 4.0]);
        for (found, due) in found.into_iter().zip([1.0, 1.625, 2.836_734_7]) {
            assert!(found.is_some_and(|found| (found - due).abs() < 1e-6), "{found:?} for {due}");
        }
        assert_eq!(smoothed(Smoothing::NONE, &[1.0, 2.0, 4.0]), [Some(1.0), Some(2.0), Some(4.0)]);
    }

    #[test]
    fn what_is_no_number_is_left_out() {
        let strong = Smoothing::for_points(usize::MAX);
        assert_eq!(smoothed(strong, &[f32::NAN, 3.0, f32::INFINITY, 3.0]), [None, Some(3.0), Some(3.0), Some(3.0)]);
    }

    #[test]
    fn strength_grows_with_the_run_and_has_ends() {
        assert_eq!(Smoothing::for_points(10), Smoothing::NONE);
        assert_eq!([100, 3_000, 100_000].map(|n| Smoothing::for_points(n).weight()), [0.6, 0.99, 0.999]);
        assert_eq!(Smoothing::NONE.weaker(), Smoothing::NONE);
        assert_eq!((0..9).fold(Smoothing::NONE, |smoothing, _| smoothing.stronger()).weight(), 0.999);
    }
}

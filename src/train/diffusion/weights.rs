//! What an error at each noise level counts for when labels are told by errors.

use super::level::{BANDS, band};
use serde_json::{Value, json};

/// One weight a band of the noise level, zero or above. A label's logit is minus the weighted mean of its errors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights([f64; BANDS]);

/// An image with the errors of every label, already summed by band: what weights are fitted on.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// For each label, the sum of its errors in each band over the number of all its errors.
    pub errors: Vec<[f64; BANDS]>,
    pub truth: usize,
}

/// Rounds of the fit; each betters every weight once, and some hundred rounds change no digit that matters.
const ROUNDS: usize = 300;
/// What the squares of the weights, in units of their errors' spread, count for an image: it keeps a weight that nothing
/// speaks for at zero.
const RIDGE: f64 = 1e-3;
/// What a picture's 3,072 numbers count for before anything is fitted: half of them if each erred by itself (see
/// [`Weights::of_losses`]); but neighbours err alike, and about ten count as one.
const EVIDENCE: f64 = 150.0;

impl Default for Weights {
    /// As if all levels were told equally well.
    fn default() -> Self {
        Self::of_losses(&[1.0; BANDS])
    }
}

impl Weights {
    /// What the losses by level suggest before anything is fitted: errors that are normal with the level's own variance
    /// have the log-likelihood `-error / (2 loss)` a number.
    pub fn of_losses(losses: &[f64; BANDS]) -> Self {
        Self(losses.map(|loss| if loss > 0.0 { EVIDENCE / loss } else { 0.0 }))
    }

    /// What an error at a time counts for.
    pub fn at(&self, time: f32) -> f64 {
        self.0[band(time)]
    }

    /// The logits of an image's labels.
    pub fn logits(&self, errors: &[[f64; BANDS]]) -> Vec<f64> {
        errors.iter().map(|of| -of.iter().zip(&self.0).map(|(error, weight)| error * weight).sum::<f64>()).collect()
    }

    /// The weights that give the true labels of `samples` the least cross-entropy: logistic regression with weights of
    /// zero or above, one coordinate after another, each by a step that can only better it (Boehning 1992: the softmax's
    /// curvature is at most a half of that of the centred errors). Errors of a band count by their spread over labels.
    pub fn fit(samples: &[Sample]) -> Self {
        let centred: Vec<(Vec<[f64; BANDS]>, usize)> = samples.iter().map(centre).collect();
        let mut spread = [0.0; BANDS];
        for (rows, _) in &centred {
            rows.iter().for_each(|row| spread.iter_mut().zip(row).for_each(|(sum, e)| *sum += e * e));
        }
        let count: usize = centred.iter().map(|(rows, _)| rows.len()).sum();
        let scale = spread.map(|sum| if sum > 0.0 { (count as f64 / sum).sqrt() } else { 0.0 });
        let mut weights = Self([0.0; BANDS]);
        for _ in 0..ROUNDS {
            for (each, &scale) in scale.iter().enumerate() {
                weights.better(each, scale, &centred);
            }
        }
        weights
    }

    /// One step along one weight.
    fn better(&mut self, each: usize, scale: f64, samples: &[(Vec<[f64; BANDS]>, usize)]) {
        if scale == 0.0 {
            return;
        }
        let (mut slope, mut curvature) = (0.0, 0.0);
        for (rows, truth) in samples {
            let shares = softmax(&self.logits(rows));
            let expected: f64 = rows.iter().zip(&shares).map(|(row, share)| share * row[each]).sum();
            slope += (rows[*truth][each] - expected) * scale;
            curvature += 0.5 * rows.iter().map(|row| (row[each] * scale).powi(2)).sum::<f64>();
        }
        let count = samples.len() as f64;
        let scaled = self.0[each] / scale;
        let step = (slope + RIDGE * count * scaled) / (curvature + RIDGE * count);
        self.0[each] = (scaled - step).max(0.0) * scale;
    }

    /// For a file of weights: exact to the bit.
    pub fn to_json(self) -> Value {
        json!(self.0.map(f64::to_bits))
    }

    /// From a file of weights; None when it says anything else.
    pub fn from_json(value: &Value) -> Option<Self> {
        let bits: Vec<f64> =
            value.as_array()?.iter().map(|bits| bits.as_u64().map(f64::from_bits)).collect::<Option<_>>()?;
        let weights: [f64; BANDS] = bits.try_into().ok()?;
        weights.iter().all(|weight| weight.is_finite() && *weight >= 0.0).then_some(Self(weights))
    }
}

/// The errors less their mean over the labels: what all labels share tells none of them.
fn centre(sample: &Sample) -> (Vec<[f64; BANDS]>, usize) {
    let count = sample.errors.len() as f64;
    let mut mean = [0.0; BANDS];
    sample.errors.iter().for_each(|row| mean.iter_mut().zip(row).for_each(|(sum, e)| *sum += e / count));
    let rows = sample.errors.iter().map(|row| std::array::from_fn(|band| row[band] - mean[band])).collect();
    (rows, sample.truth)
}

fn softmax(logits: &[f64]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = logits.iter().map(|logit| (logit - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::random::Stream;

    /// Labels whose errors tell the truth in band 2, half as well in band 5, and are noise in band 3.
    fn samples(count: usize) -> Vec<Sample> {
        let stream = Stream::new(1, "samples", 0);
        let sample = |i: usize| {
            let truth = i % 4;
            let error = |label: usize, band: usize| {
                let noise = f64::from(stream.normal(((i * 4 + label) * BANDS + band) as u64));
                let told = if label == truth { 0.0 } else { 1.0 };
                match band {
                    2 => 1e-3 * (told + 0.5 * noise),
                    5 => 1e-3 * (told + noise),
                    3 => 1e-2 * noise,
                    _ => 0.0,
                }
            };
            let errors = (0..4).map(|label| std::array::from_fn(|band| error(label, band))).collect();
            Sample { errors, truth }
        };
        (0..count).map(sample).collect()
    }

    /// With normal errors of deviation d that are higher by m for all labels but the true one, the posterior's weight is
    /// m / d^2: 4,000 and 1,000 here, and nothing for what is noise.
    #[test]
    fn the_fit_finds_what_each_level_is_worth() {
        let Weights(found) = Weights::fit(&samples(4000));
        assert!((found[2] / 4000.0 - 1.0).abs() < 0.1, "{found:?}");
        assert!((found[5] / 1000.0 - 1.0).abs() < 0.15, "{found:?}");
        assert!(found[3] < 10.0 && found[0] == 0.0, "{found:?}");
    }

    #[test]
    fn weights_survive_a_file_bit_for_bit_and_a_strange_file_is_refused() {
        let weights = Weights::fit(&samples(50));
        let text = weights.to_json().to_string();
        assert_eq!(Weights::from_json(&serde_json::from_str(&text).unwrap()), Some(weights));
        let all = |weight: f64| json!(vec![weight.to_bits(); BANDS]);
        let bad = [json!(null), json!([1, 2]), all(f64::NAN), all(-1.0)];
        assert!(bad.iter().all(|bad| Weights::from_json(bad).is_none()));
    }

    #[test]
    fn nothing_to_fit_on_weighs_nothing() {
        assert_eq!(Weights::fit(&[]), Weights([0.0; BANDS]));
        assert!(Weights::default().at(0.3) > 0.0);
    }
}

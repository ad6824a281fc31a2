//! A model that tells the velocity of noisy pictures: all that sampling, restoring and classifying know of a net.

use super::super::error::TrainError;
use super::level::Level;
use crate::data::SIDE;

/// Numbers of a picture `(32, 32, 3)`.
pub const LENGTH: usize = SIDE * SIDE * 3;
/// Pictures that a net sees together: enough for every core, few enough that their features stay in the caches.
pub const TOGETHER: usize = 64;

/// A model of the velocity, trained or known.
pub trait Velocity {
    /// The velocities of states `x (n, 32, 32, 3)` in a row, one time (0..=1) and one label each; no label is a label that
    /// is not known. Every picture by itself: the answer to one does not depend on the others.
    ///
    /// # Errors
    /// When the device fails.
    fn velocity(&self, x: Vec<f32>, times: &[f32], labels: &[Option<usize>]) -> Result<Vec<f32>, TrainError>;
}

/// What to expect behind noisy states, all of one time: the mean of all pictures that the states may be of, -1..1.
///
/// `E[picture | state] = alpha state - sigma v` (Salimans and Ho 2022, appendix D); what lies outside the range of
/// pictures is cut. Shapes: `states (n, 32, 32, 3)` in a row, one label each.
///
/// # Errors
/// When the device fails.
pub fn expected(
    model: &dyn Velocity,
    states: &[f32],
    time: f32,
    labels: &[Option<usize>],
) -> Result<Vec<f32>, TrainError> {
    let level = Level::at(time);
    let mut pictures = Vec::with_capacity(states.len());
    for (states, labels) in states.chunks(TOGETHER * LENGTH).zip(labels.chunks(TOGETHER)) {
        let velocities = model.velocity(states.to_vec(), &vec![time; labels.len()], labels)?;
        pictures.extend(states.iter().zip(velocities).map(|(&x, v)| level.picture(x, v).clamp(-1.0, 1.0)));
    }
    Ok(pictures)
}

/// Pictures `(n, 32, 32, 3)` in a row, each turned left to right.
pub fn mirrored(pictures: &[f32]) -> Vec<f32> {
    let mut turned = Vec::with_capacity(pictures.len());
    for line in pictures.chunks_exact(SIDE * 3) {
        turned.extend(line.chunks_exact(3).rev().flatten());
    }
    turned
}

#[cfg(test)]
pub(super) mod known {
    //! Models whose velocity is known without training.

    use super::*;

    /// Pictures whose numbers are independent and normal: of label `k` with mean `means[k]`, all with one deviation. A
    /// label that is not known has the mean of the first.
    pub struct Gaussian {
        pub means: Vec<f32>,
        pub deviation: f32,
    }

    impl Gaussian {
        /// The posterior mean of a number (a conjugate normal prior): shrunk towards the prior's mean.
        pub fn expect(&self, state: f32, level: Level, label: Option<usize>) -> f32 {
            let (mean, variance) = (self.means[label.unwrap_or(0)], self.deviation.powi(2));
            let Level { alpha, sigma } = level;
            mean + alpha * variance / (alpha * alpha * variance + sigma * sigma) * (state - alpha * mean)
        }
    }

    impl Velocity for Gaussian {
        fn velocity(&self, x: Vec<f32>, times: &[f32], labels: &[Option<usize>]) -> Result<Vec<f32>, TrainError> {
            let rows = x.chunks_exact(LENGTH).zip(times).zip(labels);
            Ok(rows
                .flat_map(|((row, &time), &label)| {
                    let level = Level::at(time);
                    row.iter().map(move |&state| {
                        let picture = self.expect(state, level, label);
                        level.velocity(picture, level.noise(state, picture))
                    })
                })
                .collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::known::Gaussian;
    use super::*;
    use crate::ops::random::Stream;
    use crate::train::made::noise;

    /// With a normal prior of mean 0.1 and deviation 0.3 and noise of ratio s, the best guess has the error
    /// `1 / (1 / 0.3^2 + 1 / s^2)`.
    #[test]
    fn the_expected_picture_is_the_posterior_mean() {
        let model = Gaussian { means: vec![0.1], deviation: 0.3 };
        let stream = Stream::new(1, "pictures", 0);
        let pictures: Vec<f32> = noise(&stream, LENGTH, 0..8).iter().map(|z| 0.1 + 0.3 * z).collect();
        let drawn = noise(&Stream::new(1, "noise", 0), LENGTH, 0..8);
        for ratio in [0.1f32, 0.4, 1.5] {
            let time = Level::time_of(f64::from(ratio));
            let level = Level::at(time);
            let states: Vec<f32> = pictures.iter().zip(&drawn).map(|(&x, &e)| level.mix(x, e)).collect();
            let guessed = expected(&model, &states, time, &[None; 8]).unwrap();
            let error =
                guessed.iter().zip(&pictures).map(|(a, b)| (a - b).powi(2)).sum::<f32>() / pictures.len() as f32;
            let due = 1.0 / (1.0 / 0.09 + 1.0 / (ratio * ratio));
            assert!((error / due - 1.0).abs() < 0.03, "{ratio}: {error} {due}");
        }
    }

    #[test]
    fn a_mirrored_picture_mirrored_is_the_picture() {
        let picture: Vec<f32> = (0..LENGTH).map(|i| i as f32).collect();
        let turned = mirrored(&picture);
        assert_eq!(turned[..3], picture[31 * 3..32 * 3]);
        assert_eq!(mirrored(&turned), picture);
    }
}

//! The loss by noise level, on pictures that the model does not learn from.

use super::super::error::TrainError;
use super::level::{BANDS, Level};
use super::velocity::{LENGTH, TOGETHER, Velocity};
use crate::ops::random::Stream;
use crate::train::made::noise;

/// A picture with noise whose velocity is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// `(32, 32, 3)`, -1..1.
    pub picture: &'a [f32],
    /// Of the same length, standard normal.
    pub noise: &'a [f32],
    pub time: f32,
    pub label: Option<usize>,
}

impl<'a> Question<'a> {
    /// The level, and each number of the picture with its noise.
    fn parts(&self) -> impl Iterator<Item = (Level, f32, f32)> + use<'a> {
        let level = Level::at(self.time);
        self.picture.iter().zip(self.noise).map(move |(&x, &e)| (level, x, e))
    }
}

/// The error of each answer: the mean squared difference of the velocity, over all numbers of the picture.
///
/// # Errors
/// When the device fails.
pub fn errors(model: &dyn Velocity, questions: &[Question]) -> Result<Vec<f64>, TrainError> {
    let mut errors = Vec::with_capacity(questions.len());
    for asked in questions.chunks(TOGETHER) {
        let states = asked.iter().flat_map(Question::parts).map(|(level, x, e)| level.mix(x, e)).collect();
        let times: Vec<f32> = asked.iter().map(|question| question.time).collect();
        let labels: Vec<Option<usize>> = asked.iter().map(|question| question.label).collect();
        let answers = model.velocity(states, &times, &labels)?;
        errors.extend(asked.iter().zip(answers.chunks_exact(LENGTH)).map(|(question, answer)| {
            let squares = question.parts().zip(answer).map(|((level, x, e), v)| (v - level.velocity(x, e)).powi(2));
            squares.map(f64::from).sum::<f64>() / LENGTH as f64
        }));
    }
    Ok(errors)
}

/// Pictures that are asked for at all levels at once.
const A_CHUNK: usize = TOGETHER / BANDS;

/// The mean error of pictures with their labels in each band of the noise level; each picture meets every band once, at
/// times and with noise that never change. Shapes: `pictures (n, 32, 32, 3)` in a row, -1..1, one label each. None when
/// `go_on`, asked before each [`TOGETHER`] answers, said no.
///
/// # Errors
/// When the device fails.
pub fn by_level(
    model: &dyn Velocity,
    seed: u64,
    pictures: &[f32],
    labels: &[usize],
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Option<[f64; BANDS]>, TrainError> {
    let (places, drawn) = (Stream::new(seed, "diffusion.level.time", 0), Stream::new(seed, "diffusion.level.noise", 0));
    let mut sums = [0.0; BANDS];
    let all: Vec<(usize, &[f32], usize)> =
        pictures.chunks_exact(LENGTH).zip(labels).enumerate().map(|(i, (x, &label))| (i, x, label)).collect();
    for chunk in all.chunks(A_CHUNK) {
        if !go_on() {
            return Ok(None);
        }
        let numbers: Vec<usize> = chunk.iter().flat_map(|(i, ..)| i * BANDS..(i + 1) * BANDS).collect();
        let noises = noise(&drawn, LENGTH, numbers.iter().copied());
        let question = |(&number, noise): (&usize, _)| {
            let (_, picture, label) = all[number / BANDS];
            let time = ((number % BANDS) as f32 + places.unit(number as u64)) / BANDS as f32;
            Question { picture, noise, time, label: Some(label) }
        };
        let questions: Vec<Question> = numbers.iter().zip(noises.chunks_exact(LENGTH)).map(question).collect();
        let found = errors(model, &questions)?;
        numbers.iter().zip(found).for_each(|(number, error)| sums[number % BANDS] += error);
    }
    Ok(Some(sums.map(|sum| sum / labels.len() as f64)))
}

#[cfg(test)]
mod tests {
    use super::super::velocity::known::Gaussian;
    use super::*;

    /// A picture of a normal prior of deviation d: `v = (noise - ratio picture) alpha` is known up to the posterior's
    /// spread, which leaves `d^2 / (alpha^2 d^2 + sigma^2)` of squared error.
    #[test]
    fn what_a_perfect_model_cannot_know_is_its_loss() {
        let model = Gaussian { means: vec![0.0], deviation: 0.5 };
        let pictures: Vec<f32> = noise(&Stream::new(1, "pictures", 0), LENGTH, 0..12).iter().map(|z| 0.5 * z).collect();
        let losses = by_level(&model, 1, &pictures, &[0; 12], &mut || true).unwrap().unwrap();
        let within = |band: usize| {
            let at = |i: usize| Level::at((band as f32 + (i as f32 + 0.5) / 100.0) / BANDS as f32);
            let one = |Level { alpha, sigma }: Level| 0.25 / (alpha * alpha * 0.25 + sigma * sigma);
            f64::from((0..100).map(|i| one(at(i))).sum::<f32>() / 100.0)
        };
        for (band, loss) in losses.into_iter().enumerate() {
            assert!((loss / within(band) - 1.0).abs() < 0.1, "band {band}: {loss} {}", within(band));
        }
        assert_eq!(by_level(&model, 1, &pictures, &[0; 12], &mut || true).unwrap().unwrap(), losses);
        assert!(by_level(&model, 1, &pictures, &[0; 12], &mut || false).unwrap().is_none());
    }
}

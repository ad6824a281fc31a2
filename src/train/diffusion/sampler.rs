//! From noise to pictures.

use super::super::error::TrainError;
use super::level::Level;
use super::velocity::{LENGTH, TOGETHER, Velocity};

/// How one gets from noise to a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// Steps, 1 or more.
    pub steps: usize,
    /// How far the velocity is pushed from that without a label to that with one, and beyond: 1 is the net's own answer,
    /// 0 has no label at all.
    pub guidance: f32,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { steps: 25, guidance: 1.5 }
    }
}

impl Sampling {
    /// How often the net sees each picture.
    pub fn passes(&self) -> usize {
        if self.guidance == 1.0 { self.steps } else { 2 * self.steps }
    }

    /// How often `go_on` is asked for so many pictures.
    pub fn asks(&self, pictures: usize) -> usize {
        self.steps * pictures.div_ceil(TOGETHER)
    }
}

/// Pictures `(n, 32, 32, 3)` in a row, -1..1, from noise of the same shape, one label each. None when `go_on`, asked
/// before each step, said no. `watch` sees the expected pictures after each step, counted from 1.
///
/// DDIM without fresh noise (Song et al. 2021, equation 12 with sigma 0): the state goes from time 1 to 0 in even steps,
/// `state' = alpha' picture + sigma' noise`, both as the velocity at the step's beginning tells them, the picture cut to
/// -1..1. The velocity is `v(none) + w (v(label) - v(none))`: Ho and Salimans 2022 (equation 6), whose `w` is this one
/// less 1. The pictures depend on noise, labels and settings alone.
///
/// # Errors
/// When the device fails.
pub fn sample(
    model: &dyn Velocity,
    sampling: Sampling,
    noise: &[f32],
    labels: &[usize],
    watch: &mut dyn FnMut(usize, &[f32]),
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Option<Vec<f32>>, TrainError> {
    let mut made = Vec::with_capacity(noise.len());
    for (noise, labels) in noise.chunks(TOGETHER * LENGTH).zip(labels.chunks(TOGETHER)) {
        let mut state = noise.to_vec();
        for step in 0..sampling.steps {
            if !go_on() {
                return Ok(None);
            }
            let time = |step: usize| 1.0 - step as f32 / sampling.steps as f32;
            let (now, next) = (Level::at(time(step)), Level::at(time(step + 1)));
            let velocity = guided(model, sampling.guidance, &state, time(step), labels)?;
            let pictures: Vec<f32> =
                state.iter().zip(velocity).map(|(&x, v)| now.picture(x, v).clamp(-1.0, 1.0)).collect();
            state.iter_mut().zip(&pictures).for_each(|(x, &picture)| *x = next.mix(picture, now.noise(*x, picture)));
            watch(step + 1, &pictures);
        }
        made.extend(state);
    }
    Ok(Some(made))
}

/// The velocity with guidance; nets with and without a label are asked together.
fn guided(
    model: &dyn Velocity,
    guidance: f32,
    state: &[f32],
    time: f32,
    labels: &[usize],
) -> Result<Vec<f32>, TrainError> {
    let named: Vec<Option<usize>> = labels.iter().map(|&label| Some(label)).collect();
    if guidance == 1.0 {
        return model.velocity(state.to_vec(), &vec![time; labels.len()], &named);
    }
    let both = [named, vec![None; labels.len()]].concat();
    let mut velocity = model.velocity([state, state].concat(), &vec![time; both.len()], &both)?;
    let plain = velocity.split_off(state.len());
    velocity.iter_mut().zip(plain).for_each(|(v, plain)| *v = plain + guidance * (*v - plain));
    Ok(velocity)
}

#[cfg(test)]
mod tests {
    use super::super::velocity::known::Gaussian;
    use super::*;
    use crate::ops::random::Stream;
    use crate::train::made::noise;

    fn drawn(sampling: Sampling, pictures: usize) -> Vec<f32> {
        let model = Gaussian { means: vec![-0.3, 0.2], deviation: 0.15 };
        let start = noise(&Stream::new(3, "start", 0), LENGTH, 0..pictures);
        let labels: Vec<usize> = (0..pictures).map(|i| i % 2).collect();
        sample(&model, sampling, &start, &labels, &mut |_, _| {}, &mut || true).unwrap().unwrap()
    }

    fn moments(values: &[f32]) -> (f64, f64) {
        let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / values.len() as f64;
        (mean, variance.sqrt())
    }

    #[test]
    fn the_exact_velocity_leads_to_the_pictures_own_distribution() {
        let made = drawn(Sampling { steps: 200, guidance: 1.0 }, 8);
        for (index, due) in [-0.3, 0.2].into_iter().enumerate() {
            let of_label: Vec<f32> = made.chunks(LENGTH).skip(index).step_by(2).flatten().copied().collect();
            let (mean, deviation) = moments(&of_label);
            assert!((mean - due).abs() < 0.005 && (deviation - 0.15).abs() < 0.005, "{mean} {deviation}");
        }
    }

    #[test]
    fn guidance_pushes_away_from_what_has_no_label() {
        let mean = |guidance| moments(&drawn(Sampling { steps: 20, guidance }, 2)[LENGTH..]).0;
        let [none, own, pushed] = [0.0, 1.0, 2.0].map(mean);
        assert!((none + 0.3).abs() < 0.02 && (own - 0.2).abs() < 0.02, "{none} {own}");
        assert!(pushed > own + 0.3, "{pushed}");
    }

    #[test]
    fn the_same_noise_makes_the_same_picture_in_any_batch() {
        let sampling = Sampling { steps: 4, guidance: 2.0 };
        let many = drawn(sampling, TOGETHER + 3);
        assert_eq!(drawn(sampling, 2)[..], many[..2 * LENGTH]);
        assert_eq!(drawn(sampling, TOGETHER + 3), many);
    }

    #[test]
    fn every_step_is_watched_and_may_be_the_last() {
        let model = Gaussian { means: vec![0.0], deviation: 0.1 };
        let start = noise(&Stream::new(3, "start", 0), LENGTH, 0..1);
        let sampling = Sampling { steps: 5, guidance: 1.0 };
        let mut seen = Vec::new();
        let mut watch = |step: usize, _: &[f32]| seen.push(step);
        sample(&model, sampling, &start, &[0], &mut watch, &mut || true).unwrap().unwrap();
        assert_eq!(seen, [1, 2, 3, 4, 5]);
        for stop_at in 0..5 {
            let mut asked = 0;
            let mut go_on = || {
                asked += 1;
                asked <= stop_at
            };
            assert!(sample(&model, sampling, &start, &[0], &mut |_, _| {}, &mut go_on).unwrap().is_none());
        }
        assert_eq!((sampling.passes(), sampling.asks(65)), (5, 10));
    }
}

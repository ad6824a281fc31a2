//! Steps of a training, timed one by one.

use crate::ops::macs;
use crate::ops::peak::Peak;
use crate::train::{Recipe, TrainError};
use std::time::{Duration, Instant};

/// Steps before those that are timed: the first ones fill buffers and caches.
const WARM_UP: u64 = 3;
/// Unless somebody says how many, so long and at least so many steps are timed.
const LONG_ENOUGH: Duration = Duration::from_secs(5);
const ENOUGH: u64 = 5;
/// After so much of the steps' time the machine's peak is measured once more.
const BETWEEN_PEAKS: Duration = Duration::from_millis(500);

pub struct Asked {
    /// How many steps are timed.
    pub steps: Option<u64>,
    /// Whether the machine's peak is measured between them.
    pub roofline: bool,
}

pub struct Measured {
    /// Those that were timed.
    pub steps: u64,
    /// The median.
    pub ms_per_step: f64,
    /// The mean; captions of a batch may be longer than another's.
    pub macs_per_step: f64,
    pub peak_gflops: Option<f64>,
    /// Of every step from the first on, the untimed ones too: of what a run's sparkline shows.
    pub losses: Vec<f64>,
}

/// Takes the first steps of a training; `tell` hears which share of them is done.
///
/// # Errors
/// Those of the steps.
pub fn steps(recipe: &mut dyn Recipe, asked: &Asked, tell: &mut dyn FnMut(f64)) -> Result<Measured, TrainError> {
    let defs = recipe.metric_defs();
    let mut losses = Vec::new();
    let mut step = |at: u64| -> Result<(Duration, u64), TrainError> {
        let begun = Instant::now();
        let (values, macs) = macs::of(|| recipe.step(at));
        let (took, values) = (begun.elapsed(), values?);
        losses.extend(defs.iter().find_map(|def| values.get(&def.name)));
        Ok((took, macs))
    };
    for at in 0..WARM_UP {
        step(at)?;
    }
    let mut peak = asked.roofline.then(Peak::default);
    let (mut times, mut macs, mut all, mut since_peak) = (Vec::new(), 0, Duration::ZERO, BETWEEN_PEAKS);
    while share_done(asked.steps, times.len() as u64, all) < 1.0 {
        if let Some(peak) = &mut peak
            && since_peak >= BETWEEN_PEAKS
        {
            peak.measure();
            since_peak = Duration::ZERO;
        }
        let (took, counted) = step(WARM_UP + times.len() as u64)?;
        times.push(took);
        (macs, all, since_peak) = (macs + counted, all + took, since_peak + took);
        tell(share_done(asked.steps, times.len() as u64, all));
    }
    Ok(Measured {
        steps: times.len() as u64,
        macs_per_step: macs as f64 / times.len() as f64,
        ms_per_step: 1e3 * median(times).as_secs_f64(),
        peak_gflops: peak.map(|peak| peak.gflops()),
        losses,
    })
}

/// How much of what was asked for is done, 1 when nothing is left.
fn share_done(asked: Option<u64>, steps: u64, all: Duration) -> f64 {
    match asked {
        Some(asked) => steps as f64 / asked as f64,
        None => (steps as f64 / ENOUGH as f64).min(all.as_secs_f64() / LONG_ENOUGH.as_secs_f64()),
    }
}

/// The middle one; of an even number the mean of both.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    let half = times.len() / 2;
    if times.len().is_multiple_of(2) { (times[half - 1] + times[half]) / 2 } else { times[half] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{CnnConfig, Preset};
    use crate::data;
    use crate::train::cnn::CnnRecipe;
    use dfdx::prelude::Cpu;

    #[test]
    fn one_slow_step_moves_no_median() {
        let of = |ms: &[u64]| median(ms.iter().map(|&ms| Duration::from_millis(ms)).collect()).as_millis();
        assert_eq!([of(&[7]), of(&[900, 3, 5]), of(&[4, 900, 2, 6])], [7, 5, 5]);
    }

    #[test]
    fn steps_go_on_until_both_time_and_number_suffice() {
        let s = Duration::from_secs_f64;
        assert!(share_done(None, 4, s(60.0)) < 1.0 && share_done(None, 1000, s(4.9)) < 1.0);
        assert!(share_done(None, 5, s(5.0)) >= 1.0);
        assert!(share_done(Some(3), 2, s(60.0)) < 1.0 && share_done(Some(3), 3, s(0.0)) >= 1.0);
    }

    /// What is timed is a training: its losses are those that the same recipe logs, and its work is that of its net.
    #[test]
    fn timed_steps_are_those_of_the_training() {
        let config = CnnConfig { batch_size: 2, ..CnnConfig::of_preset(Preset::Plain) };
        let recipe = || CnnRecipe::new(Cpu::default(), data::made_up(40), config.clone()).unwrap();
        let mut told = Vec::new();
        let asked = Asked { steps: Some(2), roofline: false };
        let measured = steps(&mut recipe(), &asked, &mut |share| told.push(share)).unwrap();
        let mut again = recipe();
        let due: Vec<f64> = (0..5).map(|at| again.step(at).unwrap()["train/loss"]).collect();
        assert_eq!((measured.losses, told), (due, vec![0.5, 1.0]));
        assert_eq!((measured.steps, measured.macs_per_step), (2, 2.0 * 31_661_568.0));
        assert!(measured.ms_per_step > 0.0 && measured.peak_gflops.is_none());
    }
}

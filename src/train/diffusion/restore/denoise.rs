//! Noise taken away: one look at the right noise level is the best guess that there is.

use super::super::super::error::TrainError;
use super::super::level::Level;
use super::super::velocity::Velocity;
use super::clipped::mean_above;
use super::expect::expect_both_sides;
use super::state::changed;
use crate::restoration::Picture;

/// Further looks after the first, each with a better idea of what clipping took from the noise.
const ROUNDS: usize = 2;
/// Half a step of 8 bits in -1..1: nearer to an end than this a number was clipped.
const HALF_STEP: f32 = 1.0 / 255.0;
/// Noise below this cannot be told from rounding.
const LEAST: f32 = 1e-4;

/// The expected pictures behind noisy ones in -1..1 whose noise has the deviation `sigma` in units of 0..1. None when
/// `go_on`, asked before each look, said no.
///
/// In -1..1 the noise is `s = 2 sigma`, and `alpha seen` is a state of the time `tan(pi t / 2) = s`. The best guess by
/// squared error is the posterior mean, which the net tells in one call; here the mean of both sides, mirrored and not.
/// Numbers that were clipped are replaced by the mean of what they may have been, given the guess (the E-step for
/// censored data; Dempster, Laird and Rubin 1977, section 4.2), and the net looks again.
///
/// # Errors
/// When the device fails.
pub fn denoise(
    model: &dyn Velocity,
    seen: &[Picture],
    sigma: f32,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Option<Vec<Picture>>, TrainError> {
    let noise = 2.0 * sigma.max(LEAST);
    let time = Level::time_of(f64::from(noise));
    let alpha = Level::at(time).alpha;
    let mut unclipped = seen.to_vec();
    for round in 0..=ROUNDS {
        let states: Vec<Picture> = unclipped.iter().map(|picture| changed(picture, |value| alpha * value)).collect();
        let Some(guessed) = expect_both_sides(model, &states, time, go_on)? else { return Ok(None) };
        if round == ROUNDS {
            return Ok(Some(guessed));
        }
        unclipped = seen.iter().zip(&guessed).map(|(seen, guessed)| unclip(seen, guessed, noise)).collect();
    }
    Ok(None)
}

/// Numbers at the ends of -1..1 as they were before they were cut, on average.
fn unclip(seen: &Picture, guessed: &Picture, noise: f32) -> Picture {
    let mut unclipped = seen.clone();
    for (value, &guess) in unclipped.pixels_mut().iter_mut().zip(guessed.pixels()) {
        if value.abs() < 1.0 - HALF_STEP {
            continue;
        }
        let side = f64::from(value.signum());
        let guess = side * f64::from(guess);
        *value = (side * mean_above(1.0, guess.min(1.0), f64::from(noise))) as f32;
    }
    unclipped
}

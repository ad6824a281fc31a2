//! What a model expects behind noisy states.

use super::super::super::error::TrainError;
use super::super::velocity::{LENGTH, Velocity, expected};
use super::state::turned;
use crate::restoration::Picture;

/// The expected pictures behind states of one time, both of 32x32 pixels in -1..1 without noise. No label is known.
///
/// # Errors
/// When the device fails.
pub fn expect(model: &dyn Velocity, states: &[Picture], time: f32) -> Result<Vec<Picture>, TrainError> {
    let rows: Vec<f32> = states.iter().flat_map(|state| state.pixels()).copied().collect();
    let guessed = expected(model, &rows, time, &vec![None; states.len()])?;
    let mut pictures = states.to_vec();
    pictures.iter_mut().zip(guessed.chunks_exact(LENGTH)).for_each(|(picture, row)| {
        picture.pixels_mut().copy_from_slice(row);
    });
    Ok(pictures)
}

/// The mean of what is expected of the states and of the mirrored states, which have the same noise. None when `go_on`,
/// asked before, said no.
///
/// # Errors
/// When the device fails.
pub fn expect_both_sides(
    model: &dyn Velocity,
    states: &[Picture],
    time: f32,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Option<Vec<Picture>>, TrainError> {
    if !go_on() {
        return Ok(None);
    }
    let mut guessed = expect(model, states, time)?;
    if !go_on() {
        return Ok(None);
    }
    let mirrored: Vec<Picture> = states.iter().map(turned).collect();
    for (guess, other) in guessed.iter_mut().zip(expect(model, &mirrored, time)?) {
        let other = turned(&other);
        guess.pixels_mut().iter_mut().zip(other.pixels()).for_each(|(a, b)| *a = 0.5 * (*a + b));
    }
    Ok(Some(guessed))
}

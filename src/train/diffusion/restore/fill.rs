//! Holes filled by a model that has learned to.

use super::super::holes::{TIME, filled};
use super::super::velocity::Velocity;
use super::evidence::Evidence;
use super::expect::expect_both_sides;
use super::failed;
use crate::restoration::{Mask, Picture, RestorationError};
use rayon::prelude::*;

/// The expected pictures behind `seen` in -1..1, where `mask` hides something: the mean of two guesses, one of the mirrored
/// picture. None when `go_on`, asked before each, said no.
///
/// # Errors
/// When the device fails, or sizes do not fit.
pub fn fill(
    model: &dyn Velocity,
    seen: &[Picture],
    mask: &Mask,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Option<Vec<Picture>>, RestorationError> {
    let states: Vec<_> = seen.par_iter().map(|seen| filled(seen, mask)).collect::<Result<_, _>>()?;
    let Some(guessed) = expect_both_sides(model, &states, TIME, go_on).map_err(failed)? else { return Ok(None) };
    let evidence = Evidence::Visible { seen: seen.to_vec(), mask: mask.clone() };
    evidence.correct(guessed, 1.0).map(Some)
}

//! Holes filled by a model that has learned to.

use super::super::velocity::Velocity;
use super::evidence::Evidence;
use super::expect::expect;
use super::failed;
use super::state::{changed, turned};
use crate::ops::random::Stream;
use crate::restoration::{Mask, Picture, RestorationError};

/// Guesses whose mean is taken, half of them of the mirrored picture: the noise in the hole tells nothing, and its mean
/// leaves nothing of it.
pub const GUESSES: usize = 16;

/// The expected pictures behind `seen` in -1..1, where `mask` hides something: noise stands in the hole, all around is as
/// it is. None when `go_on`, asked before each guess, said no.
///
/// # Errors
/// When the device fails, or sizes do not fit.
pub fn fill(
    model: &dyn Velocity,
    seen: &[Picture],
    mask: &Mask,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Option<Vec<Picture>>, RestorationError> {
    let plain = Evidence::Visible { seen: seen.to_vec(), mask: mask.clone() };
    let mirrored = plain.turned();
    let mut means: Vec<Picture> = seen.iter().map(|seen| changed(seen, |_| 0.0)).collect();
    for number in 0..GUESSES {
        if !go_on() {
            return Ok(None);
        }
        let is_mirrored = number % 2 == 1;
        let evidence = if is_mirrored { &mirrored } else { &plain };
        // The same for every picture, so that one is restored alike in any batch.
        let stream = Stream::new(number as u64, "diffusion.fill", 0);
        let mut noise = evidence.seen().to_vec();
        for picture in &mut noise {
            (0..).zip(picture.pixels_mut()).for_each(|(index, value)| *value = stream.normal(index));
        }
        let states = evidence.correct(noise, 1.0)?;
        for (mean, guess) in means.iter_mut().zip(expect(model, &states, 1.0).map_err(failed)?) {
            let guess = if is_mirrored { turned(&guess) } else { guess };
            let pairs = mean.pixels_mut().iter_mut().zip(guess.pixels());
            pairs.for_each(|(mean, value)| *mean += value / GUESSES as f32);
        }
    }
    plain.correct(means, 1.0).map(Some)
}

//! How a table scores restored pictures: the same rules for every restorer.

use super::picture::Picture;
use super::{RestorationError, Task, measure};
use rayon::prelude::*;

/// The least squared error that is told: what rounding to 8 bits makes on average, `1 / (12 * 255^2)`, which is 58.9 dB.
/// Without it one flat picture, restored without an error, would make a mean infinite.
const LEAST_ERROR: f64 = 1.0 / (12.0 * 255.0 * 255.0);

/// What `restorer` made of the damaged pictures, as it is measured (see [`Task::finish`]).
///
/// # Errors
/// When it made another number of pictures, or of another size.
pub fn finished(
    task: &Task,
    restorer: &str,
    damaged: &[Picture],
    restored: &[Picture],
) -> Result<Vec<Picture>, RestorationError> {
    let (due, found) = (damaged.len(), restored.len());
    if due != found {
        return Err(RestorationError::Count { restorer: restorer.to_owned(), due, found });
    }
    damaged.iter().zip(restored).map(|(damaged, restored)| task.finish(damaged, restored)).collect()
}

/// PSNR of each picture in dB, where pixels were lost over those alone; at most 58.9 dB.
///
/// # Errors
/// When sizes differ.
pub(super) fn psnr(task: &Task, clean: &[Picture], finished: &[Picture]) -> Result<Vec<f64>, RestorationError> {
    let of_one = |(clean, finished): (&Picture, &Picture)| {
        let error = match task.mask() {
            Some(mask) => measure::squared_error_inside(mask, clean, finished)?,
            None => measure::squared_error(clean, finished)?,
        };
        Ok(measure::decibels(error.max(LEAST_ERROR)))
    };
    clean.par_iter().zip(finished).map(of_one).collect()
}

/// SSIM of each picture, over all of it.
///
/// # Errors
/// When sizes differ, or a side is below 7 pixels.
pub(super) fn ssim(clean: &[Picture], finished: &[Picture]) -> Result<Vec<f64>, RestorationError> {
    clean.par_iter().zip(finished).map(|(clean, finished)| measure::ssim(clean, finished)).collect()
}

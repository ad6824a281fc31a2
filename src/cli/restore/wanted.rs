//! What is wrong with a picture, as the command line says it.

use crate::cli::CliError;
use crate::cli::args::RestoreTask;
use crate::data::SIDE;
use crate::data::decode::image_whole;
use crate::restoration::{Mask, Picture, RestorationError, Task, noise_level, task};
use image::DynamicImage;
use std::path::Path;

/// A kind of damage, and what was said of it.
pub struct Wanted<'a> {
    pub task: RestoreTask,
    /// The noise's standard deviation, 0..1; estimated where it is not said and matters.
    pub sigma: Option<f32>,
    /// The blur's standard deviation in pixels.
    pub blur: Option<f32>,
    /// A picture that is white where pixels are lost; a hole in the middle where there is none.
    pub mask: Option<&'a Path>,
}

/// What is to be put right in a picture, and whether its noise had to be estimated.
///
/// # Errors
/// When the mask cannot be read or has another size, or the noise cannot be estimated.
pub fn wanted(wanted: &Wanted<'_>, given: &Picture) -> Result<(Task, bool), CliError> {
    Ok(match wanted.task {
        RestoreTask::Denoise => {
            let sigma = wanted.sigma.map_or_else(|| noise_level::estimate(given), Ok)?;
            (Task::Denoise { sigma }, wanted.sigma.is_none())
        }
        RestoreTask::Deblur => {
            let (blur, sigma) = (wanted.blur.unwrap_or(task::BLUR), wanted.sigma.unwrap_or(task::BLUR_NOISE));
            (Task::Deblur { blur, sigma }, false)
        }
        RestoreTask::Inpaint => {
            let mask = match wanted.mask {
                Some(path) => Mask::from_grey(&DynamicImage::from(image_whole(path)?).into_luma8())?,
                None => hole(given)?,
            };
            // Says which sizes do not fit before anything is computed.
            let task = Task::Inpaint { mask };
            task.finish(given, given)?;
            (task, false)
        }
    })
}

/// A hole in the middle that takes the same share of the shorter side as the standard one takes of 32 pixels.
fn hole(picture: &Picture) -> Result<Mask, RestorationError> {
    let side = (picture.width().min(picture.height()) * task::HOLE / SIDE).max(1);
    Mask::centre(picture.width(), picture.height(), side)
}

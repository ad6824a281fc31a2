//! The Gaussian filter: a mean of the neighbourhood.

use super::super::{Blur, Picture, RestorationError, Restorer, Task, each};
use super::other_task;

/// Blurs noise away, and edges with it.
#[derive(Clone, Debug)]
pub struct GaussianFilter {
    /// Deviation in pixels.
    sigma: f32,
    blur: Blur,
}

impl GaussianFilter {
    /// A filter of deviation `sigma` pixels (see [`Blur::gaussian`]).
    pub fn new(sigma: f32) -> Self {
        Self { sigma, blur: Blur::gaussian(sigma) }
    }

    /// From 0.3 to 2 pixels in steps of 0.1.
    pub(super) fn grid() -> Vec<Self> {
        (3..=20).map(|tenths| Self::new(tenths as f32 / 10.0)).collect()
    }
}

impl Restorer for GaussianFilter {
    fn name(&self) -> &str {
        "Gaussian filter"
    }

    fn settings(&self) -> String {
        format!("sigma {} px", self.sigma)
    }

    fn restore(
        &self,
        task: &Task,
        damaged: &[Picture],
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Vec<Picture>>, RestorationError> {
        let Task::Denoise { .. } = task else {
            return Err(other_task(self, task));
        };
        each(damaged, go_on, |picture| Ok(self.blur.apply(picture)))
    }
}

//! Damaged pictures made whole by a model of the velocity: any size, the label unknown.

mod clipped;
mod denoise;
mod evidence;
mod expect;
mod fill;
mod state;
mod walk;

use super::super::error::TrainError;
use super::velocity::Velocity;
use crate::data::SIDE;
use crate::restoration::{Picture, RestorationError, Restorer, Task, tiles};
use evidence::Evidence;
use walk::{Walk, mean_of_samples};

/// From blur one begins where noise has hidden what the blur took, and trusts the data from there on. Both walks were
/// chosen on held-out training images.
const DEBLUR: Walk = Walk { from: 0.5, steps: 20, repeats: 1, fresh: 0.8, samples: 16 };
/// Into a hole everything has to be made: from pure noise, each step six times so that it fits its surroundings, rather
/// than in more steps. A model that has learned to fill holes needs no walk.
const INPAINT: Walk = Walk { from: 1.0, steps: 10, repeats: 6, fresh: 1.0, samples: 12 };

/// A model that restores pictures.
pub struct Mender<'a> {
    model: &'a dyn Velocity,
    /// Whether the model has learned from pictures with holes.
    fills: bool,
}

impl<'a> Mender<'a> {
    pub fn new(model: &'a dyn Velocity, fills: bool) -> Self {
        Self { model, fills }
    }
}

/// Its name in a table.
const NAME: &str = "diffusion";

impl Restorer for Mender<'_> {
    fn name(&self) -> &str {
        NAME
    }

    fn settings(&self) -> String {
        let [blur, hole] =
            [DEBLUR, INPAINT].map(|walk| format!("{} samples of {} passes", walk.samples, walk.passes()));
        let hole = if self.fills { "2 passes".to_owned() } else { hole };
        format!("blur: {blur}, hole: {hole}")
    }

    fn restore(
        &self,
        task: &Task,
        damaged: &[Picture],
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Vec<Picture>>, RestorationError> {
        if damaged.iter().all(|picture| (picture.width(), picture.height()) == (SIDE, SIDE)) {
            return self.restore_tiles(task, damaged, go_on);
        }
        damaged.iter().map(|picture| tiles::restore(self, task, picture, go_on)).collect()
    }
}

impl Mender<'_> {
    /// Pictures of the model's own size.
    fn restore_tiles(
        &self,
        task: &Task,
        damaged: &[Picture],
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Vec<Picture>>, RestorationError> {
        let seen: Vec<Picture> = damaged.iter().map(state::to_state).collect();
        let restored = match task {
            Task::Denoise { sigma } => denoise::denoise(self.model, &seen, *sigma, go_on).map_err(failed)?,
            Task::Deblur { blur, sigma } => {
                let evidence = Evidence::Blurred { seen, blur: *blur, sigma: *sigma };
                mean_of_samples(self.model, &evidence, DEBLUR, go_on)?
            }
            Task::Inpaint { mask } if self.fills => fill::fill(self.model, &seen, mask, go_on)?,
            Task::Inpaint { mask } => {
                let evidence = Evidence::Visible { seen, mask: mask.clone() };
                mean_of_samples(self.model, &evidence, INPAINT, go_on)?
            }
        };
        Ok(restored.map(|pictures| pictures.iter().map(state::to_picture).collect()))
    }
}

/// Wraps what failed in a model.
fn failed(source: TrainError) -> RestorationError {
    RestorationError::Restorer { restorer: NAME.to_owned(), source: Box::new(source) }
}

#[cfg(test)]
mod tests;

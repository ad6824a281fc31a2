//! Training: the loop, what it asks of a model, and one recipe a model.

pub mod captioner;
pub mod checkpoints;
pub mod classification;
pub mod cnn;
pub mod device;
pub mod diffusion;
mod error;
pub mod gan;
pub mod gradient;
pub mod made;
pub(crate) mod material;
mod recipe;
mod schedule;
pub mod trained;
mod trainer;

pub use classification::{Answer, Evaluation, Values};
pub use error::TrainError;
pub use recipe::{Cadence, Findings, Matrix, Plan, Recipe, Subject};
pub use trainer::{Ending, Host, Progress, Start, Trainer, Wish};

use crate::config::{Config, ModelKind};
use crate::data::Dataset;
use crate::ops::Backend;
use std::path::Path;

/// The recipe of `model` at step 0, with its own section of the settings. `runs` is where weights
/// to judge by may lie, and those that are borrowed.
///
/// # Errors
/// When the data is too little or the device fails.
pub fn recipe<D: Backend>(
    model: ModelKind,
    device: D,
    data: Dataset,
    config: &Config,
    runs: &Path,
) -> Result<Box<dyn Recipe>, TrainError> {
    Ok(match model {
        ModelKind::Cnn => Box::new(cnn::CnnRecipe::new(device, data, config.cnn.clone())?),
        ModelKind::Gan => {
            let judge = checkpoints::pretrained(runs, ModelKind::Cnn);
            Box::new(gan::GanRecipe::new(device, data, config.gan.clone(), judge.as_deref())?)
        }
        ModelKind::Diffusion => {
            let judge = checkpoints::pretrained(runs, ModelKind::Cnn);
            Box::new(diffusion::DiffusionRecipe::new(device, data, config.diffusion.clone(), runs, judge.as_deref())?)
        }
        ModelKind::Captioner => {
            Box::new(captioner::CaptionerRecipe::new(device, data, config.captioner.clone(), runs)?)
        }
    })
}

//! Training: the loop, what it asks of a model, and one recipe a model.

pub mod checkpoints;
pub mod classification;
pub mod cnn;
pub mod device;
mod error;
mod recipe;
mod schedule;
pub mod trained;
mod trainer;

pub use classification::{Answer, Evaluation, Values};
pub use error::TrainError;
pub use recipe::{Plan, Recipe};
pub use trainer::{Ending, Host, Progress, Start, Trainer, TrainerConfig, Wish};

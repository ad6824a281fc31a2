//! What can go wrong in a training.

use crate::captions::CaptionError;
use crate::models::captioner::LessonError;
use crate::nn::checkpoint::CheckpointError;
use crate::run::RunError;
use std::path::PathBuf;

/// A training cannot begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    #[error("the device failed: {0}")]
    Device(String),
    #[error("cuda:{number} cannot be used: {why}")]
    NoCuda { number: usize, why: String },
    #[error("{path} cannot be used: {source}")]
    Checkpoint { path: PathBuf, source: CheckpointError },
    #[error("the weights cannot be written: {0}")]
    Encode(CheckpointError),
    #[error("{0}")]
    Run(#[from] RunError),
    #[error("{0}")]
    Data(#[from] crate::data::DataError),
    #[error("{0}")]
    Captions(#[from] CaptionError),
    #[error("{0}")]
    Restoration(#[from] crate::restoration::RestorationError),
    #[error("the captions cannot be taught: {0}")]
    Lesson(#[from] LessonError),
    #[error("the tokenizer has no token {token} to end a caption with; use one that has it")]
    NoEnd { token: &'static str },
    #[error("the model knows no label `{name}`; it knows: {known}")]
    NoSuchLabel { name: String, known: String },
    #[error("{path} holds {found}, and this training can begin with {due} alone: set init to another run")]
    OtherModel { path: PathBuf, found: String, due: String },
    #[error("no run, folder or file of weights is called {name}: train one, or name another")]
    NoWeights { name: String },
    #[error("{path} holds a {found}, and the eyes of a {asked} were asked for: set captioner.encoder to what it is")]
    OtherEyes { path: PathBuf, asked: &'static str, found: &'static str },
    #[error("{path} does not say where the words of facts begin: it is no checkpoint of a training")]
    NoThresholds { path: PathBuf },
    #[error("{path} lends no eyes: {why}")]
    NoEyes { path: PathBuf, why: &'static str },
    #[error("{0}")]
    Speaker(#[from] super::captioner::SpeakerError),
    #[error("a captioner names no labels: ask it for captions with `pixscribe caption`")]
    NamesNoLabels,
    #[error("the model draws no pictures")]
    DrawsNothing,
    #[error("the training panicked: {0} (log.txt of the run says where)")]
    Panic(String),
    #[error("the batches ended before the training did: the thread that makes them has died (see the log)")]
    OutOfBatches,
    #[error("the training data has {images} images and {labels} labels: at least 20 images and two labels are needed")]
    TooLittleData { images: usize, labels: usize },
    #[error(
        "the data has changed since this run was started (its SHA-256 began with {due:.12}, now it is {found:.12}): set data.path to the data it was started with"
    )]
    OtherData { due: String, found: String },
    #[error("{what} became {value} at step {step}; {advice}")]
    Diverged { what: &'static str, value: f64, step: u64, advice: &'static str },
}

impl TrainError {
    /// Wraps a device's own error, which has no common type.
    pub fn device(error: impl std::fmt::Display) -> Self {
        Self::Device(error.to_string())
    }
}

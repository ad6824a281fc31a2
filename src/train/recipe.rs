//! What the training loop asks of a model: it knows no other.

use super::classification::{Evaluation, Values};
use super::error::TrainError;
use super::made::sheet::Sheet;
use crate::nn::checkpoint::TensorFile;
use crate::run::captions::Told;
use crate::run::{MetricDef, SheetNote};
use std::time::Duration;

/// How long a training is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    pub steps_per_epoch: u64,
    pub epochs: u64,
    /// Images of a step.
    pub batch_size: usize,
    /// Images that an evaluation looks at.
    pub evaluated: usize,
    /// Evaluate after every so many epochs; the last is always evaluated.
    pub eval_every: u64,
}

impl Plan {
    pub fn total_steps(&self) -> u64 {
        self.steps_per_epoch * self.epochs
    }

    /// Whether the epoch (from 1) ends with an evaluation.
    pub fn evaluates(&self, epoch: u64) -> bool {
        epoch.is_multiple_of(self.eval_every) || epoch == self.epochs
    }
}

/// When weights are saved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cadence {
    /// Time between checkpoints within an epoch.
    pub checkpoint_every: Duration,
    /// How many of the last checkpoints are kept beside the best.
    pub keep: usize,
}

impl Cadence {
    /// From the settings that every model's section has: seconds, and a number of files.
    pub fn new(checkpoint_every_s: f64, keep: usize) -> Self {
        Self { checkpoint_every: Duration::from_secs_f64(checkpoint_every_s), keep }
    }
}

/// What an evaluation found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings {
    /// Answers to whole splits: each is logged with its confusion and every single answer.
    pub evaluations: Vec<Evaluation>,
    /// Matrices of other pictures than a split's.
    pub confusions: Vec<Matrix>,
    /// What else was measured.
    pub values: Values,
    /// What was written about every image of a split.
    pub captions: Vec<Captioned>,
    /// Sentences for the log: something to look at.
    pub warnings: Vec<String>,
}

/// Captions of a split's images, in its order.
#[derive(Clone, Debug, PartialEq)]
pub struct Captioned {
    pub split: &'static str,
    pub captions: Vec<Told>,
}

/// What a model is to draw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Every label, with noise that never changes: what a training is followed by.
    Same,
    /// One label, or all, with the noise of a step.
    Fresh { label: Option<String>, step: u64 },
}

/// Pictures that a model drew.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawing {
    pub sheet: Sheet,
    pub note: SheetNote,
    /// The nearest training image of each, in the same layout.
    pub nearest: Sheet,
    /// How the pictures of the first row came out of noise, in the same layout: a stage a row, from the top.
    pub strip: Option<Sheet>,
}

/// Counts by label: rows are what was meant, columns what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matrix {
    pub of: &'static str,
    pub labels: Vec<String>,
    pub counts: Vec<Vec<u64>>,
}

/// A model in training: one implementation a kind of model.
///
/// Everything random in it is a hash of seed and step, so that [`Recipe::save`] after step n and [`Recipe::load`] into
/// a fresh one continue bit for bit.
pub trait Recipe {
    fn plan(&self) -> Plan;

    /// When its weights are saved.
    fn cadence(&self) -> Cadence;

    /// Every metric that will be logged, with its unit and direction. A run's sparkline shows the first one.
    fn metric_defs(&self) -> Vec<MetricDef>;

    /// The metric that tells the best epoch: one of the held-out images', whose definition says which direction is
    /// better.
    fn chosen_by(&self) -> &'static str;

    /// One batch: step `step` (from 0). The values are logged.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] before any weight is changed by numbers that are not finite.
    fn step(&mut self, step: u64) -> Result<Values, TrainError>;

    /// The means over the epoch that just ended; starts the next one.
    fn end_epoch(&mut self) -> Values;

    /// Measures the model on held-out and test images. `go_on` is asked between batches; when it says no, nothing has
    /// happened.
    ///
    /// # Errors
    /// When the device or the data fails.
    fn evaluate(&mut self, go_on: &mut dyn FnMut() -> bool) -> Result<Option<Findings>, TrainError>;

    /// Whether pictures are drawn after `epoch` epochs.
    fn draws_after(&self, _epoch: u64) -> bool {
        false
    }

    /// What the model draws; the same weights draw the same pictures. None when `go_on`, asked now and then, said no.
    ///
    /// # Errors
    /// [`TrainError::DrawsNothing`] of a model that does not draw, when it does not know the label, or when the device
    /// fails.
    fn drawing(&mut self, _subject: &Subject, _go_on: &mut dyn FnMut() -> bool) -> Result<Option<Drawing>, TrainError> {
        Err(TrainError::DrawsNothing)
    }

    /// Label names, in the order of confusion matrices.
    fn labels(&self) -> Vec<String>;

    /// Puts what using the model needs into the file: its card and the weights that are used.
    ///
    /// # Errors
    /// When a part of it has no form that a file could hold.
    fn save_model(&mut self, file: &mut TensorFile) -> Result<(), TrainError>;

    /// Puts everything that training on needs into the file, the card too.
    ///
    /// # Errors
    /// As [`Self::save_model`].
    fn save(&mut self, file: &mut TensorFile) -> Result<(), TrainError>;

    /// Called once before the first step of a training that has no checkpoint yet.
    ///
    /// # Errors
    /// When weights to begin with cannot be had.
    fn begin(&mut self) -> Result<(), TrainError> {
        Ok(())
    }

    /// Small files that a run's folder has for people and other programs, by name; nothing reads them back.
    ///
    /// # Errors
    /// When a part of the model has no form that a file could hold.
    fn companions(&mut self) -> Result<Vec<(&'static str, Vec<u8>)>, TrainError> {
        Ok(Vec::new())
    }

    /// Takes it back; the next step will be `step`.
    ///
    /// # Errors
    /// When the file does not fit this recipe.
    fn load(&mut self, file: &TensorFile, step: u64) -> Result<(), TrainError>;
}

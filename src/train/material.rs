//! What every recipe learns from: a data set, split once, and its batches.

use super::checkpoints;
use super::classification::Evaluation;
use super::error::TrainError;
use super::recipe::Plan;
use super::trained::{Classifier, evaluate_all};
use crate::config;
use crate::data::augment::{Augment, Batch, Flip, Loader, steps_per_epoch};
use crate::data::{ChannelStats, Dataset, Split, holdout};
use crate::nn::checkpoint::TensorFile;
use crate::ops::Backend;

/// The fewest images that are learned from, beside those held out.
const FEWEST: usize = 18;

/// A data set for a training: what is learned from, what is held out for choosing, and the batches of each step.
pub struct Material {
    pub data: Dataset,
    /// The training images that are learned from, by their places in the set.
    pub indices: Vec<u32>,
    pub held_out: Split,
    pub stats: ChannelStats,
    batch_size: usize,
    augment: Augment,
    seed: u64,
    loader: Option<Loader>,
}

impl Material {
    /// Splits the training images by `seed`, which the batches depend on too. Pixels are normalised by `stats`, or by
    /// the statistics of the images that are learned from.
    ///
    /// # Errors
    /// When there are too few images or labels.
    pub fn new(
        data: Dataset,
        stats: Option<ChannelStats>,
        batch_size: usize,
        augment: Augment,
        seed: u64,
    ) -> Result<Self, TrainError> {
        let (indices, held_out) = holdout(&data.train.labels, seed);
        if indices.len() < FEWEST || data.labels.len() < 2 {
            return Err(TrainError::TooLittleData { images: data.train.len(), labels: data.labels.len() });
        }
        let stats = stats.unwrap_or_else(|| data.train.select(&indices).channel_stats());
        let held_out = data.train.select(&held_out);
        Ok(Self { data, indices, held_out, stats, batch_size, augment, seed, loader: None })
    }

    /// Normalises pixels by other statistics from now on.
    pub fn set_stats(&mut self, stats: ChannelStats) {
        self.stats = stats;
        self.loader = None;
    }

    /// A training of `epochs`, whose evaluations look at the held-out and the test images and `more` others.
    pub fn plan(&self, epochs: u64, eval_every: u64, more: usize) -> Plan {
        Plan {
            steps_per_epoch: steps_per_epoch(self.indices.len(), self.batch_size),
            epochs,
            batch_size: self.batch_size.min(self.indices.len()),
            evaluated: self.held_out.len() + self.data.test.len() + more,
            eval_every,
        }
    }

    /// The batch of a step; steps are asked for in their order.
    ///
    /// # Errors
    /// When the thread that makes batches cannot be started, or has died.
    pub fn batch(&mut self, step: u64) -> Result<Batch, TrainError> {
        if self.loader.is_none() {
            let Self { data, indices, batch_size, augment, seed, stats, .. } = self;
            self.loader = Some(Loader::new(&data.train, indices, *batch_size, *augment, *seed, *stats, step)?);
        }
        let batch = self.loader.as_mut().and_then(Iterator::next).ok_or(TrainError::OutOfBatches);
        #[cfg(test)]
        let batch = batch.map(|batch| spoilt::at(step, batch));
        batch
    }

    /// A net's answers to the held-out and the test images; None when `go_on` said no between two batches.
    ///
    /// # Errors
    /// When the device fails.
    pub fn evaluate<D: Backend>(
        &self,
        net: &dyn Classifier<D>,
        device: &D,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Vec<Evaluation>>, TrainError> {
        let splits = [("held_out", &self.held_out), ("test", &self.data.test)];
        evaluate_all(net, device, &splits, self.data.labels.len(), self.stats, go_on)
    }

    /// Tells a checkpoint which data it was made of.
    pub fn save(&self, file: &mut TensorFile) {
        checkpoints::note_data(file, &self.data);
    }

    /// Takes up the training at another step than the one after the last batch.
    ///
    /// # Errors
    /// When the checkpoint was made of other data.
    pub fn load(&mut self, file: &TensorFile) -> Result<(), TrainError> {
        checkpoints::check_data(file, &self.data)?;
        // The next batch is the step's own, whatever was made ahead.
        self.loader = None;
        Ok(())
    }
}

/// The setting as the loader has it.
pub fn flip(setting: config::Flip) -> Flip {
    match setting {
        config::Flip::None => Flip::Off,
        config::Flip::Random => Flip::Random,
        config::Flip::Alternating => Flip::Alternating,
    }
}

/// Lets a test put a number that is none into a batch.
#[cfg(test)]
pub mod spoilt {
    use super::Batch;
    use std::cell::Cell;

    thread_local! {
        /// The step whose first pixel is spoilt, of trainings on this thread.
        pub static STEP: Cell<Option<u64>> = const { Cell::new(None) };
    }

    pub(super) fn at(step: u64, mut batch: Batch) -> Batch {
        if STEP.get() == Some(step) {
            batch.x[0] = f32::NAN;
        }
        batch
    }
}

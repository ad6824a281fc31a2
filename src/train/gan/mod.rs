//! The GAN's recipe: hinge losses with a label head, Adam, and averaged weights.
//!
//! Each step draws one batch of real pictures and makes as many, of the very labels of the real ones, so that the
//! discriminator learns nothing from how often a label occurs. Samples, answers and figures are those of the averages.

mod draws;
mod pair;
mod step;
mod sums;
#[cfg(test)]
mod tests;

use super::classification::{self, Values};
use super::error::TrainError;
use super::made::Onlooker;
use super::material::{Material, flip};
use super::recipe::{Cadence, Drawing, Findings, Plan, Recipe, Subject};
use super::schedule::Plateau;
use super::trained::Card;
use crate::config::{GanConfig, ModelKind};
use crate::data::augment::Augment;
use crate::data::{ChannelStats, Dataset};
use crate::models::{Discriminator, Generator};
use crate::nn::checkpoint::TensorFile;
use crate::nn::{Adam, AdamConfig, Ema};
use crate::ops::Backend;
use crate::run::MetricDef;
use pair::AVERAGES;
pub use pair::Pair;
use std::path::Path;
use std::time::Instant;
use sums::Sums;

/// Pixels become -1 to 1, as tanh gives them.
pub const STATS: ChannelStats = ChannelStats { mean: [0.5; 3], std: [0.5; 3] };
/// What to try when pictures of a label are all alike.
const ADVICE: &str = "a lower learning_rate_g or another seed may help";
/// Pictures of each label that the diversity of the log is measured on.
const COMPARED: usize = 64;
/// Added to the root of Adam's second moment, as in PyTorch.
const ADAM_EPS: f32 = 1e-8;

/// A GAN in training.
pub struct GanRecipe<D: Backend> {
    config: GanConfig,
    device: D,
    material: Material,
    generator: Generator<D>,
    discriminator: Discriminator<D>,
    generator_adam: Adam<D>,
    discriminator_adam: Adam<D>,
    generator_average: Ema<D>,
    discriminator_average: Ema<D>,
    /// Where the averages are put to be used.
    averaged: Pair<D>,
    plan: Plan,
    epoch: Sums,
    onlooker: Onlooker<D>,
}

impl<D: Backend> GanRecipe<D> {
    /// A recipe at step 0. A CNN in the file `judge` looks at what is made, if it knows the labels.
    ///
    /// # Errors
    /// When the data is too little, lacks a label that was asked for, or the device fails.
    pub fn new(device: D, data: Dataset, config: GanConfig, judge: Option<&Path>) -> Result<Self, TrainError> {
        let data = data.of_labels(&config.labels)?;
        // What moves pictures moves real and made ones alike, later.
        let augment = Augment { flip: flip(config.flip), ..Augment::default() };
        let material = Material::new(data, Some(STATS), config.batch_size, augment, config.seed)?;
        let labels = material.data.labels.len();
        let (mut averaged, fresh) =
            (Pair::new(&device, labels, config.seed)?, Pair::new(&device, labels, config.seed)?);
        let Pair { mut generator, mut discriminator, .. } = fresh;
        let (beta1, beta2) = (config.beta1 as f32, config.beta2 as f32);
        let adam = AdamConfig { beta1, beta2, eps: ADAM_EPS, weight_decay: 0.0 };
        let decay = config.ema as f32;
        let made = if config.generator { COMPARED * labels } else { 0 };
        let plan = material.plan(config.epochs, config.eval_every_epochs, made);
        Ok(Self {
            generator_adam: Adam::new(adam, &mut generator).map_err(TrainError::device)?,
            discriminator_adam: Adam::new(adam, &mut discriminator).map_err(TrainError::device)?,
            generator_average: Ema::new(decay, &mut averaged.generator).map_err(TrainError::device)?,
            discriminator_average: Ema::new(decay, &mut averaged.discriminator).map_err(TrainError::device)?,
            onlooker: Onlooker::new(&device, &material, COMPARED, config.seed, ADVICE, judge),
            config,
            device,
            material,
            generator,
            discriminator,
            averaged,
            plan,
            epoch: Sums::default(),
        })
    }

    /// The learning rates at a step, the discriminator's first.
    fn rates(&self, step: u64) -> [f64; 2] {
        let of = |height, decay_from| Plateau { height, decay_from, total_steps: self.plan.total_steps() }.rate(step);
        let config = &self.config;
        [of(config.learning_rate_d, config.decay_from_d), of(config.learning_rate_g, config.decay_from)]
    }

    /// Brings `averaged` up to date.
    fn average(&mut self) -> Result<(), TrainError> {
        self.generator_average.copy_to(&mut self.averaged.generator);
        self.discriminator_average.copy_to(&mut self.averaged.discriminator);
        self.averaged.discriminator.settle_norms().map_err(TrainError::device)
    }
}

impl<D: Backend> Recipe for GanRecipe<D> {
    fn plan(&self) -> Plan {
        self.plan
    }

    fn cadence(&self) -> Cadence {
        Cadence::new(self.config.checkpoint_every_s, self.config.keep_checkpoints)
    }

    fn metric_defs(&self) -> Vec<MetricDef> {
        let mut defs = sums::metric_defs();
        defs.extend(Onlooker::<D>::metric_defs());
        defs.extend(classification::metric_defs(&self.material.data.labels, "loss"));
        defs
    }

    fn chosen_by(&self) -> &'static str {
        "held_out/accuracy"
    }

    fn step(&mut self, step: u64) -> Result<Values, TrainError> {
        let begun = Instant::now();
        let batch = self.material.batch(step)?;
        let count = batch.y.len();
        let mut values = if self.config.generator { self.duel(batch, step)? } else { self.learn_labels(batch, step)? };
        self.epoch.add(&values);
        values.insert("train/images_per_s".to_owned(), count as f64 / begun.elapsed().as_secs_f64());
        Ok(values)
    }

    fn end_epoch(&mut self) -> Values {
        self.onlooker.close_epoch();
        std::mem::take(&mut self.epoch).means()
    }

    fn evaluate(&mut self, go_on: &mut dyn FnMut() -> bool) -> Result<Option<Findings>, TrainError> {
        self.average()?;
        let evaluations = self.material.evaluate(&self.averaged.discriminator, &self.device, go_on)?;
        let Some(evaluations) = evaluations else { return Ok(None) };
        let mut findings = Findings { evaluations, ..Findings::default() };
        let labels = self.material.data.labels.len();
        if self.config.generator && !self.onlooker.measure(&self.averaged, labels, &mut findings, go_on)? {
            return Ok(None);
        }
        Ok(Some(findings))
    }

    fn draws_after(&self, epoch: u64) -> bool {
        let is_due = epoch.is_multiple_of(self.config.sample_every_epochs) || epoch == self.plan.epochs;
        self.config.generator && is_due
    }

    fn drawing(&mut self, subject: &Subject, go_on: &mut dyn FnMut() -> bool) -> Result<Option<Drawing>, TrainError> {
        if !self.config.generator {
            return Err(TrainError::DrawsNothing);
        }
        self.average()?;
        self.onlooker.drawing(&self.averaged, subject, &self.material, go_on)
    }

    fn labels(&self) -> Vec<String> {
        self.material.data.labels.to_vec()
    }

    fn save_model(&mut self, file: &mut TensorFile) -> Result<(), TrainError> {
        file.collect(AVERAGES[0], &mut self.generator_average);
        file.collect(AVERAGES[1], &mut self.discriminator_average);
        let card = Card {
            model: ModelKind::Gan,
            preset: None,
            labels: self.material.data.labels.to_vec(),
            mean: STATS.mean,
            std: STATS.std,
            data: self.material.data.name.clone(),
            seed: self.config.seed,
            labels_only: !self.config.generator,
        };
        card.write(file);
        Ok(())
    }

    fn save(&mut self, file: &mut TensorFile) -> Result<(), TrainError> {
        self.save_model(file)?;
        file.collect("generator", &mut self.generator);
        file.collect("discriminator", &mut self.discriminator);
        file.collect("optimiser.generator", &mut self.generator_adam);
        file.collect("optimiser.discriminator", &mut self.discriminator_adam);
        self.material.save(file);
        file.meta.insert("epoch_so_far".to_owned(), self.epoch.to_json());
        self.onlooker.save(file);
        Ok(())
    }

    fn load(&mut self, file: &TensorFile, step: u64) -> Result<(), TrainError> {
        let fault = |source| TrainError::Checkpoint { path: Path::new("the checkpoint").into(), source };
        self.material.load(file)?;
        file.apply("generator", &mut self.generator).map_err(fault)?;
        file.apply("discriminator", &mut self.discriminator).map_err(fault)?;
        file.apply("optimiser.generator", &mut self.generator_adam).map_err(fault)?;
        file.apply("optimiser.discriminator", &mut self.discriminator_adam).map_err(fault)?;
        file.apply(AVERAGES[0], &mut self.generator_average).map_err(fault)?;
        file.apply(AVERAGES[1], &mut self.discriminator_average).map_err(fault)?;
        self.epoch = file.meta.get("epoch_so_far").map_or_else(Sums::default, Sums::from_json);
        self.onlooker.load(file);
        debug_assert!(step <= self.plan.total_steps());
        Ok(())
    }
}

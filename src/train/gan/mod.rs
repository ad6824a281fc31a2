//! The GAN's recipe: hinge losses with a label head, Adam, and averaged weights.
//!
//! Each step draws one batch of real pictures and makes as many, of the very labels of the real ones, so that the
//! discriminator learns nothing from how often a label occurs. Samples, answers and figures are those of the averages.

mod draws;
pub mod judge;
pub mod judgement;
mod nearest;
mod pair;
pub mod score;
mod step;
mod sums;
#[cfg(test)]
mod tests;

use super::classification::{self, Values};
use super::diversity::{shrunk, spread};
use super::error::TrainError;
use super::material::{Material, flip};
use super::recipe::{Cadence, Drawing, Findings, Matrix, Plan, Recipe, Subject};
use super::schedule::Plateau;
use super::sheet::{Sheet, to_bytes};
use super::trained::Card;
use crate::config::{GanConfig, ModelKind};
use crate::data::augment::{Augment, Normaliser};
use crate::data::{ChannelStats, Dataset, SIDE, Split};
use crate::models::{Discriminator, Generator};
use crate::nn::checkpoint::TensorFile;
use crate::nn::{Adam, AdamConfig, Ema};
use crate::ops::Backend;
use crate::ops::random::Stream;
use crate::run::{MetricDef, SheetNote};
use judge::Judge;
use nearest::nearest;
use pair::AVERAGES;
pub use pair::Pair;
use std::path::Path;
use std::time::Instant;
use sums::Sums;

/// Pixels become -1 to 1, as tanh gives them.
pub const STATS: ChannelStats = ChannelStats { mean: [0.5; 3], std: [0.5; 3] };
/// Rows of a sheet; each row has one noise, each column one label.
const SHEET_ROWS: usize = 8;
/// Pictures of each label that the diversity of the log is measured on.
const COMPARED: usize = 64;
/// Below this share of the real pictures' diversity the generator is said to have collapsed.
const COLLAPSE: f64 = 0.4;
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
    /// The spread of real pictures, which that of made ones is measured by.
    real_spread: f64,
    /// Whether the log has been told that the diversity is low.
    is_low: bool,
    judge: Option<Judge<D>>,
}

impl<D: Backend> GanRecipe<D> {
    /// A recipe at step 0.
    ///
    /// # Errors
    /// When the data is too little, lacks a label that was asked for, or the device fails.
    pub fn new(device: D, data: Dataset, config: GanConfig) -> Result<Self, TrainError> {
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
            real_spread: real_spread(&material.data.train.select(&material.indices), labels),
            config,
            device,
            material,
            generator,
            discriminator,
            averaged,
            plan,
            epoch: Sums::default(),
            is_low: false,
            judge: None,
        })
    }

    /// Has a trained CNN look at what is made, if there is one that knows the labels. It changes nothing but the log.
    pub fn seen_by(mut self, weights: Option<&Path>) -> Self {
        let judge = weights.map(|path| Judge::from_file(self.device.clone(), path, &self.material.data.labels));
        self.judge = match judge.transpose() {
            Ok(judge) => judge.flatten(),
            Err(error) => {
                tracing::warn!("nobody looks at what is made: {error}");
                None
            }
        };
        self
    }

    fn number(&self, label: &str) -> Result<usize, TrainError> {
        let known = &self.material.data.labels;
        known.iter().position(|own| own == label).ok_or_else(|| TrainError::NoSuchLabel {
            name: label.to_owned(),
            known: known.join(", "),
        })
    }

    fn rate(&self, height: f64, step: u64) -> f64 {
        Plateau { height, decay_from: self.config.decay_from, total_steps: self.plan.total_steps() }.rate(step)
    }

    /// Brings `averaged` up to date.
    fn average(&mut self) -> Result<(), TrainError> {
        self.generator_average.copy_to(&mut self.averaged.generator);
        self.discriminator_average.copy_to(&mut self.averaged.discriminator);
        self.averaged.discriminator.settle_norms().map_err(TrainError::device)
    }

    /// How diverse made pictures are, as a share of the real ones' diversity, and what is seen in them. False when
    /// `go_on` said no.
    fn look_at_made(&mut self, findings: &mut Findings, go_on: &mut dyn FnMut() -> bool) -> Result<bool, TrainError> {
        let count = COMPARED * self.material.data.labels.len();
        let (numbers, labels): (Vec<usize>, Vec<usize>) = (0..count).map(|i| (i, i / COMPARED)).unzip();
        let stream = Stream::new(self.config.seed, "gan.diversity", 0);
        let Some(pictures) = self.averaged.draw(&stream, &numbers, &labels, go_on)? else { return Ok(false) };
        let (rows, width) = shrunk(&pictures);
        let diversity = spread(&rows, width, &labels) / self.real_spread;
        findings.values.insert("diversity".to_owned(), diversity);
        findings.warnings.extend(self.watch(diversity));
        if let Some(judge) = &self.judge {
            let Some(seen) = judge.see(&to_bytes(&pictures), go_on)? else { return Ok(false) };
            let (counts, agreement) = judge.confusion(&seen, &labels);
            findings.confusions.push(Matrix { of: "generated", labels: judge.labels().to_vec(), counts });
            findings.values.insert("generated/agreement".to_owned(), agreement);
        }
        Ok(true)
    }

    /// What is told of the pictures of a sheet, in bytes: what is seen in them, and the sheet of the nearest training
    /// images. None when `go_on` said no.
    fn comment(
        &self,
        pixels: &[u8],
        note: &mut SheetNote,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Sheet>, TrainError> {
        if let Some(judge) = &self.judge {
            let Some(seen) = judge.see(pixels, go_on)? else { return Ok(None) };
            note.seen = seen.iter().map(|seen| judge.number(seen.label) as u8).collect();
            note.sure = seen.iter().map(|seen| seen.sure).collect();
            note.labels = judge.labels().to_vec();
            note.judge = judge.name().to_owned();
        }
        let train = &self.material.data.train;
        let near = nearest(pixels, train, &self.material.indices, go_on);
        Ok(near.map(|near| Sheet::new(&train.select(&near).images, SIDE, note.columns as usize)))
    }

    /// Notes the diversity: a sentence when it has just fallen too low.
    fn watch(&mut self, diversity: f64) -> Option<String> {
        let was_low = std::mem::replace(&mut self.is_low, diversity < COLLAPSE);
        (self.is_low && !was_low).then(|| {
            format!(
                "made pictures of a label differ only {:.0} % as much as real ones: the generator may be collapsing; a lower learning_rate_g or another seed may help",
                100.0 * diversity
            )
        })
    }
}

/// The spread of the first real pictures of each label.
fn real_spread(split: &Split, labels: usize) -> f64 {
    let shown = split.select(&split.first_balanced(COMPARED * labels));
    let (rows, width) = shrunk(&Normaliser::new(STATS).apply(&shown.images));
    let labels: Vec<usize> = shown.labels.iter().map(|&label| usize::from(label)).collect();
    spread(&rows, width, &labels)
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
        defs.extend(classification::metric_defs(&self.material.data.labels));
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
        std::mem::take(&mut self.epoch).means()
    }

    fn evaluate(&mut self, go_on: &mut dyn FnMut() -> bool) -> Result<Option<Findings>, TrainError> {
        self.average()?;
        let evaluations = self.material.evaluate(&self.averaged.discriminator, &self.device, go_on)?;
        let Some(evaluations) = evaluations else { return Ok(None) };
        let mut findings = Findings { evaluations, ..Findings::default() };
        if self.config.generator && !self.look_at_made(&mut findings, go_on)? {
            return Ok(None);
        }
        Ok(Some(findings))
    }

    fn draws_after(&self, epoch: u64) -> bool {
        let is_due = epoch.is_multiple_of(self.config.sample_every_epochs) || epoch == self.plan.epochs;
        self.config.generator && is_due
    }

    fn drawing(
        &mut self,
        subject: &Subject,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Drawing>, TrainError> {
        if !self.config.generator {
            return Err(TrainError::DrawsNothing);
        }
        self.average()?;
        let known = &self.material.data.labels;
        let columns = known.len();
        let places = 0..SHEET_ROWS * columns;
        let (stream, only) = match subject {
            Subject::Same => (Stream::new(self.config.seed, "gan.sheet", 0), None),
            Subject::Fresh { label, step } => {
                (Stream::new(self.config.seed, "gan.fresh", *step), label.as_ref().map(|label| self.number(label)))
            }
        };
        let (noises, labels): (Vec<usize>, Vec<usize>) = match only.transpose()? {
            None => places.map(|i| (i / columns, i % columns)).unzip(),
            Some(label) => places.map(|i| (i, label)).unzip(),
        };
        let Some(pictures) = self.averaged.draw(&stream, &noises, &labels, go_on)? else { return Ok(None) };
        let pixels = to_bytes(&pictures);
        let sheet = Sheet::new(&pixels, SIDE, columns);
        let mut note = sheet.note(known, &labels);
        let nearest = self.comment(&pixels, &mut note, go_on)?;
        Ok(nearest.map(|nearest| Drawing { sheet, note, nearest }))
    }

    fn labels(&self) -> Vec<String> {
        self.material.data.labels.to_vec()
    }

    fn save_model(&mut self, file: &mut TensorFile) {
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
    }

    fn save(&mut self, file: &mut TensorFile) {
        self.save_model(file);
        file.collect("generator", &mut self.generator);
        file.collect("discriminator", &mut self.discriminator);
        file.collect("optimiser.generator", &mut self.generator_adam);
        file.collect("optimiser.discriminator", &mut self.discriminator_adam);
        self.material.save(file);
        file.meta.insert("epoch_so_far".to_owned(), self.epoch.to_json());
        file.meta.insert("diversity_is_low".to_owned(), self.is_low.into());
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
        self.is_low = file.meta.get("diversity_is_low").and_then(serde_json::Value::as_bool).unwrap_or(false);
        debug_assert!(step <= self.plan.total_steps());
        Ok(())
    }
}

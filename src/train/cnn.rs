//! The CNN's recipe: SGD on softmax cross-entropy with label smoothing, over augmented pictures.

use super::checkpoints;
use super::classification::{self, Tally, Values, count_correct, def};
use super::error::TrainError;
use super::recipe::{Cadence, Findings, Plan, Recipe};
use super::schedule::Triangle;
use super::trained::{Card, EVAL_BATCH, evaluate_all};
use crate::config::{self, CnnConfig, ModelKind, Preset};
use crate::data::augment::{Augment, Flip, Loader, steps_per_epoch};
use crate::data::{ChannelStats, Dataset, Split, holdout};
use crate::models::{Cnn, CnnKind};
use crate::nn::checkpoint::TensorFile;
use crate::nn::{Sgd, SgdConfig};
use crate::ops::{Backend, cross_entropy, host::read};
use crate::run::MetricDef;
use dfdx::prelude::*;
use std::path::Path;
use std::time::Instant;

/// Pictures that the frozen whitening layer is measured on.
const WHITENING_IMAGES: usize = 5000;
/// Where the climb of the learning rate starts, as a share of its peak.
const FIRST_RATE: f64 = 0.2;

/// The net that a preset names.
pub fn kind(preset: Preset) -> CnnKind {
    match preset {
        Preset::Plain => CnnKind::Plain,
        Preset::Default => CnnKind::Modern,
    }
}

/// The setting as the loader has it.
pub(super) fn flip(setting: config::Flip) -> Flip {
    match setting {
        config::Flip::None => Flip::Off,
        config::Flip::Random => Flip::Random,
        config::Flip::Alternating => Flip::Alternating,
    }
}

/// A CNN in training.
pub struct CnnRecipe<D: Backend> {
    config: CnnConfig,
    device: D,
    data: Dataset,
    train_indices: Vec<u32>,
    held_out: Split,
    stats: ChannelStats,
    model: Cnn<D>,
    optimiser: Sgd<D>,
    schedule: Triangle,
    plan: Plan,
    loader: Option<Loader>,
    epoch: Tally,
}

impl<D: Backend> CnnRecipe<D> {
    /// A recipe at step 0.
    ///
    /// # Errors
    /// When the data is too little or the device fails.
    pub fn new(device: D, data: Dataset, config: CnnConfig) -> Result<Self, TrainError> {
        let (train_indices, held_out) = holdout(&data.train.labels, config.seed);
        let labels = data.labels.len();
        if train_indices.len() < 18 || labels < 2 {
            return Err(TrainError::TooLittleData { images: data.train.len(), labels });
        }
        let stats = data.train.select(&train_indices).channel_stats();
        let mut model = Cnn::new(&device, kind(config.preset), labels, config.seed).map_err(TrainError::device)?;
        let shown = &train_indices[..train_indices.len().min(WHITENING_IMAGES)];
        model.whiten(&pictures(&data.train, shown, stats)?);
        let sgd = SgdConfig {
            momentum: config.momentum as f32,
            weight_decay: config.weight_decay as f32,
            norm_bias_rate: config.bias_lr_factor as f32,
        };
        let optimiser = Sgd::new(sgd, &mut model).map_err(TrainError::device)?;
        let held_out = data.train.select(&held_out);
        let plan = Plan {
            steps_per_epoch: steps_per_epoch(train_indices.len(), config.batch_size),
            epochs: config.epochs,
            batch_size: config.batch_size.min(train_indices.len()),
            evaluated: held_out.len() + data.test.len(),
            eval_every: config.eval_every_epochs,
        };
        let schedule = Triangle {
            peak: config.learning_rate,
            warmup_share: config.warmup_share,
            start: FIRST_RATE,
            total_steps: plan.total_steps(),
        };
        let epoch = Tally::default();
        Ok(Self {
            config,
            device,
            data,
            train_indices,
            held_out,
            stats,
            model,
            optimiser,
            schedule,
            plan,
            loader: None,
            epoch,
        })
    }

    fn next_batch(&mut self, step: u64) -> Result<crate::data::augment::Batch, TrainError> {
        if self.loader.is_none() {
            let augment =
                Augment { flip: flip(self.config.flip), shift: self.config.shift, cutout: self.config.cutout };
            let (indices, batch, seed) = (&self.train_indices, self.config.batch_size, self.config.seed);
            let loader = Loader::new(&self.data.train, indices, batch, augment, seed, self.stats, step)?;
            self.loader = Some(loader);
        }
        self.loader.as_mut().and_then(Iterator::next).ok_or(TrainError::OutOfBatches)
    }
}

impl<D: Backend> Recipe for CnnRecipe<D> {
    fn plan(&self) -> Plan {
        self.plan
    }

    fn cadence(&self) -> Cadence {
        Cadence::new(self.config.checkpoint_every_s, self.config.keep_checkpoints)
    }

    fn metric_defs(&self) -> Vec<MetricDef> {
        let mut defs = vec![
            def("train/loss", "nats", Some(false)),
            def("train/accuracy", "%", Some(true)),
            def("train/lr", "", None),
            def("train/images_per_s", "images/s", Some(true)),
            def("train/epoch_loss", "nats", Some(false)),
            def("train/epoch_accuracy", "%", Some(true)),
        ];
        defs.extend(classification::metric_defs(&self.data.labels));
        defs
    }

    fn chosen_by(&self) -> &'static str {
        "held_out/accuracy"
    }

    fn step(&mut self, step: u64) -> Result<Values, TrainError> {
        let begun = Instant::now();
        let batch = self.next_batch(step)?;
        let count = batch.y.len();
        let side = crate::models::cnn::SIDE;
        let x = self.device.try_tensor_from_vec(batch.x, (count, side, side, 3)).map_err(TrainError::device)?;
        let logits = self.model.train(x.leaky_traced()).map_err(TrainError::device)?;
        let correct = count_correct(&read(&logits), &batch.y);
        let smoothing = self.config.label_smoothing as f32;
        let loss = cross_entropy(logits, &batch.y, smoothing).map_err(TrainError::device)?;
        let loss_value = f64::from(read(&loss)[0]);
        if !loss_value.is_finite() {
            let advice = "try a lower learning_rate";
            return Err(TrainError::Diverged { what: "the training loss", value: loss_value, step, advice });
        }
        let gradients = loss.try_backward().map_err(TrainError::device)?;
        let rate = self.schedule.rate(step);
        self.optimiser.step(&mut self.model, &gradients, rate as f32).map_err(TrainError::device)?;
        self.epoch.add(loss_value, correct, count);
        Ok(Values::from([
            ("train/loss".to_owned(), loss_value),
            ("train/accuracy".to_owned(), correct as f64 / count as f64),
            ("train/lr".to_owned(), rate),
            ("train/images_per_s".to_owned(), count as f64 / begun.elapsed().as_secs_f64()),
        ]))
    }

    fn end_epoch(&mut self) -> Values {
        let tally = std::mem::take(&mut self.epoch);
        Values::from([
            ("train/epoch_loss".to_owned(), tally.mean_loss()),
            ("train/epoch_accuracy".to_owned(), tally.accuracy()),
        ])
    }

    fn evaluate(&mut self, go_on: &mut dyn FnMut() -> bool) -> Result<Option<Findings>, TrainError> {
        let splits = [("held_out", &self.held_out), ("test", &self.data.test)];
        let evaluations = evaluate_all(&self.model, &self.device, &splits, self.data.labels.len(), self.stats, go_on)?;
        Ok(evaluations.map(|evaluations| Findings { evaluations, ..Findings::default() }))
    }

    fn labels(&self) -> Vec<String> {
        self.data.labels.to_vec()
    }

    fn save_model(&mut self, file: &mut TensorFile) {
        file.collect("model", &mut self.model);
        let card = Card {
            model: ModelKind::Cnn,
            preset: Some(self.config.preset),
            labels: self.data.labels.to_vec(),
            mean: self.stats.mean,
            std: self.stats.std,
            data: self.data.name.clone(),
            seed: self.config.seed,
            labels_only: false,
        };
        card.write(file);
    }

    fn save(&mut self, file: &mut TensorFile) {
        self.save_model(file);
        file.collect("optimiser", &mut self.optimiser);
        checkpoints::note_data(file, &self.data);
        let epoch = serde_json::json!({
            "loss_bits": self.epoch.loss.to_bits(),
            "correct": self.epoch.correct,
            "count": self.epoch.count,
        });
        file.meta.insert("epoch_so_far".to_owned(), epoch);
    }

    fn load(&mut self, file: &TensorFile, step: u64) -> Result<(), TrainError> {
        let fault = |source| TrainError::Checkpoint { path: Path::new("the checkpoint").into(), source };
        checkpoints::check_data(file, &self.data)?;
        file.apply("model", &mut self.model).map_err(fault)?;
        file.apply("optimiser", &mut self.optimiser).map_err(fault)?;
        let number = |key: &str| {
            let so_far = file.meta.get("epoch_so_far").and_then(|epoch| epoch.get(key));
            so_far.and_then(serde_json::Value::as_u64).unwrap_or(0)
        };
        self.epoch =
            Tally { loss: f64::from_bits(number("loss_bits")), correct: number("correct"), count: number("count") };
        // The next batch is the step's own, whatever was made ahead.
        self.loader = None;
        debug_assert!(step <= self.plan.total_steps());
        Ok(())
    }
}

/// Normalised pictures `(n, 32, 32, 3)` of a split, in a row.
fn pictures(split: &Split, indices: &[u32], stats: ChannelStats) -> Result<Vec<f32>, TrainError> {
    let batches = Loader::evaluate(split, indices, EVAL_BATCH, stats)?;
    Ok(batches.flat_map(|batch| batch.x).collect())
}

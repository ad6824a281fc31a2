//! The CNN's recipe: SGD on softmax cross-entropy with label smoothing, over augmented pictures.

use super::classification::{self, Tally, Values, count_correct, def};
use super::error::TrainError;
use super::material::{Material, flip};
use super::recipe::{Cadence, Findings, Plan, Recipe};
use super::schedule::Triangle;
use super::trained::{Card, EVAL_BATCH, image};
use crate::config::{CnnConfig, ModelKind, Preset};
use crate::data::augment::{Augment, Loader};
use crate::data::{ChannelStats, Dataset, Split};
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

/// A CNN in training.
pub struct CnnRecipe<D: Backend> {
    config: CnnConfig,
    device: D,
    material: Material,
    model: Cnn<D>,
    optimiser: Sgd<D>,
    schedule: Triangle,
    plan: Plan,
    epoch: Tally,
}

impl<D: Backend> CnnRecipe<D> {
    /// A recipe at step 0.
    ///
    /// # Errors
    /// When the data is too little or the device fails.
    pub fn new(device: D, data: Dataset, config: CnnConfig) -> Result<Self, TrainError> {
        let augment = Augment { flip: flip(config.flip), shift: config.shift, cutout: config.cutout };
        let material = Material::new(data, None, config.batch_size, augment, config.seed)?;
        let labels = material.data.labels.len();
        let mut model = Cnn::new(&device, kind(config.preset), labels, config.seed).map_err(TrainError::device)?;
        let shown = &material.indices[..material.indices.len().min(WHITENING_IMAGES)];
        model.whiten(&pictures(&material.data.train, shown, material.stats)?);
        let sgd = SgdConfig {
            momentum: config.momentum as f32,
            weight_decay: config.weight_decay as f32,
            norm_bias_rate: config.bias_lr_factor as f32,
        };
        let optimiser = Sgd::new(sgd, &mut model).map_err(TrainError::device)?;
        let plan = material.plan(config.epochs, config.eval_every_epochs, 0);
        let schedule = Triangle {
            peak: config.learning_rate,
            warmup_share: config.warmup_share,
            start: FIRST_RATE,
            total_steps: plan.total_steps(),
        };
        Ok(Self { config, device, material, model, optimiser, schedule, plan, epoch: Tally::default() })
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
        let x = image(&self.device, batch.x)?;
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
        let evaluations = self.material.evaluate(&self.model, &self.device, go_on)?;
        Ok(evaluations.map(|evaluations| Findings { evaluations, ..Findings::default() }))
    }

    fn labels(&self) -> Vec<String> {
        self.material.data.labels.to_vec()
    }

    fn save_model(&mut self, file: &mut TensorFile) -> Result<(), TrainError> {
        file.collect("model", &mut self.model);
        let card = Card {
            model: ModelKind::Cnn,
            preset: Some(self.config.preset),
            labels: self.material.data.labels.to_vec(),
            mean: self.material.stats.mean,
            std: self.material.stats.std,
            data: self.material.data.name.clone(),
            seed: self.config.seed,
            labels_only: false,
        };
        card.write(file);
        Ok(())
    }

    fn save(&mut self, file: &mut TensorFile) -> Result<(), TrainError> {
        self.save_model(file)?;
        file.collect("optimiser", &mut self.optimiser);
        self.material.save(file);
        file.meta.insert("epoch_so_far".to_owned(), self.epoch.to_json());
        Ok(())
    }

    fn load(&mut self, file: &TensorFile, step: u64) -> Result<(), TrainError> {
        let fault = |source| TrainError::Checkpoint { path: Path::new("the checkpoint").into(), source };
        self.material.load(file)?;
        file.apply("model", &mut self.model).map_err(fault)?;
        file.apply("optimiser", &mut self.optimiser).map_err(fault)?;
        self.epoch = file.meta.get("epoch_so_far").map_or_else(Tally::default, Tally::from_json);
        debug_assert!(step <= self.plan.total_steps());
        Ok(())
    }
}

/// Normalised pictures `(n, 32, 32, 3)` of a split, in a row.
fn pictures(split: &Split, indices: &[u32], stats: ChannelStats) -> Result<Vec<f32>, TrainError> {
    let batches = Loader::evaluate(split, indices, EVAL_BATCH, stats)?;
    Ok(batches.flat_map(|batch| batch.x).collect())
}

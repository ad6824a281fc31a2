//! The diffusion model's recipe: a U-Net that learns the velocity of noisy pictures, AdamW, averaged weights; and what
//! the trained model does: draw, restore, name.
//!
//! Sources: v-prediction (Salimans and Ho 2022), the cosine schedule (Nichol and Dhariwal 2021), labels hidden now and then
//! for guidance (Ho and Salimans 2022), and holes to fill in some pictures. Samples, answers and figures are those of the averages.

mod contest;
mod diffuser;
mod draws;
mod holes;
mod level;
mod losses;
mod measured;
mod restore;
mod sampler;
mod step;
mod strip;
#[cfg(test)]
mod tests;
mod velocity;
mod weights;

pub use diffuser::Diffuser;
pub(super) use level::Level;
pub use restore::Mender;
pub use sampler::Sampling;
pub use velocity::Velocity;

use super::checkpoints;
use super::classification::{self, LABEL_LOSS, Tally, Values, def};
use super::error::TrainError;
use super::made::noise;
use super::made::onlooker::{Onlooker, SHEET_ROWS};
use super::material::{Material, flip};
use super::recipe::{Cadence, Drawing, Findings, Plan, Recipe, Subject};
use super::schedule::Cosine;
use super::trained::{Card, Classifier};
use crate::config::{DiffusionConfig, ModelKind};
use crate::data::augment::Augment;
use crate::data::{ChannelStats, Dataset};
use crate::models::UNet;
use crate::nn::checkpoint::TensorFile;
use crate::nn::{Adam, AdamConfig, Ema};
use crate::ops::Backend;
use crate::run::MetricDef;
use contest::QUICK;
use diffuser::{AVERAGE, BEHIND, FILLS, WEIGHTS};
use level::BANDS;
use measured::{LEVELLED, level_metric};
use std::path::{Path, PathBuf};
use std::time::Instant;
use weights::Weights;

/// Pixels become -1 to 1.
const STATS: ChannelStats = ChannelStats { mean: [0.5; 3], std: [0.5; 3] };
/// What to try when pictures of a label are all alike.
const ADVICE: &str = "less guidance or another seed may help";
/// Added to the root of Adam's second moment, as in PyTorch.
const ADAM_EPS: f32 = 1e-8;
/// Pictures of each label that the diversity of the log is measured on: sampling takes many steps.
const COMPARED: usize = 8;

/// A diffusion model in training.
pub struct DiffusionRecipe<D: Backend> {
    config: DiffusionConfig,
    device: D,
    material: Material,
    net: UNet<D>,
    adam: Adam<D>,
    average: Ema<D>,
    /// Where the averages are put to be used.
    averaged: Diffuser<D>,
    schedule: Cosine,
    plan: Plan,
    /// Where runs lie, and the name of weights to begin with.
    init: Option<(PathBuf, String)>,
    /// Steps done.
    step: u64,
    epoch: Tally,
    onlooker: Onlooker<D>,
}

impl<D: Backend> DiffusionRecipe<D> {
    /// A recipe at step 0. A CNN in the file `judge` looks at what is made, if it knows the labels; a run that `config` says
    /// to begin with lies in `runs`.
    ///
    /// # Errors
    /// When the data is too little, lacks a label that was asked for, or the device fails.
    pub fn new(
        device: D,
        data: Dataset,
        config: DiffusionConfig,
        runs: &Path,
        judge: Option<&Path>,
    ) -> Result<Self, TrainError> {
        let init = config.init.as_deref().map(|name| (runs.to_owned(), name.to_owned()));
        let data = data.of_labels(&config.labels)?;
        let augment = Augment { flip: flip(config.flip), ..Augment::default() };
        let material = Material::new(data, Some(STATS), config.batch_size, augment, config.seed)?;
        let labels = material.data.labels.len();
        let mut averaged = Diffuser::new(&device, labels, config.seed)?;
        averaged.sampling = Sampling { steps: config.sample_steps, guidance: config.guidance as f32 };
        averaged.rounds = QUICK;
        let mut net = UNet::new(&device, labels, config.seed).map_err(TrainError::device)?;
        let (beta1, beta2, weight_decay) = (config.beta1 as f32, config.beta2 as f32, config.weight_decay as f32);
        let adam = AdamConfig { beta1, beta2, eps: ADAM_EPS, weight_decay };
        let plan = plan(&material, &averaged, &config);
        Ok(Self {
            adam: Adam::new(adam, &mut net).map_err(TrainError::device)?,
            average: Ema::new(config.ema as f32, &mut averaged.net).map_err(TrainError::device)?,
            onlooker: Onlooker::new(&device, &material, COMPARED, config.seed, ADVICE, judge),
            schedule: Cosine {
                peak: config.learning_rate,
                warmup_steps: config.warmup_steps,
                total_steps: plan.total_steps(),
            },
            config,
            device,
            material,
            net,
            averaged,
            plan,
            init,
            step: 0,
            epoch: Tally::default(),
        })
    }
}

/// An evaluation's length is told in passes of the net.
fn plan<D: Backend>(material: &Material, averaged: &Diffuser<D>, config: &DiffusionConfig) -> Plan {
    let labels = material.data.labels.len();
    let levelled = BANDS * material.held_out.len().min(LEVELLED);
    let named = averaged.passes() * material.data.test.len().min(config.classified);
    let made = averaged.sampling.passes() * COMPARED * labels;
    Plan { evaluated: levelled + named + made, ..material.plan(config.epochs, config.eval_every_epochs, 0) }
}

impl<D: Backend> Recipe for DiffusionRecipe<D> {
    fn plan(&self) -> Plan {
        self.plan
    }

    fn cadence(&self) -> Cadence {
        Cadence::new(self.config.checkpoint_every_s, self.config.keep_checkpoints)
    }

    fn metric_defs(&self) -> Vec<MetricDef> {
        let mut defs = vec![
            def("train/loss", "", Some(false)),
            def("train/gradient", "", None),
            def("train/lr", "", None),
            def("train/images_per_s", "images/s", Some(true)),
            def("train/epoch_loss", "", Some(false)),
            def("held_out/loss", "", Some(false)),
        ];
        defs.extend((0..BANDS).map(|band| def(&level_metric(band), "", Some(false))));
        defs.extend(Onlooker::<D>::metric_defs());
        defs.extend(classification::metric_defs(&self.material.data.labels, LABEL_LOSS));
        defs
    }

    fn chosen_by(&self) -> &'static str {
        "held_out/loss"
    }

    fn step(&mut self, step: u64) -> Result<Values, TrainError> {
        let begun = Instant::now();
        let batch = self.material.batch(step)?;
        let count = batch.y.len();
        let mut values = self.learn(batch, step)?;
        self.step = step + 1;
        values.insert("train/images_per_s".to_owned(), count as f64 / begun.elapsed().as_secs_f64());
        Ok(values)
    }

    fn end_epoch(&mut self) -> Values {
        self.onlooker.close_epoch();
        Values::from([("train/epoch_loss".to_owned(), std::mem::take(&mut self.epoch).mean_loss())])
    }

    fn evaluate(&mut self, go_on: &mut dyn FnMut() -> bool) -> Result<Option<Findings>, TrainError> {
        self.average.copy_to(&mut self.averaged.net);
        let before = self.averaged.weights;
        let mut findings = Findings::default();
        let labels = self.material.data.labels.len();
        let is_whole = self.measure(&mut findings, go_on)?
            && self.onlooker.measure(&self.averaged, labels, &mut findings, go_on)?;
        if !is_whole {
            self.averaged.weights = before;
        }
        Ok(is_whole.then_some(findings))
    }

    fn draws_after(&self, epoch: u64) -> bool {
        epoch.is_multiple_of(self.config.sample_every_epochs) || epoch == self.plan.epochs
    }

    fn drawing(&mut self, subject: &Subject, go_on: &mut dyn FnMut() -> bool) -> Result<Option<Drawing>, TrainError> {
        self.average.copy_to(&mut self.averaged.net);
        let drawing = self.onlooker.drawing(&self.averaged, subject, &self.material, go_on)?;
        let Some(drawing) = drawing else { return Ok(None) };
        let labels: Vec<usize> = drawing.note.asked.iter().map(|&label| usize::from(label)).collect();
        let columns = drawing.note.columns as usize;
        let (stream, numbers) = self.onlooker.noises(subject, columns, 0..columns);
        let start = noise(&stream, velocity::LENGTH, numbers);
        let sampling = self.averaged.sampling;
        let strip = strip::strip(&self.averaged, sampling, &start, &labels[..columns], SHEET_ROWS, go_on)?;
        Ok(strip.map(|strip| Drawing { strip: Some(strip), ..drawing }))
    }

    fn labels(&self) -> Vec<String> {
        self.material.data.labels.to_vec()
    }

    fn save_model(&mut self, file: &mut TensorFile) -> Result<(), TrainError> {
        file.collect(AVERAGE, &mut self.average);
        file.meta.insert(WEIGHTS.to_owned(), self.averaged.weights.to_json());
        if self.config.hole_share > 0.0 {
            file.meta.insert(FILLS.to_owned(), BEHIND.into());
        }
        let card = Card {
            model: ModelKind::Diffusion,
            preset: None,
            labels: self.material.data.labels.to_vec(),
            mean: STATS.mean,
            std: STATS.std,
            data: self.material.data.name.clone(),
            seed: self.config.seed,
            labels_only: false,
        };
        card.write(file);
        Ok(())
    }

    fn save(&mut self, file: &mut TensorFile) -> Result<(), TrainError> {
        self.save_model(file)?;
        file.collect("net", &mut self.net);
        file.collect("optimiser", &mut self.adam);
        self.material.save(file);
        file.meta.insert("epoch_so_far".to_owned(), self.epoch.to_json());
        self.onlooker.save(file);
        Ok(())
    }

    fn begin(&mut self) -> Result<(), TrainError> {
        let Some((runs, name)) = &self.init else { return Ok(()) };
        let path = &checkpoints::named(runs, name).ok_or_else(|| TrainError::NoWeights { name: name.clone() })?;
        let file = checkpoints::read(path)?;
        let fault = |source| TrainError::Checkpoint { path: path.clone(), source };
        let card = Card::read(&file).map_err(fault)?;
        card.check(ModelKind::Diffusion, &self.material.data.labels, path)?;
        let begun = Diffuser::from_file(&self.device, &file, &card, path)?;
        self.net = begun.net.clone();
        self.averaged.net = begun.net;
        self.average = Ema::new(self.config.ema as f32, &mut self.averaged.net).map_err(TrainError::device)?;
        Ok(())
    }

    fn load(&mut self, file: &TensorFile, step: u64) -> Result<(), TrainError> {
        let fault = |source| TrainError::Checkpoint { path: Path::new("the checkpoint").into(), source };
        self.material.load(file)?;
        file.apply("net", &mut self.net).map_err(fault)?;
        file.apply("optimiser", &mut self.adam).map_err(fault)?;
        file.apply(AVERAGE, &mut self.average).map_err(fault)?;
        self.averaged.weights = file.meta.get(WEIGHTS).and_then(Weights::from_json).unwrap_or_default();
        self.epoch = file.meta.get("epoch_so_far").map_or_else(Tally::default, Tally::from_json);
        self.onlooker.load(file);
        self.step = step;
        debug_assert!(step <= self.plan.total_steps());
        Ok(())
    }
}

//! The captioner's recipe: a transformer that writes, and eyes that it sees with, on captions of what is measured.
//!
//! Sources: teacher forcing with label smoothing (Vaswani et al. 2017, section 5.4), AdamW (Loshchilov and Hutter 2019)
//! with warm-up and half a cosine, gradients clipped by their norm (Pascanu et al. 2013). The captions are measured, not
//! written by people (`captions/`): after any augmentation the facts are those of the augmented pixels, and under noise
//! those of the clean picture.

mod exam;
mod step;
mod student;
mod teacher;
#[cfg(test)]
mod tests;
mod tokens;

use super::classification::{self, Tally, Values, def};
use super::error::TrainError;
use super::material::{Material, flip};
use super::recipe::{Cadence, Findings, Plan, Recipe};
use super::schedule::Cosine;
use super::trained::Card;
use crate::config::{CaptionerConfig, ModelKind, PatchPreset};
use crate::data::augment::Augment;
use crate::data::{ChannelStats, Dataset, SIDE};
use crate::models::captioner::{Captioner, CaptionerSettings, EyesSettings, Gpt2Settings, VitSettings};
use crate::nn::checkpoint::TensorFile;
use crate::nn::{Adam, AdamConfig};
use crate::ops::Backend;
use crate::run::MetricDef;
use exam::{Exam, labels_and_none};
use std::path::Path;
use std::time::Instant;
use student::Student;
use teacher::Teacher;

/// Pixels become -1 to 1, as Hugging Face's ViT sees them.
const STATS: ChannelStats = ChannelStats { mean: [0.5; 3], std: [0.5; 3] };
/// Tokens of a caption at most, its end among them: far more than any caption of five facts has.
const POSITIONS: usize = 96;
/// Side of a plain patch.
const PATCH: usize = 4;
/// Vaswani et al. 2017, section 5.3: a gradient that changes fast is soon forgotten.
const ADAM: AdamConfig = AdamConfig { beta1: 0.9, beta2: 0.98, eps: 1e-9, weight_decay: 0.0 };
/// Under what the net in training stands in a checkpoint.
const STUDENT: &str = "student";

/// A captioner in training.
pub struct CaptionerRecipe<D: Backend> {
    config: CaptionerConfig,
    material: Material,
    teacher: Teacher,
    student: Student<D>,
    adam: Adam<D>,
    schedule: Cosine,
    plan: Plan,
    epoch: Tally,
    /// Held-out and test images with what is true of them; measured when they are first asked about.
    exams: Vec<Exam>,
}

impl<D: Backend> CaptionerRecipe<D> {
    /// A recipe at step 0.
    ///
    /// # Errors
    /// When the data is too little, its labels cannot be told in captions, the sizes fit no net, or the device fails.
    pub fn new(device: D, data: Dataset, config: CaptionerConfig) -> Result<Self, TrainError> {
        let augment = Augment { flip: flip(config.flip), shift: config.shift, cutout: 0 };
        let material = Material::new(data, Some(STATS), config.batch_size, augment, config.seed)?;
        let weight = config.label_weight as f32;
        let teacher = Teacher::fit(&material.data, &material.indices, config.seed, config.vocabulary, weight)?;
        let settings = settings(&config, teacher.tokenizer.vocabulary());
        let captioner = Captioner::new(&device, settings, Some(config.seed))?;
        let mut student = Student::new(&device, captioner, material.stats);
        let adam = AdamConfig { weight_decay: config.weight_decay as f32, ..ADAM };
        let plan = material.plan(config.epochs, config.eval_every_epochs, 0);
        Ok(Self {
            adam: Adam::new(adam, &mut student).map_err(TrainError::device)?,
            schedule: Cosine {
                peak: config.learning_rate,
                warmup_steps: config.warmup_steps,
                total_steps: plan.total_steps(),
            },
            config,
            material,
            teacher,
            student,
            plan,
            epoch: Tally::default(),
            exams: Vec::new(),
        })
    }

    fn measure_exams(&mut self) {
        if self.exams.is_empty() {
            let splits = [("held_out", &self.material.held_out), ("test", &self.material.data.test)];
            self.exams = splits.map(|(name, split)| Exam::new(name, split, &self.teacher)).into();
        }
    }
}

/// The sizes that the settings ask for.
fn settings(config: &CaptionerConfig, vocabulary: usize) -> CaptionerSettings {
    let &CaptionerConfig { width, layers, heads, decoder_layers, .. } = config;
    let dropout = config.dropout as f32;
    let vit = match config.preset {
        PatchPreset::Stem => VitSettings::with_stem(width, layers, heads),
        PatchPreset::Plain => VitSettings::plain(SIDE, PATCH, width, layers, heads),
    };
    let decoder = Gpt2Settings {
        embedding_dropout: dropout,
        residual_dropout: dropout,
        ..Gpt2Settings::new(vocabulary, POSITIONS, width, decoder_layers, heads)
    };
    CaptionerSettings { eyes: EyesSettings::Vit(VitSettings { dropout, ..vit }), decoder }
}

impl<D: Backend> Recipe for CaptionerRecipe<D> {
    fn plan(&self) -> Plan {
        self.plan
    }

    fn cadence(&self) -> Cadence {
        Cadence::new(self.config.checkpoint_every_s, self.config.keep_checkpoints)
    }

    fn metric_defs(&self) -> Vec<MetricDef> {
        let mut defs = vec![
            def("train/loss", "nats", Some(false)),
            def("train/token_accuracy", "%", Some(true)),
            def("train/gradient", "", None),
            def("train/lr", "", None),
            def("train/images_per_s", "images/s", Some(true)),
            def("train/epoch_loss", "nats", Some(false)),
        ];
        defs.extend(classification::metric_defs(&self.material.data.labels, "loss"));
        defs.extend(["held_out", "test"].into_iter().flat_map(exam::metric_defs));
        defs
    }

    fn chosen_by(&self) -> &'static str {
        "held_out/accuracy"
    }

    fn step(&mut self, step: u64) -> Result<Values, TrainError> {
        let begun = Instant::now();
        let batch = self.material.batch(step)?;
        let count = batch.y.len();
        let mut values = self.learn(batch, step)?;
        values.insert("train/images_per_s".to_owned(), count as f64 / begun.elapsed().as_secs_f64());
        Ok(values)
    }

    fn end_epoch(&mut self) -> Values {
        Values::from([("train/epoch_loss".to_owned(), std::mem::take(&mut self.epoch).mean_loss())])
    }

    fn evaluate(&mut self, go_on: &mut dyn FnMut() -> bool) -> Result<Option<Findings>, TrainError> {
        self.measure_exams();
        let mut findings = Findings::default();
        for exam in &self.exams {
            let Some(judged) = exam.take(&self.student, &self.teacher, go_on)? else { return Ok(None) };
            findings.evaluations.push(judged.evaluation);
            findings.values.extend(judged.values);
        }
        Ok(Some(findings))
    }

    fn labels(&self) -> Vec<String> {
        labels_and_none(&self.material.data.labels)
    }

    fn save_model(&mut self, file: &mut TensorFile) {
        file.collect(STUDENT, &mut self.student);
        self.teacher.save(file);
        let card = Card {
            model: ModelKind::Captioner,
            preset: None,
            labels: self.material.data.labels.to_vec(),
            mean: self.material.stats.mean,
            std: self.material.stats.std,
            data: self.material.data.name.clone(),
            seed: self.config.seed,
            labels_only: false,
        };
        card.write(file);
    }

    fn save(&mut self, file: &mut TensorFile) {
        self.save_model(file);
        file.collect("optimiser", &mut self.adam);
        self.material.save(file);
        file.meta.insert("epoch_so_far".to_owned(), self.epoch.to_json());
    }

    fn load(&mut self, file: &TensorFile, step: u64) -> Result<(), TrainError> {
        let path = Path::new("the checkpoint");
        let fault = |source| TrainError::Checkpoint { path: path.into(), source };
        self.material.load(file)?;
        self.teacher = Teacher::load(file, &self.material.data.labels, self.config.label_weight as f32, path)?;
        self.exams.clear();
        file.apply(STUDENT, &mut self.student).map_err(fault)?;
        file.apply("optimiser", &mut self.adam).map_err(fault)?;
        self.epoch = file.meta.get("epoch_so_far").map_or_else(Tally::default, Tally::from_json);
        debug_assert!(step <= self.plan.total_steps());
        Ok(())
    }
}

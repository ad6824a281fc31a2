//! The captioner's recipe: a transformer that writes, and eyes that it sees with, on captions of what is measured.
//!
//! Sources: teacher forcing with label smoothing (Vaswani et al. 2017, section 5.4), AdamW (Loshchilov and Hutter 2019)
//! with warm-up and half a cosine, gradients clipped by their norm (Pascanu et al. 2013). The captions are measured, not
//! written by people (`captions/`): after any augmentation the facts are those of the augmented pixels, and under noise
//! those of the clean picture.

pub mod baselines;
pub mod exam;
mod origin;
mod step;
mod student;
pub mod teacher;
#[cfg(test)]
mod tests;
pub(super) mod tokens;
mod written;

use super::super::classification::{self, Tally, Values, def};
use super::super::error::TrainError;
use super::super::material::{Material, flip};
use super::super::recipe::{Cadence, Findings, Plan, Recipe};
use super::super::schedule::Cosine;
use super::super::trained::Card;
use super::{Speaker, SpeakerError};
use crate::config::{CaptionerConfig, ModelKind};
use crate::data::augment::Augment;
use crate::data::{ChannelStats, Dataset};
use crate::nn::checkpoint::TensorFile;
use crate::nn::{Adam, AdamConfig};
use crate::ops::Backend;
use crate::run::MetricDef;
use exam::{Exam, greedy, labels_and_none};
use std::path::{Path, PathBuf};
use std::time::Instant;
use student::Student;
use teacher::{Teacher, fit_thresholds, load_thresholds, save_thresholds};
use written::Written;

/// Pixels become -1 to 1, as Hugging Face's ViT sees them, unless the eyes were trained otherwise.
const STATS: ChannelStats = ChannelStats { mean: [0.5; 3], std: [0.5; 3] };
/// Vaswani et al. 2017, section 5.3: a gradient that changes fast is soon forgotten.
const ADAM: AdamConfig = AdamConfig { beta1: 0.9, beta2: 0.98, eps: 1e-9, weight_decay: 0.0 };
/// What the best epoch is chosen by where captions are people's, who need not say a label.
const CHOSEN_BY_LOSS: &str = "held_out/loss";
const OPTIMISER: &str = "optimiser";

/// A captioner in training.
pub struct CaptionerRecipe<D: Backend> {
    config: CaptionerConfig,
    device: D,
    /// Where runs that lend eyes are looked for.
    runs: PathBuf,
    material: Material,
    /// The captions of the pictures, where people wrote them.
    written: Option<Written>,
    /// Made before the first step, or taken from a checkpoint: a run goes on without those that it began with.
    learning: Option<Learning<D>>,
    schedule: Cosine,
    plan: Plan,
    epoch: Tally,
}

/// Who learns, and from whom.
struct Learning<D: Backend> {
    teacher: Teacher,
    student: Student<D>,
    adam: Adam<D>,
    /// Held-out and test images with what is true of them; measured when they are first asked about.
    exams: Vec<Exam>,
}

impl<D: Backend> CaptionerRecipe<D> {
    /// A recipe at step 0. Other runs are looked for in `runs`.
    ///
    /// # Errors
    /// When the data is too little, or a user's own captions cannot be read.
    pub fn new(device: D, data: Dataset, config: CaptionerConfig, runs: &Path) -> Result<Self, TrainError> {
        let (data, written) = match &config.captions {
            Some(folder) => {
                let (data, written) = Written::read(folder, data)?;
                (data, Some(written))
            }
            None => (data, None),
        };
        let augment = Augment { flip: flip(config.flip), shift: config.shift, cutout: 0 };
        let material = Material::new(data, Some(STATS), config.batch_size, augment, config.seed)?;
        let plan = material.plan(config.epochs, config.eval_every_epochs, 0);
        Ok(Self {
            schedule: Cosine {
                peak: config.learning_rate,
                warmup_steps: config.warmup_steps,
                total_steps: plan.total_steps(),
            },
            config,
            device,
            runs: runs.to_owned(),
            material,
            written,
            learning: None,
            plan,
            epoch: Tally::default(),
        })
    }

    /// Who learns; made now if it is not yet.
    ///
    /// # Errors
    /// When the labels cannot be told in captions, the eyes are not there, or the sizes fit no net.
    fn learning(&mut self) -> Result<&mut Learning<D>, TrainError> {
        let learning = match self.learning.take() {
            Some(learning) => learning,
            None => self.made()?,
        };
        Ok(self.learning.insert(learning))
    }

    fn made(&mut self) -> Result<Learning<D>, TrainError> {
        let CaptionerConfig { seed, vocabulary, .. } = self.config;
        let (data, indices, weight) = (&self.material.data, &self.material.indices, self.config.label_weight as f32);
        let (teacher, speaker) = match &self.config.init {
            Some(name) => {
                let speaker = origin::other(&self.device, name, &self.runs)?;
                let thresholds = fit_thresholds(data, indices, seed)?;
                (Teacher::of(&speaker, thresholds, &data.labels, weight)?, speaker)
            }
            None => {
                let teacher = Teacher::fit(data, indices, seed, vocabulary, weight, self.written.clone())?;
                let speaker = origin::fresh(&self.device, &self.config, &teacher, &self.runs)?;
                (teacher, speaker)
            }
        };
        self.with(teacher, speaker)
    }

    /// A teacher and a captioner that learns, its optimiser at rest.
    fn with(&mut self, teacher: Teacher, speaker: Speaker<D>) -> Result<Learning<D>, TrainError> {
        let teacher = Teacher { written: self.written.clone(), ..teacher };
        let mut student = Student { speaker, frozen: self.config.frozen };
        self.material.set_stats(student.stats());
        let config = AdamConfig { weight_decay: self.config.weight_decay as f32, ..ADAM };
        let adam = Adam::new(config, &mut student).map_err(TrainError::device)?;
        Ok(Learning { teacher, student, adam, exams: Vec::new() })
    }
}

impl<D: Backend> Learning<D> {
    /// The images that it is examined on.
    fn measure_exams(&mut self, material: &Material, seed: u64) {
        if let (Some(written), true) = (&self.teacher.written, self.exams.is_empty()) {
            let written = Some(written.held_out(&material.data, seed));
            self.exams = vec![Exam { written, ..Exam::new("held_out", &material.held_out, &self.teacher) }];
        }
        if self.exams.is_empty() {
            let splits = [("held_out", &material.held_out), ("test", &material.data.test)];
            self.exams = splits.map(|(name, split)| Exam::new(name, split, &self.teacher)).into();
        }
    }
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
        if self.written.is_some() { CHOSEN_BY_LOSS } else { "held_out/accuracy" }
    }

    fn step(&mut self, step: u64) -> Result<Values, TrainError> {
        // The eyes say how pixels are normalised: they are there before the first batch.
        self.learning()?;
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
        self.learning()?;
        let Self { learning: Some(learning), material, config, .. } = self else { return Ok(None) };
        learning.measure_exams(material, config.seed);
        let mut findings = Findings::default();
        let (speaker, teacher) = (&learning.student.speaker, &learning.teacher);
        // The likeliest token each time: fast, and what a training is followed by.
        let search = greedy(&teacher.ends, speaker.search.max_length);
        for exam in &learning.exams {
            let Some(judged) = exam.take(speaker, teacher, &search, go_on)? else { return Ok(None) };
            // The pictures that a dashboard shows are those of the test split.
            if exam.name == "test" || exam.written.is_some() {
                findings.captions.push(exam.marked(&judged));
            }
            if exam.written.is_some() {
                findings.values.insert(CHOSEN_BY_LOSS.to_owned(), judged.evaluation.tally.mean_loss());
            } else {
                findings.evaluations.push(judged.evaluation);
            }
            findings.values.extend(judged.values);
        }
        Ok(Some(findings))
    }

    fn labels(&self) -> Vec<String> {
        labels_and_none(&self.material.data.labels)
    }

    fn save_model(&mut self, file: &mut TensorFile) -> Result<(), TrainError> {
        let Learning { teacher, student, .. } = self.learning()?;
        save_thresholds(&teacher.thresholds, file);
        student.speaker.save(file)?;
        let card = Card {
            model: ModelKind::Captioner,
            preset: None,
            labels: if self.written.is_some() { Vec::new() } else { self.material.data.labels.to_vec() },
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
        file.collect(OPTIMISER, &mut self.learning()?.adam);
        self.material.save(file);
        file.meta.insert("epoch_so_far".to_owned(), self.epoch.to_json());
        Ok(())
    }

    fn begin(&mut self) -> Result<(), TrainError> {
        self.learning().map(drop)
    }

    fn companions(&mut self) -> Result<Vec<(&'static str, Vec<u8>)>, TrainError> {
        let json = self.learning()?.student.speaker.tokenizer.to_json().map_err(SpeakerError::from)?;
        Ok(vec![("tokenizer.json", json.into_bytes())])
    }

    fn load(&mut self, file: &TensorFile, step: u64) -> Result<(), TrainError> {
        let path = Path::new("the checkpoint");
        self.material.load(file)?;
        let speaker = Speaker::from_file(&self.device, file, path)?;
        let thresholds = load_thresholds(file, path)?.ok_or(TrainError::NoThresholds { path: path.into() })?;
        let weight = self.config.label_weight as f32;
        let teacher = Teacher::of(&speaker, thresholds, &self.material.data.labels, weight)?;
        let mut learning = self.with(teacher, speaker)?;
        let fault = |source| TrainError::Checkpoint { path: path.into(), source };
        file.apply(OPTIMISER, &mut learning.adam).map_err(fault)?;
        self.learning = Some(learning);
        self.epoch = file.meta.get("epoch_so_far").map_or_else(Tally::default, Tally::from_json);
        debug_assert!(step <= self.plan.total_steps());
        Ok(())
    }
}

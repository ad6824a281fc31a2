//! The training loop: it knows steps, epochs, checkpoints and whoever listens, but no model.

mod keep;

use super::checkpoints::{Checkpoints, Newest};
use super::error::TrainError;
use super::recipe::{Cadence, Findings, Matrix, Plan, Recipe};
use crate::nn::checkpoint::TensorFile;
use crate::run::{EventKind, RunDir};
use keep::nums;
use std::time::Instant;

/// What is asked of a training from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Save and leave; the run will go on later.
    Pause,
    /// Save and end.
    Stop,
    /// Save and go on.
    Checkpoint,
    /// Draw pictures that were never drawn before, of one label or of all, and go on.
    Sample { label: Option<String> },
}

/// How a training ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    Finished,
    Paused,
    Stopped,
}

/// Where a training stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    pub step: u64,
    pub plan: Plan,
    /// Measuring after an epoch, not training.
    pub evaluating: bool,
    /// Images that this evaluation has still to look at, as a share of all.
    pub evaluation_left: f64,
}

/// Who owns the run's log and hears its commands.
pub trait Host {
    /// Logs what happened.
    fn emit(&mut self, kind: EventKind);
    /// Called between batches, also during evaluation: shows life, and says what is asked for.
    fn tick(&mut self, progress: &Progress) -> Option<Wish>;
    /// The wish was granted, or why not.
    fn answer(&mut self, wish: &Wish, outcome: Result<(), String>);
}

/// A training under way.
pub struct Trainer<'a> {
    recipe: &'a mut dyn Recipe,
    host: &'a mut dyn Host,
    run: RunDir,
    checkpoints: Checkpoints,
    cadence: Cadence,
    plan: Plan,
    step: u64,
    /// The last epoch whose end was measured and logged.
    closed_epochs: u64,
    /// The best value so far of the metric that the recipe chooses by, and which direction is better.
    best: Option<f64>,
    higher_is_better: bool,
    saved_at: Instant,
}

/// Where a run can go on: what its newest whole checkpoint says.
#[derive(Clone, Debug, Default)]
pub struct Start {
    pub step: u64,
    file: Option<TensorFile>,
}

impl Start {
    /// The newest checkpoint of the run that can be read; notes for those that cannot.
    ///
    /// # Errors
    /// When the weights folder cannot be listed, or checkpoints are there and none can be read.
    pub fn find(run: &RunDir) -> Result<(Self, Vec<String>), TrainError> {
        let Newest { found, notes } = Checkpoints::open(run)?.newest()?;
        let start = found.map_or_else(Self::default, |(step, file)| Self { step, file: Some(file) });
        Ok((start, notes))
    }
}

impl<'a> Trainer<'a> {
    /// Brings the recipe to where the run can go on.
    ///
    /// # Errors
    /// When the checkpoint does not fit the recipe, or there is nothing to begin with.
    pub fn new(
        recipe: &'a mut dyn Recipe,
        host: &'a mut dyn Host,
        run: &RunDir,
        start: &Start,
    ) -> Result<Self, TrainError> {
        let (plan, cadence) = (recipe.plan(), recipe.cadence());
        let number = |key: &str| start.file.as_ref().and_then(|file| file.meta.get(key)?.as_u64());
        match &start.file {
            Some(file) => recipe.load(file, start.step)?,
            None => recipe.begin()?,
        }
        let chosen_by = recipe.chosen_by();
        let direction = recipe.metric_defs().into_iter().find(|def| def.name == chosen_by);
        let higher_is_better = direction.and_then(|def| def.higher_is_better).unwrap_or(true);
        Ok(Self {
            recipe,
            host,
            run: run.clone(),
            checkpoints: Checkpoints::open(run)?,
            cadence,
            plan,
            step: start.step,
            closed_epochs: number("closed_epochs").unwrap_or(0),
            best: number("best_bits").map(f64::from_bits),
            higher_is_better,
            saved_at: Instant::now(),
        })
    }

    /// Trains until the end, or until it is asked to leave.
    ///
    /// # Errors
    /// The recipe's; the last checkpoint stays good.
    pub fn train(&mut self) -> Result<Ending, TrainError> {
        self.keep_companions()?;
        if self.step == 0
            && let Err(wish) = self.draw(0)?
            && let Some(ending) = self.grant(wish)?
        {
            return Ok(ending);
        }
        loop {
            let epochs_done = self.step / self.plan.steps_per_epoch;
            if epochs_done > self.closed_epochs {
                if let Some(ending) = self.close_epoch(epochs_done)? {
                    return Ok(ending);
                }
            } else if self.step >= self.plan.total_steps() {
                self.keep_model()?;
                return Ok(Ending::Finished);
            } else {
                self.one_step()?;
                if let Some(ending) = self.between_batches()? {
                    return Ok(ending);
                }
            }
        }
    }

    fn one_step(&mut self) -> Result<(), TrainError> {
        let values = self.recipe.step(self.step)?;
        self.step += 1;
        let epoch = self.step as f64 / self.plan.steps_per_epoch as f64;
        self.host.emit(EventKind::Metrics { step: self.step, epoch, values: nums(values) });
        Ok(())
    }

    fn progress(&self) -> Progress {
        Progress { step: self.step, plan: self.plan, evaluating: false, evaluation_left: 0.0 }
    }

    fn between_batches(&mut self) -> Result<Option<Ending>, TrainError> {
        let wish = self.host.tick(&self.progress());
        if let Some(wish) = wish {
            return self.grant(wish);
        }
        // An epoch's end is saved with its measurements, so that a crash between the two repeats both.
        let within_epoch = !self.step.is_multiple_of(self.plan.steps_per_epoch);
        if within_epoch && self.saved_at.elapsed() >= self.cadence.checkpoint_every {
            self.save_or_note(false)?;
        }
        Ok(None)
    }

    /// Measures the epoch that just ended, logs it and saves. Some(ending) when it was asked to leave meanwhile; the
    /// measurement is then taken up again on resume, and nothing of it was logged.
    fn close_epoch(&mut self, epoch: u64) -> Result<Option<Ending>, TrainError> {
        let mut findings = Findings::default();
        if self.plan.evaluates(epoch) {
            let progress = Progress { evaluating: true, evaluation_left: 1.0, ..self.progress() };
            findings = match self.ask(progress, |recipe, go_on| recipe.evaluate(go_on))? {
                Ok(findings) => findings,
                Err(wish) => return self.grant(wish),
            };
        }
        if let Err(wish) = self.draw(epoch)? {
            return self.grant(wish);
        }
        let Findings { evaluations, confusions, values: found, captions, warnings } = findings;
        warnings.into_iter().for_each(|text| self.warn(text));
        let mut values = self.recipe.end_epoch();
        values.extend(found);
        for Matrix { of, labels, counts } in confusions {
            self.host.emit(EventKind::Confusion { split: of.to_owned(), epoch, labels, matrix: counts });
        }
        captions.into_iter().for_each(|captioned| self.log_captions(epoch, captioned));
        let labels = self.recipe.labels();
        for evaluation in &evaluations {
            self.log_evaluation(epoch, evaluation, &labels);
            values.extend(evaluation.values());
            if evaluation.split == "test" {
                let shares = labels.iter().zip(evaluation.per_label()).filter(|(_, share)| share.is_finite());
                values.extend(shares.map(|(label, share)| (format!("test/accuracy/{label}"), share)));
            }
        }
        let chosen = values.get(self.recipe.chosen_by()).copied();
        let beats = |chosen: f64, best: f64| if self.higher_is_better { chosen > best } else { chosen < best };
        let is_best = chosen.is_some_and(|chosen| self.best.is_none_or(|best| beats(chosen, best)));
        if is_best {
            self.best = chosen;
        }
        self.closed_epochs = epoch;
        self.host.emit(EventKind::EpochFinished { epoch, step: self.step, values: nums(values) });
        self.save_or_note(is_best)?;
        Ok(None)
    }

    /// Has the recipe do what takes long, with an ear to the host. Err(wish) when it was asked to leave meanwhile; other
    /// wishes are granted afterwards, for the weights do not change.
    fn ask<T>(
        &mut self,
        mut progress: Progress,
        work: impl FnOnce(&mut dyn Recipe, &mut dyn FnMut() -> bool) -> Result<Option<T>, TrainError>,
    ) -> Result<Result<T, Wish>, TrainError> {
        let share = super::trained::EVAL_BATCH as f64 / self.plan.evaluated.max(1) as f64;
        let host = &mut *self.host;
        let mut leave = None;
        let mut later = Vec::new();
        let done = work(self.recipe, &mut || {
            let wish = host.tick(&progress);
            progress.evaluation_left = (progress.evaluation_left - share).max(0.0);
            match wish {
                Some(Wish::Pause | Wish::Stop) => leave = wish,
                Some(wish) => later.push(wish),
                None => {}
            }
            leave.is_none()
        })?;
        for wish in later {
            match (&wish, &leave) {
                (Wish::Sample { .. }, Some(_)) => self.host.answer(&wish, Err(LEFT.to_owned())),
                _ => leave = self.serve(&wish)?.or(leave),
            }
        }
        Ok(match (leave, done) {
            (None, Some(done)) => Ok(done),
            (leave, _) => Err(leave.unwrap_or(Wish::Pause)),
        })
    }
}

/// Why pictures were not drawn.
const LEFT: &str = "the run was asked to leave meanwhile";

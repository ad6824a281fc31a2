//! What a training leaves in its run's directory: events, predictions, sheets of pictures, checkpoints.

use super::super::classification::{Evaluation, Values};
use super::super::error::TrainError;
use super::super::made::sheet::Sheet;
use super::super::recipe::{Captioned, Drawing, Subject};
use super::{Ending, LEFT, Trainer, Wish};
use crate::nn::checkpoint::TensorFile;
use crate::run::captions::{self, Captions};
use crate::run::predictions::{self, Predictions};
use crate::run::{EventKind, Num, atomic_write};
use std::collections::BTreeMap;
use std::time::Instant;

impl Trainer<'_> {
    /// Draws the model's pictures after an epoch, where it draws any then. A full disk costs a sheet, not the training.
    /// Err(wish) when it was asked to leave meanwhile.
    pub(super) fn draw(&mut self, epoch: u64) -> Result<Result<(), Wish>, TrainError> {
        if !self.recipe.draws_after(epoch) {
            return Ok(Ok(()));
        }
        match self.draw_as(&format!("epoch-{epoch:05}.png"), &Subject::Same) {
            Err(TrainError::Run(error)) => {
                self.warn(format!("the pictures of epoch {epoch} are not kept: {error}"));
                Ok(Ok(()))
            }
            result => result,
        }
    }

    fn draw_as(&mut self, name: &str, subject: &Subject) -> Result<Result<(), Wish>, TrainError> {
        let drawing = self.ask(self.progress(), |recipe, go_on| recipe.drawing(subject, go_on))?;
        let Drawing { sheet, mut note, nearest, strip } = match drawing {
            Ok(drawing) => drawing,
            Err(wish) => return Ok(Err(wish)),
        };
        let path = self.run.samples_dir().join(name);
        sheet.write(&path)?;
        note.nearest = Some(self.keep_beside(&nearest, &format!("nearest-{name}"))?);
        note.strip = strip.map(|strip| self.keep_beside(&strip, &format!("strip-{name}"))).transpose()?;
        let (path, epoch) = (self.run.relative(&path), self.step / self.plan.steps_per_epoch);
        self.host.emit(EventKind::Samples { path, epoch, step: self.step, sheet: Some(note) });
        Ok(Ok(()))
    }

    /// Writes a sheet beside the samples; its path as events tell it.
    fn keep_beside(&self, sheet: &Sheet, name: &str) -> Result<String, TrainError> {
        let path = self.run.samples_dir().join(name);
        sheet.write(&path)?;
        Ok(self.run.relative(&path))
    }

    pub(super) fn log_evaluation(&mut self, epoch: u64, evaluation: &Evaluation, labels: &[String]) {
        let split = evaluation.split.to_owned();
        let matrix = evaluation.confusion.clone();
        self.host.emit(EventKind::Confusion { split: split.clone(), epoch, labels: labels.to_vec(), matrix });
        let path = predictions::path(&self.run, &split, epoch);
        let images = evaluation.predictions.clone();
        match predictions::write(&path, &Predictions { split: split.clone(), epoch, images }) {
            Ok(()) => self.host.emit(EventKind::Predictions { split, epoch, path: self.run.relative(&path) }),
            Err(error) => self.warn(format!("the predictions of epoch {epoch} are not kept: {error}")),
        }
    }

    /// Keeps what was written about a split's images. A full disk costs that, not the training.
    pub(super) fn log_captions(&mut self, epoch: u64, captioned: Captioned) {
        let Captioned { split, captions: images } = captioned;
        let path = captions::path(&self.run, split, epoch);
        match captions::write(&path, &Captions { split: split.to_owned(), epoch, images }) {
            Ok(()) => {
                let path = self.run.relative(&path);
                self.host.emit(EventKind::Captions { split: split.to_owned(), epoch, path });
            }
            Err(error) => self.warn(format!("the captions of epoch {epoch} are not kept: {error}")),
        }
    }

    /// Keeps the files that are for others. A full disk costs those, not the training.
    pub(super) fn keep_companions(&mut self) -> Result<(), TrainError> {
        for (name, bytes) in self.recipe.companions()? {
            if let Err(error) = atomic_write(&self.run.root().join(name), |out| out.write_all(&bytes)) {
                self.warn(format!("{name} is not kept: {error}"));
            }
        }
        Ok(())
    }

    pub(super) fn warn(&mut self, text: String) {
        self.host.emit(EventKind::Note { level: "warning".to_owned(), text });
    }

    pub(super) fn grant(&mut self, wish: Wish) -> Result<Option<Ending>, TrainError> {
        let ending = match wish {
            Wish::Pause => Ending::Paused,
            Wish::Stop => Ending::Stopped,
            Wish::Checkpoint | Wish::Sample { .. } => {
                return self.serve(&wish)?.map_or(Ok(None), |leave| self.grant(leave));
            }
        };
        // What cannot be saved goes on training rather than lose its work; whoever asked is told.
        Ok(self.save_for(&wish).then_some(ending))
    }

    /// Does what does not end the training. Some(wish) when it was asked to leave meanwhile.
    pub(super) fn serve(&mut self, wish: &Wish) -> Result<Option<Wish>, TrainError> {
        let Wish::Sample { label } = wish else {
            self.save_for(wish);
            return Ok(None);
        };
        let subject = Subject::Fresh { label: label.clone(), step: self.step };
        let outcome = self.draw_as(&self.fresh_name(label.as_deref()), &subject).map_err(|error| error.to_string());
        let (answer, leave) = match outcome {
            Ok(Ok(())) => (Ok(()), None),
            Ok(Err(leave)) => (Err(LEFT.to_owned()), Some(leave)),
            Err(error) => (Err(error), None),
        };
        self.host.answer(wish, answer);
        Ok(leave)
    }

    /// The file of fresh pictures: those of other labels at the same step have others, the same again has the same.
    fn fresh_name(&self, label: Option<&str>) -> String {
        let number = label.and_then(|label| self.recipe.labels().iter().position(|known| known == label));
        match number {
            Some(number) => format!("step-{:08}-label-{number}.png", self.step),
            None => format!("step-{:08}.png", self.step),
        }
    }

    /// Saves because someone asked; whether it is saved.
    fn save_for(&mut self, wish: &Wish) -> bool {
        let outcome = self.save(false).map_err(|error| error.to_string());
        let is_saved = outcome.is_ok();
        self.host.answer(wish, outcome);
        is_saved
    }

    /// Leaves the finished model by itself. A full disk costs this file alone.
    pub(super) fn keep_model(&mut self) -> Result<(), TrainError> {
        let mut file = TensorFile::default();
        self.recipe.save_model(&mut file)?;
        file.meta.insert("step".to_owned(), self.step.into());
        if let Err(error) = self.checkpoints.write_model(&file.to_bytes().map_err(TrainError::Encode)?) {
            self.warn(format!("the finished model is not kept by itself: {error}; the last checkpoint holds it too"));
        }
        Ok(())
    }

    /// A full disk costs a checkpoint, not the training.
    pub(super) fn save_or_note(&mut self, is_best: bool) -> Result<(), TrainError> {
        match self.save(is_best) {
            Err(TrainError::Run(error)) => {
                self.saved_at = Instant::now();
                self.warn(format!("the checkpoint of step {} is not kept: {error}", self.step));
                Ok(())
            }
            result => result,
        }
    }

    fn save(&mut self, is_best: bool) -> Result<(), TrainError> {
        let mut file = TensorFile::default();
        self.recipe.save(&mut file)?;
        file.meta.insert("step".to_owned(), self.step.into());
        file.meta.insert("closed_epochs".to_owned(), self.closed_epochs.into());
        if let Some(best) = self.best {
            file.meta.insert("best_bits".to_owned(), best.to_bits().into());
        }
        let bytes = file.to_bytes().map_err(TrainError::Encode)?;
        let path = self.checkpoints.write(self.step, &bytes, is_best, self.cadence.keep)?;
        self.saved_at = Instant::now();
        let epoch = self.step / self.plan.steps_per_epoch;
        let path = self.run.relative(&path);
        self.host.emit(EventKind::CheckpointSaved { path, step: self.step, epoch, best: is_best });
        Ok(())
    }
}

/// As the log has them.
pub(super) fn nums(values: Values) -> BTreeMap<String, Num> {
    values.into_iter().map(|(name, value)| (name, Num(value))).collect()
}

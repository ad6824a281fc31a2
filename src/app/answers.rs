//! What the marked runs say of the pictures, beside the selected run.

use super::preview::Beside;
use super::{App, Loaded};
use crate::jobs::{Predictions, Subject};
use crate::run::RunName;
use crate::run::captions::Told;

/// What a marked run says of a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Answer<'a> {
    Named {
        label: usize,
        sure: f32,
        caption: Option<&'a Told>,
    },
    /// On its way.
    Loading,
    /// It says nothing, and this is why.
    Silent(&'static str),
}

impl App {
    /// The marked runs that stand beside the selected one: all but itself. Nobody but one model names made pictures and those
    /// of a folder, and nobody those that are learned from.
    pub fn others(&self) -> Vec<&RunName> {
        let is_named = matches!(self.subject(), Subject::Test | Subject::HeldOut);
        if !is_named || self.folder().is_some() {
            return Vec::new();
        }
        self.runs.in_focus().into_iter().skip(1).map(|run| &run.name).collect()
    }

    /// The epoch of a marked run that stands beside the one shown.
    pub(super) fn epoch_beside(&self, run: &RunName) -> Option<u64> {
        self.epoch_among(&self.history(run)?.epochs(self.subject()))
    }

    /// What a marked run says of a picture of the selected run's.
    pub fn answer_of(&self, run: &RunName, picture: u32) -> Answer<'_> {
        let predictions = match self.said_by(run) {
            Ok((_, predictions)) => predictions,
            Err(answer) => return answer,
        };
        match predictions.named(picture) {
            Some((label, sure)) => Answer::Named { label, sure, caption: self.caption_by(run, picture) },
            None => Answer::Silent("said nothing of it"),
        }
    }

    /// A marked run's predictions that go with the pictures shown, or why there are none.
    fn said_by(&self, run: &RunName) -> Result<(u64, &Predictions), Answer<'static>> {
        let own = self.selected_gallery().and_then(|gallery| gallery.as_ref().ok());
        let (Some(own), Some(theirs)) = (own, self.galleries.get(&(run.clone(), self.subject()))) else {
            return Err(Answer::Loading);
        };
        if theirs.as_ref().map(|gallery| gallery.id()) != Ok(own.id()) {
            return Err(Answer::Silent("other pictures"));
        }
        let Some(history) = self.history(run) else { return Err(Answer::Loading) };
        let Some(epoch) = self.epoch_beside(run).filter(|epoch| history.predictions(self.subject(), *epoch).is_some())
        else {
            return Err(Answer::Silent("named nothing yet"));
        };
        match self.predictions.get(&(run.clone(), self.subject(), epoch)) {
            Some(Ok(predictions)) => Ok((epoch, predictions)),
            Some(Err(_)) => Err(Answer::Silent("cannot be read")),
            None => Err(Answer::Loading),
        }
    }

    /// All that the marked runs said; none while some of it is on its way.
    pub(super) fn said_beside(&self) -> Option<Vec<Beside<'_>>> {
        let mut beside = Vec::new();
        for run in self.others() {
            match self.said_by(run) {
                Ok((epoch, predictions)) => beside.push(Beside { run, epoch, predictions }),
                Err(Answer::Loading) => return None,
                Err(_) => {}
            }
        }
        Some(beside)
    }

    fn caption_by(&self, run: &RunName, picture: u32) -> Option<&Told> {
        let (epoch, captions): &(u64, Loaded<_>) = self.captions.get(&(run.clone(), self.subject()))?;
        let captions = captions.as_ref().ok().filter(|_| self.epoch_beside(run) == Some(*epoch))?;
        captions.images.get(picture as usize)
    }

    /// Why no pictures are listed that the runs name differently; none where that is not why.
    pub fn nobody_differs(&self) -> Option<&'static str> {
        if !self.preview.differing {
            return None;
        }
        match self.said_beside() {
            None => Some("Loading what the marked runs said …"),
            Some(beside) if beside.is_empty() => {
                Some("No marked run has named these pictures: mark one with Space, or press 0 to see all of them.")
            }
            Some(_) => None,
        }
    }
}

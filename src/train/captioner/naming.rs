//! A captioner as a classifier: the label that its caption says, and how likely every other one was in its place.

use super::super::error::TrainError;
use super::recipe::tokens::probabilities;
use super::speaker::{Pictures, Speaker};
use crate::captions::{Grammar, Meaning, Reading, Said, Slots};
use crate::models::captioner::Lesson;
use crate::ops::{Backend, host::read};
use image::RgbImage;

/// What was said of a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    pub caption: String,
    /// None where the caption says no label, or several.
    pub label: Option<usize>,
    /// How likely each label is where the caption has its own, 0..=1; all 0 where it has none. What is left to 1 is the
    /// probability of anything else.
    pub shares: Vec<f32>,
}

impl<D: Backend> Speaker<D> {
    /// Captions a picture, and weighs every label against the one that is said.
    ///
    /// # Errors
    /// When the labels cannot be told in captions, the picture is empty, or the device fails.
    pub fn name(&self, picture: &RgbImage, labels: &[String]) -> Result<Named, TrainError> {
        let grammar = Grammar::new(labels)?;
        let said = self.caption(Pictures::Whole(std::slice::from_ref(picture)), &self.search, &[0])?;
        let caption = said.into_iter().next().unwrap_or_default().text;
        let reading = grammar.read(&caption);
        let label = if let Said::One(label) = reading.label() { Some(label) } else { None };
        let shares = match first_label(&reading) {
            Some(start) => self.weighed(picture, &caption[..start], &grammar)?,
            None => vec![0.0; labels.len()],
        };
        Ok(Named { caption, label, shares })
    }

    /// The probability of each label with its article behind the beginning of a caption.
    fn weighed(&self, picture: &RgbImage, before: &str, grammar: &Grammar) -> Result<Vec<f32>, TrainError> {
        let (mut ids, mut is_label) = (Vec::new(), Vec::new());
        for label in 0..grammar.labels() {
            // Without any fact, a caption is the label with its article.
            let phrase = grammar.references(label, &Slots::default()).swap_remove(0);
            let located = self.tokenizer.encode_located(&format!("{before}{phrase}"))?;
            is_label.push(located.iter().map(|(_, place)| place.end > before.len()).collect::<Vec<_>>());
            ids.push(located.into_iter().map(|(id, _)| id).collect::<Vec<u32>>());
        }
        let lesson = Lesson::new(&ids, self.search.start, self.pad, &self.captioner.settings().decoder)?;
        let padded = |row: Vec<bool>| row.into_iter().chain(std::iter::repeat(false)).take(lesson.length);
        let marked: Vec<bool> = is_label.into_iter().flat_map(padded).collect();
        let pictures = vec![picture.clone(); ids.len()];
        let looked = self.captioner.look(self.see(Pictures::Whole(&pictures))?).map_err(TrainError::device)?;
        let logits = self.captioner.read(looked, &lesson).map_err(TrainError::device)?;
        let found = probabilities(&read(&logits), &lesson.targets, &marked, lesson.length);
        Ok(found.into_iter().map(|share| share.unwrap_or(0.0)).collect())
    }
}

/// Where a caption says its first label.
fn first_label(reading: &Reading) -> Option<usize> {
    let of_label = reading.mentions().iter().find(|mention| matches!(mention.meaning, Meaning::Label(_)));
    of_label.map(|mention| mention.place.start)
}

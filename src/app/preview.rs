//! What the Preview tab shows: which of the test pictures, the one under the cursor, or a file of the user's.

use std::sync::Arc;

use image::RgbImage;

use crate::jobs::{Attention, Damage, FileAnswer, Gallery, Predictions, Restoration, Text};
use crate::run::RunName;

/// Which pictures are listed. Labels are numbers of the data set's labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Show {
    #[default]
    All,
    Mistakes,
    OfTruth(usize),
    Named(usize),
    /// One cell of the confusion matrix.
    Cell {
        truth: usize,
        named: usize,
    },
}

/// What may stand in the place of pictures that were made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Instead {
    #[default]
    Nothing,
    /// The nearest training image of each.
    Nearest,
    /// Those of the first row on their way out of noise.
    Strip,
}

#[derive(Clone, Debug)]
pub struct PreviewView {
    pub show: Show,
    /// Pictures that `show` lets through, ascending.
    list: Vec<u32>,
    listed: Option<Listed>,
    /// The picture that was last moved to. If another epoch does not list it, its neighbour is shown, and it
    /// comes back with the epoch that does.
    anchor: u32,
    /// Pictures side by side: what the up and down keys move by.
    pub a_row: u16,
    pub file: Option<FileView>,
    pub triple: Option<TripleView>,
    pub attention: Option<AttentionView>,
    /// What stands in the place of the pictures that were made.
    pub instead: Instead,
}

impl Default for PreviewView {
    fn default() -> Self {
        PreviewView {
            show: Show::All,
            list: Vec::new(),
            listed: None,
            anchor: 0,
            a_row: 1,
            file: None,
            triple: None,
            attention: None,
            instead: Instead::Nothing,
        }
    }
}

/// What the list was made of; another one needs another list.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Listed {
    run: RunName,
    gallery: u64,
    /// The epoch of the predictions, if there are any.
    epoch: Option<u64>,
    show: Show,
}

/// A file of the user's.
#[derive(Clone, Debug)]
pub struct FileView {
    pub id: u64,
    pub path: String,
    /// None while a worker looks at it.
    pub answer: Option<Result<FileAnswer, Text>>,
}

/// A picture that was damaged, beside what a model restores of it.
#[derive(Clone, Debug)]
pub struct TripleView {
    pub id: u64,
    /// What it is a picture of, in words.
    pub of: String,
    pub damage: Damage,
    pub original: Arc<RgbImage>,
    /// None while a worker restores it.
    pub answer: Option<Result<Restoration, Text>>,
}

/// A picture, and where a captioner looked for each word that it says of it.
#[derive(Clone, Debug)]
pub struct AttentionView {
    pub id: u64,
    /// What it is a picture of, in words.
    pub of: String,
    pub picture: Arc<RgbImage>,
    /// None while a worker looks.
    pub answer: Option<Result<Attention, Text>>,
    /// The word that is shown.
    pub word: usize,
}

impl AttentionView {
    /// The next word or the one before, round and round.
    pub fn step(&mut self, back: bool) {
        if let Some(Ok(attention)) = &self.answer {
            let words = attention.words.len();
            self.word = (self.word + if back { words - 1 } else { 1 }) % words;
        }
    }
}

/// One picture of the list, with what is known of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shown {
    pub index: u32,
    pub truth: usize,
    /// The label named and the confidence of it.
    pub named: Option<(usize, f32)>,
}

impl Shown {
    pub fn new(gallery: &Gallery, predictions: Option<&Predictions>, index: u32) -> Option<Shown> {
        let truth = gallery.truth(index)?;
        Some(Shown { index, truth, named: predictions.and_then(|p| p.named(index)) })
    }

    pub fn is_right(&self) -> Option<bool> {
        self.named.map(|(named, _)| named == self.truth)
    }
}

impl Show {
    /// The next of the four ways to list; a cell of the matrix is one of its own, left by the first press.
    pub fn next(self) -> Show {
        match self {
            Show::All => Show::Mistakes,
            Show::Mistakes => Show::OfTruth(0),
            Show::OfTruth(label) => Show::Named(label),
            Show::Named(_) | Show::Cell { .. } => Show::All,
        }
    }

    /// The same with the next label, where it has one.
    pub fn with_next_label(self, labels: usize, back: bool) -> Show {
        let next = |label: usize| match (labels, back) {
            (0, _) => 0,
            (n, false) => (label + 1) % n,
            (n, true) => (label + n - 1) % n,
        };
        match self {
            Show::OfTruth(label) => Show::OfTruth(next(label)),
            Show::Named(label) => Show::Named(next(label)),
            other => other,
        }
    }

    /// Whether it can only be answered with predictions.
    pub fn needs_predictions(self) -> bool {
        !matches!(self, Show::All | Show::OfTruth(_))
    }

    fn lets_through(self, picture: &Shown) -> bool {
        let named = picture.named.map(|(label, _)| label);
        match self {
            Show::All => true,
            Show::Mistakes => picture.is_right() == Some(false),
            Show::OfTruth(label) => picture.truth == label,
            Show::Named(label) => named == Some(label),
            Show::Cell { truth, named: column } => picture.truth == truth && named == Some(column),
        }
    }
}

impl PreviewView {
    /// Makes the list anew if something that it depends on has changed.
    pub fn settle(&mut self, run: &RunName, gallery: &Gallery, predictions: Option<(u64, &Predictions)>) {
        let now = Listed {
            run: run.clone(),
            gallery: gallery.id(),
            epoch: predictions.map(|(epoch, _)| epoch),
            show: self.show,
        };
        if self.listed.as_ref() == Some(&now) {
            return;
        }
        let predictions = predictions.map(|(_, predictions)| predictions);
        let all = (0..gallery.len()).filter_map(|index| Shown::new(gallery, predictions, index));
        self.list = all.filter(|p| self.show.lets_through(p)).map(|p| p.index).collect();
        self.listed = Some(now);
    }

    pub fn clear(&mut self) {
        self.list.clear();
        self.listed = None;
    }

    pub fn list(&self) -> &[u32] {
        &self.list
    }

    /// The place of the cursor in the list; none if it is empty.
    pub fn position(&self) -> Option<usize> {
        let last = self.list.len().checked_sub(1)?;
        Some(self.list.partition_point(|index| *index < self.anchor).min(last))
    }

    pub fn picture(&self) -> Option<u32> {
        self.list.get(self.position()?).copied()
    }

    /// Leaves what stands before the pictures; false if nothing did.
    pub fn step_back(&mut self) -> bool {
        self.attention.take().is_some() || self.triple.take().is_some() || self.file.take().is_some()
    }

    /// The pictures themselves, whatever stood before them.
    pub fn show_pictures(&mut self) {
        self.attention = None;
        self.triple = None;
        self.file = None;
    }

    /// Moves the cursor by so many pictures, stopping at the ends.
    pub fn move_by(&mut self, pictures: isize) {
        let Some(at) = self.position() else { return };
        let to = at.saturating_add_signed(pictures).min(self.list.len() - 1);
        self.anchor = self.list[to];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gallery() -> Gallery {
        Gallery::striped(&["cat", "dog"], &[0, 1, 0, 1, 0])
    }

    fn settled(view: &mut PreviewView, epoch: u64, named: &[u8]) {
        let predictions = Predictions::of(named.iter().map(|label| (*label, 0.8)));
        view.settle(&"r".parse().unwrap(), &gallery(), Some((epoch, &predictions)));
    }

    #[test]
    fn the_four_ways_to_list() {
        let mut view = PreviewView::default();
        let mut lists = Vec::new();
        for _ in 0..4 {
            settled(&mut view, 1, &[0, 0, 1, 1, 1]);
            lists.push(view.list().to_vec());
            view.show = view.show.next();
        }
        assert_eq!(lists, [vec![0, 1, 2, 3, 4], vec![1, 2, 4], vec![0, 2, 4], vec![0, 1]]);
        view.show = Show::Cell { truth: 0, named: 1 };
        settled(&mut view, 1, &[0, 0, 1, 1, 1]);
        assert_eq!(view.list(), [2, 4]);
    }

    #[test]
    fn the_picture_comes_back_with_its_epoch() {
        let mut view = PreviewView { show: Show::Mistakes, ..PreviewView::default() };
        settled(&mut view, 1, &[1, 0, 1, 0, 1]);
        view.move_by(2);
        assert_eq!(view.picture(), Some(2));
        settled(&mut view, 2, &[0, 1, 0, 0, 1]);
        assert_eq!(view.picture(), Some(3));
        settled(&mut view, 1, &[1, 0, 1, 0, 1]);
        assert_eq!(view.picture(), Some(2));
    }

    #[test]
    fn an_empty_list_has_no_picture_and_does_not_move() {
        let mut view = PreviewView { show: Show::Mistakes, ..PreviewView::default() };
        settled(&mut view, 1, &[0, 1, 0, 1, 0]);
        view.move_by(1);
        assert_eq!((view.position(), view.picture()), (None, None));
    }

    #[test]
    fn without_predictions_there_are_no_mistakes_yet() {
        let mut view = PreviewView { show: Show::Mistakes, ..PreviewView::default() };
        view.settle(&"r".parse().unwrap(), &gallery(), None);
        assert!(view.list().is_empty());
        view.show = Show::OfTruth(1);
        view.settle(&"r".parse().unwrap(), &gallery(), None);
        assert_eq!(view.list(), [1, 3]);
    }

    #[test]
    fn labels_go_round() {
        assert_eq!(Show::OfTruth(1).with_next_label(2, false), Show::OfTruth(0));
        assert_eq!(Show::Named(0).with_next_label(2, true), Show::Named(1));
        assert_eq!(Show::Named(0).with_next_label(0, true), Show::Named(0));
        assert_eq!(Show::All.with_next_label(2, false), Show::All);
    }
}

//! The filters of the Preview tab: which pictures they let through.

use crate::jobs::{Gallery, Predictions};

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

/// How sure the run was of what it named; joins [`Show`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sureness {
    #[default]
    Any,
    /// Less than half sure.
    Unsure,
    /// Nine tenths sure, and wrong all the same.
    SurelyWrong,
}

impl Sureness {
    const UNSURE: f32 = 0.5;
    const SURE: f32 = 0.9;

    /// The next of the three, of which pictures without true labels have two.
    pub fn next(self, has_truths: bool) -> Sureness {
        match self {
            Sureness::Any => Sureness::Unsure,
            Sureness::Unsure if has_truths => Sureness::SurelyWrong,
            Sureness::Unsure | Sureness::SurelyWrong => Sureness::Any,
        }
    }

    pub(super) fn lets_through(self, picture: &Shown) -> bool {
        match (self, picture.named) {
            (Sureness::Any, _) => true,
            (Sureness::Unsure, Some((_, sure))) => sure < Self::UNSURE,
            (Sureness::SurelyWrong, Some((_, sure))) => sure >= Self::SURE && picture.is_right() == Some(false),
            (_, None) => false,
        }
    }
}

/// One picture of the list, with what is known of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shown {
    pub index: u32,
    /// None where nobody knows it.
    pub truth: Option<usize>,
    /// The label named and the confidence of it.
    pub named: Option<(usize, f32)>,
}

impl Shown {
    pub fn new(gallery: &Gallery, predictions: Option<&Predictions>, index: u32) -> Option<Shown> {
        let is_there = index < gallery.len();
        let named = predictions.and_then(|predictions| predictions.named(index));
        is_there.then(|| Shown { index, truth: gallery.truth(index), named })
    }

    /// None where nobody knows, or nothing was named.
    pub fn is_right(&self) -> Option<bool> {
        Some(self.named?.0 == self.truth?)
    }
}

impl Show {
    /// The next of the four ways to list, of which pictures without true labels have two; a cell of the matrix is one of
    /// its own, left by the first press.
    pub fn next(self, has_truths: bool) -> Show {
        match self {
            Show::All if !has_truths => Show::Named(0),
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
    pub(super) fn needs_predictions(self) -> bool {
        !matches!(self, Show::All | Show::OfTruth(_))
    }

    pub(super) fn lets_through(self, picture: &Shown) -> bool {
        let named = picture.named.map(|(label, _)| label);
        match self {
            Show::All => true,
            Show::Mistakes => picture.is_right() == Some(false),
            Show::OfTruth(label) => picture.truth == Some(label),
            Show::Named(label) => named == Some(label),
            Show::Cell { truth, named: column } => picture.truth == Some(truth) && named == Some(column),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_go_round() {
        assert_eq!(Show::OfTruth(1).with_next_label(2, false), Show::OfTruth(0));
        assert_eq!(Show::Named(0).with_next_label(2, true), Show::Named(1));
        assert_eq!(Show::Named(0).with_next_label(0, true), Show::Named(0));
        assert_eq!(Show::All.with_next_label(2, false), Show::All);
    }
}

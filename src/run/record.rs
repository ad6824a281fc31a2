//! What a [`super::Replay`] keeps beside the metrics.

/// How labels were told apart after an epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct Confusion {
    /// `test` or `held_out`.
    pub split: String,
    /// Counted from 1.
    pub epoch: u64,
    /// The last step logged before it.
    pub step: u64,
    /// In the order of rows and columns.
    pub labels: Vec<String>,
    /// Counts; rows are the true label; square.
    pub matrix: Vec<Vec<u64>>,
}

/// A file of the run that belongs to an epoch: predictions of a split, or a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The split for predictions, empty for pictures.
    pub split: String,
    /// Relative to the run; open it through [`super::RunDir::resolve`].
    pub path: String,
    /// Counted from 1.
    pub epoch: u64,
    /// Optimiser steps done.
    pub step: u64,
}

/// Weights that can be gone back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Relative to the run.
    pub path: String,
    /// Optimiser steps done.
    pub step: u64,
    /// Counted from 1.
    pub epoch: u64,
    /// The best by the held-out images when it was saved.
    pub best: bool,
}

/// A line for people: a note, a change of phase, an answer to a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteLine {
    /// Unix time.
    pub t_ms: u64,
    /// `info`, `warning` or `error`.
    pub level: String,
    /// One sentence.
    pub text: String,
}

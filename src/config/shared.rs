//! Rows that the sections of several models have in common.

use super::cnn::Flip;
use super::setting::{Allowed, DefaultValue, Setting};

/// Settings that leave the trained weights as they are.
pub(super) const BOOKKEEPING: &[&str] = &[
    "eval_every_epochs",
    "sample_every_epochs",
    "sample_steps",
    "guidance",
    "classified",
    "checkpoint_every_s",
    "keep_checkpoints",
];

/// A row whose default is the same everywhere.
pub(super) const fn row(key: &'static str, meaning: &'static str, allowed: Allowed) -> Setting {
    Setting { key, meaning, allowed, default: DefaultValue::Fixed }
}

pub(super) const SEED: Setting = row(
    "seed",
    "Starts every random choice: the same seed gives the same weights.",
    Allowed::Integer { from: 0, to: i64::MAX },
);

pub(super) const LABELS: Setting = row(
    "labels",
    "Learn only these labels of the data; []: all of them.",
    Allowed::words("[\"cat\", \"dog\", \"ship\"]"),
);

pub(super) const EPOCHS: Setting =
    row("epochs", "How often each training image is seen.", Allowed::Integer { from: 1, to: 10_000 });

pub(super) const BATCH_SIZE: Setting = row("batch_size", "Images a step.", Allowed::Integer { from: 1, to: 4096 });

pub(super) const COSINE_RATE: Setting = row(
    "learning_rate",
    "AdamW's highest learning rate; it then falls to zero along half a cosine.",
    Allowed::NumberAbove { above: 0.0, to: 10.0 },
);

pub(super) const WARMUP_STEPS: Setting = row(
    "warmup_steps",
    "Steps in which the learning rate climbs, at most a tenth of all.",
    Allowed::Integer { from: 0, to: 1_000_000 },
);

pub(super) const DECOUPLED_DECAY: Setting =
    row("weight_decay", "AdamW's decoupled weight decay.", Allowed::Number { from: 0.0, to: 10.0 });

pub(super) const EMA: Setting = row(
    "ema",
    "How much of the averaged weights stays at each step. Samples and answers are made with the averages.",
    Allowed::Number { from: 0.0, to: 0.999_999 },
);

pub(super) const FLIP: Setting = row(
    "flip",
    "Mirror training images. random: by a coin each epoch; alternating: turned over each epoch.",
    Allowed::OneOf(Flip::WORDS),
);

pub(super) const EVAL_EVERY_EPOCHS: Setting = row(
    "eval_every_epochs",
    "Test after every so many epochs; the last one is always tested.",
    Allowed::Integer { from: 1, to: 10_000 },
);

pub(super) const CHECKPOINT_EVERY_S: Setting = row(
    "checkpoint_every_s",
    "Save weights and optimiser this often (seconds), besides every epoch's end: what a crash may cost. 0: after every step.",
    Allowed::Number { from: 0.0, to: 86_400.0 },
);

pub(super) const KEEP_CHECKPOINTS: Setting = row(
    "keep_checkpoints",
    "How many of the last checkpoints are kept beside the best.",
    Allowed::Integer { from: 1, to: 1000 },
);

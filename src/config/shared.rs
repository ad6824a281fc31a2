//! Rows that the sections of several models have in common.

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

pub(super) const SEED: Setting = Setting {
    key: "seed",
    meaning: "Starts every random choice: the same seed gives the same weights.",
    allowed: Allowed::Integer { from: 0, to: i64::MAX },
    default: DefaultValue::Fixed,
};

pub(super) const EVAL_EVERY_EPOCHS: Setting = Setting {
    key: "eval_every_epochs",
    meaning: "Test after every so many epochs; the last one is always tested.",
    allowed: Allowed::Integer { from: 1, to: 10_000 },
    default: DefaultValue::Fixed,
};

pub(super) const CHECKPOINT_EVERY_S: Setting = Setting {
    key: "checkpoint_every_s",
    meaning: "Save weights and optimiser this often (seconds), besides every epoch's end: what a crash may cost. 0: after every step.",
    allowed: Allowed::Number { from: 0.0, to: 86_400.0 },
    default: DefaultValue::Fixed,
};

pub(super) const KEEP_CHECKPOINTS: Setting = Setting {
    key: "keep_checkpoints",
    meaning: "How many of the last checkpoints are kept beside the best.",
    allowed: Allowed::Integer { from: 1, to: 1000 },
    default: DefaultValue::Fixed,
};

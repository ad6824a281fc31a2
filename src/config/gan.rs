//! `[gan]`: the recipe of the class-conditional generator and its discriminator with a label head.

use serde::{Deserialize, Serialize};

use super::cnn::Flip;
use super::setting::{Allowed, Setting};
use super::shared::{self, row};

/// The recipe, every value filled in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GanConfig {
    pub seed: u64,
    /// Names; none means all.
    pub labels: Vec<String>,
    pub generator: bool,
    pub epochs: u64,
    pub batch_size: usize,
    pub learning_rate_d: f64,
    pub learning_rate_g: f64,
    pub decay_from_d: f64,
    pub decay_from: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub label_weight_real: f64,
    pub label_weight_fake: f64,
    pub flip: Flip,
    pub shift: usize,
    pub ema: f64,
    pub eval_every_epochs: u64,
    pub sample_every_epochs: u64,
    pub checkpoint_every_s: f64,
    pub keep_checkpoints: usize,
}

impl Default for GanConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            labels: Vec::new(),
            generator: true,
            epochs: 12,
            batch_size: 64,
            learning_rate_d: 6e-4,
            learning_rate_g: 4e-4,
            decay_from_d: 0.35,
            decay_from: 0.65,
            beta1: 0.0,
            beta2: 0.9,
            label_weight_real: 3.0,
            label_weight_fake: 0.5,
            flip: Flip::Random,
            shift: 4,
            ema: 0.999,
            eval_every_epochs: 1,
            sample_every_epochs: 1,
            checkpoint_every_s: 60.0,
            keep_checkpoints: 2,
        }
    }
}

const RATE: Allowed = Allowed::NumberAbove { above: 0.0, to: 10.0 };
const WEIGHT: Allowed = Allowed::Number { from: 0.0, to: 100.0 };
const BETA: Allowed = Allowed::Number { from: 0.0, to: 0.9999 };

pub(super) const SETTINGS: &[Setting] = &[
    shared::SEED,
    shared::LABELS,
    row(
        "generator",
        "false: train the discriminator's label head alone, on real pictures. That is what the generator's help is measured by.",
        Allowed::Bool,
    ),
    shared::EPOCHS,
    row("batch_size", "Real images a step, and as many made ones.", Allowed::Integer { from: 1, to: 4096 }),
    row("learning_rate_d", "Adam's learning rate of the discriminator.", RATE),
    row("learning_rate_g", "Adam's learning rate of the generator.", RATE),
    row(
        "decay_from_d",
        "The share of all steps after which the discriminator's learning rate falls to zero in a straight line; 1: never.",
        Allowed::Number { from: 0.0, to: 1.0 },
    ),
    row(
        "decay_from",
        "The same of the generator: later, since a discriminator that goes on learning as fast leaves it behind.",
        Allowed::Number { from: 0.0, to: 1.0 },
    ),
    row("beta1", "Adam's memory of the gradient.", BETA),
    row("beta2", "Adam's memory of the gradient's square.", BETA),
    row(
        "label_weight_real",
        "What the label head's cross-entropy on real pictures counts for in the discriminator's loss.",
        WEIGHT,
    ),
    row(
        "label_weight_fake",
        "What the label head's cross-entropy on made pictures counts for in the generator's loss.",
        WEIGHT,
    ),
    row(
        "flip",
        "Mirror real training images. random: by a coin each epoch; alternating: turned over each epoch.",
        Allowed::OneOf(Flip::WORDS),
    ),
    row(
        "shift",
        "Move what the discriminator sees, real or made, by up to so many pixels each way, zeros coming in.",
        Allowed::Integer { from: 0, to: 16 },
    ),
    shared::EMA,
    shared::EVAL_EVERY_EPOCHS,
    row(
        "sample_every_epochs",
        "Draw a sheet of pictures after every so many epochs.",
        Allowed::Integer { from: 1, to: 10_000 },
    ),
    shared::CHECKPOINT_EVERY_S,
    shared::KEEP_CHECKPOINTS,
];

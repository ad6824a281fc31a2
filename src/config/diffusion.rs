//! `[diffusion]`: the recipe of the class-conditional diffusion model.

use serde::{Deserialize, Serialize};

use super::cnn::Flip;
use super::setting::{Allowed, DefaultValue, Setting};
use super::shared::{self, row};

/// The recipe, every value filled in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiffusionConfig {
    pub seed: u64,
    /// Names; none means all.
    pub labels: Vec<String>,
    /// A run, a folder or a file of weights to begin with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<String>,
    pub epochs: u64,
    pub batch_size: usize,
    pub learning_rate: f64,
    pub warmup_steps: u64,
    pub weight_decay: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub ema: f64,
    pub label_drop: f64,
    pub focus: f64,
    pub hole_share: f64,
    pub flip: Flip,
    pub sample_steps: usize,
    pub guidance: f64,
    pub classified: usize,
    pub fitted: usize,
    pub eval_every_epochs: u64,
    pub sample_every_epochs: u64,
    pub checkpoint_every_s: f64,
    pub keep_checkpoints: usize,
}

impl Default for DiffusionConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            labels: Vec::new(),
            init: None,
            epochs: 20,
            batch_size: 128,
            learning_rate: 1e-3,
            warmup_steps: 500,
            weight_decay: 0.01,
            beta1: 0.9,
            beta2: 0.999,
            ema: 0.999,
            label_drop: 0.1,
            focus: 0.5,
            hole_share: 0.3,
            flip: Flip::Random,
            sample_steps: 20,
            guidance: 2.0,
            classified: 100,
            fitted: 500,
            eval_every_epochs: 1,
            sample_every_epochs: 1,
            checkpoint_every_s: 60.0,
            keep_checkpoints: 2,
        }
    }
}

const BETA: Allowed = Allowed::Number { from: 0.0, to: 0.9999 };
const SHARE: Allowed = Allowed::Number { from: 0.0, to: 1.0 };
const PICTURES: Allowed = Allowed::Integer { from: 0, to: 100_000 };

pub(super) const SETTINGS: &[Setting] = &[
    shared::SEED,
    shared::LABELS,
    Setting {
        key: "init",
        meaning: "Begin with the weights of this run, folder or file, where labels are the same. Unset: with fresh ones.",
        allowed: Allowed::Path,
        default: DefaultValue::Unset("\"diffusion-1\""),
    },
    shared::EPOCHS,
    shared::BATCH_SIZE,
    shared::COSINE_RATE,
    shared::WARMUP_STEPS,
    shared::DECOUPLED_DECAY,
    row("beta1", "AdamW's memory of the gradient.", BETA),
    row("beta2", "AdamW's memory of the gradient's square.", BETA),
    shared::EMA,
    row("label_drop", "The share of images whose label is hidden, so that guidance has a net without labels.", SHARE),
    row("focus", "The share of images whose noise is drawn from the middle levels, 0.2 to 0.7 of 0 to 1.", SHARE),
    row(
        "hole_share",
        "The share of images that have no noise but a hole, so that the net learns to fill it; their labels are hidden.",
        SHARE,
    ),
    shared::FLIP,
    row(
        "sample_steps",
        "Steps from noise to picture for what is drawn in training.",
        Allowed::Integer { from: 1, to: 1000 },
    ),
    row(
        "guidance",
        "How far pictures that are drawn in training are pushed towards their label; 1: as the net says.",
        Allowed::Number { from: 0.0, to: 100.0 },
    ),
    row(
        "classified",
        "Test images that are named after an epoch, with the fewest passes that tell something; 0: none.",
        PICTURES,
    ),
    row(
        "fitted",
        "Held-out images that the classifier's weights of the noise levels are fitted on after the last epoch; 0: none.",
        PICTURES,
    ),
    shared::EVAL_EVERY_EPOCHS,
    row(
        "sample_every_epochs",
        "Draw a sheet of pictures, and a strip from noise to picture, after every so many epochs.",
        Allowed::Integer { from: 1, to: 10_000 },
    ),
    shared::CHECKPOINT_EVERY_S,
    shared::KEEP_CHECKPOINTS,
];

//! `[cnn]`: the convolutional network's recipe, and what each preset says about it.

use serde::{Deserialize, Serialize};

use super::choice::choice;
use super::setting::{Allowed, DefaultValue, Setting};
use super::shared;

choice! {
    /// A network and its recipe.
    pub enum Preset {
        /// The article's net: convolution and pooling, then dense.
        Plain = "plain",
        /// A modern small net.
        Default = "default",
    }
}

choice! {
    /// Whether training images are mirrored.
    pub enum Flip {
        None = "none",
        /// Each image by a coin of its own every epoch.
        Random = "random",
        /// A coin in the first epoch, then turned over each epoch, so that two epochs show both sides of every image.
        Alternating = "alternating",
    }
}

/// The recipe with every value filled in: a preset's, changed where a user set something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CnnConfig {
    pub preset: Preset,
    pub seed: u64,
    pub epochs: u64,
    pub batch_size: usize,
    pub learning_rate: f64,
    pub bias_lr_factor: f64,
    pub momentum: f64,
    pub weight_decay: f64,
    pub label_smoothing: f64,
    pub warmup_share: f64,
    pub flip: Flip,
    pub shift: usize,
    pub cutout: usize,
    pub eval_every_epochs: u64,
    pub checkpoint_every_s: f64,
    pub keep_checkpoints: usize,
}

impl Default for CnnConfig {
    fn default() -> Self {
        Self::of_preset(Preset::Default)
    }
}

impl CnnConfig {
    pub fn of_preset(preset: Preset) -> Self {
        match preset {
            Preset::Plain => PLAIN,
            Preset::Default => DEFAULT,
        }
    }
}

const PLAIN: CnnConfig = CnnConfig {
    preset: Preset::Plain,
    seed: 1,
    epochs: 10,
    batch_size: 128,
    learning_rate: 0.05,
    bias_lr_factor: 1.0,
    momentum: 0.9,
    weight_decay: 5e-4,
    label_smoothing: 0.0,
    warmup_share: 0.2,
    flip: Flip::Random,
    shift: 0,
    cutout: 0,
    eval_every_epochs: 1,
    checkpoint_every_s: 30.0,
    keep_checkpoints: 2,
};

/// cifar10-airbench's rates (K. Jordan 2024), brought from a summed loss at batch 1,024 to a mean loss at batch 500.
const DEFAULT: CnnConfig = CnnConfig {
    preset: Preset::Default,
    seed: 1,
    epochs: 10,
    batch_size: 500,
    learning_rate: 0.73,
    bias_lr_factor: 64.0,
    momentum: 0.85,
    weight_decay: 1.33e-3,
    label_smoothing: 0.2,
    warmup_share: 0.23,
    flip: Flip::Alternating,
    shift: 2,
    cutout: 0,
    eval_every_epochs: 1,
    checkpoint_every_s: 30.0,
    keep_checkpoints: 2,
};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: "preset",
        meaning: "The network and its recipe. plain: convolution, pooling and dense, as in the article; default: a modern small net.\n\
                  What is set below beats the preset.",
        allowed: Allowed::OneOf(Preset::WORDS),
        default: DefaultValue::Fixed,
    },
    shared::SEED,
    Setting {
        key: "epochs",
        meaning: "How often each training image is seen.",
        allowed: Allowed::Integer { from: 1, to: 10_000 },
        default: DefaultValue::OfPreset,
    },
    Setting {
        key: "batch_size",
        meaning: "Images a step.",
        allowed: Allowed::Integer { from: 1, to: 65_536 },
        default: DefaultValue::OfPreset,
    },
    Setting {
        key: "learning_rate",
        meaning: "The highest learning rate, reached at the end of the warm-up.",
        allowed: Allowed::NumberAbove { above: 0.0, to: 1000.0 },
        default: DefaultValue::OfPreset,
    },
    Setting {
        key: "bias_lr_factor",
        meaning: "Biases of batch norm learn so many times faster.",
        allowed: Allowed::NumberAbove { above: 0.0, to: 1000.0 },
        default: DefaultValue::OfPreset,
    },
    Setting {
        key: "momentum",
        meaning: "Nesterov momentum of SGD.",
        allowed: Allowed::Number { from: 0.0, to: 0.9999 },
        default: DefaultValue::OfPreset,
    },
    Setting {
        key: "weight_decay",
        meaning: "L2 penalty on the weights.",
        allowed: Allowed::Number { from: 0.0, to: 10.0 },
        default: DefaultValue::OfPreset,
    },
    Setting {
        key: "label_smoothing",
        meaning: "The share of each target that is spread over all labels.",
        allowed: Allowed::Number { from: 0.0, to: 0.99 },
        default: DefaultValue::OfPreset,
    },
    Setting {
        key: "warmup_share",
        meaning: "The share of all steps in which the learning rate climbs; it then falls to zero in a straight line.",
        allowed: Allowed::Number { from: 0.0, to: 1.0 },
        default: DefaultValue::OfPreset,
    },
    Setting {
        key: "flip",
        meaning: "Mirror training images. random: by a coin each epoch; alternating: turned over each epoch.",
        allowed: Allowed::OneOf(Flip::WORDS),
        default: DefaultValue::OfPreset,
    },
    Setting {
        key: "shift",
        meaning: "Move training images by up to so many pixels each way.",
        allowed: Allowed::Integer { from: 0, to: 16 },
        default: DefaultValue::OfPreset,
    },
    Setting {
        key: "cutout",
        meaning: "Blank a square of so many pixels in each training image; 0: none.",
        allowed: Allowed::Integer { from: 0, to: 32 },
        default: DefaultValue::OfPreset,
    },
    shared::EVAL_EVERY_EPOCHS,
    shared::CHECKPOINT_EVERY_S,
    shared::KEEP_CHECKPOINTS,
];

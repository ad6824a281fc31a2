//! `[captioner]`: the recipe of the net that writes captions.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::choice::choice;
use super::cnn::Flip;
use super::setting::{Allowed, DefaultValue, Setting};
use super::shared::{self, row};

choice! {
    /// How the captioner's own transformer gets its tokens from pixels.
    pub enum PatchPreset {
        /// Three convolutions, down to 8x8 tokens.
        Stem = "stem",
        /// Each 4x4 square by one linear layer, as in the first vision transformers.
        Plain = "plain",
    }
}

choice! {
    /// Whose eyes a captioner sees with.
    pub enum EyesKind {
        /// A transformer that learns with it.
        Vit = "vit",
        /// The feature maps of a trained net.
        Cnn = "cnn",
        Gan = "gan",
        Diffusion = "diffusion",
        /// Those of a net that never learned anything.
        Random = "random",
    }
}

/// The eyes as a user names them: a kind, and of borrowed ones perhaps a run or a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncoderChoice {
    pub kind: EyesKind,
    /// None: the weights that come with pixscribe.
    pub from: Option<String>,
}

impl EncoderChoice {
    /// Eyes of a kind, without a run.
    pub const fn new(kind: EyesKind) -> Self {
        Self { kind, from: None }
    }
}

impl fmt::Display for EncoderChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.from {
            None => f.write_str(self.kind.as_str()),
            Some(from) => write!(f, "{}:{from}", self.kind),
        }
    }
}

impl FromStr for EncoderChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || format!("{text:?} is no encoder: {ENCODER_FORM}");
        let (kind, from) = text.split_once(':').map_or((text, None), |(kind, from)| (kind, Some(from)));
        let kind: EyesKind = kind.parse().map_err(|_| refused())?;
        let is_borrowed = matches!(kind, EyesKind::Cnn | EyesKind::Gan | EyesKind::Diffusion);
        let fits = |from: &str| is_borrowed && !from.is_empty() && !from.contains(char::is_control);
        if from.is_none_or(fits) { Ok(Self { kind, from: from.map(str::to_owned) }) } else { Err(refused()) }
    }
}

impl Serialize for EncoderChoice {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EncoderChoice {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

const ENCODER_FORM: &str = "\"vit\", \"random\", or \"cnn\", \"gan\" or \"diffusion\", each alone or as \"cnn:RUN\"";

/// The recipe, every value filled in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaptionerConfig {
    pub seed: u64,
    pub encoder: EncoderChoice,
    pub frozen: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub captions: Option<PathBuf>,
    pub preset: PatchPreset,
    pub width: usize,
    pub layers: usize,
    pub heads: usize,
    pub decoder_layers: usize,
    pub vocabulary: usize,
    pub epochs: u64,
    pub batch_size: usize,
    pub learning_rate: f64,
    pub warmup_steps: u64,
    pub weight_decay: f64,
    pub clip_norm: f64,
    pub label_smoothing: f64,
    pub label_weight: f64,
    pub dropout: f64,
    pub noise: f64,
    pub flip: Flip,
    pub shift: usize,
    pub eval_every_epochs: u64,
    pub checkpoint_every_s: f64,
    pub keep_checkpoints: usize,
}

impl Default for CaptionerConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            encoder: EncoderChoice::new(EyesKind::Vit),
            frozen: true,
            init: None,
            captions: None,
            preset: PatchPreset::Stem,
            width: 96,
            layers: 4,
            heads: 6,
            decoder_layers: 2,
            vocabulary: 512,
            epochs: 15,
            batch_size: 128,
            learning_rate: 1e-3,
            warmup_steps: 300,
            weight_decay: 0.05,
            clip_norm: 1.0,
            label_smoothing: 0.1,
            label_weight: 4.0,
            dropout: 0.0,
            noise: 0.0,
            flip: Flip::Random,
            shift: 2,
            eval_every_epochs: 1,
            checkpoint_every_s: 60.0,
            keep_checkpoints: 2,
        }
    }
}

pub(super) const SETTINGS: &[Setting] = &[
    shared::SEED,
    row(
        "encoder",
        "Whose eyes it sees with. vit: a transformer that learns with it; cnn, gan, diffusion: the feature maps of a\n\
         trained net, \"cnn:RUN\" naming a run or a folder, else the weights that come with pixscribe; random: those of a net\n\
         that never learned anything.",
        Allowed::Form { text: ENCODER_FORM, check: |text| text.parse::<EncoderChoice>().is_ok() },
    ),
    row("frozen", "Borrowed eyes stay as they are; false: they learn on with the captioner.", Allowed::Bool),
    Setting {
        key: "init",
        meaning: "Go on from another captioner: a run, a file of weights or a Hugging Face folder. Its eyes, sizes and tokens are\n\
                  taken as they are, whatever is set here. Unset: begin with fresh weights.",
        allowed: Allowed::Path,
        default: DefaultValue::Unset("\"captioner-1\""),
    },
    Setting {
        key: "captions",
        meaning: "Learn your own captions: a folder of pictures with a COCO annotations file, a .jsonl file of file_name and text, or a\n\
                  .txt beside each picture. Set flip to \"none\" if they tell left from right. Unset: captions of what is measured\n\
                  in the pictures of data.path.",
        allowed: Allowed::Path,
        default: DefaultValue::Unset("\"my-captions\""),
    },
    row(
        "preset",
        "How the transformer gets its tokens. stem: three convolutions, down to 8x8 tokens; plain: squares of 4x4 pixels.",
        Allowed::OneOf(PatchPreset::WORDS),
    ),
    row(
        "width",
        "Numbers of a token, of a picture or of text; a multiple of heads.",
        Allowed::Integer { from: 1, to: 4096 },
    ),
    row("layers", "Blocks of the transformer that sees.", Allowed::Integer { from: 1, to: 64 }),
    row("heads", "Heads of every attention.", Allowed::Integer { from: 1, to: 256 }),
    row("decoder_layers", "Blocks of the transformer that writes.", Allowed::Integer { from: 1, to: 64 }),
    row(
        "vocabulary",
        "Tokens of the text at most; they are made from the training captions.",
        Allowed::Integer { from: 257, to: 65_536 },
    ),
    shared::EPOCHS,
    shared::BATCH_SIZE,
    shared::COSINE_RATE,
    shared::WARMUP_STEPS,
    shared::DECOUPLED_DECAY,
    row(
        "clip_norm",
        "Gradients of a larger norm are scaled down to this one.",
        Allowed::NumberAbove { above: 0.0, to: 1e9 },
    ),
    row(
        "label_smoothing",
        "The share of each target that is spread over all tokens.",
        Allowed::Number { from: 0.0, to: 0.99 },
    ),
    row(
        "label_weight",
        "How much the label's word counts in the loss; every other token counts 1.",
        Allowed::NumberAbove { above: 0.0, to: 1000.0 },
    ),
    row(
        "dropout",
        "The share of numbers that each part of a transformer drops in training.",
        Allowed::Number { from: 0.0, to: 0.9 },
    ),
    row(
        "noise",
        "Train on noisy pictures: each with Gaussian noise of a deviation drawn from 0 to this, pixels being 0 to 1. Captions\n\
         say what was true before the noise.",
        Allowed::Number { from: 0.0, to: 1.0 },
    ),
    shared::FLIP,
    row("shift", "Move training images by up to so many pixels each way.", Allowed::Integer { from: 0, to: 16 }),
    shared::EVAL_EVERY_EPOCHS,
    shared::CHECKPOINT_EVERY_S,
    shared::KEEP_CHECKPOINTS,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoders_are_read_as_they_are_written() {
        for text in ["vit", "cnn", "gan", "diffusion", "random", "cnn:base", "diffusion:/a folder/with: colons"] {
            assert_eq!(text.parse::<EncoderChoice>().unwrap().to_string(), text);
        }
        let base: EncoderChoice = "gan:gan-1".parse().unwrap();
        assert_eq!((base.kind, base.from.as_deref()), (EyesKind::Gan, Some("gan-1")));
        for bad in ["", "CNN", "cnn:", "vit:base", "random:1", "eagle", ":base", "cnn:a\nb"] {
            let why = bad.parse::<EncoderChoice>().unwrap_err();
            assert!(why.contains("\"vit\", \"random\""), "{why}");
        }
    }
}

//! Every size and switch of a captioner.

use crate::ops::Activation;
use serde::{Deserialize, Serialize};

/// A captioner: what sees, and what speaks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaptionerSettings {
    pub eyes: EyesSettings,
    pub decoder: Gpt2Settings,
}

/// Where image tokens come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EyesSettings {
    /// From pictures, by a transformer of its own.
    Vit(VitSettings),
    /// From feature maps of another net, one group after the other.
    Borrowed(Vec<Group>),
}

/// Feature maps of one size as tokens: `(B, tokens, width)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    pub tokens: usize,
    pub width: usize,
}

/// A vision transformer (Dosovitskiy et al. 2021), named as in Hugging Face's `ViTConfig`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VitSettings {
    /// Height and width of the pictures, in pixels.
    pub image: [usize; 2],
    /// Channels of a pixel.
    pub channels: usize,
    pub patches: Patches,
    /// One more token, in front, that stands for no place.
    pub class_token: bool,
    pub width: usize,
    pub layers: usize,
    pub heads: usize,
    /// Width between the two layers of each block's perceptron.
    pub inner: usize,
    pub qkv_bias: bool,
    pub activation: Activation,
    /// Added to the variances of the layer norms.
    pub eps: f32,
    /// Share of the numbers that are zeroed behind the embedding and behind each part of a block while it trains.
    pub dropout: f32,
}

/// How pixels become tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Patches {
    /// Each rectangle of this height and width by one linear layer.
    Plain([usize; 2]),
    /// By 3x3 convolutions with batch norm and GELU, one stage after the other; each pixel that is left is a token.
    Stem(Vec<Stage>),
}

/// One convolution of a stem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// The last stage has the transformer's width.
    pub channels: usize,
    /// Takes the largest of each 2x2 and so halves the sides.
    pub pool: bool,
}

/// GPT-2 with cross-attention (Radford et al. 2019), named as in Hugging Face's `GPT2Config`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gpt2Settings {
    pub vocabulary: usize,
    pub positions: usize,
    pub width: usize,
    pub layers: usize,
    pub heads: usize,
    /// Width between the two layers of each block's perceptron.
    pub inner: usize,
    pub activation: Activation,
    /// Added to the variances of the layer norms.
    pub eps: f32,
    /// Scores are divided by the root of a head's width (`scale_attn_weights`).
    pub scaled: bool,
    /// Scores of the `i`-th layer, from 1, are divided by `i` too (`scale_attn_by_inverse_layer_idx`).
    pub scaled_by_layer: bool,
    /// The head is the table of tokens.
    pub tied: bool,
    /// Share of the numbers that are zeroed behind the embedding (`embd_pdrop`) while it trains.
    pub embedding_dropout: f32,
    /// The same behind each part of a block (`resid_pdrop`). Weights of attention are never dropped.
    pub residual_dropout: f32,
}

impl VitSettings {
    /// A vision transformer of `image` x `image` pixels in plain patches of `patch` x `patch`, as Hugging Face has it but
    /// for its sizes.
    pub fn plain(image: usize, patch: usize, width: usize, layers: usize, heads: usize) -> Self {
        Self {
            image: [image; 2],
            channels: 3,
            patches: Patches::Plain([patch; 2]),
            class_token: true,
            width,
            layers,
            heads,
            inner: 4 * width,
            qkv_bias: true,
            activation: Activation::Gelu,
            eps: 1e-12,
            dropout: 0.0,
        }
    }

    /// The preset for 32x32 pixels: a stem of 32, 64 and `width` channels down to 8x8 tokens (Xiao et al. 2021, "Early
    /// Convolutions Help Transformers See Better", with pools in the place of strides), and no class token, which a
    /// decoder that looks at all tokens does not need.
    pub fn with_stem(width: usize, layers: usize, heads: usize) -> Self {
        let stages = [(32, true), (64, false), (width, true)];
        let patches = Patches::Stem(stages.map(|(channels, pool)| Stage { channels, pool }).to_vec());
        Self { patches, class_token: false, ..Self::plain(32, 4, width, layers, heads) }
    }

    /// Rows and columns of patches.
    pub fn grid(&self) -> [usize; 2] {
        match &self.patches {
            Patches::Plain(side) => [0, 1].map(|axis| self.image[axis] / side[axis].max(1)),
            Patches::Stem(stages) => {
                let pools = stages.iter().filter(|stage| stage.pool).count();
                self.image.map(|side| side.checked_shr(pools as u32).unwrap_or(0))
            }
        }
    }

    /// Tokens of a picture.
    pub fn tokens(&self) -> usize {
        let [rows, columns] = self.grid();
        rows * columns + usize::from(self.class_token)
    }
}

impl Gpt2Settings {
    /// GPT-2 but for its sizes; what trains from nothing has no dropout until it is asked for.
    pub fn new(vocabulary: usize, positions: usize, width: usize, layers: usize, heads: usize) -> Self {
        Self {
            vocabulary,
            positions,
            width,
            layers,
            heads,
            inner: 4 * width,
            activation: Activation::GeluTanh,
            eps: 1e-5,
            scaled: true,
            scaled_by_layer: false,
            tied: true,
            embedding_dropout: 0.0,
            residual_dropout: 0.0,
        }
    }

    /// What the scores of a layer, counted from 0, are multiplied by.
    pub fn scale(&self, layer: usize) -> f32 {
        let root = if self.scaled { ((self.width / self.heads) as f32).sqrt() } else { 1.0 };
        let depth = if self.scaled_by_layer { (layer + 1) as f32 } else { 1.0 };
        1.0 / (root * depth)
    }
}

impl CaptionerSettings {
    /// Width of the image tokens, before a projection to the decoder's.
    pub fn eyes_width(&self) -> usize {
        match &self.eyes {
            EyesSettings::Vit(vit) => vit.width,
            EyesSettings::Borrowed(_) => self.decoder.width,
        }
    }

    /// Image tokens of a picture.
    pub fn image_tokens(&self) -> usize {
        match &self.eyes {
            EyesSettings::Vit(vit) => vit.tokens(),
            EyesSettings::Borrowed(groups) => groups.iter().map(|group| group.tokens).sum(),
        }
    }
}

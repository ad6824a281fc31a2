//! config.json of a VisionEncoderDecoderModel: every size and switch of its ViT and its GPT-2.

mod read;
#[cfg(test)]
mod tests;
mod write;

pub(super) use write::short;

use std::path::Path;

use super::error::HfError;
use super::json::Document;

/// The name of the file.
pub(super) const FILE: &str = "config.json";

/// A vision encoder and a language decoder that attends to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub vit: Vit,
    pub gpt2: Gpt2,
    pub tokens: Tokens,
}

/// The encoder (Dosovitskiy et al. 2021; transformers' ViTModel): pictures in, a class token and one token a patch out.
#[derive(Clone, Debug, PartialEq)]
pub struct Vit {
    /// Width of every token.
    pub hidden_size: usize,
    pub layers: usize,
    /// Divides `hidden_size`.
    pub heads: usize,
    /// Width inside the feed-forward part.
    pub intermediate: usize,
    /// Side of the square picture, in pixels; a multiple of `patch_size`.
    pub image_size: usize,
    /// Side of a square patch, in pixels.
    pub patch_size: usize,
    pub channels: usize,
    /// Added to the variance in every layer norm.
    pub eps: f32,
    /// Whether queries, keys and values have biases.
    pub qkv_bias: bool,
    pub activation: Activation,
    /// Share of hidden values dropped in training, in `[0, 1)`.
    pub dropout: f32,
    /// Share of attention weights dropped in training, in `[0, 1)`.
    pub attention_dropout: f32,
}

/// The decoder (Radford et al. 2019; transformers' GPT2LMHeadModel with cross-attention).
#[derive(Clone, Debug, PartialEq)]
pub struct Gpt2 {
    /// Width of every token.
    pub width: usize,
    pub layers: usize,
    /// Divides `width`.
    pub heads: usize,
    /// Width inside the feed-forward part.
    pub inner: usize,
    /// The longest sequence, in tokens.
    pub positions: usize,
    /// Number of token ids.
    pub vocabulary: usize,
    /// Added to the variance in every layer norm.
    pub eps: f32,
    pub activation: Activation,
    /// Whether attention scores are divided by the square root of a head's width.
    pub scale_attn_weights: bool,
    /// Whether they are divided by the layer's number too, counted from 1.
    pub scale_attn_by_inverse_layer_idx: bool,
    /// Whether the output layer shares its weights with the token embeddings.
    pub tied_head: bool,
    /// Shares dropped in training, each in `[0, 1)`: after the embeddings, of attention weights, before each addition.
    pub embedding_dropout: f32,
    pub attention_dropout: f32,
    pub residual_dropout: f32,
}

/// The function inside a feed-forward part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `x Phi(x)`, the exact one; "gelu".
    Gelu,
    /// `x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))`; "gelu_new".
    GeluTanh,
    /// `x / (1 + e^(-1.702 x))`; "quick_gelu".
    QuickGelu,
    /// `max(0, x)`; "relu".
    Relu,
    /// `x / (1 + e^-x)`; "silu".
    Silu,
    /// "tanh".
    Tanh,
}

/// What each of transformers' names computes; the first name of a function is the one that is written.
const ACTIVATIONS: [(&str, Activation); 12] = [
    ("gelu", Activation::Gelu),
    ("gelu_python", Activation::Gelu),
    ("gelu_new", Activation::GeluTanh),
    ("gelu_pytorch_tanh", Activation::GeluTanh),
    ("gelu_python_tanh", Activation::GeluTanh),
    ("gelu_fast", Activation::GeluTanh),
    ("gelu_accurate", Activation::GeluTanh),
    ("quick_gelu", Activation::QuickGelu),
    ("relu", Activation::Relu),
    ("silu", Activation::Silu),
    ("swish", Activation::Silu),
    ("tanh", Activation::Tanh),
];

impl Activation {
    /// The function of one of transformers' names.
    pub fn named(name: &str) -> Option<Self> {
        ACTIVATIONS.iter().find(|(known, _)| *known == name).map(|(_, activation)| *activation)
    }

    /// The name that transformers has for it.
    pub fn name(self) -> &'static str {
        ACTIVATIONS.iter().find(|(_, activation)| *activation == self).map_or("gelu", |(name, _)| name)
    }
}

/// Token ids with a meaning of their own, each below the vocabulary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// What the decoder is given first.
    pub start: u32,
    pub bos: Option<u32>,
    /// Each of these ends a caption; none, and only the length does.
    pub eos: Vec<u32>,
    /// Fills a batch up behind a caption's end.
    pub pad: u32,
}

impl Config {
    /// Reads `folder`'s config.json.
    ///
    /// # Errors
    /// When it is missing, is no JSON, describes another architecture, or has a value that cannot be honoured.
    pub fn load(folder: &Path) -> Result<Self, HfError> {
        let remedy = "name the folder that holds a model's config.json";
        read::config(Document::read(&folder.join(FILE), remedy)?.fields())
    }

    /// Reads the text of a config.json; `path` is for messages.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(path: &Path, text: &[u8]) -> Result<Self, HfError> {
        read::config(Document::parse(path, text)?.fields())
    }

    /// Whether a linear layer leads from the encoder's width to the decoder's (`enc_to_dec_proj`).
    pub fn has_projection(&self) -> bool {
        self.vit.hidden_size != self.gpt2.width
    }
}

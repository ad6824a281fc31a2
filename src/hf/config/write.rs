//! A [`Config`] as the config.json that transformers reads.

use serde_json::{Value, json};

use super::{Config, Gpt2, Tokens, Vit};

impl Config {
    /// The content of config.json. Reading it again gives an equal configuration.
    pub fn to_json(&self) -> Value {
        let tokens = &self.tokens;
        json!({
            "architectures": ["VisionEncoderDecoderModel"],
            "model_type": "vision-encoder-decoder",
            "is_encoder_decoder": true,
            "encoder": vit(&self.vit),
            "decoder": gpt2(&self.gpt2, tokens),
            "tie_word_embeddings": self.gpt2.tied_head,
            "decoder_start_token_id": tokens.start,
            "bos_token_id": tokens.bos,
            "eos_token_id": tokens.eos_json(),
            "pad_token_id": tokens.pad,
            "torch_dtype": "float32",
        })
    }
}

impl Tokens {
    /// One id as a number, several as a list, none as null.
    pub(in super::super) fn eos_json(&self) -> Value {
        match self.eos[..] {
            [] => Value::Null,
            [only] => only.into(),
            _ => self.eos.clone().into(),
        }
    }
}

fn vit(vit: &Vit) -> Value {
    json!({
        "model_type": "vit",
        "hidden_size": vit.hidden_size,
        "num_hidden_layers": vit.layers,
        "num_attention_heads": vit.heads,
        "intermediate_size": vit.intermediate,
        "image_size": vit.image_size,
        "patch_size": vit.patch_size,
        "num_channels": vit.channels,
        "layer_norm_eps": short(vit.eps),
        "qkv_bias": vit.qkv_bias,
        "hidden_act": vit.activation.name(),
        "hidden_dropout_prob": short(vit.dropout),
        "attention_probs_dropout_prob": short(vit.attention_dropout),
    })
}

fn gpt2(gpt2: &Gpt2, tokens: &Tokens) -> Value {
    json!({
        "model_type": "gpt2",
        "add_cross_attention": true,
        "is_decoder": true,
        "n_embd": gpt2.width,
        "n_layer": gpt2.layers,
        "n_head": gpt2.heads,
        "n_inner": gpt2.inner,
        "n_positions": gpt2.positions,
        "vocab_size": gpt2.vocabulary,
        "layer_norm_epsilon": short(gpt2.eps),
        "activation_function": gpt2.activation.name(),
        "scale_attn_weights": gpt2.scale_attn_weights,
        "scale_attn_by_inverse_layer_idx": gpt2.scale_attn_by_inverse_layer_idx,
        "tie_word_embeddings": gpt2.tied_head,
        "embd_pdrop": short(gpt2.embedding_dropout),
        "attn_pdrop": short(gpt2.attention_dropout),
        "resid_pdrop": short(gpt2.residual_dropout),
        "bos_token_id": tokens.bos,
        "eos_token_id": tokens.eos_json(),
        "pad_token_id": tokens.pad,
    })
}

/// A 32-bit number in as few digits as tell it: 1e-5, not 9.999999747378752e-6.
pub(in super::super) fn short(x: f32) -> f64 {
    x.to_string().parse().unwrap_or(f64::from(x))
}

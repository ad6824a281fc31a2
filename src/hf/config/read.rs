//! config.json into a [`Config`]; defaults are those of transformers' ViTConfig and GPT2Config.

use super::super::error::{HfError, quoted};
use super::super::json::Fields;
use super::{ACTIVATIONS, Activation, Config, Gpt2, Tokens, Vit};

/// Bounds that keep a hostile file from asking for any amount of memory; each far above every published model.
const MAX_WIDTH: usize = 1 << 16;
const MAX_LAYERS: usize = 1 << 10;
const MAX_SIDE: usize = 1 << 13;
const MAX_CHANNELS: usize = 64;
const MAX_POSITIONS: usize = 1 << 20;
const MAX_VOCABULARY: usize = 1 << 24;
/// GPT2Config's default of bos and eos, which files may leave out as they may any default.
const GPT2_END: u32 = 50256;

pub(super) fn config(fields: Fields<'_>) -> Result<Config, HfError> {
    let (encoder, decoder) = parts(fields)?;
    let vit = vit(encoder)?;
    let gpt2 = gpt2(decoder)?;
    refuse_wide_attention(decoder, &vit, &gpt2)?;
    let tokens = Tokens::read(&[fields, decoder], gpt2.vocabulary)?;
    Ok(Config { vit, gpt2, tokens })
}

/// The objects of encoder and decoder, when they are what we know how to build.
fn parts(fields: Fields<'_>) -> Result<(Fields<'_>, Fields<'_>), HfError> {
    let other = |found: String| HfError::Architecture { path: fields.path().to_path_buf(), found };
    match fields.text("model_type")? {
        Some("vision-encoder-decoder") => {}
        Some(found) => return Err(other(format!("a model of type {}", quoted(found)))),
        None => return Err(other("no model_type".into())),
    }
    let part = |key: &'static str, due: &str| {
        let part = fields.object(key)?.ok_or_else(|| other(format!("no {key}")))?;
        match part.text("model_type")? {
            Some(found) if found == due => refuse_pruned(part),
            Some(found) => Err(other(format!("the {key} {}", quoted(found)))),
            None => Err(other(format!("no {key}.model_type"))),
        }
    };
    let (encoder, decoder) = (part("encoder", "vit")?, part("decoder", "gpt2")?);
    if fields.flag("tie_encoder_decoder")?.unwrap_or(false) {
        return Err(fields.wrong("tie_encoder_decoder", "is true, but a vit and a gpt2 cannot share weights"));
    }
    Ok((encoder, decoder))
}

/// Pruned heads leave weights of other shapes than the sizes tell.
fn refuse_pruned(part: Fields<'_>) -> Result<Fields<'_>, HfError> {
    match part.object("pruned_heads")?.is_some_and(|heads| !heads.is_empty()) {
        true => Err(part.wrong("pruned_heads", "is not empty; a model with pruned heads is not supported")),
        false => Ok(part),
    }
}

fn vit(fields: Fields<'_>) -> Result<Vit, HfError> {
    let hidden_size = fields.count("hidden_size", 1, MAX_WIDTH)?.unwrap_or(768);
    let image_size = side(fields, "image_size", 224)?;
    let patch_size = side(fields, "patch_size", 16)?;
    if !image_size.is_multiple_of(patch_size) {
        return Err(
            fields.wrong("patch_size", format!("is {patch_size}, which does not divide image_size {image_size}"))
        );
    }
    Ok(Vit {
        hidden_size,
        layers: fields.count("num_hidden_layers", 1, MAX_LAYERS)?.unwrap_or(12),
        heads: heads(fields, "num_attention_heads", hidden_size)?,
        intermediate: fields.count("intermediate_size", 1, MAX_WIDTH)?.unwrap_or(3072),
        image_size,
        patch_size,
        channels: fields.count("num_channels", 1, MAX_CHANNELS)?.unwrap_or(3),
        eps: eps(fields, "layer_norm_eps", 1e-12)?,
        qkv_bias: fields.flag("qkv_bias")?.unwrap_or(true),
        activation: activation(fields, "hidden_act", Activation::Gelu)?,
        dropout: share(fields, "hidden_dropout_prob", 0.0)?,
        attention_dropout: share(fields, "attention_probs_dropout_prob", 0.0)?,
    })
}

fn gpt2(fields: Fields<'_>) -> Result<Gpt2, HfError> {
    let width = fields.count(either(fields, "n_embd", "hidden_size"), 1, MAX_WIDTH)?.unwrap_or(768);
    let layers = either(fields, "n_layer", "num_hidden_layers");
    let positions = either(fields, "n_positions", "max_position_embeddings");
    if fields.flag("add_cross_attention")? == Some(false) {
        return Err(fields.wrong("add_cross_attention", "is false, but a captioner's decoder must see the picture"));
    }
    Ok(Gpt2 {
        width,
        layers: fields.count(layers, 1, MAX_LAYERS)?.unwrap_or(12),
        heads: heads(fields, either(fields, "n_head", "num_attention_heads"), width)?,
        inner: fields.count("n_inner", 1, MAX_WIDTH)?.unwrap_or(4 * width),
        positions: fields.count(positions, 1, MAX_POSITIONS)?.unwrap_or(1024),
        vocabulary: fields.count("vocab_size", 1, MAX_VOCABULARY)?.unwrap_or(50257),
        eps: eps(fields, "layer_norm_epsilon", 1e-5)?,
        activation: activation(fields, "activation_function", Activation::GeluTanh)?,
        scale_attn_weights: fields.flag("scale_attn_weights")?.unwrap_or(true),
        scale_attn_by_inverse_layer_idx: fields.flag("scale_attn_by_inverse_layer_idx")?.unwrap_or(false),
        // The whole model's own value is not asked: transformers ties by the decoder's.
        tied_head: fields.flag("tie_word_embeddings")?.unwrap_or(true),
        embedding_dropout: share(fields, "embd_pdrop", 0.1)?,
        attention_dropout: share(fields, "attn_pdrop", 0.1)?,
        residual_dropout: share(fields, "resid_pdrop", 0.1)?,
    })
}

/// transformers knows these sizes of GPT-2 under two names; a file may have either.
fn either(fields: Fields<'_>, own: &'static str, common: &'static str) -> &'static str {
    if fields.get(own).is_none() && fields.get(common).is_some() { common } else { own }
}

/// GPT-2's cross-attention takes keys as wide as itself; another width is projected, never declared.
fn refuse_wide_attention(decoder: Fields<'_>, vit: &Vit, gpt2: &Gpt2) -> Result<(), HfError> {
    let key = "cross_attention_hidden_size";
    match decoder.count(key, 1, MAX_WIDTH)? {
        Some(width) if width != gpt2.width || width != vit.hidden_size => {
            Err(decoder.wrong(key, format!("is {width}, but only the width of encoder and decoder alike is possible")))
        }
        _ => Ok(()),
    }
}

fn heads(fields: Fields<'_>, key: &str, width: usize) -> Result<usize, HfError> {
    let heads = fields.count(key, 1, width)?.unwrap_or(12);
    match width.is_multiple_of(heads) {
        true => Ok(heads),
        false => Err(fields.wrong(key, format!("is {heads}, which does not divide the width {width}"))),
    }
}

/// A side of a square: one number, or two equal ones.
fn side(fields: Fields<'_>, key: &str, default: usize) -> Result<usize, HfError> {
    let Some(sides) = fields.get(key).and_then(|value| value.as_array()) else {
        return Ok(fields.count(key, 1, MAX_SIDE)?.unwrap_or(default));
    };
    let sides: Vec<_> = sides.iter().map(|side| side.as_u64().filter(|n| (1..=MAX_SIDE as u64).contains(n))).collect();
    match sides[..] {
        [Some(height), Some(width)] if height == width => Ok(height as usize),
        _ => Err(fields.wrong(key, "is a list; only a square, two equal whole numbers, is possible")),
    }
}

fn eps(fields: Fields<'_>, key: &str, default: f64) -> Result<f32, HfError> {
    let eps = fields.number(key)?.unwrap_or(default);
    match eps >= 0.0 {
        true => Ok(eps as f32),
        false => Err(fields.wrong(key, format!("is {eps}, but must not be below 0"))),
    }
}

fn share(fields: Fields<'_>, key: &str, default: f64) -> Result<f32, HfError> {
    let share = fields.number(key)?.unwrap_or(default);
    match (0.0..1.0).contains(&share) {
        true => Ok(share as f32),
        false => Err(fields.wrong(key, format!("is {share}, but must be at least 0 and below 1"))),
    }
}

fn activation(fields: Fields<'_>, key: &str, default: Activation) -> Result<Activation, HfError> {
    let Some(name) = fields.text(key)? else { return Ok(default) };
    Activation::named(name).ok_or_else(|| {
        let known: Vec<_> = ACTIVATIONS.iter().map(|(name, _)| *name).collect();
        fields.wrong(key, format!("is {}; known are {}", quoted(name), known.join(", ")))
    })
}

impl Tokens {
    /// Reads the four tokens, each from the first of `places` that has it; ids are below `vocabulary`. Where the last
    /// place, the decoder's settings, does not speak of bos or eos, these are GPT-2's own. The start falls back to bos,
    /// pad to eos and then to the start.
    pub(in super::super) fn read(places: &[Fields<'_>], vocabulary: usize) -> Result<Self, HfError> {
        let one = |key: &str| {
            let place = places.iter().find(|place| place.get(key).is_some());
            place.map_or(Ok(None), |place| place.count(key, 0, vocabulary - 1))
        };
        let is_silent = |key: &str| places.last().is_none_or(|decoder| !decoder.speaks_of(key));
        let own = |key: &str| (is_silent(key) && vocabulary > GPT2_END as usize).then_some(GPT2_END);
        let bos = one("bos_token_id")?.map(|id| id as u32).or(own("bos_token_id"));
        let start = one("decoder_start_token_id")?.map(|id| id as u32).or(bos);
        let Some(start) = start else {
            return Err(places[0].wrong("decoder_start_token_id", "is missing, as is bos_token_id; one must be set"));
        };
        let eos = match places.iter().find(|place| place.get("eos_token_id").is_some()) {
            Some(place) => ends(*place, vocabulary)?,
            None => own("eos_token_id").into_iter().collect(),
        };
        let pad = one("pad_token_id")?.map(|id| id as u32);
        let pad = pad.or(eos.first().copied()).unwrap_or(start);
        Ok(Self { start, bos, eos, pad })
    }
}

/// One id or a list of ids.
fn ends(fields: Fields<'_>, vocabulary: usize) -> Result<Vec<u32>, HfError> {
    const KEY: &str = "eos_token_id";
    const MAX_ENDS: usize = 64;
    let Some(list) = fields.get(KEY).and_then(|value| value.as_array()) else {
        return Ok(fields.count(KEY, 0, vocabulary - 1)?.map(|id| id as u32).into_iter().collect());
    };
    let ids = list.iter().map(|id| id.as_u64().filter(|id| *id < vocabulary as u64).map(|id| id as u32));
    match ids.collect::<Option<Vec<u32>>>() {
        Some(ids) if ids.len() <= MAX_ENDS => Ok(ids),
        _ => Err(fields.wrong(KEY, format!("must list at most {MAX_ENDS} ids below {vocabulary}"))),
    }
}

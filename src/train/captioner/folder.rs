//! Hugging Face folders as captioners.

use super::error::SpeakerError;
use super::speaker::Speaker;
use crate::hf::config::Activation as Named;
use crate::hf::{self, generation};
use crate::models::captioner::names::{self, Stored};
use crate::models::captioner::search::{BeamSettings, DrawSettings, EarlyStopping, Method, SearchSettings};
use crate::models::captioner::{Captioner, CaptionerSettings, EyesSettings, Gpt2Settings, VitSettings};
use crate::ops::{Activation, Backend};
use std::collections::HashSet;

/// What draws are hashed from where a folder asks for drawn captions.
const DRAW_SEED: u64 = 1;
/// Activations under both names. The quick GELU is none of ours.
pub(super) const ACTIVATIONS: [(Named, Activation); 5] = [
    (Named::Gelu, Activation::Gelu),
    (Named::GeluTanh, Activation::GeluTanh),
    (Named::Relu, Activation::Relu),
    (Named::Silu, Activation::Silu),
    (Named::Tanh, Activation::Tanh),
];

impl<D: Backend> Speaker<D> {
    /// The captioner of a folder; its weights are read tensor by tensor, so that they are in memory once.
    ///
    /// # Errors
    /// When the folder asks for what is not done here, or its weights are not those that its settings tell of.
    pub fn from_folder(device: &D, folder: &hf::Folder) -> Result<Self, SpeakerError> {
        let settings = settings(&folder.config)?;
        let search = search(&folder.generation)?;
        settings.check()?;
        // Before anything of the size that the settings tell is allocated.
        names::stored(&settings)?.iter().try_for_each(|stored| check_shape(folder, stored))?;
        let mut captioner = Captioner::new(device, settings, None)?;
        names::load(&mut captioner, |stored| folder.weights.f32(&stored.name).map_err(SpeakerError::from))?;
        let tokens = &folder.generation.tokens;
        let (tokenizer, preprocessing) = (folder.tokenizer.clone(), folder.preprocessing.clone());
        let mut speaker = Self::new(device, captioner, None, tokenizer, preprocessing, search)?;
        (speaker.bos, speaker.pad) = (tokens.bos, tokens.pad);
        Ok(speaker)
    }
}

/// Tensors of a folder that no part of its captioner takes. Those are not counted that every such folder may have: masks,
/// the encoder's pooler, and a head that is the table of words.
///
/// # Errors
/// When the folder asks for what is not done here.
pub fn unused(folder: &hf::Folder) -> Result<Vec<&str>, SpeakerError> {
    let settings = settings(&folder.config)?;
    let stored = names::stored(&settings)?;
    let used: HashSet<&str> = stored.iter().map(|stored| stored.name.as_str()).collect();
    let known = |name: &str| {
        used.contains(name)
            || hf::weights::is_buffer(name)
            || name.starts_with("encoder.pooler.")
            || name == "decoder.lm_head.weight"
    };
    Ok(folder.weights.names().filter(|name| !known(name)).collect())
}

/// A missing tensor is told by who reads it.
fn check_shape(folder: &hf::Folder, stored: &Stored) -> Result<(), SpeakerError> {
    match folder.weights.shape(&stored.name) {
        Some(found) if found != stored.shape => {
            Err(SpeakerError::Shape { name: stored.name.clone(), found: found.to_vec(), due: stored.shape.clone() })
        }
        Some(_) => Ok(()),
        None => folder.weights.f32(&stored.name).map(drop).map_err(SpeakerError::from),
    }
}

/// The sizes and switches of a config.json.
fn settings(config: &hf::Config) -> Result<CaptionerSettings, SpeakerError> {
    let (vit, gpt2) = (&config.vit, &config.gpt2);
    let plain = VitSettings::plain(vit.image_size, vit.patch_size, vit.hidden_size, vit.layers, vit.heads);
    let eyes = VitSettings {
        channels: vit.channels,
        inner: vit.intermediate,
        qkv_bias: vit.qkv_bias,
        activation: activation(vit.activation)?,
        eps: vit.eps,
        dropout: vit.dropout,
        ..plain
    };
    let plain = Gpt2Settings::new(gpt2.vocabulary, gpt2.positions, gpt2.width, gpt2.layers, gpt2.heads);
    let decoder = Gpt2Settings {
        inner: gpt2.inner,
        activation: activation(gpt2.activation)?,
        eps: gpt2.eps,
        scaled: gpt2.scale_attn_weights,
        scaled_by_layer: gpt2.scale_attn_by_inverse_layer_idx,
        tied: gpt2.tied_head,
        embedding_dropout: gpt2.embedding_dropout,
        residual_dropout: gpt2.residual_dropout,
        ..plain
    };
    Ok(CaptionerSettings { eyes: EyesSettings::Vit(eyes), decoder })
}

fn activation(named: Named) -> Result<Activation, SpeakerError> {
    let known = ACTIVATIONS.iter().find(|(name, _)| *name == named).map(|(_, activation)| *activation);
    known.ok_or_else(|| SpeakerError::Unsupported {
        what: format!("the activation {}", named.name()),
        remedy: "take a model with gelu, gelu_new, relu, silu or tanh",
    })
}

/// The settings of a generation_config.json.
fn search(generation: &hf::Generation) -> Result<SearchSettings, SpeakerError> {
    let unsupported = |what: &str, remedy| Err(SpeakerError::Unsupported { what: what.to_owned(), remedy });
    if generation.repetition_penalty != 1.0 {
        return unsupported("repetition_penalty", "set it to 1 in generation_config.json");
    }
    let method = match (generation.do_sample, generation.num_beams) {
        (false, 1) => Method::Greedy,
        (false, beams) => Method::Beam(BeamSettings {
            beams,
            length_penalty: generation.length_penalty,
            early_stopping: early_stopping(generation.early_stopping),
        }),
        (true, 1) => Method::Draw(DrawSettings {
            seed: DRAW_SEED,
            temperature: generation.temperature,
            top_k: Some(generation.top_k).filter(|&k| k > 0),
            top_p: generation.top_p,
        }),
        (true, _) => return unsupported("do_sample with num_beams", "set one of them in generation_config.json"),
    };
    // A number of new tokens does not count the start.
    let length = |all: usize, new: Option<usize>| new.map_or(all, |new| new + 1);
    Ok(SearchSettings {
        start: generation.tokens.start,
        eos: generation.tokens.eos.clone(),
        max_length: length(generation.max_length, generation.max_new_tokens),
        min_length: length(generation.min_length, generation.min_new_tokens),
        no_repeat_ngram: generation.no_repeat_ngram_size,
        returns: generation.num_return_sequences,
        method,
    })
}

fn early_stopping(theirs: generation::EarlyStopping) -> EarlyStopping {
    match theirs {
        generation::EarlyStopping::Yes => EarlyStopping::Full,
        generation::EarlyStopping::No => EarlyStopping::Unpromising,
        generation::EarlyStopping::Never => EarlyStopping::Hopeless,
    }
}

//! A captioner as a Hugging Face folder.

use super::error::SpeakerError;
use super::folder::ACTIVATIONS;
use super::speaker::Speaker;
use crate::hf::config::{Activation as Named, Gpt2, Tokens, Vit};
use crate::hf::{self, Description, FolderWriter, generation};
use crate::models::captioner::names::{self, NamesError};
use crate::models::captioner::search::{EarlyStopping, Method, SearchSettings};
use crate::models::captioner::{CaptionerSettings, EyesSettings, Gpt2Settings, Patches, VitSettings};
use crate::ops::{Activation, Backend};
use std::path::Path;

impl<D: Backend> Speaker<D> {
    /// Writes a folder that transformers' `VisionEncoderDecoderModel.from_pretrained` loads, with all that belongs to the
    /// model. Attention weights are never dropped here, and so are not there.
    ///
    /// # Errors
    /// When the captioner has no such form, `target` exists, or the disk refuses.
    pub fn export(&mut self, target: &Path) -> Result<(), SpeakerError> {
        let stored = names::stored(self.captioner.settings())?;
        let tokens = Tokens { start: self.search.start, bos: self.bos, eos: self.search.eos.clone(), pad: self.pad };
        let description = Description {
            config: &config(self.captioner.settings(), tokens.clone())?,
            generation: &generation(&self.search, tokens),
            preprocessing: &self.preprocessing,
            tokenizer: &self.tokenizer,
        };
        let tensors: Vec<_> = stored.iter().map(|stored| (stored.name.clone(), stored.shape.clone())).collect();
        let mut writer = FolderWriter::create(target, &description, &tensors)?;
        names::save(&mut self.captioner, |stored, numbers| {
            writer.tensor(&stored.name, &numbers).map_err(SpeakerError::from)
        })?;
        Ok(writer.finish()?)
    }
}

fn config(settings: &CaptionerSettings, tokens: Tokens) -> Result<hf::Config, SpeakerError> {
    let EyesSettings::Vit(eyes) = &settings.eyes else {
        return Err(NamesError::NoForm { what: "borrowed eyes" }.into());
    };
    Ok(hf::Config { vit: vit(eyes)?, gpt2: gpt2(&settings.decoder)?, tokens })
}

fn vit(vit: &VitSettings) -> Result<Vit, SpeakerError> {
    let Patches::Plain(patch) = vit.patches else {
        return Err(NamesError::NoForm { what: "a convolutional stem" }.into());
    };
    Ok(Vit {
        hidden_size: vit.width,
        layers: vit.layers,
        heads: vit.heads,
        intermediate: vit.inner,
        image_size: square(vit.image)?,
        patch_size: square(patch)?,
        channels: vit.channels,
        eps: vit.eps,
        qkv_bias: vit.qkv_bias,
        activation: activation(vit.activation)?,
        dropout: vit.dropout,
        attention_dropout: 0.0,
    })
}

fn gpt2(gpt2: &Gpt2Settings) -> Result<Gpt2, SpeakerError> {
    Ok(Gpt2 {
        width: gpt2.width,
        layers: gpt2.layers,
        heads: gpt2.heads,
        inner: gpt2.inner,
        positions: gpt2.positions,
        vocabulary: gpt2.vocabulary,
        eps: gpt2.eps,
        activation: activation(gpt2.activation)?,
        scale_attn_weights: gpt2.scaled,
        scale_attn_by_inverse_layer_idx: gpt2.scaled_by_layer,
        tied_head: gpt2.tied,
        embedding_dropout: gpt2.embedding_dropout,
        attention_dropout: 0.0,
        residual_dropout: gpt2.residual_dropout,
    })
}

fn square([height, width]: [usize; 2]) -> Result<usize, SpeakerError> {
    if height == width { Ok(height) } else { Err(NamesError::NoForm { what: "eyes that see no squares" }.into()) }
}

fn activation(ours: Activation) -> Result<Named, SpeakerError> {
    let known = ACTIVATIONS.iter().find(|(_, activation)| *activation == ours).map(|(named, _)| *named);
    known.ok_or_else(|| NamesError::NoForm { what: "this activation" }.into())
}

fn generation(search: &SearchSettings, tokens: Tokens) -> hf::Generation {
    let plain = hf::Generation {
        max_length: search.max_length,
        min_length: search.min_length,
        no_repeat_ngram_size: search.no_repeat_ngram,
        num_return_sequences: search.returns,
        ..hf::Generation::new(tokens)
    };
    match search.method {
        Method::Greedy => plain,
        Method::Beam(beam) => hf::Generation {
            num_beams: beam.beams,
            length_penalty: beam.length_penalty,
            early_stopping: match beam.early_stopping {
                EarlyStopping::Full => generation::EarlyStopping::Yes,
                EarlyStopping::Unpromising => generation::EarlyStopping::No,
                EarlyStopping::Hopeless => generation::EarlyStopping::Never,
            },
            ..plain
        },
        Method::Draw(draw) => hf::Generation {
            do_sample: true,
            temperature: draw.temperature,
            top_k: draw.top_k.unwrap_or(0),
            top_p: draw.top_p,
            ..plain
        },
    }
}

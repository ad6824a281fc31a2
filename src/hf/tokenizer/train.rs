//! A byte-level BPE (Sennrich et al. 2016; its bytes as in Radford et al. 2019) trained on captions.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::models::{ModelWrapper, TrainerWrapper};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;

use super::super::error::HfError;
use super::special::{ROLES, Special};
use super::{END_OF_TEXT, Tokenizer, files};

/// Tokens that every such vocabulary has: one a byte, and [`END_OF_TEXT`].
pub const MIN_VOCABULARY: usize = 257;
/// A pair that is seen once only is not merged.
const MIN_FREQUENCY: u64 = 2;

/// The part of a trained tokenizer's JSON that is kept.
#[derive(Deserialize)]
struct Trained {
    model: Model,
}

#[derive(Deserialize)]
struct Model {
    vocab: HashMap<String, u32>,
    merges: Vec<[String; 2]>,
}

impl Tokenizer {
    /// Trains a vocabulary of at most `vocabulary` tokens; fewer when the captions have no more pairs that are seen
    /// twice. [`END_OF_TEXT`] is the last. The same captions give the same tokenizer, in any order and on any number of
    /// threads: pairs are merged by their count, of equal ones that of the smaller ids.
    ///
    /// # Errors
    /// When `vocabulary` is below [`MIN_VOCABULARY`].
    pub fn train<'a>(captions: impl Iterator<Item = &'a str> + Send, vocabulary: usize) -> Result<Self, HfError> {
        let here = Path::new("this training");
        if vocabulary < MIN_VOCABULARY {
            let problem = format!("cannot have {vocabulary} tokens; {MIN_VOCABULARY} are the least");
            return Err(HfError::tokenizer(here, problem));
        }
        let failed = |source: &dyn std::fmt::Display| HfError::tokenizer(here, format!("failed: {source}"));
        let trainer = BpeTrainer::builder()
            .vocab_size(vocabulary - 1)
            .min_frequency(MIN_FREQUENCY)
            .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
            .show_progress(false)
            .build();
        let mut raw = tokenizers::Tokenizer::new(ModelWrapper::BPE(BPE::default()));
        raw.with_pre_tokenizer(Some(ByteLevel::new(false, true, true)));
        raw.train(&mut TrainerWrapper::BpeTrainer(trainer), captions).map_err(|source| failed(&source))?;
        let json = raw.to_string(false).map_err(|source| failed(&source))?;
        let Trained { model } = serde_json::from_str(&json).map_err(|source| failed(&source))?;
        let json = files::assemble(model.vocab, &model.merges, false);
        let roles = ROLES.map(|role| (role, END_OF_TEXT.to_owned())).to_vec();
        Self::from_json(here, json.as_bytes(), Special { roles, ..Special::default() })
    }
}

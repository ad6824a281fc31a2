//! A whole folder: what belongs to a model beside its weights, and whether it fits together.

use std::path::Path;

use super::error::HfError;
use super::{Config, Generation, Preprocessing, Tokenizer, Weights};
use super::{config, preprocess};

/// Everything that a user's folder holds; the numbers are read from disk when they are asked for.
#[derive(Debug)]
pub struct Folder {
    pub config: Config,
    pub generation: Generation,
    pub preprocessing: Preprocessing,
    pub tokenizer: Tokenizer,
    pub weights: Weights,
}

impl Folder {
    /// Opens `folder`.
    ///
    /// # Errors
    /// When a file is missing, damaged or hostile, or the files do not fit each other.
    pub fn open(folder: &Path) -> Result<Self, HfError> {
        let config = Config::load(folder)?;
        let opened = Self {
            generation: Generation::load(folder, config.gpt2.vocabulary)?,
            preprocessing: Preprocessing::load(folder)?,
            tokenizer: Tokenizer::load(folder)?,
            weights: Weights::open(folder)?,
            config,
        };
        opened.check(folder)?;
        Ok(opened)
    }

    /// Compares what the files say of pictures and of tokens.
    fn check(&self, folder: &Path) -> Result<(), HfError> {
        let wrong = |file: &str, key: &str, problem: String| HfError::Setting {
            path: folder.join(file),
            key: key.into(),
            problem,
        };
        let (vit, gpt2) = (&self.config.vit, &self.config.gpt2);
        if vit.channels != 3 {
            let problem = format!("is {}, but pictures have 3 channels", vit.channels);
            return Err(wrong(config::FILE, "encoder.num_channels", problem));
        }
        let side = vit.image_size as u32;
        if self.preprocessing.output_size() != Some((side, side)) {
            let problem = format!("does not give the {side}x{side} pixels that the encoder sees");
            return Err(wrong(preprocess::FILE, "size", problem));
        }
        let tokens = self.tokenizer.vocabulary();
        if tokens > gpt2.vocabulary {
            let problem = format!("is {}, but the tokenizer has {tokens} tokens", gpt2.vocabulary);
            return Err(wrong(config::FILE, "decoder.vocab_size", problem));
        }
        Ok(())
    }
}

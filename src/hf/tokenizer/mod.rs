//! Text to token ids and back, by the tokenizer of a folder: tokenizer.json, or GPT-2's older vocab.json and merges.txt.

mod files;
mod special;
#[cfg(test)]
mod tests;
mod train;
mod write;

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::error::{HfError, quoted};
use special::Special;

/// The token that begins, ends and fills up captions in GPT-2.
pub const END_OF_TEXT: &str = "<|endoftext|>";

/// A tokenizer that is ready for use.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// Where it came from, for messages.
    path: PathBuf,
    special: Special,
}

impl Tokenizer {
    /// Reads the tokenizer of `folder`. Settings beside it (tokenizer_config.json, special_tokens_map.json,
    /// added_tokens.json) tell which tokens are special.
    ///
    /// # Errors
    /// When there is none, or a file of it is damaged.
    pub fn load(folder: &Path) -> Result<Self, HfError> {
        let special = Special::load(folder)?;
        let json = files::json(folder, &special)?;
        Self::from_json(folder, &json, special)
    }

    /// The tokenizer that a tokenizer.json describes; `path` is for messages.
    ///
    /// # Errors
    /// When the text describes none.
    pub fn parse(path: &Path, json: &[u8]) -> Result<Self, HfError> {
        Self::from_json(path, json, Special::default())
    }

    /// The tokenizer of a tokenizer.json and of the [`Tokenizer::settings`] that it had; `path` is for messages.
    ///
    /// # Errors
    /// When one of them is not what it should be.
    pub fn parse_with(path: &Path, json: &[u8], settings: &Value) -> Result<Self, HfError> {
        Self::from_json(path, json, Special::parse(path, settings.to_string().as_bytes())?)
    }

    fn from_json(path: &Path, json: &[u8], special: Special) -> Result<Self, HfError> {
        let unread = |source| HfError::tokenizer(path, format!("cannot be read: {}", quoted(&format!("{source}"))));
        let mut inner = tokenizers::Tokenizer::from_bytes(json).map_err(unread)?;
        // transformers cuts and fills up only when asked to, whatever the file says.
        inner.with_padding(None);
        inner.with_truncation(None).map_err(unread)?;
        let tokens = special.tokens().map(|token| tokenizers::AddedToken::from(token.to_owned(), true));
        inner.add_special_tokens(tokens).map_err(unread)?;
        Ok(Self { inner, path: path.to_path_buf(), special })
    }

    /// The ids of a text, as transformers' `tokenizer(text).input_ids` gives them: nothing is added but what the
    /// tokenizer itself adds, which for GPT-2 is nothing.
    ///
    /// # Errors
    /// When the tokenizer has no token for a part of the text.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, HfError> {
        let encoding = self.inner.encode(text, true).map_err(|source| self.failed("encode", &source))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// [`Tokenizer::encode`], each id with the place in the text that it stands for, in bytes.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn encode_located(&self, text: &str) -> Result<Vec<(u32, Range<usize>)>, HfError> {
        let encoding = self.inner.encode(text, true).map_err(|source| self.failed("encode", &source))?;
        let places = encoding.get_offsets().iter().map(|&(start, end)| start..end);
        Ok(encoding.get_ids().iter().copied().zip(places).collect())
    }

    /// The text of ids, special tokens left out. Bytes that are no UTF-8 become U+FFFD.
    ///
    /// # Errors
    /// When the tokens cannot be joined to a text.
    pub fn decode(&self, ids: &[u32]) -> Result<String, HfError> {
        let text = self.inner.decode(ids, true).map_err(|source| self.failed("decode", &source))?;
        // transformers leaves the texts of a BPE alone, whatever its settings say.
        let is_bpe = matches!(self.inner.get_model(), tokenizers::ModelWrapper::BPE(_));
        Ok(if self.special.cleans_up && !is_bpe { cleaned_up(&text) } else { text })
    }

    fn failed(&self, what: &str, source: &tokenizers::Error) -> HfError {
        HfError::tokenizer(&self.path, format!("cannot {what} this: {}", quoted(&source.to_string())))
    }

    /// Number of token ids: one more than the largest.
    pub fn vocabulary(&self) -> usize {
        let largest = self.inner.get_vocab(true).into_values().max();
        largest.map_or(0, |id| id as usize + 1)
    }

    /// The id of a token.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// The token of an id as the vocabulary has it; GPT-2 writes a leading blank as `Ġ`.
    pub fn token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }
}

/// Blanks before punctuation taken out, as transformers does where `clean_up_tokenization_spaces` is set.
fn cleaned_up(text: &str) -> String {
    const PAIRS: [(&str, &str); 10] = [
        (" .", "."),
        (" ?", "?"),
        (" !", "!"),
        (" ,", ","),
        (" ' ", "'"),
        (" n't", "n't"),
        (" 'm", "'m"),
        (" 's", "'s"),
        (" 've", "'ve"),
        (" 're", "'re"),
    ];
    PAIRS.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

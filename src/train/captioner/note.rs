//! What a file of weights says of a captioner: all that is no tensor.

use crate::models::captioner::CaptionerSettings;
use crate::models::captioner::search::SearchSettings;
use crate::nn::checkpoint::{CheckpointError, TensorFile};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Under what it stands in the note of a file.
const KEY: &str = "captioner";

/// Everything that a captioner needs beside its weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Note {
    pub settings: CaptionerSettings,
    /// Whose eyes it has, for readers: `vit` for its own, else what lends them.
    pub eyes: String,
    /// The content of a preprocessor_config.json.
    pub preprocessing: Value,
    /// The text of a tokenizer.json.
    pub tokenizer: String,
    /// The content of a tokenizer_config.json.
    pub tokenizer_settings: Value,
    pub search: SearchSettings,
    /// The token that a text begins with, for whoever asks for one; the search starts with its own.
    pub bos: Option<u32>,
    /// Fills a batch up behind a caption's end.
    pub pad: u32,
}

impl Note {
    /// Reads the note of a file.
    ///
    /// # Errors
    /// When there is none, or it is another version's.
    pub fn read(file: &TensorFile) -> Result<Self, CheckpointError> {
        Ok(Self::deserialize(file.meta.get(KEY).unwrap_or(&Value::Null))?)
    }

    /// Puts the note into a file's.
    pub fn write(&self, meta: &mut serde_json::Map<String, Value>) {
        // A struct of plain fields always has a JSON form.
        meta.insert(KEY.to_owned(), serde_json::to_value(self).unwrap_or_default());
    }
}

//! A tokenizer as the files that transformers reads.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::error::HfError;
use super::files::{MERGES, TOKENIZER, VOCABULARY};
use super::{END_OF_TEXT, Tokenizer};

impl Tokenizer {
    /// The text of tokenizer.json; [`Tokenizer::parse`] reads it again.
    ///
    /// # Errors
    /// When the library cannot write it.
    pub fn to_json(&self) -> Result<String, HfError> {
        self.inner.to_string(true).map_err(|source| self.failed("write", &source))
    }

    /// What tokenizer.json does not tell: which tokens begin, end and fill up, and how blanks are treated. Of the form of a
    /// tokenizer_config.json; [`Tokenizer::parse_with`] takes it back.
    pub fn settings(&self) -> Value {
        let mut settings = self.roles();
        settings.insert("add_prefix_space".into(), self.special.adds_prefix_space.into());
        settings.insert("clean_up_tokenization_spaces".into(), self.special.cleans_up.into());
        Value::Object(settings)
    }

    fn roles(&self) -> Map<String, Value> {
        self.special.roles.iter().map(|(role, token)| ((*role).to_owned(), token.as_str().into())).collect()
    }

    /// Names and contents of all files: tokenizer.json, its settings, and vocab.json with merges.txt where it is a BPE.
    ///
    /// # Errors
    /// As [`Tokenizer::to_json`].
    pub fn files(&self) -> Result<Vec<(&'static str, Vec<u8>)>, HfError> {
        let json = self.to_json()?;
        let mut config = self.settings();
        // A GPT2Tokenizer of transformers has this token, wanted or not.
        let older = older_form(&json).filter(|_| self.id(END_OF_TEXT).is_some());
        config["tokenizer_class"] = if older.is_some() { "GPT2Tokenizer" } else { "PreTrainedTokenizerFast" }.into();
        let mut files = vec![
            ("tokenizer_config.json", format!("{config:#}").into_bytes()),
            ("special_tokens_map.json", format!("{:#}", Value::Object(self.roles())).into_bytes()),
            (TOKENIZER, json.into_bytes()),
        ];
        files.extend(older.into_iter().flatten());
        Ok(files)
    }
}

#[derive(Deserialize)]
struct Parts {
    model: Model,
    pre_tokenizer: Option<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    r#type: String,
}

#[derive(Deserialize)]
struct Model {
    r#type: String,
    vocab: HashMap<String, u32>,
    #[serde(default)]
    merges: Vec<[String; 2]>,
}

/// vocab.json and merges.txt of a byte-level BPE; nothing for any other kind.
fn older_form(json: &str) -> Option<[(&'static str, Vec<u8>); 2]> {
    let parts: Parts = serde_json::from_str(json).ok()?;
    let is_byte_level = parts.pre_tokenizer.is_some_and(|kind| kind.r#type == "ByteLevel");
    if parts.model.r#type != "BPE" || !is_byte_level {
        return None;
    }
    let mut merges = "#version: 0.2\n".to_owned();
    for [left, right] in &parts.model.merges {
        merges.extend([left, " ", right, "\n"]);
    }
    Some([(VOCABULARY, by_id(parts.model.vocab).into_bytes()), (MERGES, merges.into_bytes())])
}

/// A JSON object of tokens and ids in the order of the ids, which serde's own maps do not keep.
fn by_id(vocabulary: HashMap<String, u32>) -> String {
    let mut tokens: Vec<(u32, String)> = vocabulary.into_iter().map(|(token, id)| (id, token)).collect();
    tokens.sort_unstable();
    let lines: Vec<String> = tokens.into_iter().map(|(id, token)| format!("{}:{id}", Value::from(token))).collect();
    format!("{{{}}}", lines.join(","))
}

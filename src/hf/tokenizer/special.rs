//! Which tokens are special, by the small files beside a tokenizer.

use std::path::Path;

use serde_json::Value;

use super::super::error::HfError;
use super::super::json::{Document, Fields};

/// What special tokens are for, as the files name it.
pub(super) const ROLES: [&str; 4] = ["bos_token", "eos_token", "unk_token", "pad_token"];
/// Special tokens beyond these four.
const MAX_MORE: usize = 1 << 16;

/// Special tokens and the two switches that stand beside them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Special {
    /// Pairs of a role and its token.
    pub(super) roles: Vec<(&'static str, String)>,
    /// Tokens with no role, in the order of their ids where these are told.
    pub(super) more: Vec<String>,
    /// Whether texts are encoded as if a blank stood before them.
    pub(super) adds_prefix_space: bool,
    /// Whether blanks before punctuation are taken out of decoded texts.
    pub(super) cleans_up: bool,
}

impl Special {
    /// Reads what is there of tokenizer_config.json, special_tokens_map.json and added_tokens.json; the first that names
    /// a role's token wins.
    pub(super) fn load(folder: &Path) -> Result<Self, HfError> {
        let document = |name: &str| Document::read_if_there(&folder.join(name));
        let config = document("tokenizer_config.json")?;
        let map = document("special_tokens_map.json")?;
        let added = document("added_tokens.json")?;
        let mut special = Self::default();
        if let Some(config) = &config {
            special.set_switches(config.fields())?;
        }
        for fields in [&config, &map].into_iter().flatten().map(Document::fields) {
            special.add_roles(fields)?;
        }
        if let Some(added) = &added {
            special.add_by_id(added.fields())?;
        }
        Ok(special)
    }

    /// What the content of a tokenizer_config.json tells; `path` is for messages.
    pub(super) fn parse(path: &Path, config: &[u8]) -> Result<Self, HfError> {
        let document = Document::parse(path, config)?;
        let mut special = Self::default();
        special.set_switches(document.fields())?;
        special.add_roles(document.fields())?;
        Ok(special)
    }

    fn set_switches(&mut self, config: Fields<'_>) -> Result<(), HfError> {
        self.adds_prefix_space = config.flag("add_prefix_space")?.unwrap_or(false);
        self.cleans_up = config.flag("clean_up_tokenization_spaces")?.unwrap_or(false);
        Ok(())
    }

    /// All special tokens, those with a role first.
    pub(super) fn tokens(&self) -> impl Iterator<Item = &str> {
        self.roles.iter().map(|(_, token)| token.as_str()).chain(self.more.iter().map(String::as_str))
    }

    fn add_roles(&mut self, fields: Fields<'_>) -> Result<(), HfError> {
        for role in ROLES {
            let Some(value) = fields.get(role) else { continue };
            let token = content(value).ok_or_else(|| fields.wrong(role, "must be a text or have a content"))?;
            if !self.roles.iter().any(|(known, _)| *known == role) {
                self.roles.push((role, token.to_owned()));
            }
        }
        let key = "additional_special_tokens";
        let Some(list) = fields.get(key).and_then(Value::as_array) else { return Ok(()) };
        for value in list.iter().take(MAX_MORE) {
            let token = content(value).ok_or_else(|| fields.wrong(key, "must list texts"))?;
            self.add(token);
        }
        Ok(())
    }

    /// Tokens as `{"token": id}`.
    fn add_by_id(&mut self, fields: Fields<'_>) -> Result<(), HfError> {
        let mut tokens = Vec::new();
        for token in fields.keys().take(MAX_MORE) {
            let id = fields.count(token, 0, u32::MAX as usize)?;
            tokens.push((id, token));
        }
        tokens.sort_unstable();
        tokens.into_iter().for_each(|(_, token)| self.add(token));
        Ok(())
    }

    fn add(&mut self, token: &str) {
        if !self.tokens().any(|known| known == token) {
            self.more.push(token.to_owned());
        }
    }
}

/// A token that is written as a text, or as an object that has it under "content".
fn content(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value.get("content")?.as_str()).filter(|token| !token.is_empty())
}

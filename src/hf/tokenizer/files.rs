//! The two forms that a tokenizer is saved in, both as the text of a tokenizer.json.

use std::collections::HashMap;
use std::path::Path;

use serde_json::json;

use super::super::error::{HfError, quoted};
use super::super::files;
use super::END_OF_TEXT;
use super::special::Special;

pub(super) const TOKENIZER: &str = "tokenizer.json";
pub(super) const VOCABULARY: &str = "vocab.json";
pub(super) const MERGES: &str = "merges.txt";
/// Bytes that each of them may have; those of a vocabulary of 250,000 tokens are half as many.
const MAX_BYTES: u64 = 64 << 20;

/// The text of `folder`'s tokenizer.json, made from vocab.json and merges.txt if it has none.
pub(super) fn json(folder: &Path, special: &Special) -> Result<Vec<u8>, HfError> {
    let read = |name: &str| match files::read(&folder.join(name), MAX_BYTES, "fetch the tokenizer again") {
        Ok(bytes) => Ok(Some(bytes)),
        Err(HfError::Missing { .. }) => Ok(None),
        Err(error) => Err(error),
    };
    if let Some(json) = read(TOKENIZER)? {
        return Ok(json);
    }
    let (Some(vocabulary), Some(merges)) = (read(VOCABULARY)?, read(MERGES)?) else {
        return Err(HfError::NoTokenizer(folder.to_path_buf()));
    };
    let path = folder.join(VOCABULARY);
    let vocabulary: HashMap<String, u32> =
        serde_json::from_slice(&vocabulary).map_err(|source| HfError::Json { path, source })?;
    let merges = pairs(&folder.join(MERGES), &merges)?;
    Ok(assemble(vocabulary, &merges, special.adds_prefix_space).into_bytes())
}

/// The lines of a merges.txt: two tokens each, with a blank between; the first line may tell a version.
fn pairs(path: &Path, bytes: &[u8]) -> Result<Vec<[String; 2]>, HfError> {
    let text = std::str::from_utf8(bytes).map_err(|_| HfError::damaged(path, "it is not UTF-8"))?;
    let lines =
        text.lines().enumerate().filter(|(n, line)| !(line.is_empty() || *n == 0 && line.starts_with("#version")));
    let pair = |(n, line): (usize, &str)| match line.split_once(' ') {
        Some((left, right)) if !(left.is_empty() || right.is_empty() || right.contains(' ')) => {
            Ok([left.to_owned(), right.to_owned()])
        }
        _ => Err(HfError::damaged(path, format!("line {} is {}, not two tokens", n + 1, quoted(line)))),
    };
    lines.map(pair).collect()
}

/// GPT-2's byte-level BPE as a tokenizer.json: words split by its pattern, bytes written as letters, pairs merged in the
/// order in which they are listed. [`END_OF_TEXT`] is special, and comes last if the vocabulary has it not.
pub(super) fn assemble(mut vocabulary: HashMap<String, u32>, merges: &[[String; 2]], prefix_space: bool) -> String {
    let next = vocabulary.values().max().map_or(0, |id| id.saturating_add(1));
    let end = *vocabulary.entry(END_OF_TEXT.to_owned()).or_insert(next);
    let byte_level = |trims: bool| json!({ "type": "ByteLevel", "add_prefix_space": prefix_space, "trim_offsets": trims, "use_regex": true });
    let end_of_text = json!({
        "id": end,
        "content": END_OF_TEXT,
        "single_word": false,
        "lstrip": false,
        "rstrip": false,
        "normalized": true,
        "special": true,
    });
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": [end_of_text],
        "normalizer": null,
        "pre_tokenizer": byte_level(true),
        "post_processor": byte_level(false),
        "decoder": byte_level(true),
        "model": {
            "type": "BPE",
            "dropout": null,
            "unk_token": null,
            "continuing_subword_prefix": null,
            "end_of_word_suffix": null,
            "fuse_unk": false,
            "byte_fallback": false,
            "ignore_merges": false,
            "vocab": vocabulary,
            "merges": merges,
        },
    })
    .to_string()
}

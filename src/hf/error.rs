//! What can be wrong with a Hugging Face folder, each as one sentence: what, where, what to do.

use std::io;
use std::path::{Path, PathBuf};

/// Characters of a stranger's text that a message quotes.
const MAX_QUOTED: usize = 80;

/// Everything that reading or writing such a folder can fail with.
#[derive(Debug, thiserror::Error)]
pub enum HfError {
    #[error("cannot {operation} {}: {source}", path.display())]
    Io { operation: &'static str, path: PathBuf, source: io::Error },
    #[error("{} is missing; {remedy}", path.display())]
    Missing { path: PathBuf, remedy: &'static str },
    #[error("{} is not a regular file; name a folder that holds the model's own files", .0.display())]
    NotAFile(PathBuf),
    #[error("{} has {bytes} bytes, more than the {limit} that such a file may have; it is not one", path.display())]
    TooLarge { path: PathBuf, bytes: u64, limit: u64 },
    #[error("{} is a Git LFS pointer and not the file itself; fetch it with `git lfs pull`", .0.display())]
    LfsPointer(PathBuf),
    #[error("{} is not valid JSON: {source}; fetch it again", path.display())]
    Json { path: PathBuf, source: serde_json::Error },
    #[error("{}: {key} {problem}", path.display())]
    Setting { path: PathBuf, key: String, problem: String },
    #[error("{} describes {found}; only a vision-encoder-decoder of a vit and a gpt2 is understood", path.display())]
    Architecture { path: PathBuf, found: String },
    #[error("{} holds no weights; model.safetensors, pytorch_model.bin or the index of their parts is needed", .0.display())]
    NoWeights(PathBuf),
    #[error("{} is damaged or cut short: {problem}; fetch it again", path.display())]
    Damaged { path: PathBuf, problem: String },
    #[error("{} is refused: {problem}", path.display())]
    Refused { path: PathBuf, problem: String },
    #[error("{} has no tensor {name}; its weights belong to another model", folder.display())]
    NoTensor { folder: PathBuf, name: String },
    #[error("{}: tensor {name} holds {dtype}; only F32, F16, BF16 and F64 are read as numbers", path.display())]
    DataType { path: PathBuf, name: String, dtype: &'static str },
    #[error("{} holds no tokenizer; tokenizer.json, or vocab.json with merges.txt, is needed", .0.display())]
    NoTokenizer(PathBuf),
    #[error("the tokenizer of {} {problem}", path.display())]
    Tokenizer { path: PathBuf, problem: String },
    #[error("the picture of {width}x{height} pixels {problem}")]
    Picture { width: u32, height: u32, problem: &'static str },
    #[error("the folder cannot be written: {0}")]
    Unwritable(String),
    #[error("{} exists already and is left alone; name another folder or move it away", .0.display())]
    Exists(PathBuf),
}

impl HfError {
    /// For `map_err`: an I/O error with the operation and the path it belongs to.
    pub(super) fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { operation, path, source }
    }

    pub(super) fn damaged(path: &Path, problem: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_path_buf(), problem: problem.into() }
    }

    pub(super) fn refused(path: &Path, problem: impl Into<String>) -> Self {
        Self::Refused { path: path.to_path_buf(), problem: problem.into() }
    }

    pub(super) fn tokenizer(path: &Path, problem: impl Into<String>) -> Self {
        Self::Tokenizer { path: path.to_path_buf(), problem: problem.into() }
    }
}

/// A stranger's text for a message: at most 80 characters, none of which a terminal would obey.
pub(super) fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(MAX_QUOTED).flat_map(char::escape_debug).collect();
    if text.chars().nth(MAX_QUOTED).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

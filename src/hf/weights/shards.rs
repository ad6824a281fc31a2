//! The index of weights that lie in several files: which tensor is in which.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use serde::Deserialize;

use super::super::error::{HfError, quoted};
use super::super::files;
use super::{MAX_TENSORS, Part};

/// Bytes that an index may have.
const MAX_BYTES: u64 = 16 << 20;
/// Files that an index may name; each is held open.
const MAX_FILES: usize = 256;

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// Each file with the tensors that it holds.
///
/// # Errors
/// When the index cannot be read, names too much, or names a file that is not in its own folder.
pub(super) fn read(path: &Path) -> Result<Vec<Part>, HfError> {
    let bytes = files::read(path, MAX_BYTES, "fetch the model again")?;
    let index: Index =
        serde_json::from_slice(&bytes).map_err(|source| HfError::Json { path: path.to_path_buf(), source })?;
    if index.weight_map.len() > MAX_TENSORS {
        return Err(HfError::refused(path, "it names more tensors than any model has"));
    }
    let mut parts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (tensor, file) in index.weight_map {
        parts.entry(file).or_default().push(tensor);
    }
    if parts.len() > MAX_FILES {
        return Err(HfError::refused(path, format!("it names {} files; {MAX_FILES} are possible", parts.len())));
    }
    match parts.keys().find(|file| !is_plain(file)) {
        Some(file) => {
            Err(HfError::refused(path, format!("it names {}, which is no file of this folder", quoted(file))))
        }
        None => Ok(parts.into_iter().map(|(file, tensors)| Part { file, tensors: Some(tensors) }).collect()),
    }
}

/// Whether a name is one file's and leads nowhere.
fn is_plain(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == name)
}

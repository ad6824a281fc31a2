//! The tensors of a folder: safetensors, whole or in parts, or torch's older zip with a pickle.
//!
//! Opening reads headers alone; numbers are read from disk when a tensor is asked for, so that a model lies in memory
//! once. Every size that a file tells is compared with the file's length before anything is allocated.

mod entry;
mod pickle;
mod safetensors;
mod shards;
#[cfg(test)]
mod tests;
mod zip;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::error::{HfError, quoted};
use super::files;
use entry::{Entry, TensorFile};

/// The name of the file that is written, and looked for first.
pub(super) const FILE: &str = "model.safetensors";
const TORCH_FILE: &str = "pytorch_model.bin";
/// Tensors that a file may name: fifty times those of a large model.
const MAX_TENSORS: usize = 100_000;
/// What stands between a dot and the end of names of buffers, not weights: causal masks that old GPT-2 files hold.
const BUFFERS: [&str; 4] = [".attn.bias", ".attn.masked_bias", ".crossattention.bias", ".crossattention.masked_bias"];

/// The tensors of a folder, by name.
#[derive(Debug)]
pub struct Weights {
    folder: PathBuf,
    files: Vec<TensorFile>,
    /// The file's place in `files`, and what it says of the tensor.
    tensors: BTreeMap<String, (usize, Entry)>,
}

/// Whether a name is that of a mask saved beside the weights. `attn.c_attn.bias` is none.
pub fn is_buffer(name: &str) -> bool {
    BUFFERS.iter().any(|suffix| name.ends_with(suffix))
}

/// A file of weights.
struct Part {
    file: String,
    /// What it is said to hold; none: whatever it holds.
    tensors: Option<Vec<String>>,
}

impl Weights {
    /// Opens the weights of `folder`: model.safetensors, its parts by model.safetensors.index.json, pytorch_model.bin, or
    /// its parts by pytorch_model.bin.index.json; the first that is there.
    ///
    /// # Errors
    /// When there is none, or one is cut short, damaged, not what its name says, or would run code when unpickled.
    pub fn open(folder: &Path) -> Result<Self, HfError> {
        for whole in [FILE, TORCH_FILE] {
            if folder.join(whole).exists() {
                return Self::gather(folder, vec![Part { file: whole.to_owned(), tensors: None }]);
            }
            let index = folder.join(format!("{whole}.index.json"));
            if index.exists() {
                return Self::gather(folder, shards::read(&index)?);
            }
        }
        Err(HfError::NoWeights(folder.to_path_buf()))
    }

    /// Opens each file and takes the tensors that it is said to hold, all of them if nothing is said.
    fn gather(folder: &Path, parts: Vec<Part>) -> Result<Self, HfError> {
        let mut weights = Self { folder: folder.to_path_buf(), files: Vec::new(), tensors: BTreeMap::new() };
        for part in parts {
            let path = folder.join(&part.file);
            let (file, mut found) = open_one(&path)?;
            if let Some(wanted) = part.tensors {
                found = wanted
                    .into_iter()
                    .map(|tensor| match found.remove(&tensor) {
                        Some(entry) => Ok((tensor, entry)),
                        None => {
                            Err(HfError::damaged(&path, format!("the index says that it holds {}", quoted(&tensor))))
                        }
                    })
                    .collect::<Result<_, _>>()?;
            }
            let place = weights.files.len();
            weights.files.push(file);
            weights.tensors.extend(found.into_iter().map(|(name, entry)| (name, (place, entry))));
        }
        Ok(weights)
    }

    /// All names in alphabetical order, those of buffers among them.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// A tensor's shape, if there is such a tensor.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|(_, entry)| entry.shape.as_slice())
    }

    /// Reads a tensor's numbers, the last dimension running fastest. F32 is taken as it is, F16 and BF16 exactly, F64
    /// rounded.
    ///
    /// # Errors
    /// When there is no such tensor, it holds no floating-point numbers, or the file cannot be read any more.
    pub fn f32(&self, name: &str) -> Result<Vec<f32>, HfError> {
        let Some((file, entry)) = self.tensors.get(name) else {
            return Err(HfError::NoTensor { folder: self.folder.clone(), name: quoted(name) });
        };
        self.files[*file].read(name, entry)
    }
}

/// Opens a file of either kind, told by its name's ending.
fn open_one(path: &Path) -> Result<(TensorFile, BTreeMap<String, Entry>), HfError> {
    let (file, bytes) = files::open(path, "fetch the model again")?;
    let file = TensorFile::new(path, file, bytes)?;
    let is_safetensors = path.extension().is_some_and(|extension| extension == "safetensors");
    let found = if is_safetensors { safetensors::entries(&file)? } else { pickle::entries(&file)? };
    Ok((file, found))
}

//! Tensors of a safetensors file that stay there until their numbers are asked for.

use super::CheckpointError;
use ::safetensors::tensor::{Metadata, SafeTensorError};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// The header's length stands in front of it, in bytes.
const PREFIX: u64 = 8;
/// Bytes that a header may have: what the library allows.
const MOST_HEADER: u64 = 100_000_000;
/// Bytes read at a time: a tensor lies in memory once, and this much of it twice. A multiple of a number's size.
const CHUNK: usize = 1 << 20;

/// An open file, and where its numbers begin.
#[derive(Debug)]
pub struct Places {
    file: Arc<File>,
    data: u64,
}

/// Where a tensor's numbers begin. Its length was checked to lie inside the file.
#[derive(Clone, Debug)]
pub struct OnDisk {
    file: Arc<File>,
    at: u64,
}

/// Opens a file and reads its header.
///
/// # Errors
/// When it cannot be read, or is not as long as its header says.
pub fn open(path: &Path) -> Result<(Metadata, Places), CheckpointError> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut prefix = [0; PREFIX as usize];
    if length < PREFIX {
        return Err(SafeTensorError::HeaderTooSmall.into());
    }
    file.read_exact_at(&mut prefix, 0)?;
    let header = u64::from_le_bytes(prefix);
    if header > MOST_HEADER {
        return Err(SafeTensorError::HeaderTooLarge.into());
    }
    if header > length - PREFIX {
        return Err(SafeTensorError::InvalidHeaderLength.into());
    }
    let mut text = vec![0; header as usize];
    file.read_exact_at(&mut text, PREFIX)?;
    // The library sees to it that tensors lie one after another, each as long as its shape and type make it.
    let metadata: Metadata = serde_json::from_slice(&text).map_err(SafeTensorError::InvalidHeaderDeserialization)?;
    let data = PREFIX + header;
    if data.checked_add(metadata.data_len() as u64) != Some(length) {
        return Err(SafeTensorError::MetadataIncompleteBuffer.into());
    }
    Ok((metadata, Places { file: Arc::new(file), data }))
}

impl Places {
    /// The place of a tensor, `offset` bytes behind the header.
    pub fn at(&self, offset: usize) -> OnDisk {
        OnDisk { file: Arc::clone(&self.file), at: self.data + offset as u64 }
    }
}

impl OnDisk {
    /// Reads `count` numbers.
    ///
    /// # Errors
    /// When the file has become shorter, or cannot be read any more.
    pub fn read(&self, count: usize) -> io::Result<Vec<f32>> {
        let mut values = Vec::with_capacity(count);
        let mut chunk = vec![0; CHUNK.min(count * size_of::<f32>())];
        while values.len() < count {
            let length = CHUNK.min((count - values.len()) * size_of::<f32>());
            let chunk = &mut chunk[..length];
            self.file.read_exact_at(chunk, self.at + (values.len() * size_of::<f32>()) as u64)?;
            values.extend(chunk.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)));
        }
        Ok(values)
    }
}

/// The same place of the same open file.
impl PartialEq for OnDisk {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.file, &other.file) && self.at == other.at
    }
}

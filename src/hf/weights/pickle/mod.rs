//! pytorch_model.bin: a zip whose `data.pkl` tells, as a pickle, which tensor lies in which of its other entries.
//!
//! A pickle is a program, and Python's own reader would run anything that it names. The machine here knows the few names
//! that a saved dictionary of tensors needs and builds tensors and nothing else; any other name is refused.

mod machine;
mod tensor;
#[cfg(test)]
mod tests;
mod value;

use std::collections::BTreeMap;

use super::super::error::{HfError, quoted};
use super::MAX_TENSORS;
use super::entry::{Entry, TensorFile};
use super::zip::{self, Stored};
use machine::Machine;
use value::Value;

/// The entry that holds the pickle, under the folder that is the archive's name.
const PROGRAM: &str = "data.pkl";
/// Bytes that a pickle may have: that of a model with some ten thousand tensors.
const MAX_PROGRAM: u64 = 4 << 20;

/// Every tensor of the file by its name.
pub(super) fn entries(file: &TensorFile) -> Result<BTreeMap<String, Entry>, HfError> {
    let start = file.at(0, file.bytes().min(4) as usize)?;
    if !start.starts_with(b"PK") {
        let problem =
            "it is no zip file; one that torch wrote before version 1.6 must be loaded and saved again by a newer one";
        return Err(HfError::refused(file.path(), problem));
    }
    let archive = Archive::open(file)?;
    let program = archive.program(file)?;
    let refused = |problem: String| HfError::refused(file.path(), format!("its pickle {problem}"));
    let mut machine = Machine::new(&program);
    let end = machine.run().map_err(refused)?;
    let Value::Dict(dictionary) = end else {
        return Err(refused("holds no dictionary of tensors".into()));
    };
    let pairs = machine.pairs(dictionary);
    if pairs.len() > MAX_TENSORS {
        return Err(refused("names more tensors than any model has".into()));
    }
    let mut entries = BTreeMap::new();
    for (name, value) in pairs {
        let (Value::Text(name), Value::Tensor(tensor)) = (name, value) else {
            return Err(refused(format!("holds {} under {}, no tensor under its name", value.kind(), name.shown())));
        };
        let tensor = machine.tensor(*tensor);
        let entry =
            archive.place(file, tensor).map_err(|problem| refused(format!("says of {}: {problem}", quoted(name))))?;
        entries.insert((*name).to_owned(), entry);
    }
    Ok(entries)
}

/// The entries of the zip, and the folder that all of them stand in.
struct Archive {
    entries: BTreeMap<String, Stored>,
    folder: String,
}

impl Archive {
    fn open(file: &TensorFile) -> Result<Self, HfError> {
        let entries = zip::entries(file)?;
        let folder = entries.keys().find_map(|name| name.strip_suffix(PROGRAM).filter(|folder| folder.ends_with('/')));
        let Some(folder) = folder.map(str::to_owned) else {
            return Err(HfError::refused(file.path(), "it holds no data.pkl, so torch did not save it"));
        };
        if let Some(order) = entries.get(&format!("{folder}byteorder"))
            && (order.bytes != 6 || file.at(order.at, 6)? != b"little")
        {
            return Err(HfError::refused(file.path(), "its numbers are not little-endian"));
        }
        Ok(Self { entries, folder })
    }

    fn program(&self, file: &TensorFile) -> Result<Vec<u8>, HfError> {
        let stored = self.entries.get(&format!("{}{PROGRAM}", self.folder)).copied();
        match stored.unwrap_or(Stored { at: 0, bytes: 0 }) {
            Stored { bytes, .. } if bytes > MAX_PROGRAM => {
                Err(HfError::refused(file.path(), format!("its pickle has {bytes} bytes, more than any model needs")))
            }
            Stored { at, bytes } => file.at(at, bytes as usize),
        }
    }

    /// Where a tensor's numbers lie in the file.
    fn place(&self, file: &TensorFile, tensor: &tensor::Tensor<'_>) -> Result<Entry, String> {
        let name = format!("{}data/{}", self.folder, tensor.storage.key);
        let stored = self.entries.get(&name).ok_or_else(|| format!("its numbers, {}, are missing", quoted(&name)))?;
        let due = tensor.storage.numbers.checked_mul(tensor.storage.dtype.bytes() as u64);
        if due != Some(stored.bytes) || stored.at.checked_add(stored.bytes).is_none_or(|end| end > file.bytes()) {
            let (numbers, bytes) = (tensor.storage.numbers, stored.bytes);
            return Err(format!("its {numbers} numbers cannot be {bytes} bytes"));
        }
        Ok(tensor.entry(stored.at))
    }
}

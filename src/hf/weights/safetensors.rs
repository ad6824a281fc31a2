//! The header of a safetensors file.
//!
//! The library parses the header and sees to it that the tensors lie one after another with no gap, each as long as its
//! shape and type make it. It would want the whole file in memory to compare that with the file's length, so this is
//! done here.

use std::collections::BTreeMap;

use ::safetensors::tensor::{Dtype, Metadata};

use super::super::error::HfError;
use super::MAX_TENSORS;
use super::entry::{DataType, Entry, TensorFile};

/// The header's length stands in front of it.
const PREFIX_BYTES: u64 = 8;
/// Bytes that a header may have: that of a model with 100,000 tensors.
const MAX_HEADER_BYTES: u64 = 16 << 20;

/// Every tensor of the file by its name.
pub(super) fn entries(file: &TensorFile) -> Result<BTreeMap<String, Entry>, HfError> {
    let (header, data_at) = header(file)?;
    let tensors = header.tensors();
    if tensors.len() > MAX_TENSORS {
        return Err(file.damaged(format!("it names {} tensors, more than any model has", tensors.len())));
    }
    let data: usize = tensors.values().map(|info| info.data_offsets.1).max().unwrap_or(0);
    if data_at.checked_add(data as u64) != Some(file.bytes()) {
        let held = file.bytes() - data_at;
        return Err(file.damaged(format!("its header promises {data} bytes of numbers, it holds {held}")));
    }
    let entry = |info: &::safetensors::tensor::TensorInfo| Entry {
        dtype: data_type(info.dtype),
        shape: info.shape.clone(),
        at: data_at + info.data_offsets.0 as u64,
        strides: None,
    };
    Ok(tensors.into_iter().map(|(name, info)| (name, entry(info))).collect())
}

/// The parsed header, and where the numbers begin.
fn header(file: &TensorFile) -> Result<(Metadata, u64), HfError> {
    let short = || file.damaged("it ends within its header");
    if file.bytes() < PREFIX_BYTES {
        return Err(short());
    }
    let prefix = file.at(0, PREFIX_BYTES as usize)?;
    let length = prefix.first_chunk().map_or(0, |prefix| u64::from_le_bytes(*prefix));
    if length > MAX_HEADER_BYTES {
        return Err(file.damaged(format!("its header would have {length} bytes, so it is no safetensors file")));
    }
    if length > file.bytes() - PREFIX_BYTES {
        return Err(short());
    }
    let text = file.at(PREFIX_BYTES, length as usize)?;
    let header = serde_json::from_slice(&text)
        .map_err(|source| file.damaged(format!("its header cannot be read ({source})")))?;
    Ok((header, PREFIX_BYTES + length))
}

fn data_type(dtype: Dtype) -> DataType {
    match dtype {
        Dtype::F32 => DataType::F32,
        Dtype::F16 => DataType::F16,
        Dtype::BF16 => DataType::Bf16,
        Dtype::F64 => DataType::F64,
        Dtype::BOOL => DataType::Other("BOOL", 1),
        Dtype::U8 => DataType::Other("U8", 1),
        Dtype::I8 => DataType::Other("I8", 1),
        Dtype::I16 | Dtype::U16 => DataType::Other("16-bit whole numbers", 2),
        Dtype::I32 | Dtype::U32 => DataType::Other("32-bit whole numbers", 4),
        Dtype::I64 | Dtype::U64 => DataType::Other("64-bit whole numbers", 8),
        _ => DataType::Other("a packed type", 0),
    }
}

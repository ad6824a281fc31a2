//! Where a tensor lies in a file, and reading it from there.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use half::{bf16, f16};

use super::super::error::{HfError, quoted};
use super::super::files;

/// Bytes read at a time: a tensor lies in memory once, and this much of it twice. A multiple of every number's size.
const CHUNK: usize = 1 << 20;

/// What the numbers of a tensor are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DataType {
    F32,
    F16,
    Bf16,
    F64,
    /// Nothing that weights are made of: its name, and the bytes of a number.
    Other(&'static str, usize),
}

impl DataType {
    /// Bytes of one number.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
            Self::Other(_, bytes) => bytes,
        }
    }
}

/// A tensor in a file. All of it was checked to lie inside the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) dtype: DataType,
    pub(super) shape: Vec<usize>,
    /// Offset of its first number from the file's start, in bytes.
    pub(super) at: u64,
    /// Steps between neighbours of each dimension, in numbers; none when the last dimension runs fastest with no gaps.
    pub(super) strides: Option<Vec<usize>>,
}

impl Entry {
    /// Numbers in the tensor; the product was checked to fit.
    fn numbers(&self) -> usize {
        self.shape.iter().product()
    }
}

/// A file of tensors, open.
#[derive(Debug)]
pub(super) struct TensorFile {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl TensorFile {
    pub(super) fn new(path: &Path, file: File, bytes: u64) -> Result<Self, HfError> {
        let file = Self { path: path.to_path_buf(), file, bytes };
        let start = file.at(0, bytes.min(64) as usize)?;
        files::refuse_pointer(path, &start)?;
        Ok(file)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file's length in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Reads `length` bytes from `at`, which the caller has checked to be inside the file.
    pub(super) fn at(&self, at: u64, length: usize) -> Result<Vec<u8>, HfError> {
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, at).map_err(HfError::io("read", &self.path))?;
        Ok(bytes)
    }

    pub(super) fn damaged(&self, problem: impl Into<String>) -> HfError {
        HfError::damaged(&self.path, problem)
    }

    /// The numbers of a tensor of this file.
    pub(super) fn read(&self, name: &str, entry: &Entry) -> Result<Vec<f32>, HfError> {
        if let DataType::Other(dtype, _) = entry.dtype {
            return Err(HfError::DataType { path: self.path.clone(), name: quoted(name), dtype });
        }
        match &entry.strides {
            None => self.run(entry.dtype, entry.at, entry.numbers()),
            Some(strides) => self.strided(entry, strides),
        }
    }

    /// `numbers` numbers that lie one after another.
    fn run(&self, dtype: DataType, at: u64, numbers: usize) -> Result<Vec<f32>, HfError> {
        let mut values = Vec::with_capacity(numbers);
        let size = dtype.bytes();
        let mut chunk = vec![0; CHUNK.min(numbers * size)];
        while values.len() < numbers {
            let length = CHUNK.min((numbers - values.len()) * size);
            let from = at + (values.len() * size) as u64;
            let chunk = &mut chunk[..length];
            self.file.read_exact_at(chunk, from).map_err(HfError::io("read", &self.path))?;
            append(&mut values, dtype, chunk);
        }
        Ok(values)
    }

    /// Numbers that lie apart or in another order: everything from the first to the last is read, then picked from.
    fn strided(&self, entry: &Entry, strides: &[usize]) -> Result<Vec<f32>, HfError> {
        let numbers = entry.numbers();
        if numbers == 0 {
            return Ok(Vec::new());
        }
        let last: usize = entry.shape.iter().zip(strides).map(|(size, stride)| (size - 1) * stride).sum();
        let source = self.run(entry.dtype, entry.at, last + 1)?;
        let mut index = vec![0; entry.shape.len()];
        let mut from = 0;
        let mut values = Vec::with_capacity(numbers);
        for _ in 0..numbers {
            values.push(source[from]);
            for axis in (0..index.len()).rev() {
                index[axis] += 1;
                from += strides[axis];
                if index[axis] < entry.shape[axis] {
                    break;
                }
                from -= strides[axis] * entry.shape[axis];
                index[axis] = 0;
            }
        }
        Ok(values)
    }
}

/// Numbers out of little-endian bytes; both kinds of file are little-endian.
fn append(values: &mut Vec<f32>, dtype: DataType, bytes: &[u8]) {
    match dtype {
        DataType::F32 => values.extend(bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b))),
        DataType::F16 => values.extend(bytes.as_chunks().0.iter().map(|b| f16::from_le_bytes(*b).to_f32())),
        DataType::Bf16 => values.extend(bytes.as_chunks().0.iter().map(|b| bf16::from_le_bytes(*b).to_f32())),
        DataType::F64 => values.extend(bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b) as f32)),
        DataType::Other(..) => {}
    }
}

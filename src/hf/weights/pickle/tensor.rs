//! A tensor as torch pickles it: a window on a storage.

use super::super::entry::{DataType, Entry};

/// Dimensions that a tensor may have; torch allows 64.
const MAX_DIMENSIONS: usize = 16;

/// Numbers of one type in an entry of the zip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Storage<'a> {
    pub(super) dtype: DataType,
    /// The name of the entry under `data/`.
    pub(super) key: &'a str,
    pub(super) numbers: u64,
}

/// A window on a storage, checked to be inside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tensor<'a> {
    pub(super) storage: Storage<'a>,
    /// The first number's place in the storage.
    offset: u64,
    shape: Vec<usize>,
    strides: Vec<usize>,
}

impl<'a> Tensor<'a> {
    /// # Errors
    /// When a number is negative, dimensions and strides differ in count, the tensor reaches out of its storage, or has
    /// more numbers than that (a broadcast one, which weights never are).
    pub(super) fn new(storage: Storage<'a>, offset: i64, shape: &[i64], strides: &[i64]) -> Result<Self, String> {
        if shape.len() != strides.len() || shape.len() > MAX_DIMENSIONS {
            return Err(format!("has a tensor with {} dimensions and {} strides", shape.len(), strides.len()));
        }
        let positive = |numbers: &[i64]| numbers.iter().map(|n| usize::try_from(*n).ok()).collect::<Option<Vec<_>>>();
        let (Ok(offset), Some(shape), Some(strides)) = (u64::try_from(offset), positive(shape), positive(strides))
        else {
            return Err("has a tensor with a negative size, stride or offset".into());
        };
        let tensor = Self { storage, offset, shape, strides };
        match tensor.is_inside() {
            true => Ok(tensor),
            false => Err("has a tensor that reaches out of its numbers".into()),
        }
    }

    fn is_inside(&self) -> bool {
        let count = self.shape.iter().try_fold(1u64, |count, size| count.checked_mul(*size as u64));
        let last = self.shape.iter().zip(&self.strides).try_fold(self.offset, |last, (size, stride)| {
            last.checked_add((size.saturating_sub(1) as u64).checked_mul(*stride as u64)?)
        });
        match count {
            Some(0) => self.offset <= self.storage.numbers,
            Some(count) => count <= self.storage.numbers && last.is_some_and(|last| last < self.storage.numbers),
            None => false,
        }
    }

    /// Where it lies in the file, its storage beginning at byte `at`.
    pub(super) fn entry(&self, at: u64) -> Entry {
        Entry {
            dtype: self.storage.dtype,
            shape: self.shape.clone(),
            at: at + self.offset * self.storage.dtype.bytes() as u64,
            strides: (!self.is_contiguous()).then(|| self.strides.clone()),
        }
    }

    /// Whether the last dimension runs fastest with no gaps; the stride of a dimension of one says nothing.
    fn is_contiguous(&self) -> bool {
        let mut due = 1;
        self.shape.contains(&0)
            || self.shape.iter().zip(&self.strides).rev().all(|(size, stride)| {
                let fits = *size == 1 || *stride == due;
                due *= size;
                fits
            })
    }
}

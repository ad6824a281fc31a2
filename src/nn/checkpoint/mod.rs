//! A model's tensors as a safetensors file, and back.

mod disk;
mod stream;

pub use stream::stream;

use super::parameter::{Module, Role, Scope, Visitor};
use crate::ops::{Backend, host::read};
use ::safetensors::tensor::{Dtype, Metadata, SafeTensorError, SafeTensors, View, serialize};
use dfdx::prelude::{Shape, Tensor};
use disk::OnDisk;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// The one key of the file's metadata; its value is a JSON object. One key, since safetensors writes several in no
/// fixed order, and the same weights must give the same bytes.
const META_KEY: &str = "pixscribe";

/// What is wrong with a file of tensors.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    #[error("it cannot be read: {0}")]
    Io(#[from] std::io::Error),
    #[error("it is not a whole safetensors file: {0}")]
    Damaged(#[from] SafeTensorError),
    #[error("its note about the training cannot be read: {0}")]
    Meta(#[from] serde_json::Error),
    #[error("tensor {name} is missing")]
    Missing { name: String },
    #[error("tensor {name} has the shape {found:?}, {due:?} is due")]
    WrongShape { name: String, found: Vec<usize>, due: Vec<usize> },
    #[error("tensor {name} holds {dtype}, only F32 is read")]
    WrongType { name: String, dtype: String },
}

/// Named tensors with a note.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TensorFile {
    tensors: BTreeMap<String, Numbers>,
    /// What is not a tensor: the step, the recipe, sums of the epoch under way.
    pub meta: serde_json::Map<String, serde_json::Value>,
}

#[derive(Clone, Debug, PartialEq)]
struct Numbers {
    shape: Vec<usize>,
    values: Values,
}

#[derive(Clone, Debug, PartialEq)]
enum Values {
    Held(Vec<f32>),
    /// Read anew whenever they are asked for.
    OnDisk(OnDisk),
}

impl Numbers {
    fn values(&self) -> Result<Cow<'_, [f32]>, CheckpointError> {
        match &self.values {
            Values::Held(values) => Ok(values.into()),
            Values::OnDisk(place) => Ok(place.read(self.shape.iter().product())?.into()),
        }
    }
}

/// A tensor that is written.
struct Written<'a> {
    shape: &'a [usize],
    values: Cow<'a, [f32]>,
}

impl View for &Written<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        self.values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>().into()
    }

    fn data_len(&self) -> usize {
        self.values.len() * size_of::<f32>()
    }
}

impl TensorFile {
    /// Takes in every tensor of `module` under `prefix`.
    pub fn collect<D: Backend>(&mut self, prefix: &str, module: &mut impl Module<D>) {
        match module.walk(&Scope::default().child(prefix), &mut Collect(self)) {
            Ok(()) => {}
        }
    }

    /// Gives every tensor of `module` its numbers from this file.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape. The module may be half changed then.
    pub fn apply<D: Backend>(&self, prefix: &str, module: &mut impl Module<D>) -> Result<(), CheckpointError> {
        module.walk(&Scope::default().child(prefix), &mut Apply(self))
    }

    /// How many numbers all tensors have together.
    pub fn numbers(&self) -> usize {
        self.tensors.values().map(|tensor| tensor.shape.iter().product::<usize>()).sum()
    }

    /// The file's bytes: the same tensors and note give the same bytes.
    ///
    /// # Errors
    /// When a name or the note cannot be written, or a tensor that is still on disk cannot be read.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CheckpointError> {
        let mut written = BTreeMap::new();
        for (name, numbers) in &self.tensors {
            written.insert(name, Written { shape: &numbers.shape, values: numbers.values()? });
        }
        Ok(serialize(&written, Some(header_meta(&self.meta)?))?)
    }

    /// Opens a file: its header is read and compared with its length, its numbers only when they are asked for, so that
    /// a model lies in memory once.
    ///
    /// # Errors
    /// When it cannot be read, is no whole safetensors file, or holds anything but 32-bit floats.
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        let (header, places) = disk::open(path)?;
        let mut tensors = BTreeMap::new();
        for (name, info) in header.tensors() {
            check_type(&name, info.dtype)?;
            let values = Values::OnDisk(places.at(info.data_offsets.0));
            tensors.insert(name, Numbers { shape: info.shape.clone(), values });
        }
        Ok(Self { tensors, meta: note(&header)? })
    }

    /// Reads a file's bytes. Lengths are checked before anything is allocated.
    ///
    /// # Errors
    /// When the bytes are no safetensors file, or hold anything but 32-bit floats.
    pub fn parse(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let (_, header) = SafeTensors::read_metadata(bytes)?;
        let meta = note(&header)?;
        let mut tensors = BTreeMap::new();
        for (name, view) in SafeTensors::deserialize(bytes)?.tensors() {
            check_type(&name, view.dtype())?;
            let values = view.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
            tensors.insert(name, Numbers { shape: view.shape().to_vec(), values: Values::Held(values) });
        }
        Ok(Self { tensors, meta })
    }
}

/// The one entry of the header's metadata.
fn header_meta(note: &serde_json::Map<String, serde_json::Value>) -> Result<HashMap<String, String>, CheckpointError> {
    Ok(HashMap::from([(META_KEY.to_owned(), serde_json::to_string(note)?)]))
}

fn note(header: &Metadata) -> Result<serde_json::Map<String, serde_json::Value>, CheckpointError> {
    let note = header.metadata().as_ref().and_then(|meta| meta.get(META_KEY));
    Ok(note.map(|json| serde_json::from_str(json)).transpose()?.unwrap_or_default())
}

fn check_type(name: &str, dtype: Dtype) -> Result<(), CheckpointError> {
    match dtype {
        Dtype::F32 => Ok(()),
        _ => Err(CheckpointError::WrongType { name: name.to_owned(), dtype: format!("{dtype:?}") }),
    }
}

struct Collect<'a>(&'a mut TensorFile);

impl<D: Backend> Visitor<D> for Collect<'_> {
    type Err = std::convert::Infallible;

    fn visit<S: Shape>(&mut self, name: &str, _: Role, tensor: &mut Tensor<S, f32, D>) -> Result<(), Self::Err> {
        let numbers = Numbers { shape: sizes(tensor), values: Values::Held(read(tensor)) };
        self.0.tensors.insert(name.to_owned(), numbers);
        Ok(())
    }
}

struct Apply<'a>(&'a TensorFile);

impl<D: Backend> Visitor<D> for Apply<'_> {
    type Err = CheckpointError;

    fn visit<S: Shape>(&mut self, name: &str, _: Role, tensor: &mut Tensor<S, f32, D>) -> Result<(), Self::Err> {
        let numbers = self.0.tensors.get(name).ok_or_else(|| CheckpointError::Missing { name: name.to_owned() })?;
        let due = sizes(tensor);
        if numbers.shape != due {
            return Err(CheckpointError::WrongShape { name: name.to_owned(), found: numbers.shape.clone(), due });
        }
        tensor.copy_from(&numbers.values()?);
        Ok(())
    }
}

fn sizes<S: Shape, D: Backend>(tensor: &Tensor<S, f32, D>) -> Vec<usize> {
    use dfdx::prelude::HasShape;
    tensor.shape().concrete().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::BatchNorm;
    use crate::ops::Activation;
    use dfdx::prelude::Cpu;

    fn layer(start: f32) -> BatchNorm<Cpu> {
        let mut layer = BatchNorm::new(&Cpu::default(), 3, Activation::Identity).unwrap();
        layer.gamma.copy_from(&[start, f32::MIN_POSITIVE, -0.0]);
        layer
    }

    #[test]
    fn what_is_collected_and_parsed_is_applied_bit_for_bit() {
        let mut file = TensorFile::default();
        file.collect("model", &mut layer(1.5));
        file.meta.insert("step".into(), 7.into());
        let bytes = file.to_bytes().unwrap();
        let back = TensorFile::parse(&bytes).unwrap();
        assert_eq!(back, file);
        let mut other = layer(9.0);
        back.apply("model", &mut other).unwrap();
        let bits = |layer: &BatchNorm<Cpu>| read(&layer.gamma).iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&other), bits(&layer(1.5)));
    }

    /// What is streamed and what is collected are read alike, from bytes and from disk.
    #[test]
    fn a_file_on_disk_is_the_file_in_memory() {
        let mut file = TensorFile::default();
        file.collect("model", &mut layer(1.5));
        file.meta.insert("step".into(), 7.into());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let mut streamed = Vec::new();
        stream("model", &mut layer(1.5), &file.meta, &mut streamed).unwrap();
        for bytes in [file.to_bytes().unwrap(), streamed] {
            assert_eq!(TensorFile::parse(&bytes).unwrap(), file);
            std::fs::write(&path, &bytes).unwrap();
            let opened = TensorFile::open(&path).unwrap();
            assert_eq!(opened.to_bytes().unwrap(), file.to_bytes().unwrap());
            let mut other = layer(9.0);
            opened.apply("model", &mut other).unwrap();
            assert_eq!(read(&other.gamma), read(&layer(1.5).gamma));
        }
    }

    #[test]
    fn a_cut_or_foreign_file_is_refused_with_its_fault() {
        let mut file = TensorFile::default();
        file.collect("model", &mut layer(1.0));
        let bytes = file.to_bytes().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        for end in 0..bytes.len() {
            assert!(TensorFile::parse(&bytes[..end]).is_err(), "cut at {end}");
            std::fs::write(&path, &bytes[..end]).unwrap();
            assert!(TensorFile::open(&path).is_err(), "cut at {end}");
        }
        std::fs::write(&path, [&bytes[..], &[0]].concat()).unwrap();
        assert!(TensorFile::open(&path).is_err(), "a byte too many");
        std::fs::write(&path, [&u64::MAX.to_le_bytes()[..], &bytes].concat()).unwrap();
        assert!(TensorFile::open(&path).is_err(), "a header without end");
        let error = file.apply("other", &mut layer(0.0)).unwrap_err();
        assert_eq!(error.to_string(), "tensor other.weight is missing");
        let mut wide = BatchNorm::new(&Cpu::default(), 4, Activation::Identity).unwrap();
        let error = file.apply("model", &mut wide).unwrap_err();
        assert_eq!(error.to_string(), "tensor model.weight has the shape [3], [4] is due");
    }
}

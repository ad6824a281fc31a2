//! A module's tensors written straight to a file, for models that should not lie in memory twice.

use super::{CheckpointError, header_meta, sizes};
use crate::nn::{Module, Role, Scope, Visitor};
use crate::ops::{Backend, host::read};
use ::safetensors::tensor::{Dtype, Metadata, TensorInfo};
use dfdx::prelude::{Shape, Tensor};
use serde_json::{Map, Value};
use std::io::{self, Write};

/// The header is filled up with blanks to a multiple of this, so that the numbers lie aligned.
const ALIGNMENT: usize = 8;
/// Numbers that become bytes at a time.
const CHUNK: usize = 1 << 16;

/// Writes what [`super::TensorFile::collect`] would take in of `module` under `prefix`, and a note; one tensor at a time is
/// copied. Tensors lie in the order of the walk, so that the bytes are not those of [`super::TensorFile::to_bytes`].
///
/// # Errors
/// When `out` refuses, or the note cannot be written.
pub fn stream<D: Backend>(
    prefix: &str,
    module: &mut impl Module<D>,
    note: &Map<String, Value>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let scope = Scope::default().child(prefix);
    let mut list = List { tensors: Vec::new(), end: 0 };
    let Ok(()) = module.walk(&scope, &mut list);
    out.write_all(&header(list.tensors, note).map_err(io::Error::other)?)?;
    module.walk(&scope, &mut Put(out))
}

/// The length of the header as 8 bytes, and the header.
fn header(tensors: Vec<(String, TensorInfo)>, note: &Map<String, Value>) -> Result<Vec<u8>, CheckpointError> {
    let mut json = serde_json::to_vec(&Metadata::new(Some(header_meta(note)?), tensors)?)?;
    json.resize(json.len().next_multiple_of(ALIGNMENT), b' ');
    Ok([&(json.len() as u64).to_le_bytes()[..], &json].concat())
}

/// Where each tensor will lie.
struct List {
    tensors: Vec<(String, TensorInfo)>,
    end: usize,
}

impl<D: Backend> Visitor<D> for List {
    type Err = std::convert::Infallible;

    fn visit<S: Shape>(&mut self, name: &str, _: Role, tensor: &mut Tensor<S, f32, D>) -> Result<(), Self::Err> {
        let (shape, start) = (sizes(tensor), self.end);
        self.end += shape.iter().product::<usize>() * size_of::<f32>();
        let info = TensorInfo { dtype: Dtype::F32, shape, data_offsets: (start, self.end) };
        self.tensors.push((name.to_owned(), info));
        Ok(())
    }
}

struct Put<'a>(&'a mut dyn Write);

impl<D: Backend> Visitor<D> for Put<'_> {
    type Err = io::Error;

    fn visit<S: Shape>(&mut self, _: &str, _: Role, tensor: &mut Tensor<S, f32, D>) -> io::Result<()> {
        for numbers in read(tensor).chunks(CHUNK) {
            let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
            self.0.write_all(&bytes)?;
        }
        Ok(())
    }
}

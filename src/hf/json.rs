//! The fields of a JSON file, each checked as it is taken: a wrong one is told with its file, its key and what was
//! expected.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::error::{HfError, quoted};
use super::files;

/// Bytes that a file of settings may have.
const MAX_BYTES: u64 = 1 << 20;

/// A JSON object of a file, or one inside it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a> {
    path: &'a Path,
    /// The object's own key in the file, empty for the file itself.
    within: &'a str,
    map: &'a Map<String, Value>,
}

/// A file of settings: a JSON object.
#[derive(Clone, Debug)]
pub(super) struct Document {
    path: PathBuf,
    map: Map<String, Value>,
}

impl Document {
    /// Reads a JSON object of at most 1 MiB.
    pub(super) fn read(path: &Path, remedy: &'static str) -> Result<Self, HfError> {
        Self::parse(path, &files::read(path, MAX_BYTES, remedy)?)
    }

    /// [`Document::read`], or nothing when the file is not there.
    pub(super) fn read_if_there(path: &Path) -> Result<Option<Self>, HfError> {
        match Self::read(path, "it may be left out") {
            Ok(document) => Ok(Some(document)),
            Err(HfError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Self, HfError> {
        let map = serde_json::from_slice(bytes).map_err(|source| HfError::Json { path: path.to_path_buf(), source })?;
        Ok(Self { path: path.to_path_buf(), map })
    }

    pub(super) fn fields(&self) -> Fields<'_> {
        Fields { path: &self.path, within: "", map: &self.map }
    }
}

impl<'a> Fields<'a> {
    /// The value of a key; null counts as none, as it does in Python.
    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &'a str> {
        self.map.keys().map(String::as_str)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// Whether a key is there, be it with null.
    pub(super) fn speaks_of(&self, key: &str) -> bool {
        self.map.contains_key(key)
    }

    pub(super) fn path(&self) -> &'a Path {
        self.path
    }

    /// The error of a key whose value `problem` describes.
    pub(super) fn wrong(&self, key: &str, problem: impl Into<String>) -> HfError {
        let key = if self.within.is_empty() { key.to_owned() } else { format!("{}.{key}", self.within) };
        HfError::Setting { path: self.path.to_path_buf(), key, problem: problem.into() }
    }

    fn not(&self, key: &str, value: &Value, expected: &str) -> HfError {
        self.wrong(key, format!("is {}, but must be {expected}", quoted(&value.to_string())))
    }

    fn take<T>(
        &self,
        key: &str,
        expected: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, HfError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| self.not(key, value, expected))
    }

    pub(super) fn object(&self, key: &'a str) -> Result<Option<Fields<'a>>, HfError> {
        let map = self.take(key, "an object", Value::as_object)?;
        Ok(map.map(|map| Fields { path: self.path, within: key, map }))
    }

    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, HfError> {
        self.take(key, "true or false", Value::as_bool)
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&'a str>, HfError> {
        self.take(key, "a text", Value::as_str)
    }

    /// A finite number; 32-bit floats are what the model computes with.
    pub(super) fn number(&self, key: &str) -> Result<Option<f64>, HfError> {
        self.take(key, "a finite number", |value| value.as_f64().filter(|x| (*x as f32).is_finite()))
    }

    /// A whole number from `least` to `most`.
    pub(super) fn count(&self, key: &str, least: usize, most: usize) -> Result<Option<usize>, HfError> {
        let within = |n: &u64| (least as u64..=most as u64).contains(n);
        let expected = format!("a whole number from {least} to {most}");
        Ok(self.take(key, &expected, |value| value.as_u64().filter(within))?.map(|n| n as usize))
    }
}

//! A data set in memory.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::error::DataError;
use super::source::{Layout, Located, locate};
use super::split::{Labels, Split};
use super::{archive, binary, folder, sheets};

/// Label names, training and test images.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The folder's or archive's name.
    pub name: String,
    pub labels: Labels,
    pub train: Split,
    pub test: Split,
    /// SHA-256 of names, labels and pixels: the same for the same images, whatever layout they were read from.
    pub sha256: String,
    pub path: PathBuf,
}

impl Dataset {
    /// The images of these labels alone, numbered in the data's own order whatever order they are named in; all of
    /// them for an empty list. The sum stays that of the whole set.
    ///
    /// # Errors
    /// When the set knows no such label, or fewer than two are left.
    pub fn of_labels(self, names: &[String]) -> Result<Self, DataError> {
        if names.is_empty() {
            return Ok(self);
        }
        if let Some(name) = names.iter().find(|name| !self.labels.contains(name)) {
            let known = self.labels.join(", ");
            return Err(DataError::NoSuchLabel { path: self.path, name: name.clone(), known });
        }
        let kept: Vec<u8> =
            (0..=u8::MAX).zip(self.labels.iter()).filter(|(_, l)| names.contains(l)).map(|(n, _)| n).collect();
        if kept.len() < 2 {
            return Err(DataError::LabelNames { path: self.path, count: kept.len() });
        }
        let only = |split: &Split| {
            let number = |label: u8| kept.iter().position(|&kept| kept == label);
            let chosen: Vec<u32> = (0u32..)
                .zip(split.labels.iter())
                .filter(|(_, label)| number(**label).is_some())
                .map(|(i, _)| i)
                .collect();
            let split = split.select(&chosen);
            let labels = split.labels.iter().filter_map(|&label| Some(number(label)? as u8)).collect();
            Split { labels, ..split }
        };
        let labels = kept.iter().map(|&label| self.labels[usize::from(label)].clone()).collect();
        Ok(Self { train: only(&self.train), test: only(&self.test), labels, ..self })
    }
}

/// Loads the data set at `path`; without one, the full set in `data/cifar10` if it is there, else `data/sample`.
///
/// `limit` keeps that many training images, evenly over the labels, in file order; the test split stays whole, since
/// figures are reported on it.
pub fn load(path: Option<&Path>, limit: Option<usize>) -> Result<Dataset, DataError> {
    load_located(&locate(path)?, limit)
}

/// Loads a data set that `locate` found.
pub fn load_located(located: &Located, limit: Option<usize>) -> Result<Dataset, DataError> {
    let path = &located.path;
    let (labels, mut train, test) = match located.layout {
        Layout::Binary => binary::read_folder(path)?,
        Layout::Sheets => sheets::read_folder(path)?,
        Layout::Archive => archive::read(path)?,
        Layout::Folder => folder::read_folder(path)?,
    };
    if let Some(limit) = limit.filter(|&n| n < train.len()) {
        train = train.select(&train.first_balanced(limit.max(1)));
    }
    Ok(Dataset {
        name: name_of(path),
        sha256: content_sha256(&labels, &train, &test),
        labels,
        train,
        test,
        path: path.clone(),
    })
}

/// SHA-256 over label names, then each split's labels and pixels, each part preceded by its length.
pub(super) fn content_sha256(labels: &Labels, train: &Split, test: &Split) -> String {
    let mut sha = Sha256::new();
    let names = labels.join("\n");
    let parts: [&[u8]; 5] = [names.as_bytes(), &train.labels, &train.images, &test.labels, &test.images];
    for part in parts {
        sha.update((part.len() as u64).to_le_bytes());
        sha.update(part);
    }
    hex(&sha.finalize())
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn name_of(path: &Path) -> String {
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let name = |p: &Path| p.file_name().map(|n| n.to_string_lossy().into_owned());
    match name(&whole).as_deref() {
        // The archive's own folder name says less than the folder it lies in.
        Some("cifar-10-batches-bin" | "package") => whole.parent().and_then(name),
        other => other.map(str::to_string),
    }
    .unwrap_or_else(|| "data".to_string())
}

#[cfg(test)]
mod tests {
    use super::super::IMAGE_BYTES;
    use super::*;

    fn set() -> Dataset {
        let split = |labels: &[u8]| Split {
            images: labels.iter().flat_map(|&label| [label; IMAGE_BYTES]).collect(),
            labels: labels.into(),
        };
        Dataset {
            name: "set".into(),
            labels: ["a", "b", "c"].map(String::from).into(),
            train: split(&[2, 1, 0, 2]),
            test: split(&[0, 2]),
            sha256: "sum".into(),
            path: "somewhere".into(),
        }
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| name.to_string()).collect()
    }

    #[test]
    fn some_labels_keep_their_images_and_the_order_of_the_data() {
        let some = set().of_labels(&names(&["c", "a"])).unwrap();
        assert_eq!(*some.labels, names(&["a", "c"]));
        assert_eq!((&*some.train.labels, &*some.test.labels), (&[1, 0, 1][..], &[0, 1][..]));
        assert_eq!([0, 1, 2].map(|i| some.train.image(i)[0]), [2, 0, 2], "each image with its own label");
        assert_eq!(set().of_labels(&[]).unwrap().train.len(), 4);
    }

    #[test]
    fn a_label_that_the_data_lacks_is_named() {
        let error = set().of_labels(&names(&["a", "frog"])).unwrap_err().to_string();
        assert!(error.contains("frog") && error.contains("a, b, c"), "{error}");
        assert!(set().of_labels(&names(&["a", "a"])).is_err(), "one label is nothing to tell apart");
    }
}

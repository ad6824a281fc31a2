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
fn content_sha256(labels: &Labels, train: &Split, test: &Split) -> String {
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

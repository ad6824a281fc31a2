//! A folder of pictures, one folder a label: `train/<label>/*` and `test/<label>/*`, or `<label>/*` alone, of which a
//! fifth becomes the test split by the hash of each file's name.
//!
//! Labels are the folders' names in alphabetical order. Pictures are scaled to 32x32 exactly as a user's own file is,
//! so that what is trained on looks like what is asked about later. Hidden files and files without a picture's
//! extension are passed over.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use super::binary::too_many;
use super::error::DataError;
use super::split::{Labels, Split};
use super::{IMAGE_BYTES, MAX_IMAGES, decode};
use crate::ops::random::hash;

/// Extensions of the pictures that `decode` reads, in lower case.
pub const PICTURE_EXTENSIONS: [&str; 13] =
    ["png", "jpg", "jpeg", "gif", "webp", "bmp", "tif", "tiff", "pnm", "pbm", "pgm", "ppm", "pam"];
/// One file in this many goes to the test split when there is no test folder.
const TEST_SHARE: u64 = 5;

type Labelled = (PathBuf, u8);

/// True if `root` holds folders of pictures, directly or under `train/`.
pub fn is_one(root: &Path) -> bool {
    let has_label_folders = |dir: &Path| {
        let folders = entries(dir).unwrap_or_default();
        folders.iter().any(|f| f.is_dir() && pictures(f).is_ok_and(|p| !p.is_empty()))
    };
    has_label_folders(&root.join("train")) || has_label_folders(root)
}

/// Reads a folder of pictures: label names, training split, test split.
pub fn read_folder(root: &Path) -> Result<(Labels, Split, Split), DataError> {
    let is_divided = root.join("train").is_dir();
    let train_root = if is_divided { root.join("train") } else { root.to_path_buf() };
    let test_root = root.join("test");
    let names = label_names(&train_root)?;
    let mut train = files(&train_root, &names)?;
    let test = if is_divided && test_root.is_dir() {
        refuse_unknown_labels(&test_root, &names)?;
        files(&test_root, &names)?
    } else {
        train.extract_if(.., |file| is_for_test(file, &names)).collect()
    };
    Ok((printable(&names), decode_all(&train, root)?, decode_all(&test, root)?))
}

/// Folder names as labels: what a stranger's archive was unpacked to must not reach a terminal as it is.
fn printable(names: &[String]) -> Labels {
    names.iter().map(|n| n.chars().filter(|c| !c.is_control()).take(64).collect()).collect()
}

/// A fifth of the files, by the hash of "label/file name": the same ones wherever the folder lies.
fn is_for_test((path, label): &Labelled, names: &[String]) -> bool {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    hash(0, &format!("{}/{file}", names[usize::from(*label)]), 0, 0).is_multiple_of(TEST_SHARE)
}

/// The folders of `root` that hold pictures.
fn label_names(root: &Path) -> Result<Vec<String>, DataError> {
    let mut names = Vec::new();
    for folder in entries(root)?.into_iter().filter(|f| f.is_dir()) {
        if pictures(&folder)?.is_empty() {
            return Err(DataError::Empty { path: folder });
        }
        names.push(name(&folder));
    }
    if !(2..=256).contains(&names.len()) {
        return Err(DataError::LabelNames { path: root.to_path_buf(), count: names.len() });
    }
    Ok(names)
}

fn refuse_unknown_labels(test: &Path, names: &[String]) -> Result<(), DataError> {
    match entries(test)?.into_iter().find(|f| f.is_dir() && !names.contains(&name(f))) {
        None => Ok(()),
        Some(folder) => Err(DataError::UnknownLabel { folder }),
    }
}

/// Every picture of every label, in order of label, then file name.
fn files(root: &Path, names: &[String]) -> Result<Vec<Labelled>, DataError> {
    let mut files = Vec::new();
    for folder in entries(root)?.into_iter().filter(|f| f.is_dir()) {
        if let Some(label) = names.iter().position(|n| *n == name(&folder)) {
            files.extend(pictures(&folder)?.into_iter().map(|p| (p, label as u8)));
        }
    }
    match files.len() {
        0 => Err(DataError::Empty { path: root.to_path_buf() }),
        n if n > MAX_IMAGES => Err(too_many(root)),
        _ => Ok(files),
    }
}

fn decode_all(files: &[Labelled], root: &Path) -> Result<Split, DataError> {
    if files.is_empty() {
        return Err(DataError::Empty { path: root.to_path_buf() });
    }
    let mut images: Arc<[u8]> = std::iter::repeat_n(0, files.len() * IMAGE_BYTES).collect();
    // Nobody else holds it yet.
    let room = Arc::get_mut(&mut images).unwrap_or_default();
    room.par_chunks_exact_mut(IMAGE_BYTES).zip(files).try_for_each(|(image, (path, _))| {
        image.copy_from_slice(&*decode::image_32(path)?);
        Ok::<_, DataError>(())
    })?;
    Ok(Split { images, labels: files.iter().map(|(_, label)| *label).collect() })
}

/// What is in a folder and not hidden, sorted by name.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let listed = fs::read_dir(folder).map_err(DataError::io("list", folder))?;
    let paths = listed.map(|e| e.map(|e| e.path()));
    let mut paths: Vec<PathBuf> = paths.collect::<Result<_, _>>().map_err(DataError::io("list", folder))?;
    paths.retain(|p| !name(p).starts_with('.'));
    paths.sort();
    Ok(paths)
}

/// The files of a folder that have a picture's extension and are not hidden, sorted by name.
///
/// # Errors
/// When the folder cannot be listed.
pub fn pictures(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let is_picture = |p: &PathBuf| {
        let extension = p.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        PICTURE_EXTENSIONS.contains(&extension.as_str()) && p.is_file()
    };
    Ok(entries(folder)?.into_iter().filter(is_picture).collect())
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

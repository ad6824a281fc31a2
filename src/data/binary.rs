//! The CIFAR-10 binary layout, read and written.
//!
//! Each image is a record of 3,073 bytes: its label, then 1,024 red, 1,024 green and 1,024 blue values, row by row
//! (Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images", and the page the archive came with).
//! A folder holds `data_batch_1.bin` and on, `test_batch.bin`, and `batches.meta.txt` with one label name a line.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::DataError;
use super::split::{Labels, Split};
use super::{IMAGE_BYTES, MAX_IMAGES, SIDE, cifar10_labels};

/// Bytes of one record: a label and three planes.
pub const RECORD_BYTES: usize = 1 + IMAGE_BYTES;
/// Images in each full training file, as in the official archive.
const IMAGES_A_FILE: usize = 10_000;
const PLANE: usize = SIDE * SIDE;
const MAX_META_BYTES: u64 = 64 * 1024;

/// Images and labels of one file.
#[derive(Debug, Default, PartialEq)]
pub struct Records {
    pub images: Vec<u8>,
    pub labels: Vec<u8>,
}

/// Decodes whole records into images with channels last. Any bytes are safe; labels are checked by `check_labels`.
pub fn decode(bytes: &[u8], path: &Path) -> Result<Records, DataError> {
    let (records, rest) = bytes.as_chunks::<RECORD_BYTES>();
    if !rest.is_empty() {
        return Err(DataError::PartialImage {
            path: path.to_path_buf(),
            bytes: bytes.len() as u64,
            record: RECORD_BYTES,
        });
    }
    let mut images = Vec::with_capacity(records.len() * IMAGE_BYTES);
    for record in records {
        let (red, planes) = record[1..].split_at(PLANE);
        let (green, blue) = planes.split_at(PLANE);
        images.extend(red.iter().zip(green).zip(blue).flat_map(|((&r, &g), &b)| [r, g, b]));
    }
    Ok(Records { images, labels: records.iter().map(|r| r[0]).collect() })
}

/// The records of `split`'s images from `from` to below `to`: what `decode` reads back.
pub fn encode(split: &Split, from: usize, to: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity((to - from) * RECORD_BYTES);
    for i in from..to {
        bytes.push(split.labels[i]);
        for channel in 0..3 {
            bytes.extend(split.image(i).iter().skip(channel).step_by(3));
        }
    }
    bytes
}

/// Refuses a label that has no name.
pub fn check_labels(labels: &[u8], names: usize, path: &Path) -> Result<(), DataError> {
    match labels.iter().position(|&l| usize::from(l) >= names) {
        None => Ok(()),
        Some(index) => Err(DataError::LabelOutOfRange {
            path: path.to_path_buf(),
            index,
            label: u64::from(labels[index]),
            labels: names,
        }),
    }
}

/// Label names from the text of `batches.meta.txt`, one a line; empty lines are left out.
pub fn parse_names(text: &str, path: &Path) -> Result<Labels, DataError> {
    let clean = |line: &str| -> String { line.trim().chars().filter(|c| !c.is_control()).take(64).collect() };
    let names: Vec<String> = text.lines().map(clean).filter(|n| !n.is_empty()).collect();
    if !(2..=256).contains(&names.len()) {
        return Err(DataError::LabelNames { path: path.to_path_buf(), count: names.len() });
    }
    Ok(names.into())
}

/// A split being filled file by file: its memory is taken once, so that loading needs little more than the split.
#[derive(Debug)]
pub struct Filling {
    images: Arc<[u8]>,
    labels: Vec<u8>,
    names: usize,
}

impl Filling {
    /// Room for so many images whose labels have so many names.
    pub fn new(images: usize, names: usize) -> Self {
        let room = std::iter::repeat_n(0, images * IMAGE_BYTES).collect();
        Self { images: room, labels: Vec::with_capacity(images), names }
    }

    /// Appends a file after checking its labels. More than there is room for means that a file has grown meanwhile.
    pub fn push(&mut self, records: &Records, path: &Path) -> Result<(), DataError> {
        check_labels(&records.labels, self.names, path)?;
        let from = self.labels.len() * IMAGE_BYTES;
        let all = Arc::get_mut(&mut self.images).unwrap_or_default();
        let room = all.get_mut(from..from + records.images.len());
        room.ok_or_else(|| DataError::Changed(path.to_path_buf()))?.copy_from_slice(&records.images);
        self.labels.extend(&records.labels);
        Ok(())
    }

    /// The split, once it is full; `root` is the set's place.
    pub fn finish(self, root: &Path) -> Result<Split, DataError> {
        if self.labels.len() * IMAGE_BYTES != self.images.len() {
            return Err(DataError::Changed(root.to_path_buf()));
        }
        if self.labels.is_empty() {
            return Err(DataError::Empty { path: root.to_path_buf() });
        }
        Ok(Split { images: self.images, labels: self.labels.into() })
    }
}

/// Joins files into one split, in the order given, after checking their labels.
pub fn join(parts: Vec<(PathBuf, Records)>, names: usize, root: &Path) -> Result<Split, DataError> {
    let mut filling = Filling::new(parts.iter().map(|(_, r)| r.labels.len()).sum(), names);
    for (path, records) in parts {
        filling.push(&records, &path)?;
    }
    filling.finish(root)
}

/// Reads a folder in the binary layout: label names, training split, test split.
pub fn read_folder(root: &Path) -> Result<(Labels, Split, Split), DataError> {
    let names = read_names(root)?;
    let train = read_files(&batch_files(root, "bin")?, names.len(), root)?;
    let test = read_files(&[root.join("test_batch.bin")], names.len(), root)?;
    Ok((names, train, test))
}

fn read_files(paths: &[PathBuf], names: usize, root: &Path) -> Result<Split, DataError> {
    let images = paths.iter().try_fold(0, |sum, p| Ok::<_, DataError>(sum + count_records(p)?))?;
    if images > MAX_IMAGES {
        return Err(too_many(root));
    }
    let mut filling = Filling::new(images, names);
    for path in paths {
        let bytes = read_bounded(path, (MAX_IMAGES * RECORD_BYTES) as u64)?;
        filling.push(&decode(&bytes, path)?, path)?;
    }
    filling.finish(root)
}

/// Writes a folder in the binary layout: 10,000 images a training file, as the official archive has it.
pub fn write_folder(root: &Path, labels: &Labels, train: &Split, test: &Split) -> Result<(), DataError> {
    let write = |name: &str, bytes: &[u8]| {
        let path = root.join(name);
        let sync = |mut f: File| f.write_all(bytes).and_then(|()| f.sync_all());
        File::create_new(&path).and_then(sync).map_err(DataError::io("write", &path))
    };
    for (file, from) in (0..train.len()).step_by(IMAGES_A_FILE).enumerate() {
        let to = (from + IMAGES_A_FILE).min(train.len());
        write(&format!("data_batch_{}.bin", file + 1), &encode(train, from, to))?;
    }
    write("test_batch.bin", &encode(test, 0, test.len()))?;
    write("batches.meta.txt", format!("{}\n", labels.join("\n")).as_bytes())
}

/// `data_batch_1` and on with the extension given. A gap in the numbers is a missing file, not the end.
pub fn batch_files(root: &Path, extension: &str) -> Result<Vec<PathBuf>, DataError> {
    let file = |n: usize| root.join(format!("data_batch_{n}.{extension}"));
    let count = (1..).take_while(|&n| file(n).is_file()).count();
    let later = (count + 2..count + 10).any(|n| file(n).is_file());
    if count == 0 || later {
        return Err(DataError::MissingFile(file(count + 1)));
    }
    Ok((1..=count).map(file).collect())
}

/// Reads a file of at most `limit` bytes.
pub fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, DataError> {
    let missing = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => DataError::MissingFile(path.to_path_buf()),
        _ => DataError::io("read", path)(source),
    };
    let file = File::open(path).map_err(missing)?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(DataError::io("read", path))?;
    if bytes.len() as u64 > limit {
        return Err(DataError::TooLarge { path: path.to_path_buf(), limit: format!("{limit} bytes") });
    }
    Ok(bytes)
}

fn read_names(root: &Path) -> Result<Labels, DataError> {
    let path = root.join("batches.meta.txt");
    if !path.exists() {
        return Ok(cifar10_labels());
    }
    let bytes = read_bounded(&path, MAX_META_BYTES)?;
    parse_names(&String::from_utf8_lossy(&bytes), &path)
}

fn count_records(path: &Path) -> Result<usize, DataError> {
    let bytes = fs::metadata(path).map_err(|_| DataError::MissingFile(path.to_path_buf()))?.len();
    Ok((bytes / RECORD_BYTES as u64) as usize)
}

pub(super) fn too_many(path: &Path) -> DataError {
    DataError::TooLarge { path: path.to_path_buf(), limit: format!("{MAX_IMAGES} images") }
}

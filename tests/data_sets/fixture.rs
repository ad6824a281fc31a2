//! Small data sets in every layout, made on the spot.

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use image::{ImageFormat, RgbImage};
use pixscribe::data::binary::{self, RECORD_BYTES};
use pixscribe::data::{IMAGE_BYTES, Split, cifar10_labels};
use pixscribe::ops::random::hash;
use tempfile::TempDir;

/// `n` images of noise whose labels go round 0 to 9.
pub fn split(n: usize, seed: u64) -> Split {
    let pixel = |i: usize| hash(seed, "pixel", 0, i as u64) as u8;
    Split { images: (0..n * IMAGE_BYTES).map(pixel).collect(), labels: (0..n).map(|i| (i % 10) as u8).collect() }
}

pub fn train() -> Split {
    split(30, 1)
}

pub fn test() -> Split {
    split(10, 2)
}

/// A folder with these files.
pub fn folder(files: &[(&str, Vec<u8>)]) -> TempDir {
    let dir = TempDir::new().unwrap();
    for (name, bytes) in files {
        write(&dir.path().join(name), bytes);
    }
    dir
}

pub fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// The set as binary files; the training images lie in two of them.
pub fn binary_files() -> Vec<(&'static str, Vec<u8>)> {
    let records = binary::encode(&train(), 0, 30);
    let (first, second) = records.split_at(20 * RECORD_BYTES);
    vec![
        ("data_batch_1.bin", first.to_vec()),
        ("data_batch_2.bin", second.to_vec()),
        ("test_batch.bin", binary::encode(&test(), 0, 10)),
        ("batches.meta.txt", format!("{}\n\n", cifar10_labels().join("\n")).into_bytes()),
    ]
}

/// The set as sheets, likewise in two files.
pub fn sheet_files() -> Vec<(&'static str, Vec<u8>)> {
    let (train, test) = (train(), test());
    vec![
        ("data_batch_1.png", sheet(&train.images[..20 * IMAGE_BYTES])),
        ("data_batch_2.png", sheet(&train.images[20 * IMAGE_BYTES..])),
        ("test_batch.png", sheet(&test.images)),
        ("train_lables.json", json(&train.labels)),
        ("test_lables.json", json(&test.labels)),
    ]
}

pub fn sheet(pixels: &[u8]) -> Vec<u8> {
    png(RgbImage::from_raw(1024, (pixels.len() / IMAGE_BYTES) as u32, pixels.to_vec()).unwrap())
}

pub fn json(labels: &[u8]) -> Vec<u8> {
    serde_json::to_vec(labels).unwrap()
}

pub fn png(picture: impl Into<image::DynamicImage>) -> Vec<u8> {
    encoded(picture, ImageFormat::Png)
}

pub fn encoded(picture: impl Into<image::DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(vec![]);
    picture.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A PNG that claims this size and holds next to nothing.
pub fn png_that_claims(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = png(RgbImage::new(1, 1));
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let mut crc = flate2::Crc::new();
    crc.update(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&crc.sum().to_be_bytes());
    bytes
}

pub fn tar(files: &[(&str, Vec<u8>)], under: &str) -> Vec<u8> {
    let mut tar = tar::Builder::new(vec![]);
    for (name, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, format!("{under}{name}"), bytes.as_slice()).unwrap();
    }
    tar.into_inner().unwrap()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(vec![], Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

/// A file of these bytes in a folder of its own.
pub fn file(name: &str, bytes: &[u8]) -> (TempDir, PathBuf) {
    let dir = folder(&[(name, bytes.to_vec())]);
    let path = dir.path().join(name);
    (dir, path)
}

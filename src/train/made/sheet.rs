//! Pictures in rows and columns, as one picture file.

use crate::run::{RunError, SheetNote, atomic_write};
use std::io;
use std::path::Path;

/// Pixels between two pictures, and the grey that they have.
const GAP: usize = 1;
const GROUND: u8 = 128;

/// Pictures of 32x32 pixels in a grid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    width: usize,
    height: usize,
    /// `(height, width, 3)`.
    pixels: Vec<u8>,
    side: usize,
    columns: usize,
}

impl Sheet {
    /// Lays `pictures (n, side, side, 3)` out in rows of `columns`, the first ones on top.
    pub fn new(pictures: &[u8], side: usize, columns: usize) -> Self {
        let count = pictures.len() / (side * side * 3);
        let columns = columns.clamp(1, count.max(1));
        let rows = count.div_ceil(columns);
        let length = |pictures: usize| pictures * (side + GAP) + GAP;
        let (width, height) = (length(columns), length(rows));
        let mut pixels = vec![GROUND; width * height * 3];
        for (index, picture) in pictures.chunks_exact(side * side * 3).enumerate() {
            let (top, left) = (length(index / columns), length(index % columns));
            for (y, line) in picture.chunks_exact(side * 3).enumerate() {
                let at = ((top + y) * width + left) * 3;
                pixels[at..at + line.len()].copy_from_slice(line);
            }
        }
        Self { width, height, pixels, side, columns }
    }

    /// What readers of the log are told of the sheet: its layout, and the label that each picture was asked to be.
    pub fn note(&self, labels: &[String], asked: &[usize]) -> SheetNote {
        SheetNote {
            side: self.side as u32,
            gap: GAP as u32,
            columns: self.columns as u32,
            labels: labels.to_vec(),
            asked: asked.iter().map(|&label| label as u8).collect(),
            ..SheetNote::default()
        }
    }

    /// One picture `(side, side, 3)` by itself, without a border.
    pub fn single(picture: &[u8], side: usize) -> Self {
        Self { width: side, height: side, pixels: picture.to_vec(), side, columns: 1 }
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// The red, green and blue of one pixel.
    ///
    /// # Panics
    /// Outside of the sheet.
    pub fn pixel(&self, x: usize, y: usize) -> [u8; 3] {
        let at = (y * self.width + x) * 3;
        [self.pixels[at], self.pixels[at + 1], self.pixels[at + 2]]
    }

    /// Writes a PNG file whole or not at all, and the folder it is in.
    ///
    /// # Errors
    /// When that is not possible.
    pub fn write(&self, path: &Path) -> Result<(), RunError> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(RunError::io("create", folder))?;
        }
        atomic_write(path, |file| file.write_all(&self.to_png()?))
    }

    fn to_png(&self) -> io::Result<Vec<u8>> {
        use image::ImageEncoder;
        let mut bytes = Vec::new();
        let (width, height) = (self.width as u32, self.height as u32);
        image::codecs::png::PngEncoder::new(&mut bytes)
            .write_image(&self.pixels, width, height, image::ExtendedColorType::Rgb8)
            .map_err(io::Error::other)?;
        Ok(bytes)
    }
}

/// Numbers from -1 to 1 as bytes from 0 to 255; what lies outside is cut.
pub fn to_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().map(|value| ((value + 1.0) * 127.5).round().clamp(0.0, 255.0) as u8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_lie_in_rows_with_a_gap_and_the_file_holds_them() {
        let pictures: Vec<u8> = (0..5u8).flat_map(|n| [n * 10; 2 * 2 * 3]).collect();
        let sheet = Sheet::new(&pictures, 2, 3);
        assert_eq!(sheet.size(), (10, 7));
        assert_eq!([sheet.pixel(0, 0), sheet.pixel(1, 1), sheet.pixel(2, 2)], [[GROUND; 3], [0; 3], [0; 3]]);
        assert_eq!([sheet.pixel(7, 1), sheet.pixel(4, 5), sheet.pixel(7, 5)], [[20; 3], [40; 3], [GROUND; 3]]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("samples/a.png");
        sheet.write(&path).unwrap();
        let read = image::open(&path).unwrap().into_rgb8();
        assert_eq!((read.dimensions(), read.into_raw()), ((10, 7), sheet.pixels));
    }

    #[test]
    fn bytes_span_the_range_and_stay_in_it() {
        assert_eq!(to_bytes(&[-1.0, 0.0, 1.0, -7.0, 7.0]), [0, 128, 255, 0, 255]);
    }
}

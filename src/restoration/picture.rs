//! A picture as numbers: any width and height, three colours, channels last.

use super::error::RestorationError;
use crate::data::{IMAGE_BYTES, SIDE, Split};
use image::RgbImage;

/// Colours of a pixel.
pub const COLOURS: usize = 3;

/// RGB values `(height, width, 3)` in a row, 0 to 1 for what a file can hold; restorers may leave that range.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    width: usize,
    height: usize,
    pixels: Vec<f32>,
}

impl Picture {
    /// A picture of these numbers.
    ///
    /// # Errors
    /// When it has no pixels, or their number does not fit.
    pub fn new(width: usize, height: usize, pixels: Vec<f32>) -> Result<Self, RestorationError> {
        if width == 0 || height == 0 {
            return Err(RestorationError::NoPixels { width, height });
        }
        let due = width.checked_mul(height).and_then(|area| area.checked_mul(COLOURS));
        if due != Some(pixels.len()) {
            return Err(RestorationError::PictureLength { width, height, found: pixels.len() });
        }
        Ok(Self { width, height, pixels })
    }

    /// A picture of the same size whose numbers are `value(row, column, colour)`.
    pub(super) fn like(&self, value: impl FnMut(usize, usize, usize) -> f32) -> Self {
        Self::of_size(self.width, self.height, value)
    }

    /// A picture whose numbers are `value(row, column, colour)`. `width` and `height` are at least 1.
    pub(super) fn of_size(width: usize, height: usize, mut value: impl FnMut(usize, usize, usize) -> f32) -> Self {
        let mut pixels = Vec::with_capacity(width * height * COLOURS);
        for y in 0..height {
            for x in 0..width {
                pixels.extend((0..COLOURS).map(|colour| value(y, x, colour)));
            }
        }
        Self { width, height, pixels }
    }

    /// One image of a data set.
    pub fn from_image(image: &[u8; IMAGE_BYTES]) -> Self {
        Self { width: SIDE, height: SIDE, pixels: image.iter().map(|&byte| from_byte(byte)).collect() }
    }

    /// The images of a split with these numbers, in that order. Panics when a number is not below the split's length,
    /// like an index does.
    pub fn from_split(split: &Split, numbers: impl IntoIterator<Item = usize>) -> Vec<Self> {
        numbers.into_iter().map(|number| Self::from_image(split.image(number))).collect()
    }

    /// A picture out of a file.
    ///
    /// # Errors
    /// When it has no pixels.
    pub fn from_rgb(image: &RgbImage) -> Result<Self, RestorationError> {
        let pixels = image.as_raw().iter().map(|&byte| from_byte(byte)).collect();
        Self::new(image.width() as usize, image.height() as usize, pixels)
    }

    /// What a file would hold: clipped to 0..1 and rounded to 8 bits.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.pixels.iter().map(|&value| to_byte(value)).collect()
    }

    /// The picture clipped and rounded to 8 bits, for a file. Empty where a side is beyond what a file can tell.
    pub fn to_rgb(&self) -> RgbImage {
        let side = |side: usize| u32::try_from(side).ok();
        let sides = side(self.width).zip(side(self.height));
        sides.and_then(|(width, height)| RgbImage::from_raw(width, height, self.to_bytes())).unwrap_or_default()
    }

    /// The picture as it comes back from a file: clipped to 0..1 and rounded to 8 bits.
    pub fn rounded(&self) -> Self {
        self.map(|value| from_byte(to_byte(value)))
    }

    /// Every number by itself.
    pub(super) fn map(&self, change: impl Fn(f32) -> f32) -> Self {
        Self { pixels: self.pixels.iter().map(|&value| change(value)).collect(), ..*self }
    }

    pub fn width(&self) -> usize {
        self.width
    }

    pub fn height(&self) -> usize {
        self.height
    }

    /// The numbers `(height, width, 3)` in a row.
    pub fn pixels(&self) -> &[f32] {
        &self.pixels
    }

    pub fn pixels_mut(&mut self) -> &mut [f32] {
        &mut self.pixels
    }

    /// The number of one colour of one pixel. Panics outside of the picture, like an index does.
    pub(super) fn at(&self, y: usize, x: usize, colour: usize) -> f32 {
        self.pixels[(y * self.width + x) * COLOURS + colour]
    }

    /// The part of `width` x `height` pixels whose upper left corner is (`top`, `left`); it may reach over the borders,
    /// where `border` says which pixel of a line stands for a coordinate. `width` and `height` are at least 1.
    pub(super) fn part(&self, (top, left): (isize, isize), (width, height): (usize, usize), border: Border) -> Self {
        let columns: Vec<usize> = (0..width as isize).map(|x| border(left + x, self.width)).collect();
        Self::of_size(width, height, |y, x, colour| self.at(border(top + y as isize, self.height), columns[x], colour))
    }

    /// The picture with `margin` more pixels at each side.
    pub(super) fn padded(&self, margin: usize, border: Border) -> Self {
        let start = -(margin as isize);
        self.part((start, start), (self.width + 2 * margin, self.height + 2 * margin), border)
    }

    /// The numbers of one colour `(height, width)` in a row.
    pub(super) fn plane(&self, colour: usize) -> Vec<f32> {
        self.pixels.iter().skip(colour).step_by(COLOURS).copied().collect()
    }

    /// The picture with each colour's plane `(height, width)` changed by itself; `change` keeps the length.
    pub(super) fn by_plane(&self, change: impl Fn(Vec<f32>) -> Vec<f32>) -> Self {
        let planes: Vec<Vec<f32>> = (0..COLOURS).map(|colour| change(self.plane(colour))).collect();
        self.like(|y, x, colour| planes[colour][y * self.width + x])
    }

    /// Whether `other` has the same size.
    ///
    /// # Errors
    /// When it does not.
    pub(super) fn check_size(&self, what: &'static str, other: &Self) -> Result<(), RestorationError> {
        check_size(what, (self.width, self.height), (other.width, other.height))
    }
}

/// Which of `0..length` stands for a coordinate beyond the ends.
pub(super) type Border = fn(isize, usize) -> usize;

/// Mirrors with the edge repeated: -1 is 0, `length` is `length - 1`. `length` is at least 1.
pub(super) fn mirrored(at: isize, length: usize) -> usize {
    let period = 2 * length;
    let at = at.rem_euclid(period as isize) as usize;
    if at < length { at } else { period - 1 - at }
}

/// Mirrors around the edge: -1 is 1, `length` is `length - 2`. `length` is at least 1.
pub(super) fn mirrored_about_edge(at: isize, length: usize) -> usize {
    let period = (2 * length - 2).max(1);
    let at = at.rem_euclid(period as isize) as usize;
    at.min(period - at)
}

/// Whether something of size `found` (width, height) fits a picture of size `due`.
///
/// # Errors
/// When it does not.
pub(super) fn check_size(
    what: &'static str,
    due: (usize, usize),
    found: (usize, usize),
) -> Result<(), RestorationError> {
    if due == found {
        return Ok(());
    }
    let ((width, height), (found_width, found_height)) = (due, found);
    Err(RestorationError::Size { what, width, height, found_width, found_height })
}

fn from_byte(byte: u8) -> f32 {
    f32::from(byte) / 255.0
}

/// Halves are rounded up; a number that is none becomes 0.
fn to_byte(value: f32) -> u8 {
    (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_must_fit_the_size() {
        assert!(Picture::new(2, 1, vec![0.0; 6]).is_ok());
        assert!(Picture::new(2, 1, vec![0.0; 5]).is_err());
        assert!(Picture::new(0, 1, vec![]).is_err());
        let error = Picture::new(usize::MAX, usize::MAX, vec![0.0; 3]).unwrap_err().to_string();
        assert!(error.contains("not 3"), "{error}");
    }

    #[test]
    fn a_mirror_repeats_the_edge_or_does_not() {
        let found = |border: Border, length| (-5..8).map(|at| border(at, length)).collect::<Vec<_>>();
        assert_eq!(found(mirrored, 3), [1, 2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0, 1]);
        assert_eq!(found(mirrored_about_edge, 3), [1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1]);
        assert!(found(mirrored, 1).iter().chain(&found(mirrored_about_edge, 1)).all(|&at| at == 0));
    }

    #[test]
    fn a_part_may_reach_over_the_borders() {
        let picture = Picture::of_size(3, 2, |y, x, _| (10 * y + x) as f32);
        let part = picture.part((-1, 1), (3, 3), mirrored);
        let rows: Vec<f32> = part.plane(2);
        assert_eq!(rows, [1.0, 2.0, 2.0, 1.0, 2.0, 2.0, 11.0, 12.0, 12.0]);
        assert_eq!(picture.padded(2, mirrored_about_edge).part((2, 2), (3, 2), mirrored), picture);
        assert_eq!(picture.by_plane(|plane| plane), picture);
    }

    #[test]
    fn every_byte_comes_back_from_a_file() {
        let bytes: Vec<u8> = (0..=255).chain(0..=255).chain(0..=255).collect();
        let image = RgbImage::from_raw(16, 16, bytes.clone()).unwrap();
        let picture = Picture::from_rgb(&image).unwrap();
        assert_eq!(picture.to_bytes(), bytes);
        assert_eq!(picture.rounded(), picture);
        assert_eq!(picture.to_rgb(), image);
    }

    #[test]
    fn what_no_file_can_hold_is_clipped() {
        let picture = Picture::new(1, 2, vec![-0.2, 1.7, f32::NAN, 0.5, 0.4 / 255.0, f32::INFINITY]).unwrap();
        assert_eq!(picture.to_bytes(), [0, 255, 0, 128, 0, 255]);
    }
}

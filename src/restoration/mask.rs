//! Which pixels of a picture are lost.

use super::error::RestorationError;
use super::picture::{COLOURS, Picture, check_size};
use image::GrayImage;

/// A flag for each pixel `(height, width)`; at least one pixel is hidden and at least one is visible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    width: usize,
    height: usize,
    hidden: Vec<bool>,
}

impl Mask {
    /// A mask of these flags `(height, width)` in a row; true hides a pixel.
    ///
    /// # Errors
    /// When their number does not fit, or nothing or all is hidden.
    pub fn new(width: usize, height: usize, hidden: Vec<bool>) -> Result<Self, RestorationError> {
        if width.checked_mul(height) != Some(hidden.len()) {
            return Err(RestorationError::Mask("it does not have one flag for each pixel"));
        }
        if !hidden.contains(&true) {
            return Err(RestorationError::Mask("it hides nothing"));
        }
        if !hidden.contains(&false) {
            return Err(RestorationError::Mask("it hides the whole picture"));
        }
        Ok(Self { width, height, hidden })
    }

    /// A square hole of `side` pixels in the middle; a rest of an odd pixel lies to the right and below.
    ///
    /// # Errors
    /// When the hole is empty or covers the picture.
    pub fn centre(width: usize, height: usize, side: usize) -> Result<Self, RestorationError> {
        let inside = |at: usize, length: usize| {
            let start = length.saturating_sub(side) / 2;
            at >= start && at - start < side
        };
        let hidden = (0..width * height).map(|i| inside(i / width, height) && inside(i % width, width)).collect();
        Self::new(width, height, hidden)
    }

    /// A mask out of a file: pixels of at least half brightness are hidden.
    ///
    /// # Errors
    /// When nothing or all is hidden.
    pub fn from_grey(image: &GrayImage) -> Result<Self, RestorationError> {
        let hidden = image.as_raw().iter().map(|&grey| grey >= 128).collect();
        Self::new(image.width() as usize, image.height() as usize, hidden)
    }

    pub fn width(&self) -> usize {
        self.width
    }

    pub fn height(&self) -> usize {
        self.height
    }

    /// The flags `(height, width)` in a row.
    pub fn hidden(&self) -> &[bool] {
        &self.hidden
    }

    /// Numbers of the hidden pixels, row by row.
    pub(super) fn hidden_pixels(&self) -> Vec<usize> {
        (0..self.hidden.len()).filter(|&pixel| self.hidden[pixel]).collect()
    }

    /// Numbers of the visible pixels with a hidden one at most `width` rows and columns away, row by row.
    pub(super) fn ring(&self, width: usize) -> Vec<usize> {
        let near = |at: usize, length: usize| at.saturating_sub(width)..(at + width + 1).min(length);
        let is_near = |pixel: usize| {
            let (y, x) = (pixel / self.width, pixel % self.width);
            near(y, self.height).any(|y| near(x, self.width).any(|x| self.hidden[y * self.width + x]))
        };
        (0..self.hidden.len()).filter(|&pixel| !self.hidden[pixel] && is_near(pixel)).collect()
    }

    /// Whether a picture has the mask's size.
    ///
    /// # Errors
    /// When it does not.
    pub(super) fn check(&self, picture: &Picture) -> Result<(), RestorationError> {
        check_size("the mask", (picture.width(), picture.height()), (self.width, self.height))
    }

    /// The picture with its hidden pixels taken from `filling`, a picture of the same size.
    pub(super) fn filled(&self, picture: &Picture, filling: &Picture) -> Picture {
        let mut filled = picture.clone();
        let pixels = filled.pixels_mut().chunks_exact_mut(COLOURS).zip(filling.pixels().chunks_exact(COLOURS));
        for ((pixel, from), _) in pixels.zip(&self.hidden).filter(|(_, hidden)| **hidden) {
            pixel.copy_from_slice(from);
        }
        filled
    }

    /// The picture with the mean of its visible pixels, colour by colour, in the hidden ones.
    ///
    /// # Errors
    /// When the picture has another size.
    pub fn mean_filled(&self, picture: &Picture) -> Result<Picture, RestorationError> {
        self.check(picture)?;
        let (mut sums, mut count) = ([0.0f64; COLOURS], 0.0);
        for (pixel, _) in picture.pixels().chunks_exact(COLOURS).zip(&self.hidden).filter(|(_, hidden)| !**hidden) {
            sums.iter_mut().zip(pixel).for_each(|(sum, &value)| *sum += f64::from(value));
            count += 1.0;
        }
        let mean = sums.map(|sum| (sum / count) as f32);
        Ok(self.filled(picture, &picture.like(|_, _, colour| mean[colour])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_centre_hole_lies_in_the_middle() {
        let mask = Mask::centre(32, 32, 12).unwrap();
        let hidden = mask.hidden_pixels();
        assert_eq!(hidden.len(), 144);
        assert_eq!((hidden[0], hidden[143]), (10 * 32 + 10, 21 * 32 + 21));
        assert_eq!(Mask::centre(4, 3, 2).unwrap().hidden_pixels(), [1, 2, 5, 6]);
    }

    #[test]
    fn a_mask_hides_something_and_not_all() {
        assert!(Mask::centre(8, 8, 0).is_err());
        assert!(Mask::centre(8, 8, 8).is_err());
        assert!(Mask::centre(8, 8, 99).is_err());
        assert!(Mask::centre(0, 0, 3).is_err());
        assert!(Mask::new(2, 2, vec![true, false, false]).is_err());
    }

    #[test]
    fn a_ring_is_what_lies_around_the_hole() {
        let mask = Mask::centre(32, 32, 12).unwrap();
        for width in 1..=4 {
            let ring = mask.ring(width);
            assert_eq!(ring.len(), (12 + 2 * width).pow(2) - 144);
            assert!(ring.iter().all(|&pixel| !mask.hidden()[pixel]));
        }
        assert_eq!(Mask::new(3, 1, vec![true, false, false]).unwrap().ring(9), [1, 2], "cut at the border");
    }

    #[test]
    fn a_mean_fill_sees_no_hidden_pixel() {
        let mask = Mask::new(3, 1, vec![false, true, false]).unwrap();
        let picture = |hidden: f32| Picture::new(3, 1, vec![0.2, 0.4, 0.0, hidden, hidden, hidden, 0.4, 0.6, 1.0]);
        let filled = mask.mean_filled(&picture(0.9).unwrap()).unwrap();
        assert_eq!(filled, mask.mean_filled(&picture(0.1).unwrap()).unwrap());
        for (found, due) in filled.pixels()[3..6].iter().zip([0.3, 0.5, 0.5]) {
            assert!((found - due).abs() < 1e-6);
        }
        assert!(mask.mean_filled(&Picture::new(1, 3, vec![0.0; 9]).unwrap()).is_err());
    }

    #[test]
    fn bright_pixels_of_a_file_are_hidden() {
        let mask = Mask::from_grey(&GrayImage::from_raw(2, 2, vec![0, 127, 128, 255]).unwrap()).unwrap();
        assert_eq!(mask.hidden(), [false, false, true, true]);
    }
}

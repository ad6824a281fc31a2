//! A picture as the screens hold it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use image::imageops::FilterType;
use image::{DynamicImage, Rgb, RgbImage};
use ratatui::layout::Rect;

/// Longest side kept: beyond what any cell area shows, and bounded whatever file it came from.
const MAX_SIDE: u32 = 640;

/// Identity of a picture's content: equal keys, equal pixels.
pub type Key = u64;

/// An RGB picture, cheap to clone.
#[derive(Debug, Clone)]
pub struct Picture {
    key: Key,
    pixels: Arc<DynamicImage>,
}

impl Picture {
    /// A picture of these pixels; none without pixels. Larger ones are shrunk, so make them off the UI thread.
    pub fn new(pixels: RgbImage) -> Option<Self> {
        if pixels.width() == 0 || pixels.height() == 0 {
            return None;
        }
        let mut pixels = DynamicImage::ImageRgb8(pixels);
        if pixels.width().max(pixels.height()) > MAX_SIDE {
            // A side never shrinks to nothing: `resize` keeps at least one pixel.
            pixels = pixels.resize(MAX_SIDE, MAX_SIDE, FilterType::CatmullRom);
        }
        let mut hasher = DefaultHasher::new();
        (pixels.width(), pixels.height(), pixels.as_bytes()).hash(&mut hasher);
        Some(Self { key: hasher.finish(), pixels: Arc::new(pixels) })
    }

    /// A picture from interleaved RGB bytes; none if their number is not `3 * width * height`.
    pub fn from_rgb(width: u32, height: u32, bytes: &[u8]) -> Option<Self> {
        // `from_raw` accepts more bytes than needed.
        let wanted = (width as usize).checked_mul(height as usize)?.checked_mul(3)?;
        if bytes.len() != wanted {
            return None;
        }
        RgbImage::from_raw(width, height, bytes.to_vec()).and_then(Self::new)
    }

    /// A picture of any image; what is transparent shows `background`, since sixel would make it black.
    pub fn from_image(image: &DynamicImage, background: [u8; 3]) -> Option<Self> {
        if !image.color().has_alpha() {
            return Self::new(image.to_rgb8());
        }
        let rgba = image.to_rgba8();
        let flat = RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
            let [red, green, blue, alpha] = rgba.get_pixel(x, y).0;
            let blend = |front: u8, back: u8| {
                let alpha = u32::from(alpha);
                ((u32::from(front) * alpha + u32::from(back) * (255 - alpha) + 127) / 255) as u8
            };
            Rgb([blend(red, background[0]), blend(green, background[1]), blend(blue, background[2])])
        });
        Self::new(flat)
    }

    pub fn key(&self) -> Key {
        self.key
    }

    /// Width and height in pixels, each at least 1.
    pub fn size(&self) -> (u32, u32) {
        (self.pixels.width(), self.pixels.height())
    }

    pub(super) fn pixels(&self) -> &DynamicImage {
        &self.pixels
    }
}

/// The largest cells inside `area` with the picture's proportions, a cell being twice as high as wide; at the top,
/// centred. Empty if the area is.
pub fn fit((width, height): (u32, u32), area: Rect) -> Rect {
    if area.is_empty() || width == 0 || height == 0 {
        return Rect::new(area.x, area.y, 0, 0);
    }
    let (width, height) = (u64::from(width), u64::from(height));
    let (columns, rows) = (u64::from(area.width), u64::from(area.height));
    // Half a cell is square: `rows` cells are `2 * rows` halves high.
    let by_width = (columns * height).div_ceil(2 * width).max(1);
    let (columns, rows) =
        if by_width <= rows { (columns, by_width) } else { ((2 * rows * width / height).clamp(1, columns), rows) };
    let (columns, rows) = (columns.min(area.width.into()) as u16, rows.min(area.height.into()) as u16);
    Rect::new(area.x + (area.width - columns) / 2, area.y, columns, rows)
}

#[cfg(test)]
mod tests {
    use image::{Rgba, RgbaImage};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cifar_in_32x16_cells_fits_exactly() {
        assert_eq!(fit((32, 32), Rect::new(5, 3, 32, 16)), Rect::new(5, 3, 32, 16));
        assert_eq!(fit((32, 32), Rect::new(0, 0, 40, 16)), Rect::new(4, 0, 32, 16));
        assert_eq!(fit((32, 32), Rect::new(0, 0, 20, 16)), Rect::new(0, 0, 20, 10));
    }

    #[test]
    fn equal_pixels_have_equal_keys_and_shape_counts() {
        let bytes = [7; 24];
        let wide = Picture::from_rgb(4, 2, &bytes).unwrap();
        assert_eq!(wide.key(), Picture::from_rgb(4, 2, &bytes).unwrap().key());
        assert_ne!(wide.key(), Picture::from_rgb(2, 4, &bytes).unwrap().key());
    }

    #[test]
    fn no_pixels_or_a_wrong_number_of_them_is_no_picture() {
        assert!(Picture::from_rgb(0, 4, &[]).is_none());
        assert!(Picture::from_rgb(1, 1, &[0; 4]).is_none());
        assert!(Picture::from_rgb(u32::MAX, u32::MAX, &[0; 3]).is_none());
    }

    #[test]
    fn what_is_transparent_shows_the_background() {
        let image = RgbaImage::from_pixel(1, 1, Rgba([255, 0, 0, 0]));
        let picture = Picture::from_image(&image.into(), [1, 2, 3]).unwrap();
        assert_eq!(picture.pixels().as_bytes(), [1, 2, 3]);
    }

    #[test]
    fn a_photo_is_shrunk_and_a_thread_of_pixels_stays() {
        let photo = Picture::new(RgbImage::new(1600, 1200)).unwrap();
        assert_eq!(photo.size(), (640, 480));
        let thread = Picture::new(RgbImage::new(5000, 1)).unwrap();
        assert_eq!(thread.size(), (640, 1));
    }

    proptest! {
        #[test]
        fn the_fit_lies_inside_its_area(
            width in 1..5000u32, height in 1..5000u32,
            x in 0..300u16, y in 0..300u16, columns in 0..300u16, rows in 0..300u16,
        ) {
            let area = Rect::new(x, y, columns, rows);
            let cells = fit((width, height), area);
            prop_assert_eq!(cells.is_empty(), area.is_empty());
            prop_assert!(cells.is_empty() || area.intersection(cells) == cells);
            prop_assert!(cells.is_empty() || cells.width == columns || cells.height == rows);
        }
    }
}

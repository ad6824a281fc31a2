//! What the three protocols that put real pixels on the screen have in common: viuer writes their bytes.

use image::DynamicImage;
use image::imageops::FilterType;
use ratatui::layout::Rect;

use super::Picture;

/// A protocol for real pixels: how it wants a picture, and how a picture goes away.
pub(super) trait Protocol: Send {
    /// The picture scaled as the protocol wants it for these cells, and viuer's settings to print it there.
    fn prepare(&self, picture: &Picture, cells: Rect) -> Print;

    /// What deletes the picture at these cells, where overwriting them does not.
    fn delete(&self, _cells: Rect) -> Option<String> {
        None
    }

    /// What deletes all pictures, where clearing the screen may not.
    fn delete_all(&self) -> Option<String> {
        None
    }
}

/// One call of `viuer::print`.
pub(super) struct Print {
    pub image: DynamicImage,
    pub config: viuer::Config,
}

/// viuer's settings for exactly these cells with every protocol disabled; a protocol enables its own. The flags only
/// disable: with more than one set, viuer would choose.
pub(super) fn config(cells: Rect) -> viuer::Config {
    viuer::Config {
        transparent: false,
        premultiplied_alpha: false,
        absolute_offset: true,
        x: cells.x,
        y: i16::try_from(cells.y).unwrap_or(i16::MAX),
        // The frame saves and restores the cursor itself.
        restore_cursor: false,
        width: Some(cells.width.into()),
        height: Some(cells.height.into()),
        truecolor: true,
        use_kitty: false,
        use_iterm: false,
        use_sixel: false,
    }
}

/// The picture shrunk, never enlarged, to what the cells can show and to `max_pixels`.
pub(super) fn shrunk(picture: &Picture, cells: Rect, cell_px: Option<(u16, u16)>, max_pixels: u32) -> DynamicImage {
    let (width, height) = picture.size();
    // A cell of unknown size is taken for a large one.
    let (cell_width, cell_height) = cell_px.unwrap_or((20, 40));
    let by_cells = (f64::from(cells.width) * f64::from(cell_width) / f64::from(width))
        .max(f64::from(cells.height) * f64::from(cell_height) / f64::from(height));
    let by_pixels = (f64::from(max_pixels) / (f64::from(width) * f64::from(height))).sqrt();
    let scale = by_cells.min(by_pixels);
    if scale >= 1.0 {
        return picture.pixels().clone();
    }
    let side = |length: u32| ((f64::from(length) * scale) as u32).max(1);
    picture.pixels().resize_exact(side(width), side(height), FilterType::Triangle)
}

#[cfg(test)]
mod tests {
    use image::RgbImage;

    use super::*;

    #[test]
    fn a_photo_is_shrunk_to_its_cells_and_to_the_limit_and_cifar_stays() {
        let cells = Rect::new(0, 0, 20, 10);
        let photo = Picture::new(RgbImage::new(600, 600)).unwrap();
        assert_eq!(shrunk(&photo, cells, Some((10, 20)), 1_000_000).width(), 200);
        let limited = shrunk(&photo, cells, Some((40, 80)), 10_000);
        assert!(limited.width() * limited.height() <= 10_000 && limited.width() >= 99);
        let cifar = Picture::new(RgbImage::new(32, 32)).unwrap();
        assert_eq!(shrunk(&cifar, cells, Some((10, 20)), 150_000).width(), 32);
    }

    #[test]
    fn no_protocol_is_enabled_unless_asked() {
        let config = config(Rect::new(3, 4, 5, 6));
        assert!(!config.use_kitty && !config.use_iterm && !config.use_sixel && config.absolute_offset);
        assert_eq!((config.x, config.y, config.width, config.height), (3, 4, Some(5), Some(6)));
    }
}

//! Half blocks: viuer's own resizing and mapping, into the buffer instead of onto the screen.

use image::RgbImage;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Picture;
use crate::term::ColourDepth;

const LOWER_HALF: &str = "▄";
const UPPER_HALF: &str = "▀";

/// Two rows of pixels a row of cells; the last may lack its lower half.
pub(super) fn resize(picture: &Picture, cells: Rect) -> RgbImage {
    viuer::resize(picture.pixels(), Some(cells.width.into()), Some(cells.height.into())).to_rgb8()
}

/// As viuer prints: the upper pixel is the background, the lower one the foreground of `▄`; where there is no lower
/// one, `▀` alone.
pub(super) fn draw(pixels: &RgbImage, cells: Rect, colours: ColourDepth, buf: &mut Buffer) {
    for (column, x) in cells.columns().map(|area| area.x).enumerate() {
        for (row, y) in cells.rows().map(|area| area.y).enumerate() {
            let (column, row) = (column as u32, row as u32);
            let colour = |row: u32| pixels.get_pixel_checked(column, row).map(|pixel| colours.nearest(pixel.0));
            let (Some(upper), Some(cell)) = (colour(2 * row), buf.cell_mut((x, y))) else {
                continue;
            };
            cell.reset();
            match colour(2 * row + 1) {
                Some(lower) => cell.set_symbol(LOWER_HALF).set_fg(lower).set_bg(upper),
                None => cell.set_symbol(UPPER_HALF).set_fg(upper),
            };
        }
    }
}

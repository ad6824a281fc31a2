//! Half blocks: viuer's own resizing and mapping, into the buffer instead of onto the screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Picture;
use super::dither::{Dithered, dither};
use crate::term::ColourDepth;

const LOWER_HALF: &str = "▄";
const UPPER_HALF: &str = "▀";

/// Two rows of pixels a row of cells, the last may lack its lower half, in the colours that there are.
pub(super) fn prepare(picture: &Picture, cells: Rect, depth: ColourDepth) -> Dithered {
    let pixels = viuer::resize(picture.pixels(), Some(cells.width.into()), Some(cells.height.into())).to_rgb8();
    dither(&pixels, depth)
}

/// As viuer prints: the upper pixel is the background, the lower one the foreground of `▄`; where there is no lower
/// one, `▀` alone.
pub(super) fn draw(pixels: &Dithered, cells: Rect, buf: &mut Buffer) {
    for (x, column) in cells.columns().map(|area| area.x).zip(0..) {
        for (y, row) in cells.rows().map(|area| area.y).zip(0..) {
            let (Some(upper), Some(cell)) = (pixels.get(column, 2 * row), buf.cell_mut((x, y))) else { continue };
            cell.reset();
            match pixels.get(column, 2 * row + 1) {
                Some(lower) => cell.set_symbol(LOWER_HALF).set_fg(lower).set_bg(upper),
                None => cell.set_symbol(UPPER_HALF).set_fg(upper),
            };
        }
    }
}

//! Sixel, by viuer and icy_sixel.

use image::imageops::FilterType;
use ratatui::layout::Rect;

use super::Picture;
use super::protocol::{Print, Protocol, config};
use crate::term::{self, Capabilities};

/// viuer takes a cell for 6x12 pixels, so its "cells" are this unit and not the terminal's.
const UNIT_PX: (u32, u32) = (6, 12);

/// xterm cuts wider pictures; viuer then squeezes them.
const MAX_WIDTH_PX: u32 = 996;

/// A sixel has the size of its pixels: it is scaled here, in steps of 6x12, to fill its cells.
#[derive(Debug, Clone)]
pub(super) struct Sixel {
    cell_px: (u16, u16),
    /// The cell size by the kernel when the terminal told its own: a change of it is a change of the font.
    by_window: Option<(u16, u16)>,
}

impl Sixel {
    /// Ready if viuer's own probe agrees with ours. A terminal that does not tell its cell size gets small pictures.
    pub(super) fn probe(capabilities: &Capabilities) -> Option<Self> {
        let cell_px = capabilities.cell_px.unwrap_or((6, 12));
        viuer::is_sixel_supported().then_some(Self { cell_px, by_window: term::cell_px_by_window() })
    }

    fn cell_px_now(&self) -> (u16, u16) {
        match term::cell_px_by_window() {
            Some(now) if self.by_window.is_some_and(|before| before != now) => now,
            _ => self.cell_px,
        }
    }
}

impl Protocol for Sixel {
    fn prepare(&self, picture: &Picture, cells: Rect) -> Print {
        let (columns, rows) = units(cells, self.cell_px_now());
        let (width, height) = (columns * UNIT_PX.0, rows * UNIT_PX.1);
        // Nearest keeps the pixels of a small picture square; a large one would lose rows.
        let enlarging = width >= picture.size().0 && height >= picture.size().1;
        let filter = if enlarging { FilterType::Nearest } else { FilterType::Triangle };
        let image = picture.pixels().resize_exact(width, height, filter);
        let config = viuer::Config { use_sixel: true, width: Some(columns), height: Some(rows), ..config(cells) };
        Print { image, config }
    }
}

/// As many of viuer's units as fit in the cells, within the width that xterm shows.
fn units(cells: Rect, cell_px: (u16, u16)) -> (u32, u32) {
    let width = u32::from(cells.width) * u32::from(cell_px.0);
    let height = u32::from(cells.height) * u32::from(cell_px.1);
    let (width, height) =
        if width > MAX_WIDTH_PX { (MAX_WIDTH_PX, height * MAX_WIDTH_PX / width) } else { (width, height) };
    ((width / UNIT_PX.0).max(1), (height / UNIT_PX.1).max(1))
}

#[cfg(test)]
mod tests {
    use image::RgbImage;

    use super::*;

    #[test]
    fn the_picture_fills_its_cells_to_within_a_unit() {
        for cell_px in [(6, 12), (8, 17), (10, 20), (13, 29)] {
            let (columns, rows) = units(Rect::new(0, 0, 32, 16), cell_px);
            let missing = (32 * u32::from(cell_px.0) - columns * 6, 16 * u32::from(cell_px.1) - rows * 12);
            assert!(missing.0 < 6 && missing.1 < 12, "{cell_px:?} {missing:?}");
        }
    }

    #[test]
    fn a_wide_picture_keeps_its_proportions_within_xterms_limit() {
        let (columns, rows) = units(Rect::new(0, 0, 200, 100), (10, 20));
        assert_eq!(columns * 6, MAX_WIDTH_PX);
        assert!((columns * 6).abs_diff(rows * 12) < 12);
    }

    #[test]
    fn viuer_is_asked_for_exactly_the_prepared_size() {
        let picture = Picture::new(RgbImage::new(32, 32)).unwrap();
        let print = Sixel { cell_px: (8, 17), by_window: None }.prepare(&picture, Rect::new(1, 1, 32, 16));
        assert_eq!(Some(print.image.width()), print.config.width.map(|columns| columns * 6));
        assert_eq!(Some(print.image.height()), print.config.height.map(|rows| rows * 12));
        assert!(print.config.use_sixel && !print.config.use_kitty && !print.config.use_iterm);
    }
}

//! Pictures made of characters: half blocks, shades or ASCII, drawn straight into the buffer.
//!
//! Being ordinary cells they are right for free under tmux, popups and resizes, and a test can read them.

use std::collections::VecDeque;
use std::sync::Arc;

use image::RgbImage;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Key, Picture, Pictures, ascii, blocks, fit, shades};
use crate::term::ColourDepth;

/// Resized pictures kept; more than any screen shows at once.
const KEPT: usize = 256;

/// How a picture becomes characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Blocks(ColourDepth),
    Shades,
    Ascii,
}

/// Draws pictures as characters.
#[derive(Debug)]
pub struct Cells {
    style: Style,
    resized: VecDeque<(Key, Rect, Arc<RgbImage>)>,
}

impl Cells {
    /// Half blocks in as many colours as there are; shades if there is none.
    pub fn blocks(colours: ColourDepth) -> Self {
        if colours == ColourDepth::Mono { Self::shades() } else { Self::new(Style::Blocks(colours)) }
    }

    /// ` ░▒▓█` without colour.
    pub fn shades() -> Self {
        Self::new(Style::Shades)
    }

    /// Printable ASCII without colour.
    pub fn ascii() -> Self {
        Self::new(Style::Ascii)
    }

    fn new(style: Style) -> Self {
        Self { style, resized: VecDeque::new() }
    }

    /// Draws into exactly these cells, as far as the buffer has them.
    pub(super) fn draw(&mut self, picture: &Picture, cells: Rect, buf: &mut Buffer) {
        if cells.is_empty() {
            return;
        }
        let pixels = self.resized(picture, cells);
        match self.style {
            Style::Blocks(colours) => blocks::draw(&pixels, cells, colours, buf),
            Style::Shades => shades::draw(&pixels, cells, &shades::SHADES, buf),
            Style::Ascii => shades::draw(&pixels, cells, &ascii::RAMP, buf),
        }
    }

    fn resized(&mut self, picture: &Picture, cells: Rect) -> Arc<RgbImage> {
        let size = Rect::new(0, 0, cells.width, cells.height);
        let known = self.resized.iter().position(|(key, of, _)| *key == picture.key() && *of == size);
        if let Some(entry) = known.and_then(|at| self.resized.remove(at)) {
            let pixels = Arc::clone(&entry.2);
            self.resized.push_back(entry);
            return pixels;
        }
        let pixels = Arc::new(match self.style {
            Style::Blocks(_) => blocks::resize(picture, size),
            Style::Shades | Style::Ascii => shades::resize(picture, size),
        });
        if self.resized.len() >= KEPT {
            self.resized.pop_front();
        }
        self.resized.push_back((picture.key(), size, Arc::clone(&pixels)));
        pixels
    }
}

impl Pictures for Cells {
    fn place(&mut self, picture: &Picture, area: Rect, buf: &mut Buffer) -> Rect {
        let cells = fit(picture.size(), area.intersection(buf.area));
        self.draw(picture, cells, buf);
        cells
    }
}

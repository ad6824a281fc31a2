//! Pictures made of characters: half blocks, shades or ASCII, drawn straight into the buffer.
//!
//! Being ordinary cells they are right for free under tmux, popups and resizes, and a test can read them.

use std::collections::VecDeque;
use std::sync::Arc;

use image::RgbImage;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::dither::Dithered;
use super::{Key, Picture, Pictures, ascii, blocks, fit, shades};
use crate::term::ColourDepth;

/// Prepared pictures kept; more than any screen shows at once.
const KEPT: usize = 256;

/// How a picture becomes characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Blocks(ColourDepth),
    Shades,
    Ascii,
}

/// A picture in the size of its cells.
#[derive(Debug)]
enum Prepared {
    Blocks(Dithered),
    Lightness(RgbImage),
}

/// Draws pictures as characters.
#[derive(Debug)]
pub struct Cells {
    style: Style,
    /// Dark on light: the ramps are the other way round.
    on_light: bool,
    prepared: VecDeque<((Key, u16, u16), Arc<Prepared>)>,
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

    /// The same for a terminal whose background is light.
    pub fn on_light(self, on_light: bool) -> Self {
        Self { on_light, ..self }
    }

    fn new(style: Style) -> Self {
        Self { style, on_light: false, prepared: VecDeque::new() }
    }

    /// Draws into exactly these cells, as far as the buffer has them.
    pub(super) fn draw(&mut self, picture: &Picture, cells: Rect, buf: &mut Buffer) {
        if cells.is_empty() {
            return;
        }
        match (self.prepared(picture, cells).as_ref(), self.style) {
            (Prepared::Blocks(pixels), _) => blocks::draw(pixels, cells, buf),
            (Prepared::Lightness(pixels), Style::Ascii) => {
                shades::draw(pixels, cells, &ascii::RAMP, self.on_light, buf)
            }
            (Prepared::Lightness(pixels), _) => shades::draw(pixels, cells, &shades::SHADES, self.on_light, buf),
        }
    }

    /// Resizing and dithering is done once for a picture and a size.
    fn prepared(&mut self, picture: &Picture, cells: Rect) -> Arc<Prepared> {
        let id = (picture.key(), cells.width, cells.height);
        let known = self.prepared.iter().position(|(known, _)| *known == id);
        let entry = match known.and_then(|at| self.prepared.remove(at)) {
            Some(entry) => entry,
            None => (id, Arc::new(self.style.prepare(picture, cells))),
        };
        let prepared = Arc::clone(&entry.1);
        if self.prepared.len() >= KEPT {
            self.prepared.pop_front();
        }
        self.prepared.push_back(entry);
        prepared
    }
}

impl Style {
    fn prepare(self, picture: &Picture, cells: Rect) -> Prepared {
        match self {
            Self::Blocks(colours) => Prepared::Blocks(blocks::prepare(picture, cells, colours)),
            Self::Shades | Self::Ascii => Prepared::Lightness(shades::prepare(picture, cells)),
        }
    }
}

impl Pictures for Cells {
    fn place(&mut self, picture: &Picture, area: Rect, buf: &mut Buffer) -> Rect {
        let cells = fit(picture.size(), area.intersection(buf.area));
        self.draw(picture, cells, buf);
        cells
    }
}

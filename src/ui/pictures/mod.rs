//! Pictures in the terminal: real ones where the terminal can, half blocks where it can't.
//!
//! A screen places a [`Picture`] in an area while it draws; how it gets onto the glass is the business of one file a
//! protocol behind the trait [`Pictures`]. Every frame goes through a [`Stage`], which keeps the order that leaves no
//! stale pixels.

mod ascii;
mod blocks;
mod cells;
mod choice;
mod picture;
mod shades;
mod stage;

use std::io;
use std::time::Instant;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

pub use cells::Cells;
pub use choice::{Chosen, Graphics, GraphicsChoice, ParseGraphicsError, choose};
pub use picture::{Key, Picture, fit};
pub use stage::Stage;

use crate::term::Capabilities;

/// Shows pictures in one way.
pub trait Pictures {
    /// Shows the picture in this frame, as large as `area` allows with its proportions kept, at the top and centred;
    /// returns the cells that it takes.
    fn place(&mut self, picture: &Picture, area: Rect, buf: &mut Buffer) -> Rect;

    /// To be called when all of the frame, popups too, is in the buffer. A popup must have cleared its cells with
    /// ratatui's `Clear` first.
    fn settle(&mut self, _buf: &mut Buffer) {}

    /// Writes what the buffer can't hold, after the cells of the frame.
    fn flush(&mut self, _out: &mut dyn io::Write) -> io::Result<()> {
        Ok(())
    }

    /// The screen was cleared or left for a while: nothing of what was printed is there any more.
    fn invalidate(&mut self) {}

    /// When to draw again although nothing changed, to replace the stand-ins of a resize by real pictures.
    fn wake_at(&self) -> Option<Instant> {
        None
    }
}

/// The way of showing pictures that was chosen, ready for use. `wake` is called from another thread whenever a picture
/// is ready to be drawn.
///
/// Call it before a crossterm `EventStream` exists: viuer asks the terminal again.
pub fn open(
    choice: GraphicsChoice,
    capabilities: &Capabilities,
    _wake: impl Fn() + Send + 'static,
) -> (Box<dyn Pictures>, Chosen) {
    let chosen = choose(choice, capabilities, false);
    let pictures = match chosen.graphics {
        Graphics::Ascii => Cells::ascii(),
        _ => Cells::blocks(capabilities.colours),
    };
    (Box::new(pictures), chosen)
}

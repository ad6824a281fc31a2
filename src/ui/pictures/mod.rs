//! Pictures in the terminal: real ones where the terminal can, half blocks where it can't.
//!
//! A screen places a [`Picture`] in an area while it draws; how it gets onto the glass is the business of one file a
//! protocol behind the trait [`Pictures`]. Every frame goes through a [`Stage`], which keeps the order that leaves no
//! stale pixels.

mod ascii;
mod blocks;
mod cells;
mod choice;
mod dither;
mod encoder;
mod iterm;
mod kitty;
mod picture;
mod pixels;
mod protocol;
mod shades;
mod sixel;
mod stage;

use std::io;
use std::time::Instant;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

pub use cells::Cells;
pub use choice::{Chosen, Graphics, choose};
pub use picture::{Key, Picture, fit};
pub use stage::Stage;

use crate::config::GraphicsChoice;
use crate::term::{Capabilities, ColourDepth};
use encoder::viuer_bytes;
use iterm::Iterm;
use kitty::Kitty;
use pixels::Pixels;
use protocol::Protocol;
use sixel::Sixel;

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
/// Call it before a crossterm `EventStream` exists: viuer asks the terminal again, and waits without a time limit. It
/// is let to ask only a terminal that has answered just before.
pub fn open(
    choice: GraphicsChoice,
    capabilities: &Capabilities,
    wake: impl Fn() + Send + 'static,
) -> (Box<dyn Pictures>, Chosen) {
    let chosen = choose(choice, capabilities, viuer::is_iterm_supported());
    let (colours, on_light) = (capabilities.colours, capabilities.has_light_background());
    let cells = |cells: Cells| Some(Box::new(cells) as Box<dyn Pictures>);
    let opened = match chosen.graphics {
        Graphics::Kitty => Kitty::probe(capabilities).and_then(|kitty| pixels(kitty, colours, wake)),
        Graphics::Iterm => Iterm::probe(capabilities).and_then(|iterm| pixels(iterm, colours, wake)),
        Graphics::Sixel => Sixel::probe(capabilities).and_then(|sixel| pixels(sixel, colours, wake)),
        Graphics::Blocks | Graphics::Shades => cells(Cells::blocks(colours).on_light(on_light)),
        Graphics::Ascii => cells(Cells::ascii().on_light(on_light)),
    };
    match opened {
        Some(pictures) => (pictures, chosen),
        None => {
            let refused = Chosen { graphics: Graphics::Blocks, why: "viuer found that the terminal can't" };
            (Box::new(Cells::blocks(colours).on_light(on_light)), refused)
        }
    }
}

/// Pictures by a protocol; none if its thread can't be started.
fn pixels<P: Protocol + Clone + 'static>(
    protocol: P,
    colours: ColourDepth,
    wake: impl Fn() + Send + 'static,
) -> Option<Box<dyn Pictures>> {
    let pixels = Pixels::new(protocol, viuer_bytes, colours, wake);
    pixels.ok().map(|pixels| Box::new(pixels) as Box<dyn Pictures>)
}

//! iTerm2's inline images, by viuer.

use ratatui::layout::Rect;

use super::Picture;
use super::protocol::{Print, Protocol, config, shrunk};
use crate::term::Capabilities;

/// Pixels of one picture; it travels as PNG.
const MAX_PIXELS: u32 = 400_000;

#[derive(Debug, Clone)]
pub(super) struct Iterm {
    cell_px: Option<(u16, u16)>,
}

impl Iterm {
    /// Ready if the environment announces it; viuer asks nothing else.
    pub(super) fn probe(capabilities: &Capabilities) -> Option<Self> {
        viuer::is_iterm_supported().then_some(Self { cell_px: capabilities.cell_px })
    }
}

impl Protocol for Iterm {
    fn prepare(&self, picture: &Picture, cells: Rect) -> Print {
        let image = shrunk(picture, cells, self.cell_px, MAX_PIXELS);
        Print { image, config: viuer::Config { use_iterm: true, ..config(cells) } }
    }
}

#[cfg(test)]
mod tests {
    use image::RgbImage;

    use super::*;

    #[test]
    fn cifar_is_sent_natively_with_iterm_alone_enabled() {
        let picture = Picture::new(RgbImage::new(32, 32)).unwrap();
        let print = Iterm { cell_px: None }.prepare(&picture, Rect::new(0, 0, 32, 16));
        assert_eq!(print.image.width(), 32);
        assert!(print.config.use_iterm && !print.config.use_kitty && !print.config.use_sixel);
    }
}

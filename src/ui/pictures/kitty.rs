//! The kitty graphics protocol, by viuer in its remote mode.

use std::path::Path;

use image::DynamicImage;
use image::imageops::FilterType;
use ratatui::layout::Rect;

use super::Picture;
use super::protocol::{Print, Protocol, config, shrunk};
use crate::term::{self, Capabilities};

/// Pixels of one picture: four bytes each, and a third more in base64.
const MAX_PIXELS: u32 = 1_000_000;

/// The same over SSH, where a picture shall not take more than about a second of a slow line.
const MAX_PIXELS_SSH: u32 = 150_000;

/// viuer never closes the transmission of a picture that fits in one chunk of 4,096 base64 bytes (768 pixels): it is
/// not shown and swallows the next one. 28x28 needs a second chunk.
const MIN_SIDE: u32 = 28;

/// kitty draws the picture over the cells, so it has to be deleted, and keeps it through a resize.
#[derive(Debug, Clone)]
pub(super) struct Kitty {
    max_pixels: u32,
    cell_px: Option<(u16, u16)>,
}

impl Kitty {
    /// Ready if viuer's own probe agrees with ours.
    ///
    /// In its local mode viuer waits for an answer on stdin after every picture, where the event stream would take it
    /// away. The local mode needs a temporary file to be offered, so for the rest of this process the default folder
    /// of `tempfile` is one that can't exist. Whoever needs a temporary file names its folder.
    pub(super) fn probe(capabilities: &Capabilities) -> Option<Self> {
        // Set before by a former probe: then it is as we want it.
        let _ = tempfile::env::override_temp_dir(Path::new("/dev/null/no-local-pictures"));
        if viuer::get_kitty_support() != viuer::KittySupport::Remote {
            return None;
        }
        term::expect_kitty_pictures();
        let max_pixels = if capabilities.ssh { MAX_PIXELS_SSH } else { MAX_PIXELS };
        Some(Self { max_pixels, cell_px: capabilities.cell_px })
    }
}

impl Protocol for Kitty {
    fn prepare(&self, picture: &Picture, cells: Rect) -> Print {
        let image = enlarged(shrunk(picture, cells, self.cell_px, self.max_pixels));
        Print { image, config: viuer::Config { use_kitty: true, ..config(cells) } }
    }

    fn delete(&self, cells: Rect) -> Option<String> {
        let (column, row) = (u32::from(cells.x) + 1, u32::from(cells.y) + 1);
        Some(format!("\x1b_Ga=d,d=P,x={column},y={row},q=2\x1b\\"))
    }

    fn delete_all(&self) -> Option<String> {
        Some("\x1b_Ga=d,d=A,q=2\x1b\\".to_owned())
    }
}

fn enlarged(image: DynamicImage) -> DynamicImage {
    if image.width() >= MIN_SIDE && image.height() >= MIN_SIDE {
        return image;
    }
    let grown = |side: u32| side * MIN_SIDE.div_ceil(side);
    image.resize_exact(grown(image.width()), grown(image.height()), FilterType::Nearest)
}

#[cfg(test)]
mod tests {
    use image::RgbImage;

    use super::*;

    const KITTY: Kitty = Kitty { max_pixels: MAX_PIXELS_SSH, cell_px: Some((10, 20)) };

    fn prepared(width: u32, height: u32) -> Print {
        let picture = Picture::new(RgbImage::new(width, height)).unwrap();
        KITTY.prepare(&picture, Rect::new(2, 3, 32, 16))
    }

    #[test]
    fn a_picture_never_fits_in_one_chunk() {
        for (width, height) in [(1, 1), (20, 20), (27, 28), (1, 600), (32, 32)] {
            let image = prepared(width, height).image;
            // Four bytes a pixel, three bytes a four base64 characters.
            assert!(image.width() * image.height() * 4 > 4096 / 4 * 3, "{width}x{height}");
        }
    }

    #[test]
    fn cifar_is_sent_natively_with_kitty_alone_enabled() {
        let print = prepared(32, 32);
        assert_eq!((print.image.width(), print.image.height()), (32, 32));
        assert!(print.config.use_kitty && !print.config.use_iterm && !print.config.use_sixel);
    }

    #[test]
    fn over_ssh_a_photo_stays_within_the_limit() {
        let image = prepared(640, 480).image;
        assert!(image.width() * image.height() <= MAX_PIXELS_SSH);
    }

    #[test]
    fn deleting_names_the_first_cell_counted_from_one_and_wants_no_answer() {
        let sequence = KITTY.delete(Rect::new(2, 3, 32, 16)).unwrap();
        assert_eq!(sequence, "\x1b_Ga=d,d=P,x=3,y=4,q=2\x1b\\");
    }
}

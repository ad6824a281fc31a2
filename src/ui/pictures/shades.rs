//! One character a cell by its lightness, for terminals without colours.

use image::RgbImage;
use image::imageops::FilterType;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Picture;

/// From dark to light on a dark background.
pub(super) const SHADES: [&str; 5] = [" ", "░", "▒", "▓", "█"];

/// One pixel a cell.
pub(super) fn prepare(picture: &Picture, cells: Rect) -> RgbImage {
    picture.pixels().resize_exact(cells.width.into(), cells.height.into(), FilterType::Triangle).to_rgb8()
}

/// Draws each pixel as the character of `ramp` that is as light, or on a light background as dark.
pub(super) fn draw(pixels: &RgbImage, cells: Rect, ramp: &[&'static str], on_light: bool, buf: &mut Buffer) {
    for (x, y, pixel) in pixels.enumerate_pixels() {
        let at = (cells.x.saturating_add(x as u16), cells.y.saturating_add(y as u16));
        if let Some(cell) = buf.cell_mut(at) {
            let step = step(pixel.0, ramp.len());
            cell.reset();
            cell.set_symbol(ramp[if on_light { ramp.len() - 1 - step } else { step }]);
        }
    }
}

/// Lightness by BT.601 luma, in `0..steps`.
fn step([red, green, blue]: [u8; 3], steps: usize) -> usize {
    let luma = (299 * usize::from(red) + 587 * usize::from(green) + 114 * usize::from(blue)) / 1000;
    luma * steps / 256
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn black_to_white_uses_the_whole_ramp() {
        let steps: Vec<usize> = [0, 60, 128, 190, 255].map(|grey| step([grey; 3], 5)).to_vec();
        assert_eq!(steps, [0, 1, 2, 3, 4]);
    }
}

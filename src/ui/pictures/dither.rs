//! Fewer colours than a picture has: the error of each pixel is spread over its neighbours.

use image::RgbImage;
use ratatui::style::Color;

use crate::term::ColourDepth;

/// Shares of the error, in sixteenths, for the pixel ahead and the three below (Floyd and Steinberg, 1976).
const SHARES: [(isize, usize, i32); 4] = [(1, 0, 7), (-1, 1, 3), (0, 1, 5), (1, 1, 1)];

/// How much of the error is passed on, in sixteenths. The full error is right on average, but pixels as large as half a
/// cell do not blend: with 256 colours a part of it keeps hues without speckles.
fn passed_on(depth: ColourDepth) -> i32 {
    if depth == ColourDepth::Ansi256 { 9 } else { 16 }
}

/// A picture in the colours that there are.
#[derive(Debug)]
pub(super) struct Dithered {
    width: usize,
    colours: Vec<Color>,
}

impl Dithered {
    /// The colour at this column and row, if there is one.
    pub(super) fn get(&self, column: usize, row: usize) -> Option<Color> {
        let in_row = column < self.width;
        self.colours.get(row * self.width + column).copied().filter(|_| in_row)
    }
}

/// As near to the pixels as the depth comes on average.
pub(super) fn dither(pixels: &RgbImage, depth: ColourDepth) -> Dithered {
    let (width, height) = (pixels.width() as usize, pixels.height() as usize);
    let mut wanted: Vec<[i32; 3]> =
        pixels.pixels().map(|pixel| pixel.0.map(|channel| 16 * i32::from(channel))).collect();
    let passed_on = passed_on(depth);
    let mut colours = Vec::with_capacity(wanted.len());
    for at in 0..wanted.len() {
        let rgb = wanted[at].map(|channel| (channel / 16).clamp(0, 255) as u8);
        let (colour, shown) = depth.nearest_with_rgb(rgb);
        colours.push(colour);
        let (x, y) = (at % width, at / width);
        for (dx, dy, share) in SHARES {
            let Some(x) = x.checked_add_signed(dx).filter(|&x| x < width && y + dy < height) else { continue };
            for channel in 0..3 {
                let error = i32::from(rgb[channel]) - i32::from(shown[channel]);
                wanted[(y + dy) * width + x][channel] += error * share * passed_on / 16;
            }
        }
    }
    Dithered { width, colours }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn with_all_colours_every_pixel_is_its_own() {
        let pixels = RgbImage::from_fn(5, 4, |x, y| Rgb([x as u8, y as u8, 77]));
        let expected: Vec<Color> = pixels.pixels().map(|pixel| Color::from(pixel.0)).collect();
        assert_eq!(dither(&pixels, ColourDepth::Truecolour).colours, expected);
    }

    #[test]
    fn a_grey_between_two_of_the_palette_is_a_mixture_of_them_in_the_right_parts() {
        // 16 colours know 127 and 229: 178 is half way.
        let pixels = RgbImage::from_pixel(40, 40, Rgb([178; 3]));
        let mixed = dither(&pixels, ColourDepth::Ansi16).colours;
        let light = mixed.iter().filter(|&&colour| colour == Color::Gray).count();
        let dark = mixed.iter().filter(|&&colour| colour == Color::DarkGray).count();
        assert_eq!(light + dark, 1600);
        assert!((720..880).contains(&light), "{light}");
    }
}

//! A picture that is drawn on in its finished pixels, with letters of a font that comes with the program.

use crate::cli::CliError;
use crate::term::ColourDepth;
use crate::ui::theme::Theme;
use image::{RgbImage, imageops};
use plotters::prelude::{BitMapBackend, DrawingBackend, FontFamily, FontStyle, FontTransform, RGBColor, TextStyle};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontDesc, ShapeStyle, register_font};
use ratatui::style::Style;
use std::sync::Once;

/// The colours of the dashboard on a light ground.
pub(super) const THEME: Theme = Theme { depth: ColourDepth::Truecolour, light: true, ascii: false };
pub(super) const INK: RGBColor = RGBColor(24, 28, 36);

/// So many pixels a side are drawn for each that is kept: edges and letters become smooth.
const OVERSAMPLING: u32 = 3;
const FONT: &str = "DejaVu Sans";
/// Of a letter's size: how far below the place that plotters is given its baseline lies, and half the height of a capital.
const BASELINE: f64 = 0.5;
const HALF_CAPITAL: f64 = 0.313;

/// Which part of a text stands at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Centre,
    Right,
}

/// How a text looks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Letters {
    /// From the top of the highest letter to the bottom of the lowest.
    pub size: f64,
    pub bold: bool,
    pub colour: RGBColor,
    pub align: Align,
    /// Reads upwards.
    pub upwards: bool,
}

impl Letters {
    pub fn new(size: f64) -> Self {
        Self { size, bold: false, colour: INK, align: Align::Left, upwards: false }
    }

    pub fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    pub fn dim(self) -> Self {
        self.colour(ink(THEME.dim()))
    }

    pub fn colour(self, colour: RGBColor) -> Self {
        Self { colour, ..self }
    }

    pub fn align(self, align: Align) -> Self {
        Self { align, ..self }
    }

    pub fn upwards(self) -> Self {
        Self { upwards: true, ..self }
    }

    fn style(&self) -> TextStyle<'static> {
        let style = if self.bold { FontStyle::Bold } else { FontStyle::Normal };
        let size = self.size * f64::from(OVERSAMPLING);
        let transform = if self.upwards { FontTransform::Rotate270 } else { FontTransform::None };
        let at = match self.align {
            Align::Left => HPos::Left,
            Align::Centre => HPos::Center,
            Align::Right => HPos::Right,
        };
        let font = FontDesc::new(FontFamily::Name(FONT), size, style).transform(transform);
        font.color(&self.colour).pos(Pos::new(at, VPos::Top))
    }
}

/// The ink of a style of the theme.
pub(super) fn ink(style: Style) -> RGBColor {
    rgb(style.fg)
}

/// The ground of a style of the theme.
pub(super) fn ground(style: Style) -> RGBColor {
    rgb(style.bg)
}

fn rgb(colour: Option<ratatui::style::Color>) -> RGBColor {
    match colour {
        Some(ratatui::style::Color::Rgb(r, g, b)) => RGBColor(r, g, b),
        _ => INK,
    }
}

pub(super) struct Canvas {
    pixels: Vec<u8>,
    size: (u32, u32),
}

impl Canvas {
    /// A white picture of at least one pixel.
    pub fn new(width: u32, height: u32) -> Self {
        static FONTS: Once = Once::new();
        FONTS.call_once(|| {
            // They are part of the program: one that could not be read would fail every drawing and every test.
            let _ = register_font(FONT, FontStyle::Normal, dejavu::sans::regular());
            let _ = register_font(FONT, FontStyle::Bold, dejavu::sans::bold());
        });
        let size = (width.max(1) * OVERSAMPLING, height.max(1) * OVERSAMPLING);
        Self { pixels: vec![255; size.0 as usize * size.1 as usize * 3], size }
    }

    /// The finished picture.
    pub fn finish(self) -> RgbImage {
        let (width, height) = self.size;
        let drawn = RgbImage::from_raw(width, height, self.pixels).unwrap_or_default();
        imageops::thumbnail(&drawn, width / OVERSAMPLING, height / OVERSAMPLING)
    }

    fn backend(&mut self) -> BitMapBackend<'_> {
        BitMapBackend::with_buffer(&mut self.pixels, self.size)
    }

    /// A line through points, `width` wide.
    pub fn line(&mut self, points: &[(f64, f64)], width: f64, colour: RGBColor) -> Result<(), CliError> {
        let stroke_width = (width * f64::from(OVERSAMPLING)).round().max(1.0) as u32;
        let style = ShapeStyle { color: colour.into(), filled: false, stroke_width };
        Ok(self.backend().draw_path(points.iter().map(|&point| fine(point)), &style)?)
    }

    /// A rectangle between two corners.
    pub fn rectangle(&mut self, from: (f64, f64), to: (f64, f64), colour: RGBColor) -> Result<(), CliError> {
        let (from, (right, bottom)) = (fine(from), fine(to));
        // The last row and column belong to the next one.
        let to = (right - 1, bottom - 1);
        if to.0 < from.0 || to.1 < from.1 {
            return Ok(());
        }
        Ok(self.backend().draw_rect(from, to, &colour, true)?)
    }

    pub fn dot(&mut self, at: (f64, f64), radius: f64, colour: RGBColor) -> Result<(), CliError> {
        let radius = (radius * f64::from(OVERSAMPLING)).round() as u32;
        Ok(self.backend().draw_circle(fine(at), radius, &colour, true)?)
    }

    /// A text whose capitals have their middle at the height of a place, or, where it reads upwards, above each other there.
    pub fn text(&mut self, text: &str, at: (f64, f64), letters: Letters) -> Result<(), CliError> {
        let shift = (BASELINE - HALF_CAPITAL) * letters.size;
        let at = if letters.upwards { (at.0 - shift, at.1) } else { (at.0, at.1 - shift) };
        Ok(self.backend().draw_text(text, &letters.style(), fine(at))?)
    }

    /// How wide a text is.
    pub fn width_of(&mut self, text: &str, letters: Letters) -> Result<f64, CliError> {
        let style = Letters { upwards: false, ..letters }.style();
        let (width, _) = self.backend().estimate_text_size(text, &style)?;
        Ok(f64::from(width) / f64::from(OVERSAMPLING))
    }

    /// The text, or as much of its beginning as is at most `width` wide.
    pub fn fitting(&mut self, text: &str, letters: Letters, width: f64) -> Result<String, CliError> {
        let mut text = text.to_owned();
        while !text.is_empty() && self.width_of(&text, letters)? > width {
            let kept = text.trim_end_matches('…').chars().count().saturating_sub(1);
            text = text.chars().take(kept).collect::<String>();
            if !text.is_empty() {
                text.push('…');
            }
        }
        Ok(text)
    }
}

/// A place in pixels as they are drawn.
fn fine((x, y): (f64, f64)) -> (i32, i32) {
    let fine = |place: f64| (place * f64::from(OVERSAMPLING)).round() as i32;
    (fine(x), fine(y))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows and columns that something was drawn in.
    fn drawn(picture: &RgbImage) -> (Vec<u32>, Vec<u32>) {
        let dark = |x, y| picture.get_pixel(x, y).0[0] < 128;
        let rows = (0..picture.height()).filter(|&y| (0..picture.width()).any(|x| dark(x, y))).collect();
        let columns = (0..picture.width()).filter(|&x| (0..picture.height()).any(|y| dark(x, y))).collect();
        (rows, columns)
    }

    /// Across within a tenth of their size, since a letter's own space before it counts.
    #[test]
    fn capitals_stand_around_their_place() {
        let mut canvas = Canvas::new(100, 60);
        canvas.text("HIH", (50.0, 30.0), Letters::new(30.0).align(Align::Centre)).unwrap();
        let (rows, columns) = drawn(&canvas.finish());
        let middle = |of: &[u32]| f64::from(of[0] + of[of.len() - 1] + 1) / 2.0;
        assert!((middle(&rows) - 30.0).abs() <= 1.0, "{rows:?}");
        assert!((middle(&columns) - 50.0).abs() <= 3.0, "{columns:?}");
        let mut canvas = Canvas::new(60, 100);
        canvas.text("HIH", (30.0, 50.0), Letters::new(30.0).align(Align::Centre).upwards()).unwrap();
        let (upright, along) = drawn(&canvas.finish());
        assert!(
            (middle(&along) - 30.0).abs() <= 1.0 && (middle(&upright) - 50.0).abs() <= 3.0,
            "{along:?} {upright:?}"
        );
    }

    #[test]
    fn a_rectangle_fills_its_pixels_and_no_others() {
        let mut canvas = Canvas::new(8, 8);
        canvas.rectangle((2.0, 3.0), (4.0, 6.0), INK).unwrap();
        canvas.rectangle((5.0, 5.0), (5.0, 8.0), INK).unwrap();
        assert_eq!(drawn(&canvas.finish()), (vec![3, 4, 5], vec![2, 3]));
    }

    #[test]
    fn a_text_is_cut_where_it_does_not_fit() {
        let mut canvas = Canvas::new(1, 1);
        let letters = Letters::new(20.0);
        let cut = canvas.fitting("automobile", letters, 60.0).unwrap();
        assert!(cut.ends_with('…') && cut.starts_with("auto"), "{cut}");
        assert_eq!(canvas.fitting("cat", letters, 60.0).unwrap(), "cat");
        assert_eq!(canvas.fitting("cat", letters, 0.0).unwrap(), "");
    }
}

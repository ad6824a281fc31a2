//! A caption word by word: the picture is bright where the word was looked for.

use image::{Rgb, RgbImage};
use ratatui::layout::Rect;
use ratatui::style::Modifier;

use super::brush::{Brush, after, below, row, wrap_places};
use super::pictures::Picture;
use crate::app::AttentionView;
use crate::jobs::Attention;

/// Pixels of a side of a small picture, so that the map over it is smooth.
const SMOOTH: u32 = 128;
/// How bright a pixel stays where nobody looked.
const DIM: f32 = 0.15;
/// What is laid over the place that was looked at most, and how thickly.
const GLOW: ([f32; 3], f32) = ([255.0, 150.0, 0.0], 0.35);

/// The picture under the map of a word, made once for each.
#[derive(Debug)]
pub struct Glow {
    /// The view, and the word if there is an answer.
    of: (u64, Option<usize>),
    picture: Option<Picture>,
}

impl Glow {
    /// Keeps the picture of the view that is open, and no other.
    pub fn keep(kept: &mut Option<Glow>, view: Option<&AttentionView>) {
        let Some(view) = view else { return *kept = None };
        let answer = view.answer.as_ref().and_then(|answer| answer.as_ref().ok());
        let of = (view.id, answer.map(|_| view.word));
        if kept.as_ref().is_none_or(|glow| glow.of != of) {
            let pixels = match answer {
                Some(attention) => lit(&view.picture, attention, view.word),
                None => RgbImage::clone(&view.picture),
            };
            *kept = Some(Glow { of, picture: Picture::new(pixels) });
        }
    }
}

pub fn render(view: &AttentionView, glow: Option<&Glow>, area: Rect, brush: &mut Brush<'_>) {
    let theme = brush.theme;
    let title = format!("{}: where the words were looked for", view.of);
    let area = brush.titled(area, &title, "a next word, A the one before, Esc back");
    let width = (area.width * 3 / 5).min(area.height * 2);
    if let Some(picture) = glow.and_then(|glow| glow.picture.as_ref()) {
        brush.picture(Rect { width, ..area }, picture);
    }
    let side = after(area, width + 2);
    match &view.answer {
        None => brush.centred(row(side, side.height / 2), "looking …", theme.dim()),
        Some(Err(why)) => {
            brush.wrapped(below(side, side.height / 3), why.as_str(), theme.bad());
        }
        Some(Ok(attention)) => words(attention, view.word, side, brush),
    }
}

/// The caption with one word marked, and how much of the attention the brightest cell has.
fn words(attention: &Attention, current: usize, area: Rect, brush: &mut Brush<'_>) {
    let theme = brush.theme;
    let text = attention.words.iter().map(|(word, _)| word.as_str()).collect::<Vec<_>>().join(" ");
    let begins = attention.words.iter().scan(0, |next, (word, _)| {
        let begin = *next;
        *next += word.len() + 1;
        Some(begin..begin + word.len())
    });
    let marked = begins.clone().nth(current).unwrap_or(0..0);
    let places = wrap_places(&text, usize::from(area.width));
    for (line, place) in (0..area.height).zip(&places) {
        let (from, to) = (marked.start.clamp(place.start, place.end), marked.end.clamp(place.start, place.end));
        let strong = theme.accent().add_modifier(Modifier::BOLD | Modifier::UNDERLINED);
        let parts = [(place.start..from, theme.text()), (from..to, strong), (to..place.end, theme.text())];
        let spans = parts.map(|(part, style)| (text[part].into(), style));
        brush.line(row(area, line), &spans);
    }
    let Some((word, shares)) = attention.words.get(current) else { return };
    let largest = shares.iter().copied().fold(0.0, f32::max);
    let even = 1.0 / shares.len() as f32;
    let note = format!(
        "{}: word {} of {}, {:.0} % of the attention in the brightest of {}x{} cells; evenly it would be {:.0} %",
        word.trim_end_matches([',', '.']),
        current + 1,
        attention.words.len(),
        100.0 * largest,
        attention.grid[0],
        attention.grid[1],
        100.0 * even
    );
    brush.wrapped(below(area, places.len() as u16 + 1), &note, theme.dim());
}

/// The picture, bright and warm where the word was looked for most, dim where it was not.
fn lit(picture: &RgbImage, attention: &Attention, word: usize) -> RgbImage {
    let (width, height) = picture.dimensions();
    let scale = SMOOTH.div_ceil(width.max(height)).max(1);
    let mut lit = image::imageops::resize(picture, width * scale, height * scale, image::imageops::FilterType::Nearest);
    let Some((_, shares)) = attention.words.get(word) else { return lit };
    let largest = shares.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    let (width, height) = lit.dimensions();
    for (x, y, pixel) in lit.enumerate_pixels_mut() {
        let at = [(y as f32 + 0.5) / height as f32, (x as f32 + 0.5) / width as f32];
        *pixel = glowing(*pixel, between(shares, attention.grid, at) / largest);
    }
    lit
}

/// `heat` is 0 to 1.
fn glowing(pixel: Rgb<u8>, heat: f32) -> Rgb<u8> {
    let (colour, thickness) = GLOW;
    let (light, over) = (DIM + (1.0 - DIM) * heat, thickness * heat);
    let mut channels = pixel.0;
    for (channel, glow) in channels.iter_mut().zip(colour) {
        *channel = (f32::from(*channel) * light * (1.0 - over) + glow * over).round() as u8;
    }
    Rgb(channels)
}

/// The map at a place of 0 to 1 each way, linear between the middles of its cells.
fn between(shares: &[f32], [rows, columns]: [usize; 2], at: [f32; 2]) -> f32 {
    let along = |at: f32, cells: usize| {
        let place = (at * cells as f32 - 0.5).clamp(0.0, (cells - 1) as f32);
        let first = place as usize;
        (first, (first + 1).min(cells - 1), place - first as f32)
    };
    let (top, bottom, down) = along(at[0], rows);
    let (left, right, across) = along(at[1], columns);
    let row = |y: usize| shares[y * columns + left] * (1.0 - across) + shares[y * columns + right] * across;
    row(top) * (1.0 - down) + row(bottom) * down
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_brightest_where_the_word_was_looked_for() {
        let grey = RgbImage::from_pixel(32, 32, Rgb([100; 3]));
        let attention = Attention { grid: [2, 2], words: vec![("cat".to_owned(), vec![0.0, 0.0, 0.0, 1.0])] };
        let lit = lit(&grey, &attention, 0);
        assert_eq!(lit.dimensions(), (128, 128));
        assert_eq!(lit.get_pixel(127, 127).0, [154, 118, 65]);
        assert_eq!(lit.get_pixel(0, 0).0, [15; 3]);
        assert!(lit.get_pixel(64, 127).0[0] < lit.get_pixel(90, 127).0[0]);
    }
}

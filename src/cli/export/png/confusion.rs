//! The confusion matrix of an epoch as a picture: shares of the true label as colour, counts in the cells.

use super::canvas::{Align, Canvas, Letters, THEME, ground, ink};
use crate::cli::CliError;
use crate::jobs::Confusion;
use crate::ui::format;
use image::RgbImage;

/// A cell's side, as many labels allow it.
const CELL: f64 = 84.0;
const SIDE: f64 = 1_400.0;
/// Smaller cells hold no number, and smaller letters are none.
const NUMBERED: f64 = 26.0;
const LEGIBLE: f64 = 9.0;
const EDGE: f64 = 28.0;
/// Longer labels are cut.
const LABEL: f64 = 200.0;

/// What the sides of the matrix are.
pub(super) struct Words<'a> {
    pub title: &'a str,
    pub down: &'a str,
    pub across: &'a str,
    /// `right`: of all pictures, how many are on the diagonal.
    pub verb: &'a str,
}

pub(super) fn picture(run: &str, confusion: &Confusion, words: &Words<'_>) -> Result<RgbImage, CliError> {
    // What no picture shows has no row: "none" is said, and never true.
    let rows: Vec<usize> = (0..confusion.len()).filter(|&label| confusion.of_truth(label) > 0).collect();
    let cell = (SIDE / confusion.len() as f64).clamp(2.0, CELL);
    let letters = Letters::new((cell * 0.6).min(18.0));
    let texts = if letters.size >= LEGIBLE { labels(confusion, letters)? } else { Vec::new() };
    let labels = texts.iter().map(|(_, width)| *width).fold(0.0, f64::max);
    let stands = labels > cell - 6.0;
    let (left, top) = (EDGE + 26.0 + labels + 10.0, 112.0 + if stands { labels } else { letters.size } + 12.0);
    let (width, height) = (cell * confusion.len() as f64, cell * rows.len() as f64);
    let mut canvas = Canvas::new((left + width + EDGE).max(640.0) as u32, (top + height + EDGE) as u32);

    canvas.text(words.title, (EDGE, 36.0), Letters::new(28.0).bold())?;
    let right = format::share(confusion.accuracy());
    let told =
        format!("{run}, epoch {}: {right} {} of {}", confusion.epoch, words.verb, format::count(confusion.total()));
    canvas.text(&told, (EDGE, 68.0), Letters::new(18.0).dim())?;
    let dim = Letters::new(16.0).dim().align(Align::Centre);
    canvas.text(words.across, (left + width / 2.0, 98.0), dim)?;
    canvas.text(words.down, (EDGE + 6.0, top + height / 2.0), dim.upwards())?;
    for (line, &truth) in rows.iter().enumerate() {
        let middle = top + cell * (line as f64 + 0.5);
        if let Some((text, _)) = texts.get(truth) {
            canvas.text(text, (left - 10.0, middle), letters.align(Align::Right))?;
        }
        for named in 0..confusion.len() {
            let corner = (left + cell * named as f64, top + cell * line as f64);
            draw_cell(&mut canvas, confusion, (truth, named), corner, cell)?;
        }
    }
    for (named, (text, _)) in texts.iter().enumerate() {
        let middle = left + cell * (named as f64 + 0.5);
        match stands {
            true => canvas.text(text, (middle, top - 10.0), letters.upwards())?,
            false => canvas.text(text, (middle, top - 8.0 - letters.size / 2.0), letters.align(Align::Centre))?,
        }
    }
    Ok(canvas.finish())
}

/// Every label, cut where it is long, and its width.
fn labels(confusion: &Confusion, letters: Letters) -> Result<Vec<(String, f64)>, CliError> {
    let mut ruler = Canvas::new(1, 1);
    let mut measured = |label: &String| {
        let text = ruler.fitting(label, letters, LABEL)?;
        let width = ruler.width_of(&text, letters)?;
        Ok((text, width))
    };
    confusion.labels.iter().map(&mut measured).collect()
}

fn draw_cell(
    canvas: &mut Canvas,
    confusion: &Confusion,
    (truth, named): (usize, usize),
    (x, y): (f64, f64),
    cell: f64,
) -> Result<(), CliError> {
    let (count, share) = (confusion.count(truth, named), confusion.share(truth, named));
    let is_right = truth == named;
    // As on the screen: the root lets a mistake of 4 % stand out from one of 1 %.
    let style = THEME.heat(if is_right { share } else { share.sqrt() } as f32, is_right);
    let gap = if cell >= NUMBERED { 1.0 } else { 0.0 };
    let ground = if count > 0 { ground(style) } else { plotters::style::RGBColor(246, 247, 249) };
    canvas.rectangle((x + gap, y + gap), (x + cell - gap, y + cell - gap), ground)?;
    if cell < NUMBERED || count == 0 {
        return Ok(());
    }
    let middle = x + cell / 2.0;
    let letters = Letters::new((cell * 0.4).min(20.0)).colour(ink(style)).align(Align::Centre);
    let number = canvas.fitting(&format::count(count), letters, cell - 4.0)?;
    let has_share = cell >= 56.0;
    let upper = y + cell * if has_share { 0.4 } else { 0.5 };
    canvas.text(&number, (middle, upper), if is_right { letters.bold() } else { letters })?;
    if has_share {
        let small = Letters { size: cell * 0.17, ..letters };
        canvas.text(&format::share(share), (middle, y + cell * 0.68), small)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: Words<'_> = Words { title: "confusion", down: "true label", across: "named", verb: "right" };

    fn of(labels: usize, matrix: &[Vec<u64>]) -> RgbImage {
        let labels = (0..labels).map(|at| format!("label {at}")).collect();
        let confusion = Confusion::new("test".to_owned(), 3, 1, labels, matrix).unwrap();
        picture("run", &confusion, &WORDS).unwrap()
    }

    fn has(picture: &RgbImage, colour: plotters::style::RGBColor) -> bool {
        picture.pixels().any(|pixel| pixel.0 == [colour.0, colour.1, colour.2])
    }

    #[test]
    fn right_cells_and_mistakes_have_their_colours_and_a_label_without_pictures_no_row() {
        let three = of(3, &[vec![9, 1, 0], vec![0, 10, 0], vec![0, 0, 0]]);
        assert!(has(&three, ground(THEME.heat(0.9, true))) && has(&three, ground(THEME.heat(0.1_f32.sqrt(), false))));
        let square = of(3, &[vec![9, 1, 0], vec![0, 10, 0], vec![0, 0, 1]]);
        assert_eq!(square.height() - three.height(), CELL as u32);
    }

    #[test]
    fn many_labels_and_none_that_was_seen_are_drawn_all_the_same() {
        let many = of(300, &vec![vec![1; 300]; 300]);
        assert!(many.width() < 2_000 && many.height() < 2_000, "{:?}", many.dimensions());
        of(2, &[vec![0, 0], vec![0, 0]]);
    }
}

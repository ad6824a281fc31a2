//! How each label fares as a picture: bars of precision, recall and F1.

use super::canvas::{Align, Canvas, Letters, THEME, ink};
use crate::cli::CliError;
use crate::jobs::Confusion;
use crate::ui::format;
use image::RgbImage;
use plotters::style::RGBColor;

/// Of more labels, those that fare worst.
const LABELS: usize = 60;
const BAR: f64 = 15.0;
const GROUP: f64 = 3.0 * BAR + 15.0;
const WIDTH: f64 = 1_100.0;
const EDGE: f64 = 28.0;
const TOP: f64 = 150.0;
/// Where the bars begin and end.
const LEFT: f64 = 190.0;
const RIGHT: f64 = WIDTH - 90.0;

/// A label's name, precision (none where nothing was named so), recall and F1.
type Figures = (String, Option<f64>, f64, f64);

const NAMES: [&str; 3] = ["precision: of what was named so, what is", "recall: of what is, what was named so", "F1"];

pub(super) fn picture(run: &str, confusion: &Confusion) -> Result<RgbImage, CliError> {
    let (all, mean) = figures(confusion);
    let shown: Vec<&Figures> = all.iter().take(LABELS).collect();
    let height = TOP + GROUP * (shown.len() + 1) as f64 + 20.0 + EDGE;
    let mut canvas = Canvas::new(WIDTH as u32, height as u32);
    let title = match all.len() - shown.len() {
        0 => "by label".to_owned(),
        _ => format!("by label: the {LABELS} of {} that fare worst", all.len()),
    };
    canvas.text(&title, (EDGE, 36.0), Letters::new(28.0).bold())?;
    let told = format!("{run}, epoch {}, {} test pictures", confusion.epoch, format::count(confusion.total()));
    canvas.text(&told, (EDGE, 68.0), Letters::new(18.0).dim())?;
    legend(&mut canvas)?;
    let bottom = TOP + GROUP * (shown.len() + 1) as f64;
    for percent in [0.0, 25.0, 50.0, 75.0, 100.0] {
        let x = place(percent / 100.0);
        canvas.rectangle((x, TOP - 6.0), (x + 1.0, bottom), ink(THEME.frame()))?;
        let letters = Letters::new(15.0).dim().align(Align::Centre);
        canvas.text(&format!("{percent} %"), (x, bottom + 14.0), letters)?;
    }
    for (line, figures) in shown.iter().copied().chain([&mean]).enumerate() {
        let is_mean = line == shown.len();
        group(&mut canvas, figures, TOP + GROUP * line as f64, is_mean)?;
    }
    Ok(canvas.finish())
}

/// Every label that pictures show, and the mean of all; where there are too many to be drawn, the worst first.
fn figures(confusion: &Confusion) -> (Vec<Figures>, Figures) {
    let shown = (0..confusion.len()).filter(|&label| confusion.of_truth(label) > 0);
    let of = |label: usize| {
        let name = confusion.labels[label].clone();
        (name, confusion.precision(label), confusion.share(label, label), confusion.f1(label))
    };
    let mut all: Vec<Figures> = shown.map(of).collect();
    let mean = |value: fn(&Figures) -> f64| all.iter().map(value).sum::<f64>() / all.len().max(1) as f64;
    let means = ("mean".to_owned(), Some(mean(|it| it.1.unwrap_or(0.0))), mean(|it| it.2), mean(|it| it.3));
    if all.len() > LABELS {
        all.sort_by(|a, b| a.3.total_cmp(&b.3));
    }
    (all, means)
}

fn colours() -> [RGBColor; 3] {
    [0, 1, 2].map(|index| ink(THEME.series(index)))
}

fn legend(canvas: &mut Canvas) -> Result<(), CliError> {
    let mut x = EDGE;
    for (name, colour) in NAMES.iter().zip(colours()) {
        canvas.rectangle((x, 95.0), (x + 14.0, 109.0), colour)?;
        let letters = Letters::new(16.0);
        canvas.text(name, (x + 22.0, 102.0), letters)?;
        x += 22.0 + canvas.width_of(name, letters)? + 26.0;
    }
    Ok(())
}

fn group(canvas: &mut Canvas, figures: &Figures, top: f64, is_mean: bool) -> Result<(), CliError> {
    let (name, precision, recall, f1) = figures;
    let letters = Letters { bold: is_mean, ..Letters::new(17.0) };
    let name = canvas.fitting(name, letters, LEFT - EDGE - 12.0)?;
    canvas.text(&name, (LEFT - 12.0, top + 1.5 * BAR), letters.align(Align::Right))?;
    let values = [*precision, Some(*recall), Some(*f1)];
    for (at, (value, colour)) in values.into_iter().zip(colours()).enumerate() {
        let y = top + BAR * at as f64;
        let end = place(value.unwrap_or(0.0));
        canvas.rectangle((LEFT, y + 1.0), (end, y + BAR - 1.0), colour)?;
        let text = value.map_or_else(|| "nothing was named so".to_owned(), format::share);
        canvas.text(&text, (end + 6.0, y + BAR / 2.0), Letters::new(13.0).dim())?;
    }
    Ok(())
}

fn place(share: f64) -> f64 {
    LEFT + (RIGHT - LEFT) * share
}

#[cfg(test)]
mod tests {
    use super::*;

    fn confusion(matrix: &[Vec<u64>]) -> Confusion {
        let labels = (0..matrix.len()).map(|at| format!("label {at}")).collect();
        Confusion::new("test".to_owned(), 3, 1, labels, matrix).unwrap()
    }

    #[test]
    fn a_label_that_no_picture_shows_has_no_bars_and_takes_no_part_in_the_mean() {
        let (all, mean) = figures(&confusion(&[vec![1, 0, 1], vec![0, 2, 0], vec![0, 0, 0]]));
        let names: Vec<&str> = all.iter().map(|it| it.0.as_str()).collect();
        assert_eq!((names, mean.2), (vec!["label 0", "label 1"], 0.75));
    }

    #[test]
    fn of_many_labels_the_worst_are_drawn() {
        let mut matrix = vec![vec![0; 70]; 70];
        (0..70).for_each(|at| matrix[at][at] = 1);
        matrix[65] = vec![1; 70];
        let (all, _) = figures(&confusion(&matrix));
        assert_eq!((all.len(), all[0].0.as_str()), (70, "label 65"));
        assert_eq!(picture("run", &confusion(&matrix)).unwrap().width(), WIDTH as u32);
        picture("run", &confusion(&[vec![0]])).unwrap();
    }
}

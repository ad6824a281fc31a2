//! What the marked runs say of a picture, a row each, below what the selected one says.

use ratatui::layout::Rect;

use super::brush::{Brush, after, below, row, span, top};
use super::{portrait, run_table, told};
use crate::app::{Answer, App};
use crate::jobs::Gallery;

/// Columns for verdict, label and confidence.
const ANSWER: u16 = 18;
/// Rows that the caption of a marked run may take.
const CAPTION: u16 = 2;

/// Rows that the answers of the marked runs need without their captions.
pub fn rows(app: &App) -> u16 {
    app.others().len() as u16
}

/// The answers of the marked runs, each with its name; those that do not fit are counted. Returns the area that is left.
pub fn beside(app: &App, gallery: &Gallery, index: u32, area: Rect, brush: &mut Brush<'_>) -> Rect {
    draw(app, gallery, index, area, false, brush)
}

/// The same with the captions of those that write some.
pub fn in_full(app: &App, gallery: &Gallery, index: u32, area: Rect, brush: &mut Brush<'_>) -> Rect {
    draw(app, gallery, index, area, true, brush)
}

fn draw(app: &App, gallery: &Gallery, index: u32, area: Rect, in_full: bool, brush: &mut Brush<'_>) -> Rect {
    let theme = brush.theme;
    let others = app.others();
    let mut rest = area;
    for (at, run) in others.iter().enumerate() {
        let left = others.len() - at;
        if rest.height == 1 && left > 1 {
            brush.text(after(rest, 2), &format!("and {left} more"), theme.dim());
            return below(rest, 1);
        }
        let line = row(rest, 0);
        let mark = brush.glyph("◆", "+");
        brush.text(line, mark, theme.series(app.runs.mark_of(run).map_or(0, |mark| mark + 1)));
        let name = Rect { width: line.width.saturating_sub(ANSWER + 3), ..after(line, 2) };
        brush.text(name, &run_table::short_name(run.as_str(), usize::from(name.width)), theme.dim());
        let cell = after(line, line.width.saturating_sub(ANSWER));
        rest = below(rest, 1);
        match app.answer_of(run, index) {
            Answer::Named { label, sure, caption } => {
                let (verdict, style) = portrait::verdict(gallery.truth(index) == Some(label), brush);
                let words = Rect { width: cell.width.saturating_sub(6), ..cell };
                brush.line(words, &[span(verdict, style), span(" ", theme.text()), span(gallery.label(label), style)]);
                brush.right(cell, &format!("{:>3.0} %", sure * 100.0), theme.text());
                if let Some(told) = caption.filter(|_| in_full && usize::from(rest.height) > left) {
                    let room = CAPTION.min(rest.height - left as u16);
                    rest = below(rest, told::caption(told, top(after(rest, 2), room), brush));
                }
            }
            Answer::Loading => drop(brush.text(cell, "loading …", theme.dim())),
            Answer::Silent(why) => drop(brush.text(cell, why, theme.dim())),
        }
    }
    rest
}

//! The Confusion screen: the map, each label's bar, and the mistakes that happen most.

use ratatui::layout::Rect;

use super::brush::{Brush, after, below, top};
use super::{headline, matrix, portrait};
use crate::app::App;

/// Columns of the label bars.
const BARS: u16 = 24;

pub fn render(app: &App, area: Rect, brush: &mut Brush<'_>) {
    let area = headline::render(app, area, brush);
    if app.runs.selected().is_none() {
        return;
    }
    let Some(confusion) = app.shown_confusion() else {
        return matrix::map(app, true, area, brush);
    };
    let bars = if area.width >= 76 { BARS.max(area.width / 5).min(44) } else { 0 };
    let left = Rect { width: area.width - bars - u16::from(bars > 0), ..area };
    if bars > 0 {
        let right = after(area, area.width - bars);
        matrix::label_bars(&app.matrix, confusion, right, brush);
        let (truth, named) = app.matrix.cell(confusion);
        cell_pictures(app, (truth, named), below(right, confusion.len() as u16 + 2), brush);
    }
    let rest = matrix::map_with_sentence(app, left, brush);
    if rest.height >= 3 {
        let rest = Rect { y: rest.y + 1, height: rest.height - 1, ..rest };
        matrix::worst(confusion, rest, brush);
    }
}

/// The first pictures of the cell under the cursor, as many as fit.
fn cell_pictures(app: &App, (truth, named): (usize, usize), area: Rect, brush: &mut Brush<'_>) {
    let a_picture = portrait::FULL.1 + 1;
    let Some(fits) = area.height.checked_sub(1).map(|rows| rows / a_picture) else { return };
    let Some(Ok(gallery)) = app.selected_gallery() else { return };
    let pictures = app.pictures_of_cell(truth, named, usize::from(fits));
    if pictures.is_empty() || area.width < portrait::FULL.0 {
        return;
    }
    let verb = if truth == named { "right" } else { gallery.label(named) };
    let inside = brush.titled(area, &format!("{} named {verb}", gallery.label(truth)), "");
    for (at, index) in (0..).zip(pictures) {
        portrait::picture(gallery, index, top(below(inside, at * a_picture), portrait::FULL.1), brush);
    }
}

//! The Confusion screen: the map, each label's bar, and the mistakes that happen most.

use ratatui::layout::Rect;

use super::brush::{Brush, after};
use super::{headline, matrix};
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
        matrix::label_bars(confusion, after(area, area.width - bars), brush);
    }
    let rest = matrix::map_with_sentence(app, left, brush);
    if rest.height >= 3 {
        let rest = Rect { y: rest.y + 1, height: rest.height - 1, ..rest };
        matrix::worst(confusion, rest, brush);
    }
}

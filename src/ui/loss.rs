//! The Loss screen: one large chart, and a sparkline for every metric.

use ratatui::layout::Rect;

use super::brush::{Brush, after, below, top};
use super::curves;
use super::headline;
use super::metrics;
use crate::app::App;

/// From here on the sparklines stand beside the chart.
const WIDE: u16 = 130;

pub fn render(app: &App, area: Rect, brush: &mut Brush<'_>) {
    let area = headline::render(app, area, brush);
    if app.runs.selected().is_none() {
        return;
    }
    if area.width >= WIDE {
        let side = (area.width / 4).clamp(40, 60);
        curves::chart(app, Rect { width: area.width - side - 2, ..area }, brush);
        metrics::render(app, after(area, area.width - side), brush);
    } else if area.height >= 16 {
        let rows = (area.height / 3).min(9);
        let chart = top(area, area.height - rows);
        curves::chart(app, chart, brush);
        metrics::render(app, below(area, area.height - rows), brush);
    } else {
        curves::chart(app, area, brush);
    }
}

//! The row that says which run a screen is about, and where it stands.

use ratatui::layout::Rect;

use super::brush::{Brush, after, below, row, span};
use super::{format, phase, run_table};
use crate::app::App;

/// Draws it into the first row and returns the area below; without a run it says how to get one.
pub fn render(app: &App, area: Rect, brush: &mut Brush<'_>) -> Rect {
    let theme = brush.theme;
    let line = row(area, 0);
    let Some(run) = app.runs.selected() else {
        brush.centred(row(area, area.height / 2), "No run is selected. Press n to start one.", theme.dim());
        return below(area, 1);
    };
    let look = phase::look(app, run, &theme);
    let place = app
        .runs
        .selected_index()
        .map_or_else(String::new, |at| format!("run {} of {}, j k", at + 1, app.runs.shown().len()));
    let mut spans = vec![
        span(" ", theme.text()),
        span(run_table::short_name(run.name.as_str(), usize::from(area.width / 2)), theme.title()),
        span("  ", theme.text()),
        span(look.glyph, look.style),
        span(" ", theme.text()),
        span(look.word, look.style),
    ];
    let epochs = run_table::epochs(run);
    if !epochs.is_empty() {
        spans.push(span(format!("  epoch {epochs}  step {}", run_table::steps(run)), theme.dim()));
    }
    if let Some(eta) = run.state.as_deref().and_then(|state| state.eta_s).filter(|_| run.phase.is_live()) {
        spans.push(span(format!("  {} left", format::seconds(eta)), theme.dim()));
    }
    let used = brush.line(line, &spans);
    let rest = after(line, used + 2);
    if usize::from(rest.width) > place.len() {
        brush.right(rest, &format!("{place} "), theme.frame());
    }
    below(area, 1)
}

//! The settings in which runs differ, a column a run.

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use super::brush::{Brush, after, below, row, shortened};
use super::run_table;
use crate::app::App;

/// Columns of a run's values at most: what is set side by side should stand side by side.
const WIDEST: u16 = 36;

pub fn render(app: &App, area: Rect, brush: &mut Brush<'_>) {
    let theme = brush.theme;
    if area.height < 3 {
        return;
    }
    let inside = brush.titled(area, "settings that differ", "Space marks runs to set beside, c shows labels again");
    let say = |text: &str, brush: &mut Brush<'_>| {
        brush.wrapped(inside, text, theme.dim());
    };
    let runs = app.runs.in_focus();
    let lines = match app.differences() {
        _ if runs.len() < 2 => {
            return say("Mark another run with Space: its settings are set beside this one's.", brush);
        }
        None => return say("Reading …", brush),
        Some(Err(why)) => {
            brush.wrapped(inside, why.as_str(), theme.bad());
            return;
        }
        Some(Ok(lines)) if lines.is_empty() => return say("They are set alike.", brush),
        Some(Ok(lines)) => lines,
    };
    let width = lines.iter().map(|(key, _)| key.width()).max().unwrap_or(0) as u16 + 2;
    let column = (inside.width.saturating_sub(width) / runs.len() as u16).clamp(1, WIDEST);
    let cell = |area: Rect, at: usize| {
        Rect { width: column.saturating_sub(1), ..after(area, width + at as u16 * column) }.intersection(area)
    };
    for (at, run) in runs.iter().enumerate() {
        let place = cell(row(inside, 0), at);
        brush.text(place, &run_table::short_name(run.name.as_str(), usize::from(place.width)), theme.dim());
    }
    let rows = below(inside, 1);
    let room = usize::from(rows.height);
    // The last row says how many there was no room for.
    let shown = if lines.len() > room { room.saturating_sub(1) } else { lines.len() };
    for (line, (key, values)) in (0..).zip(&lines[..shown]) {
        brush.text(Rect { width, ..row(rows, line) }, key, theme.text());
        for (at, value) in values.iter().enumerate() {
            let place = cell(row(rows, line), at);
            let (text, style) = if value.is_empty() { ("-", theme.dim()) } else { (value.as_str(), theme.title()) };
            let text = shortened(text, usize::from(place.width), theme.ascii).into_owned();
            brush.text(place, &text, style);
        }
    }
    if shown < lines.len() && room > 0 {
        let more = format!("{} more: pixscribe compare --settings tells them all", lines.len() - shown);
        brush.text(row(rows, rows.height - 1), &more, theme.dim());
    }
}

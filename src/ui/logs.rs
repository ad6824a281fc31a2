//! The Logs screen: what happened to the run, or what its worker wrote.

use ratatui::layout::Rect;

use super::brush::{Brush, after, below, row};
use super::headline;
use crate::app::{App, LogSource};
use crate::jobs::Level;

pub fn render(app: &App, area: Rect, brush: &mut Brush<'_>) {
    let area = headline::render(app, area, brush);
    if app.runs.selected().is_none() {
        return;
    }
    match app.logs.source {
        LogSource::Events => events(app, area, brush),
        LogSource::Text => text(app, area, brush),
    }
}

fn scrolled(back: usize) -> String {
    if back == 0 { String::new() } else { format!("{back} lines below, End goes there") }
}

fn events(app: &App, area: Rect, brush: &mut Brush<'_>) {
    let Some(history) = app.selected_history() else {
        return brush.centred(row(area, area.height / 2), "Reading the log …", brush.theme.dim());
    };
    let damage = match history.damaged {
        0 => scrolled(app.logs.back),
        1 => "1 damaged line was left out".to_owned(),
        n => format!("{n} damaged lines were left out"),
    };
    let inside = brush.titled(area, "what happened (UTC)", &damage);
    let theme = brush.theme;
    let lines = history.lines();
    for (line, at) in (0..inside.height).zip(window(lines.len(), usize::from(inside.height), app.logs.back)) {
        let area = row(inside, line);
        let style = match lines[at].level {
            Level::Info => theme.text(),
            Level::Good => theme.good(),
            Level::Warning => theme.warn(),
            Level::Error => theme.bad(),
        };
        brush.text(after(area, 1), &clock(lines[at].t_ms), theme.dim());
        brush.text(after(area, 11), &lines[at].text, style);
    }
    if lines.is_empty() {
        brush.centred(row(inside, inside.height / 2), "Nothing happened yet.", theme.dim());
    }
}

fn text(app: &App, area: Rect, brush: &mut Brush<'_>) {
    let inside = brush.titled(area, "log.txt", &scrolled(app.logs.back));
    let style = brush.theme.text();
    let lines = &app.logs.text;
    for (line, at) in (0..inside.height).zip(window(lines.len(), usize::from(inside.height), app.logs.back)) {
        brush.text(after(row(inside, line), 1), &lines[at], style);
    }
    if lines.is_empty() {
        let dim = brush.theme.dim();
        brush.centred(row(below(inside, inside.height / 2), 0), "The worker wrote nothing.", dim);
    }
}

/// The numbers of the lines in sight, the last one `back` lines above the end.
fn window(lines: usize, height: usize, back: usize) -> std::ops::Range<usize> {
    let end = lines.saturating_sub(back).max(height.min(lines));
    end.saturating_sub(height)..end
}

/// The time of day in UTC: `14:25:30`.
fn clock(t_ms: u64) -> String {
    let s = t_ms / 1000 % 86_400;
    format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_stays_inside_whatever_is_scrolled() {
        assert_eq!(window(100, 10, 0), 90..100);
        assert_eq!(window(100, 10, 5), 85..95);
        assert_eq!(window(100, 10, 99), 0..10);
        assert_eq!(window(3, 10, 2), 0..3);
        assert_eq!(window(0, 10, 0), 0..0);
    }

    #[test]
    fn the_time_of_day() {
        assert_eq!(clock(1_738_333_530_123), "14:25:30");
    }
}

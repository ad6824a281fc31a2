//! The Logs screen: what happened to the run, or what its worker wrote.

use ratatui::layout::Rect;
use ratatui::style::Modifier;

use super::brush::{Brush, after, row, span};
use super::headline;
use crate::app::{App, LogLine, LogSource};
use crate::jobs::Level;

pub fn render(app: &App, area: Rect, brush: &mut Brush<'_>) {
    let area = headline::render(app, area, brush);
    if app.runs.selected().is_none() {
        return;
    }
    let title = match app.logs.source {
        LogSource::Events if app.selected_history().is_none() => {
            return brush.centred(row(area, area.height / 2), "Reading the log …", brush.theme.dim());
        }
        LogSource::Events => "what happened (UTC)",
        LogSource::Text => "log.txt",
    };
    let title = if app.logs.only_trouble { format!("{title}: warnings and errors") } else { title.to_owned() };
    let inside = brush.titled(area, &title, &note(app));
    let lines = app.log_lines();
    for (line, at) in (0..inside.height).zip(window(lines.len(), usize::from(inside.height), app.logs.back)) {
        log_line(app, lines[at], app.logs.at == Some(at), row(inside, line), brush);
    }
    if lines.is_empty() {
        let dim = brush.theme.dim();
        brush.centred(row(inside, inside.height / 2), none_listed(app), dim);
    }
}

fn none_listed(app: &App) -> &'static str {
    match (app.logs.only_trouble, app.logs.source) {
        (true, _) => "No warning and no error: l shows all lines.",
        (false, LogSource::Events) => "Nothing happened yet.",
        (false, LogSource::Text) => "The worker wrote nothing.",
    }
}

/// What is searched for, else what was left out, else how far one has scrolled.
fn note(app: &App) -> String {
    if app.logs.search.is_on() {
        let text = app.logs.search.text();
        return match app.found() {
            (_, 0) => format!("\"{text}\" is not there"),
            (Some(at), n) => format!("\"{text}\": {at} of {n}, n N"),
            (None, n) => format!("\"{text}\": {n} lines, n N"),
        };
    }
    match app.selected_history().map_or(0, |history| history.damaged) {
        _ if app.logs.source == LogSource::Text => scrolled(app.logs.back),
        0 => scrolled(app.logs.back),
        1 => "1 damaged line was left out".to_owned(),
        n => format!("{n} damaged lines were left out"),
    }
}

fn scrolled(back: usize) -> String {
    if back == 0 { String::new() } else { format!("{back} lines below, End goes there") }
}

fn log_line(app: &App, line: LogLine<'_>, is_current: bool, area: Rect, brush: &mut Brush<'_>) {
    let theme = brush.theme;
    if is_current {
        brush.buf.set_style(area.intersection(brush.buf.area), theme.selected());
        let bar = brush.glyph("▌", ">");
        brush.text(area, bar, theme.accent());
    }
    let style = match line.level {
        Level::Info => theme.text(),
        Level::Good => theme.good(),
        Level::Warning => theme.warn(),
        Level::Error => theme.bad(),
    };
    let mut text = after(area, 1);
    if let Some(t_ms) = line.t_ms {
        brush.text(text, &clock(t_ms), theme.dim());
        text = after(area, 11);
    }
    let mut spans = Vec::new();
    let mut told = 0;
    for place in app.logs.search.places(line.text) {
        spans.push(span(&line.text[told..place.start], style));
        spans.push(span(&line.text[place.clone()], style.add_modifier(Modifier::REVERSED)));
        told = place.end;
    }
    spans.push(span(&line.text[told..], style));
    brush.line(text, &spans);
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

//! What the curves of the large chart say in numbers: a line of names and values, a table where there is room or a
//! reading line, and how the run stands against its base.

use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

use super::brush::{Brush, Span, after, row, span};
use super::format;
use super::run_table::short_name;
use super::theme::Theme;
use crate::app::{App, Ghost, Line, Plot};

/// Fewer rows hold no legend beside the chart.
const MIN_ROWS: u16 = 6;
/// From here on there is room for the table without a reading line; with one it takes at most half.
const TABLE_ROWS: u16 = 24;
/// Columns of figures: their width and what they hold.
const FIGURE: u16 = 10;
const MIN_NAME: u16 = 16;
const MAX_NAME: u16 = 44;

/// Returns the rows taken.
pub fn render(app: &App, plot: &Plot<'_>, area: Rect, brush: &mut Brush<'_>) -> u16 {
    if area.height < MIN_ROWS {
        return 0;
    }
    let ghost = app.ghost(plot);
    let for_ghost = u16::from(ghost.is_some());
    let needed = plot.lines.len() as u16 + 1 + for_ghost;
    let is_roomy = area.height >= TABLE_ROWS && needed <= area.height / 4;
    let is_asked = plot.cursor.is_some() && needed <= area.height / 2;
    let rows = if (is_roomy || is_asked) && area.width >= MIN_NAME + 2 * FIGURE {
        table(plot, area, brush)
    } else {
        line_of_values(plot, area, brush)
    };
    if let Some(ghost) = ghost {
        verdict(plot, &ghost, row(area, rows), brush);
    }
    rows + for_ghost
}

fn style(line: &Line<'_>, theme: &Theme) -> Style {
    let bright = theme.series(line.colour);
    if line.is_faint { theme.faint(bright) } else { bright }
}

/// Where several runs are drawn, the run is what tells curves apart.
fn name(plot: &Plot<'_>, line: &Line<'_>, width: usize) -> String {
    if !plot.is_overlay {
        return line.metric.to_owned();
    }
    let room = width.saturating_sub(line.metric.width() + 1);
    if room >= 8 {
        format!("{} {}", short_name(line.run.as_str(), room), line.metric)
    } else {
        short_name(line.run.as_str(), width)
    }
}

/// A dot in the curve's colour, its name and its value, as many as fit in two rows; faint curves have no entry.
fn line_of_values(plot: &Plot<'_>, area: Rect, brush: &mut Brush<'_>) -> u16 {
    let theme = brush.theme;
    let mut rest = row(area, 0);
    let mut rows = 1;
    if let Some(at) = plot.cursor {
        let place = format!(" at {} {}  ", plot.axis.name(), format::place(plot.axis, at));
        rest = after(rest, brush.text(rest, &place, theme.title()));
    }
    let entries = plot.lines.iter().filter(|line| !line.is_faint);
    let share = usize::from(area.width) * 2 / entries.clone().count().max(1);
    let mut left_out = entries.clone().count();
    for line in entries {
        let entry = entry(plot, line, share, brush);
        let width: usize = entry.iter().map(|(text, _)| text.width()).sum();
        if width > usize::from(rest.width) {
            if rows == 2 {
                brush.text(rest, &format!(" +{left_out}"), theme.dim());
                break;
            }
            rows = 2;
            rest = row(area, 1);
        }
        rest = after(rest, brush.line(rest, &entry));
        left_out -= 1;
    }
    rows
}

fn entry<'a>(plot: &Plot<'_>, line: &Line<'_>, width: usize, brush: &Brush<'_>) -> [Span<'a>; 4] {
    let theme = brush.theme;
    let value = figure(line.reading(plot).value, line.is_share());
    let room = width.saturating_sub(value.width() + 5).max(12);
    [
        span(" ", theme.text()),
        span(brush.glyph("●", "*"), style(line, &theme)),
        span(format!(" {} ", name(plot, line, room)), theme.dim()),
        span(value + " ", theme.text()),
    ]
}

fn figure(value: Option<f64>, is_share: bool) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format::metric(value, is_share))
}

/// One row a curve: its value, and the least, the largest and the best of what is shown.
fn table(plot: &Plot<'_>, area: Rect, brush: &mut Brush<'_>) -> u16 {
    let rows: Vec<[String; 5]> = plot.lines.iter().map(|line| figures(plot, line)).collect();
    let value = plot.cursor.map_or_else(|| "last".to_owned(), |at| format::place(plot.axis, at));
    let heads = [value.as_str(), "min", "max", "best", "at"];
    // What no curve has a best of has no column for it.
    let filled = rows.iter().flat_map(|row| row.iter().rposition(|figure| !figure.is_empty())).max().unwrap_or(0) + 1;
    let columns = usize::from((area.width - MIN_NAME) / FIGURE).min(filled);
    let longest = plot.lines.iter().map(|line| name(plot, line, usize::from(MAX_NAME)).width() as u16 + 4);
    let for_name = (area.width - FIGURE * columns as u16).min(longest.max().unwrap_or(0).clamp(MIN_NAME, MAX_NAME));
    let theme = brush.theme;
    let what = if plot.cursor.is_some() { format!(" at {}", plot.axis.name()) } else { String::new() };
    brush.text(Rect { width: for_name, ..row(area, 0) }, &what, theme.title());
    table_row(&heads, columns, theme.dim(), after(row(area, 0), for_name), brush);
    for (at, (line, figures)) in plot.lines.iter().zip(&rows).enumerate() {
        let here = row(area, at as u16 + 1);
        let dot = span(brush.glyph("●", "*"), style(line, &theme));
        let named = span(format!(" {}", name(plot, line, usize::from(for_name.saturating_sub(4)))), theme.dim());
        brush.line(Rect { width: for_name, ..here }, &[span(" ", theme.text()), dot, named]);
        table_row(&figures.each_ref().map(String::as_str), columns, theme.text(), after(here, for_name), brush);
    }
    plot.lines.len() as u16 + 1
}

/// Value, least, largest, best, and where that was logged.
fn figures(plot: &Plot<'_>, line: &Line<'_>) -> [String; 5] {
    let (share, reading) = (line.is_share(), line.reading(plot));
    let (low, high) = (reading.extremes.map(|(low, _)| low), reading.extremes.map(|(_, high)| high));
    let (best, at) = reading.best.unzip();
    let best = best.map(|value| format::metric(value, share)).unwrap_or_default();
    let at = at.map(|point| format::place(plot.axis, point.at(plot.axis))).unwrap_or_default();
    [figure(reading.value, share), figure(low, share), figure(high, share), best, at]
}

fn table_row(cells: &[&str], columns: usize, style: Style, area: Rect, brush: &mut Brush<'_>) {
    for (at, cell) in cells.iter().take(columns).enumerate() {
        let cell_area = Rect { width: FIGURE, ..after(area, FIGURE * at as u16) }.intersection(area);
        brush.right(cell_area, cell, style);
    }
}

/// `+2.1 points over base at step 400`, in as many of its words as fit.
fn verdict(plot: &Plot<'_>, ghost: &Ghost<'_>, area: Rect, brush: &mut Brush<'_>) {
    let theme = brush.theme;
    let style = match ghost.is_better {
        Some(true) => theme.good(),
        Some(false) => theme.bad(),
        None => theme.text(),
    };
    if ghost.difference == 0.0 {
        let words =
            format!(" level with {} at {} {}", ghost.base, plot.axis.name(), format::place(plot.axis, ghost.at));
        brush.text(area, &words, theme.dim());
        return;
    }
    let sign = if ghost.difference < 0.0 { brush.glyph("−", "-") } else { "+" };
    let size = ghost.difference.abs();
    let amount = if ghost.is_share {
        format!("{sign}{:.1} points", size * 100.0)
    } else {
        sign.to_owned() + &format::metric(size, false)
    };
    let place = format!("at {} {}", plot.axis.name(), format::place(plot.axis, ghost.at));
    let smoothed = if ghost.is_smoothed { ", smoothed" } else { "" };
    let width = usize::from(area.width);
    let base = short_name(ghost.base.as_str(), width.saturating_sub(amount.width() + place.width() + 8).max(8));
    let over = format!(" over {base} {place}");
    let words = [format!("{over}: {}{smoothed}", ghost.metric), over, format!(" over {base}")];
    let fitting = words.iter().find(|words| words.width() + amount.width() < width);
    brush.line(area, &[span(format!(" {amount}"), style), span(fitting.cloned().unwrap_or_default(), theme.dim())]);
}

//! The curves of the selected and the marked runs: the large chart with its legend, and a sparkline for every metric.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::Widget;
use unicode_width::UnicodeWidthStr;

use super::brush::{Brush, Span, after, below, row, span, top};
use super::format;
use super::phase;
use super::theme::Theme;
use super::widgets::{Chart, Curve, Sparkline};
use crate::app::{App, MetricGroup, groups};
use crate::jobs::{Axis, History, Series};
use crate::run::{Phase, RunName};

/// One curve with what the legend says of it.
struct Drawn<'a> {
    name: String,
    curve: Curve<'a>,
    is_share: bool,
}

/// Draws the chart of the group that is open, with its title and legend.
pub fn chart(app: &App, area: Rect, brush: &mut Brush<'_>) {
    let area = trouble(app, area, brush);
    let shown = app.selected_history().and_then(|history| Some((history, app.loss.shown(history)?)));
    let Some((history, group)) = shown else {
        return nothing_yet(app, area, brush);
    };
    let drawn = curves(app, history, &group, &brush.theme);
    let inside = brush.titled(area, group.name, if app.loss.log_y { "logarithmic" } else { "" });
    let is_share = drawn.iter().any(|drawn| drawn.is_share);
    let (names, curves): (Vec<_>, Vec<_>) = drawn.into_iter().map(|d| ((d.name, d.is_share), d.curve)).unzip();
    let mut chart = Chart {
        curves: &curves,
        axis: app.loss.axis,
        log_y: app.loss.log_y,
        is_share,
        cursor: None,
        theme: &brush.theme.clone(),
    };
    let reading = app.loss.cursor.zip(chart.x_range()).map(|(at, (low, high))| low + at * (high - low));
    chart.cursor = reading;
    let rows = legend(&names, &curves, app.loss.axis, reading, inside, brush);
    (&chart).render(below(inside, rows), brush.buf);
}

/// What is wrong with the run, if anything, in the first rows; returns the area below.
fn trouble(app: &App, area: Rect, brush: &mut Brush<'_>) -> Rect {
    let Some(run) = app.runs.selected() else { return area };
    let is_bad = matches!(run.phase, Phase::Failed | Phase::Diverged | Phase::Interrupted | Phase::Unknown);
    let has_trouble = run.state.as_deref().is_some_and(|state| state.trouble.is_some());
    let Some(why) = phase::reason(run).filter(|_| is_bad || has_trouble) else { return area };
    let text = format!("{} {}: {why}", run.name, run.phase);
    let style = if is_bad && run.phase != Phase::Interrupted { brush.theme.bad() } else { brush.theme.warn() };
    let rows = brush.wrapped(top(after(area, 1), (area.height / 3).clamp(1, 4)), &text, style);
    below(area, rows)
}

fn nothing_yet(app: &App, area: Rect, brush: &mut Brush<'_>) {
    let Some(run) = app.runs.selected() else { return };
    let text = match (app.selected_history(), run.phase) {
        (None, _) => "Reading the log …".to_owned(),
        (_, Phase::Queued) => phase::reason(run).unwrap_or_else(|| "Waiting for its turn …".to_owned()),
        (_, Phase::Starting) => "Loading data and weights …".to_owned(),
        (_, phase) if phase.is_live() => "The first steps are under way …".to_owned(),
        _ => "No figures were logged.".to_owned(),
    };
    let inside = brush.titled(area, "loss", "");
    brush.centred(row(inside, inside.height / 2), &text, brush.theme.dim());
}

/// The curves of a group: of the selected run by split, or, where runs are marked, of each run in its own colour.
fn curves<'a>(app: &'a App, history: &'a History, group: &MetricGroup<'a>, theme: &Theme) -> Vec<Drawn<'a>> {
    let focus = app.runs.in_focus();
    let mut drawn: Vec<Drawn<'a>> = Vec::new();
    if focus.len() < 2 {
        let of_metric = |metric: &&'a str| {
            let curve = Curve { series: history.metric(metric)?, style: theme.series(colour_of(group, metric)) };
            Some(Drawn { name: metric.to_string(), curve, is_share: history.is_share(metric) })
        };
        drawn.extend(group.metrics.iter().filter_map(of_metric));
    } else {
        for run in focus {
            drawn.extend(of_run(app, &run.name, group, theme));
        }
    }
    // The step's curve first: it is the noisiest, and the others are drawn over it.
    drawn.sort_by_key(|drawn| drawn.curve.series.points().len() < 2 || !drawn.name.contains("train/"));
    drawn
}

/// The run's curves of a group: what was tested bright, what was trained on faint.
fn of_run<'a>(app: &'a App, run: &RunName, group: &MetricGroup<'a>, theme: &Theme) -> Vec<Drawn<'a>> {
    let Some(history) = app.history(run) else { return Vec::new() };
    let style = theme.series(app.runs.mark_of(run).map_or(0, |mark| mark + 1));
    let tested = group.metrics.iter().find(|metric| metric.starts_with("test/"));
    let trained = group.metrics.iter().find(|metric| metric.starts_with("train/"));
    let styled = [(trained, if tested.is_some() { theme.faint(style) } else { style }), (tested, style)];
    let curves = styled.into_iter().filter_map(|(metric, style)| {
        let metric = metric?;
        let name = format!("{run} {metric}");
        Some(Drawn {
            name,
            curve: Curve { series: history.metric(metric)?, style },
            is_share: history.is_share(metric),
        })
    });
    curves.collect()
}

/// The same split has the same colour on every chart.
fn colour_of(group: &MetricGroup<'_>, metric: &str) -> usize {
    match metric.split_once('/') {
        Some(("train", quantity)) if quantity.starts_with("epoch_") => 4,
        Some(("train", _)) => 0,
        Some(("held_out", _)) => 1,
        Some(("test", quantity)) if !quantity.contains('/') => 2,
        _ => group.metrics.iter().position(|name| *name == metric).unwrap_or(0),
    }
}

/// A dot in the curve's colour, its name and its last value, or the value under the reading line; as many as fit in
/// two rows. Returns the rows taken.
fn legend(
    names: &[(String, bool)],
    curves: &[Curve<'_>],
    axis: Axis,
    reading: Option<f64>,
    area: Rect,
    brush: &mut Brush<'_>,
) -> u16 {
    if area.height < 6 {
        return 0;
    }
    let dot = brush.glyph("●", "*");
    let mut rest = row(area, 0);
    let mut rows = 1;
    if let Some(at) = reading {
        let place = if axis == Axis::Step { format::count(at.round() as u64) } else { format::metric(at, false) };
        let used = brush.text(rest, &format!(" at {} {place}  ", axis.name()), brush.theme.title());
        rest = after(rest, used);
    }
    for ((name, is_share), curve) in names.iter().zip(curves) {
        let value = value_at(curve.series, axis, reading).map_or("-".to_owned(), |v| format::metric(v, *is_share));
        let entry = entry(dot, name, value, curve.style, &brush.theme);
        let width: usize = entry.iter().map(|(text, _)| text.width()).sum();
        if width > usize::from(rest.width) {
            if rows == 2 {
                break;
            }
            rows = 2;
            rest = row(area, 1);
        }
        let used = brush.line(rest, &entry);
        rest = after(rest, used);
    }
    rows
}

fn entry<'a>(dot: &'static str, name: &'a str, value: String, style: Style, theme: &Theme) -> [Span<'a>; 4] {
    [span(" ", theme.text()), span(dot, style), span(format!(" {name} "), theme.dim()), span(value + " ", theme.text())]
}

/// The last value logged at or before a place on the axis; without one, the last of all. Never between two.
fn value_at(series: &Series, axis: Axis, reading: Option<f64>) -> Option<f64> {
    let point = match reading {
        None => series.last()?,
        Some(at) => series.points()[..series.first_from(axis, at + 1e-9)].last()?,
    };
    Some(f64::from(point.value))
}

/// One row a metric: name, sparkline, last value; in as many columns as there is room for. The group that is drawn
/// large has dots in its curves' colours.
pub fn metrics(app: &App, area: Rect, brush: &mut Brush<'_>) {
    let Some(history) = app.selected_history() else { return };
    let groups = groups(history);
    let open = app.loss.shown(history).map(|group| group.name);
    let rows: Vec<(&MetricGroup<'_>, &str)> =
        groups.iter().flat_map(|group| group.metrics.iter().map(move |metric| (group, *metric))).collect();
    let needed = rows.len().div_ceil(usize::from(area.height.max(1)));
    let columns = (area.width / 36).clamp(1, 3).min(needed.clamp(1, 3) as u16);
    let fits = usize::from(area.height) * usize::from(columns);
    let at = rows.iter().position(|(group, _)| Some(group.name) == open).unwrap_or(0);
    let first = at.min(rows.len().saturating_sub(fits));
    let width = area.width / columns;
    for (place, (group, metric)) in rows.iter().skip(first).take(fits).enumerate() {
        let (column, line) = (place / usize::from(area.height), place % usize::from(area.height));
        let cell = Rect { width: width.saturating_sub(1), ..after(area, width * column as u16) };
        let dot = (Some(group.name) == open).then(|| brush.theme.series(colour_of(group, metric)));
        metric_row(history, metric, dot, row(cell, line as u16), brush);
    }
}

fn metric_row(history: &History, metric: &str, dot: Option<Style>, area: Rect, brush: &mut Brush<'_>) {
    let Some(series) = history.metric(metric) else { return };
    let theme = brush.theme;
    let glyph = brush.glyph("●", "*");
    if let Some(style) = dot {
        brush.text(after(area, 1), glyph, style);
    }
    let name_width = (area.width * 11 / 20).min(28);
    let name = Rect { width: name_width.saturating_sub(3), ..after(area, 3) };
    brush.text(name.intersection(area), metric, if dot.is_some() { theme.text() } else { theme.dim() });
    let value_width = 8.min(area.width / 3);
    let value = series.last().map_or_else(String::new, |p| format::metric(p.value.into(), history.is_share(metric)));
    brush.right(area, &value, if dot.is_some() { theme.title() } else { theme.text() });
    let curve = Rect { width: area.width.saturating_sub(name_width + value_width + 2), ..after(area, name_width + 1) };
    let values = squeezed(series, usize::from(curve.width));
    let style = dot.unwrap_or(theme.dim());
    let sparkline = Sparkline { values: &values, style, broken: theme.bad(), ascii: theme.ascii };
    (&sparkline).render(curve, brush.buf);
}

/// As many values as columns: few are stretched, and of many each column has the one of its stretch that is farthest from the value before, by the summary of
/// the series: a sparkline of 50,000 points costs what one of 50 does.
fn squeezed(series: &Series, columns: usize) -> Vec<f32> {
    let n = series.points().len();
    if n <= columns {
        return (0..columns).map_while(|i| series.points().get(i * n / columns)).map(|point| point.value).collect();
    }
    let mut before = None;
    let stretch = |i: usize| i * n / columns..(i + 1) * n / columns;
    let farthest = |i: usize| {
        let extent = series.extent(stretch(i)).filter(|extent| extent.mean().is_some() && !extent.broken);
        let Some(extent) = extent else { return f32::NAN };
        let from = before.unwrap_or(extent.max);
        let value = if (extent.max - from).abs() >= (extent.min - from).abs() { extent.max } else { extent.min };
        before = Some(value);
        value
    };
    (0..columns).map(farthest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::Point;

    fn series(values: impl IntoIterator<Item = f32>) -> Series {
        let mut series = Series::default();
        series.extend((1u64..).zip(values).map(|(step, value)| {
            let x = step as f32;
            Point { step, epoch: x, run_s: x, wall_s: x, value }
        }));
        series
    }

    #[test]
    fn the_reading_line_reads_what_was_logged() {
        let series = series([1.0, 2.0, 3.0]);
        assert_eq!(value_at(&series, Axis::Step, Some(2.9)), Some(2.0));
        assert_eq!(value_at(&series, Axis::Step, Some(0.5)), None);
        assert_eq!(value_at(&series, Axis::Step, None), Some(3.0));
    }

    #[test]
    fn squeezing_keeps_spikes_and_marks_what_is_broken() {
        let mut values = vec![1.0; 1000];
        values[123] = 7.0;
        values[900] = f32::NAN;
        let squeezed = squeezed(&series(values), 20);
        assert!(squeezed.contains(&7.0) && squeezed[18].is_nan() && squeezed.len() == 20);
    }
}

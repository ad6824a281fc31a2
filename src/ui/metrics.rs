//! A sparkline for every metric of the selected run.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::Widget;

use super::brush::{Brush, after, below, row};
use super::format;
use super::widgets::Sparkline;
use crate::app::{App, MetricGroup, groups};
use crate::jobs::{Extent, History, Series, Smoothing};

/// How many times the usual span of a column a value is away from the average to be shown in its place.
const STANDS_OUT: f32 = 2.0;

/// One row a metric: name, sparkline, last value; in as many columns as there is room for. The group that is drawn
/// large has dots in its curves' colours.
pub fn render(app: &App, area: Rect, brush: &mut Brush<'_>) {
    let Some(history) = app.selected_history() else {
        brush.titled(area, "metrics", "");
        return;
    };
    let groups = groups(history, &app.loss.filter);
    let plot = app.plot();
    let is_open = |group: &MetricGroup<'_>| plot.as_ref().is_some_and(|plot| plot.group == *group);
    let rows: Vec<(&MetricGroup<'_>, &str)> =
        groups.iter().flat_map(|group| group.metrics.iter().map(move |metric| (group, *metric))).collect();
    let inside = below(area, 1);
    let needed = rows.len().div_ceil(usize::from(inside.height.max(1)));
    let columns = (area.width / 36).clamp(1, 3).min(needed.clamp(1, 3) as u16);
    let fits = usize::from(inside.height) * usize::from(columns);
    brush.titled(area, "metrics", &note(app, rows.len(), fits));
    let at = rows.iter().position(|(group, _)| is_open(group)).unwrap_or(0);
    let first = at.min(rows.len().saturating_sub(fits));
    let width = area.width / columns;
    for (place, (group, metric)) in rows.iter().skip(first).take(fits).enumerate() {
        let (column, line) = (place / usize::from(inside.height), place % usize::from(inside.height));
        let cell = Rect { width: width.saturating_sub(1), ..after(inside, width * column as u16) };
        let drawn = plot.as_ref().and_then(|plot| plot.lines.iter().find(|line| line.metric == *metric));
        let dot = drawn.filter(|_| is_open(group)).map(|line| brush.theme.series(line.colour));
        metric_row(history, metric, dot, row(cell, line as u16), brush);
    }
}

/// What of all metrics is in sight.
fn note(app: &App, all: usize, fits: usize) -> String {
    let filter = app.loss.filter.text();
    match (filter.is_empty(), fits < all) {
        (true, false) => String::new(),
        (true, true) => format!("{fits} of {all}"),
        (false, false) => format!("like {filter}: {all}"),
        (false, true) => format!("like {filter}: {fits} of {all}"),
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

/// As many values as columns: few are stretched; of many each column has the moving average at its end, or, where a value
/// stands out far beyond what the columns usually span, that one. It is looked up in summaries: a sparkline of 50,000
/// points costs what one of 50 does.
fn squeezed(series: &Series, columns: usize) -> Vec<f32> {
    let n = series.points().len();
    if n <= columns {
        return (0..columns).map_while(|i| series.points().get(i * n / columns)).map(|point| point.value).collect();
    }
    let stretch = |i: usize| i * n / columns..(i + 1) * n / columns;
    let extents: Vec<Option<Extent>> = (0..columns).map(|i| series.extent(stretch(i))).collect();
    let spans = extents.iter().flatten().filter(|extent| extent.has_values()).map(|extent| extent.max - extent.min);
    let usual = spans.sum::<f32>() / columns as f32;
    let smoothing = Smoothing::for_points(n);
    let shown = |(i, extent): (usize, &Option<Extent>)| {
        let extent = extent.filter(|extent| extent.has_values() && !extent.broken);
        let (Some(extent), Some(average)) = (extent, series.smoothed_in(stretch(i), smoothing)) else {
            return f32::NAN;
        };
        let (above, below) = (extent.max - average, average - extent.min);
        match above.max(below) > STANDS_OUT * usual {
            false => average,
            true if above > below => extent.max,
            true => extent.min,
        }
    };
    extents.iter().enumerate().map(shown).collect()
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
    fn squeezing_smooths_noise() {
        let noise = (0..2_000).map(|i| if i % 2 == 0 { 0.0 } else { 2.0 } + i as f32 / 1_000.0);
        let squeezed = squeezed(&series(noise), 20);
        assert!(squeezed.is_sorted() && squeezed.len() == 20, "{squeezed:?}");
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

//! The large chart: any number of curves over one axis, drawn in braille.
//!
//! A curve with many points a column shows the band between its extremes, dim, and over it the running mean as a
//! bright line; a sparse one is a plain line through its points. Values that are NaN or infinite leave a
//! gap with a mark on the top edge.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::Widget;

use super::canvas::Canvas;
use super::ticks::{log_ticks, ticks};
use crate::jobs::{Axis, Extent, Series};
use crate::ui::format;
use crate::ui::theme::Theme;

pub struct Curve<'a> {
    pub series: &'a Series,
    pub style: Style,
}

pub struct Chart<'a> {
    pub curves: &'a [Curve<'a>],
    pub axis: Axis,
    pub log_y: bool,
    pub is_share: bool,
    /// Where the reading line stands, in units of the axis.
    pub cursor: Option<f64>,
    pub theme: &'a Theme,
}

/// The running mean reaches over one part in so many of the width to either side.
const SMOOTH: usize = 50;

/// Points this many dots apart get crosses.
const SPARSE: usize = 6;

/// The visible part of the plane, and the dots it is mapped to.
struct Frame {
    axis: Axis,
    x: (f64, f64),
    y: (f64, f64),
    log_y: bool,
    size: (usize, usize),
}

impl Widget for &Chart<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        let (Some(x), Some(y)) = (self.x_range(), self.y_range()) else {
            return;
        };
        let labels = self.y_labels(y, area.height);
        let gutter = labels.iter().map(|(_, text)| text.len() as u16).max().unwrap_or(0) + 1;
        if area.width < gutter + 4 || area.height < 3 {
            return;
        }
        let plot = Rect { x: area.x + gutter, width: area.width - gutter, height: area.height - 2, ..area };
        let mut canvas = Canvas::new(plot);
        let frame = Frame { axis: self.axis, x, y, log_y: self.log_y, size: canvas.size() };
        self.draw_axes(&frame, &labels, plot, buf);
        self.draw_cursor(&frame, plot, buf);
        for curve in self.curves {
            self.draw_curve(&frame, curve, &mut canvas);
        }
        canvas.draw(plot, buf, self.theme.ascii);
        self.mark_broken(&frame, plot, buf);
    }
}

impl Chart<'_> {
    /// The x axis from the first to the last logged point of all curves. A step axis starts at zero.
    pub fn x_range(&self) -> Option<(f64, f64)> {
        let ends = self.curves.iter().filter_map(|curve| {
            let points = curve.series.points();
            Some((points.first()?.at(self.axis), points.last()?.at(self.axis)))
        });
        let (low, high) = ends.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
        let low = low.min(0.0);
        Some((low, if high > low { high } else { low + 1.0 }))
    }

    fn y_range(&self) -> Option<(f64, f64)> {
        let extents = self.curves.iter().filter_map(|curve| {
            curve.series.extent(0..curve.series.points().len()).filter(|extent| extent.mean().is_some())
        });
        let all = extents.reduce(Extent::union)?;
        let (low, high) = (f64::from(all.min), f64::from(all.max));
        if self.log_y {
            // What is not positive has no place on this axis: it is drawn on the lower edge.
            let high = high.max(1e-12);
            let low = if low > 0.0 { low } else { high / 1e4 };
            return Some((low.min(high / 1.5), high));
        }
        let margin = if high > low { (high - low) * 0.04 } else { high.abs().max(1.0) * 0.1 };
        let floor = if low >= 0.0 { 0.0 } else { f64::NEG_INFINITY };
        let ceiling = if self.is_share && high <= 1.0 { 1.0 } else { f64::INFINITY };
        Some(((low - margin).max(floor), (high + margin).min(ceiling)))
    }

    fn y_labels(&self, y: (f64, f64), height: u16) -> Vec<(f64, String)> {
        let wanted = usize::from(height / 4).clamp(3, 8);
        if self.log_y {
            let at = log_ticks(y.0, y.1, wanted);
            return at.into_iter().map(|v| (v, format::metric(v, self.is_share))).collect();
        }
        let scale = if self.is_share { 100.0 } else { 1.0 };
        let (at, spacing) = ticks(y.0 * scale, y.1 * scale, wanted);
        let unit = if self.is_share { "%" } else { "" };
        at.into_iter().map(|v| (v / scale, format::tick(v, spacing) + unit)).collect()
    }

    fn draw_axes(&self, frame: &Frame, labels: &[(f64, String)], plot: Rect, buf: &mut Buffer) {
        let (bar, cross, corner, line) =
            if self.theme.ascii { ("|", "+", "+", "-") } else { ("│", "┤", "└", "─") };
        let left = plot.x - 1;
        for y in plot.top()..plot.bottom() {
            buf.set_string(left, y, bar, self.theme.frame());
        }
        for (value, text) in labels {
            let y = plot.y + (frame.row(*value) / 4) as u16;
            buf.set_string(left, y, cross, self.theme.frame());
            buf.set_string(left - text.len() as u16, y, text, self.theme.dim());
        }
        buf.set_string(left, plot.bottom(), corner, self.theme.frame());
        for x in plot.left()..plot.right() {
            buf.set_string(x, plot.bottom(), line, self.theme.frame());
        }
        self.draw_x_labels(frame, plot, buf);
    }

    fn draw_x_labels(&self, frame: &Frame, plot: Rect, buf: &mut Buffer) {
        let mark = if self.theme.ascii { "+" } else { "┴" };
        let (at, spacing) = ticks(frame.x.0, frame.x.1, usize::from(plot.width / 12).max(2));
        let is_time = matches!(self.axis, Axis::RunTime | Axis::WallTime);
        let name = self.axis.name();
        let name_x = plot.right().saturating_sub(name.len() as u16);
        let mut free_from = plot.x.saturating_sub(1);
        for value in at {
            let text = if is_time { format::seconds(value) } else { format::tick(value, spacing) };
            let centre = plot.x + (frame.column(value) / 2) as u16;
            let x = centre.saturating_sub(text.len() as u16 / 2).max(plot.x - 1);
            if x < free_from || x + text.len() as u16 + 1 > name_x {
                continue;
            }
            buf.set_string(centre, plot.bottom(), mark, self.theme.frame());
            buf.set_string(x, plot.bottom() + 1, &text, self.theme.dim());
            free_from = x + text.len() as u16 + 1;
        }
        if free_from < name_x {
            buf.set_string(name_x, plot.bottom() + 1, name, self.theme.frame());
        }
    }

    fn draw_cursor(&self, frame: &Frame, plot: Rect, buf: &mut Buffer) {
        let Some(at) = self.cursor else { return };
        let x = plot.x + (frame.column(at) / 2) as u16;
        let glyph = if self.theme.ascii { "|" } else { "┊" };
        for y in plot.top()..plot.bottom() {
            buf.set_string(x, y, glyph, self.theme.dim());
        }
    }

    fn draw_curve(&self, frame: &Frame, curve: &Curve<'_>, canvas: &mut Canvas) {
        let visible = curve.series.points().len();
        if visible <= frame.size.0 / 2 {
            return draw_points(frame, curve, canvas);
        }
        let columns = columns_of(frame, curve.series);
        if visible > frame.size.0 {
            draw_band(frame, &columns, canvas, self.theme.faint(curve.style));
        }
        draw_means(frame, &columns, canvas, curve.style);
    }

    fn mark_broken(&self, frame: &Frame, plot: Rect, buf: &mut Buffer) {
        let is_broken =
            |curve: &&Curve<'_>| curve.series.extent(0..curve.series.points().len()).is_some_and(|all| all.broken);
        for curve in self.curves.iter().filter(is_broken) {
            for column in 0..plot.width {
                let dot = usize::from(column) * 2;
                let range = frame.first_point_of(curve.series, dot)..frame.first_point_of(curve.series, dot + 2);
                if curve.series.extent(range).is_some_and(|extent| extent.broken) {
                    buf.set_string(plot.x + column, plot.y, "x", self.theme.bad());
                }
            }
        }
    }
}

/// What lies in each dot column; none where nothing was logged.
fn columns_of(frame: &Frame, series: &Series) -> Vec<Option<Extent>> {
    let mut edges: Vec<usize> = Vec::with_capacity(frame.size.0 + 1);
    for dot in 0..=frame.size.0 {
        // Logs are even: the next column has about as many points as the last one.
        let guess = match edges[..] {
            [.., before, last] => last + last.saturating_sub(before),
            _ => 0,
        };
        edges.push(series.first_from_near(frame.axis, frame.left_of(dot), guess));
    }
    edges.windows(2).map(|edge| series.extent(edge[0]..edge[1])).collect()
}

/// The span between the extremes of each column.
fn draw_band(frame: &Frame, columns: &[Option<Extent>], canvas: &mut Canvas, style: Style) {
    for (x, extent) in columns.iter().enumerate() {
        if let Some(extent) = extent.filter(|extent| extent.mean().is_some()) {
            canvas.vertical(x, frame.row(extent.max.into()), frame.row(extent.min.into()), style);
        }
    }
}

/// The mean of what lies around each column, joined. Nothing is drawn where nothing was logged, neither between points
/// nor beyond them.
fn draw_means(frame: &Frame, columns: &[Option<Extent>], canvas: &mut Canvas, style: Style) {
    let reach = frame.size.0 / SMOOTH;
    let mut before: Option<(usize, usize)> = None;
    for x in (0..columns.len()).filter(|x| columns[*x].is_some()) {
        let around = &columns[x.saturating_sub(reach)..(x + reach + 1).min(columns.len())];
        let around = around.iter().flatten().copied().reduce(Extent::union);
        let here = around.and_then(|extent| extent.mean()).map(|mean| (x, frame.row(mean.into())));
        if let Some(here) = here {
            canvas.line(before.unwrap_or(here), here, style);
        }
        before = here;
    }
}

/// Every point, joined; NaN and infinite values leave a gap. Where they are far apart, each is a little cross: that is
/// where something was measured.
fn draw_points(frame: &Frame, curve: &Curve<'_>, canvas: &mut Canvas) {
    let is_sparse = curve.series.points().len() * SPARSE < frame.size.0;
    let mut before: Option<(usize, usize)> = None;
    for point in curve.series.points() {
        let here = point.value.is_finite().then(|| (frame.column(point.at(frame.axis)), frame.row(point.value.into())));
        if let Some(here) = here {
            canvas.line(before.unwrap_or(here), here, curve.style);
            if is_sparse {
                canvas.cross(here, curve.style);
            }
        }
        before = here;
    }
}

impl Frame {
    fn column(&self, x: f64) -> usize {
        let share = (x - self.x.0) / (self.x.1 - self.x.0);
        (share.clamp(0.0, 1.0) * (self.size.0.saturating_sub(1)) as f64).round() as usize
    }

    fn row(&self, y: f64) -> usize {
        let scale = |v: f64| if self.log_y { v.max(1e-30).ln() } else { v };
        let (low, high) = (scale(self.y.0), scale(self.y.1));
        let share = (scale(y) - low) / (high - low);
        ((1.0 - share.clamp(0.0, 1.0)) * (self.size.1.saturating_sub(1)) as f64).round() as usize
    }

    /// The left edge of what `column` maps to this dot.
    fn left_of(&self, dot: usize) -> f64 {
        let a_dot = (self.x.1 - self.x.0) / (self.size.0.saturating_sub(1)).max(1) as f64;
        self.x.0 + (dot as f64 - 0.5) * a_dot
    }

    /// The number of the first point that `column` maps to this dot or to one behind it.
    fn first_point_of(&self, series: &Series, dot: usize) -> usize {
        series.first_from(self.axis, self.left_of(dot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::Point;

    fn series(values: impl IntoIterator<Item = f32>) -> Series {
        let mut series = Series::default();
        series.extend(values.into_iter().enumerate().map(|(i, value)| {
            let i = i as u64;
            Point { step: i, epoch: i as f32, run_s: i as f32, wall_s: i as f32, value }
        }));
        series
    }

    fn drawn(series: &Series, width: u16, height: u16, theme: &Theme) -> Buffer {
        let area = Rect::new(0, 0, width, height);
        let mut buf = Buffer::empty(area);
        let curves = [Curve { series, style: Style::new() }];
        let chart = Chart { curves: &curves, axis: Axis::Step, log_y: false, is_share: false, cursor: None, theme };
        chart.render(area, &mut buf);
        buf
    }

    fn text(buf: &Buffer) -> Vec<String> {
        let width = usize::from(buf.area.width.max(1));
        buf.content().chunks(width).map(|row| row.iter().map(|c| c.symbol()).collect()).collect()
    }

    #[test]
    fn a_short_curve_is_a_line_between_labelled_axes() {
        let rows = text(&drawn(&series([0.0, 1.0, 2.0, 3.0, 4.0]), 24, 8, &Theme::DARK));
        assert_eq!(
            rows,
            [
                "4┤                   ⣀⠤⠺",
                " │               ⣠⡦⠒⠉   ",
                " │           ⣀⡠⠔⠉       ",
                "2┤       ⢀⡠⠔⠊⠋          ",
                " │   ⢀⡠⠾⠊⠁              ",
                "0┤⣤⠔⠊⠁                  ",
                " └┴──────────┴──────────",
                "  0          2      step",
            ]
        );
    }

    #[test]
    fn a_spike_among_50_000_points_reaches_the_top() {
        let mut values = vec![1.0; 50_000];
        values[20_000] = 5.0;
        let rows = text(&drawn(&series(values), 60, 10, &Theme::DARK));
        assert!(rows[0].chars().any(|c| ('\u{2801}'..='\u{28ff}').contains(&c)), "{rows:#?}");
    }

    #[test]
    fn broken_values_are_marked_and_skipped() {
        let rows = text(&drawn(&series([1.0, f32::NAN, 2.0]), 20, 6, &Theme::DARK));
        assert!(rows[0].contains('x'), "{rows:#?}");
        let all_broken = drawn(&series([f32::NAN, f32::INFINITY]), 20, 6, &Theme::DARK);
        assert_eq!(all_broken, Buffer::empty(Rect::new(0, 0, 20, 6)));
    }

    #[test]
    fn extreme_values_do_not_panic() {
        for values in [[f32::MAX, f32::MIN], [0.0, 0.0], [1e-38, 1e38], [-5.0, -5.0]] {
            for (width, height) in [(0, 0), (1, 1), (5, 3), (40, 12)] {
                drawn(&series(values), width, height, &Theme::DARK);
            }
        }
    }

    #[test]
    fn ascii_is_ascii() {
        let ascii = Theme { ascii: true, ..Theme::DARK };
        let rows = text(&drawn(&series([0.0, 3.0, 1.0]), 30, 8, &ascii));
        assert!(rows.iter().all(|row| row.is_ascii()), "{rows:#?}");
    }
}

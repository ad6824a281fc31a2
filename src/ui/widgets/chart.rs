//! The large chart: any number of curves over one axis, drawn in braille.
//!
//! A curve that is smoothed is a bright line over a dim band: the line is a moving average, the band reaches from the
//! least to the largest value that was logged in each column, so that no spike is lost. One that is not smoothed is a
//! line through its points. Values that are NaN or infinite leave a gap with a mark on the top edge.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::canvas::Canvas;
use super::frame::Frame;
use super::ticks::{log_ticks, ticks};
use super::trace::{Curve, Trace};
use crate::app::Window;
use crate::jobs::Axis;
use crate::ui::format;
use crate::ui::theme::Theme;

pub struct Chart<'a> {
    /// Each is drawn over the ones before.
    pub curves: &'a [Curve<'a>],
    pub axis: Axis,
    /// The part of the axis that is shown.
    pub window: Window,
    pub log_y: bool,
    pub is_share: bool,
    /// Where the reading line stands, in units of the axis.
    pub cursor: Option<f64>,
    pub theme: &'a Theme,
}

/// Labels at the left, and where the dots go.
struct Layout {
    labels: Vec<(f64, String)>,
    plot: Rect,
}

impl Chart<'_> {
    /// Draws into an area and tells where in it the curves are: none if there is nothing to draw, or no room.
    pub fn draw(&self, area: Rect, buf: &mut Buffer) -> Option<Rect> {
        let area = area.intersection(buf.area);
        let y = self.y_range()?;
        let Layout { labels, plot } = self.layout(y, area)?;
        let size = (usize::from(plot.width) * 2, usize::from(plot.height) * 4);
        let frame = Frame { axis: self.axis, x: self.window, y, log_y: self.log_y, size };
        let traces: Vec<Trace<'_>> = self.curves.iter().map(|curve| Trace::new(&frame, curve)).collect();
        self.draw_axes(&frame, &labels, plot, buf);
        self.draw_cursor(&frame, plot, buf);
        let mut canvas = Canvas::new(plot);
        traces.iter().for_each(|trace| trace.draw_band(&frame, &mut canvas));
        traces.iter().for_each(|trace| trace.draw_line(&frame, &mut canvas));
        canvas.draw(plot, buf, self.theme.ascii);
        self.mark_broken(&frame, plot, buf);
        Some(plot)
    }

    fn layout(&self, y: (f64, f64), area: Rect) -> Option<Layout> {
        let labels = self.y_labels(y, area.height);
        let gutter = labels.iter().map(|(_, text)| text.len() as u16).max().unwrap_or(0) + 1;
        if area.width < gutter + 4 || area.height < 3 {
            return None;
        }
        let plot = Rect { x: area.x + gutter, width: area.width - gutter, height: area.height - 2, ..area };
        Some(Layout { labels, plot })
    }

    fn y_range(&self) -> Option<(f64, f64)> {
        let ranges = || self.curves.iter().filter_map(|curve| curve.y_range(self.axis, self.window));
        let (low, high) = ranges().reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
        if self.log_y {
            // What is not positive has no place on this axis: it is drawn on the lower edge.
            let high = high.max(1e-12);
            let low = ranges().map(|(low, _)| low).filter(|low| *low > 0.0).reduce(f64::min).unwrap_or(high / 1e4);
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
        let wanted = usize::from(plot.width / 12).max(2);
        let (at, spacing) = match self.window.log {
            true => (log_ticks(frame.x.low, frame.x.high, wanted), None),
            false => {
                let (at, spacing) = ticks(frame.x.low, frame.x.high, wanted);
                (at, Some(spacing))
            }
        };
        let is_time = matches!(self.axis, Axis::RunTime | Axis::WallTime);
        let name = self.axis.name();
        let name_x = plot.right().saturating_sub(name.len() as u16);
        let mut free_from = plot.x.saturating_sub(1);
        for value in at {
            let text = if is_time { format::seconds(value) } else { format::tick(value, spacing.unwrap_or(value)) };
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
        let Some(at) = self.cursor.filter(|at| frame.x.contains(*at)) else { return };
        let x = plot.x + (frame.column(at) / 2) as u16;
        let glyph = if self.theme.ascii { "|" } else { "┊" };
        for y in plot.top()..plot.bottom() {
            buf.set_string(x, y, glyph, self.theme.dim());
        }
    }

    fn mark_broken(&self, frame: &Frame, plot: Rect, buf: &mut Buffer) {
        for curve in self.curves {
            let shown = curve.series.extent(curve.shown(frame.axis, frame.x));
            if !shown.is_some_and(|all| all.broken) {
                continue;
            }
            let edges = frame.edges(curve.series);
            for column in 0..plot.width {
                let dot = usize::from(column) * 2;
                if curve.series.extent(edges[dot]..edges[dot + 2]).is_some_and(|extent| extent.broken) {
                    buf.set_string(plot.x + column, plot.y, "x", self.theme.bad());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ratatui::style::Style;

    use super::*;
    use crate::jobs::{Point, Series, Smoothing};

    fn series(values: impl IntoIterator<Item = f32>) -> Series {
        let mut series = Series::default();
        series.extend(values.into_iter().enumerate().map(|(i, value)| {
            let i = i as u64;
            Point { step: i, epoch: i as f32, run_s: i as f32, wall_s: i as f32, value }
        }));
        series
    }

    fn curve(series: &Series, smoothing: Option<Smoothing>) -> Curve<'_> {
        Curve { series, style: Style::new(), band: Style::new(), outline: false, smoothing, breaks: &[] }
    }

    fn shown_in(curve: Curve<'_>, window: Window, (width, height): (u16, u16), theme: &Theme) -> Buffer {
        let area = Rect::new(0, 0, width, height);
        let mut buf = Buffer::empty(area);
        let curves = [curve];
        chart(&curves, window, theme).draw(area, &mut buf);
        buf
    }

    fn chart<'a>(curves: &'a [Curve<'a>], window: Window, theme: &'a Theme) -> Chart<'a> {
        Chart { curves, axis: Axis::Step, window, log_y: false, is_share: false, cursor: None, theme }
    }

    fn whole(series: &Series, log: bool) -> Window {
        Window::whole(0.0, series.last().map_or(0.0, |point| point.step as f64), Some(1.0), log)
    }

    fn drawn(series: &Series, width: u16, height: u16, theme: &Theme) -> Buffer {
        shown_in(curve(series, None), whole(series, false), (width, height), theme)
    }

    fn strong() -> Smoothing {
        Smoothing::for_points(usize::MAX)
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
        assert!(rows[0].contains(is_braille), "{rows:#?}");
    }

    fn is_braille(c: char) -> bool {
        ('\u{2801}'..='\u{28ff}').contains(&c)
    }

    #[test]
    fn a_smoothed_curve_is_a_line_over_a_band() {
        let series = series((0..4_000).map(|i| if i % 2 == 0 { 0.0 } else { 4.0 }));
        let curve = curve(&series, Some(strong()));
        let rows = text(&shown_in(curve, whole(&series, false), (20, 8), &Theme::DARK));
        assert_eq!(
            rows,
            [
                "4┤⢖⢖⢖⢖⢖⢖⢖⢖⢖⢖⢖⢖⢖⢖⢖⢖⢖⢖",
                " │⢕⢕⢕⢕⢕⢕⢕⢕⢕⢕⢕⢕⢕⢕⢕⢕⢕⢕",
                " │⢕⢕⢕⢕⢕⢕⢕⢕⢕⢕⢕⢕⢕⢕⢕⢕⢕⢕",
                "2┤⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉",
                " │⢕⢕⢕⢕⢕⢕⢕⢕⢕⢕⢕⢕⢕⢕⢕⢕⢕⢕",
                "0┤⣕⣕⣕⣕⣕⣕⣕⣕⣕⣕⣕⣕⣕⣕⣕⣕⣕⣕",
                " └┴────────┴────────",
                "  0      2000   step",
            ]
        );
    }

    #[test]
    fn a_logarithmic_axis_gives_every_decade_the_same_room() {
        let series = series((0..=1000).map(|i| if i < 10 { 0.0 } else { 1.0 }));
        let rows = text(&shown_in(curve(&series, None), whole(&series, true), (60, 6), &Theme::DARK));
        let place = |label: &str| rows[5].find(label);
        let (Some(ten), Some(hundred)) = (place(" 10 "), place(" 100 ")) else { panic!("{rows:#?}") };
        // 56 columns for three decades.
        assert!((18..=20).contains(&(hundred - ten)), "{rows:#?}");
        let first_above = rows[0].chars().position(is_braille);
        assert!(first_above.is_some_and(|at| (21..=24).contains(&at)), "a third of the way: {rows:#?}");
    }

    #[test]
    fn no_line_crosses_a_time_in_which_the_run_stood_still() {
        let mut series = Series::default();
        let at = |step: u64, wall_s: f32| Point { step, epoch: 0.0, run_s: 0.0, wall_s, value: 1.0 };
        series.extend([at(1, 0.0), at(2, 10.0), at(3, 90.0), at(4, 100.0)]);
        let crosses = |breaks: &[f64], smoothing| {
            let curves = [Curve { breaks, ..curve(&series, smoothing) }];
            let area = Rect::new(0, 0, 60, 8);
            let mut buf = Buffer::empty(area);
            let window = Window { low: 0.0, high: 100.0, log: false };
            Chart { axis: Axis::WallTime, ..chart(&curves, window, &Theme::DARK) }.draw(area, &mut buf);
            text(&buf).iter().any(|row| row.chars().skip(20).take(20).any(is_braille))
        };
        assert!(crosses(&[0.0], None) && crosses(&[], Some(strong())));
        assert!(!crosses(&[0.0, 89.0], None) && !crosses(&[0.0, 89.0], Some(strong())));
    }

    #[test]
    fn between_two_points_there_is_the_line_that_joins_them() {
        let series = series([0.0, 10.0]);
        let inside = Window { low: 0.4, high: 0.6, log: false };
        let rows = text(&shown_in(curve(&series, None), inside, (30, 8), &Theme::DARK));
        assert!(rows[2..4].iter().any(|row| row.contains(is_braille)), "{rows:#?}");
    }

    /// The highest and the lowest row of dots in a column of a chart.
    fn reach(buf: &Buffer, x: u16) -> Option<(usize, usize)> {
        let has = |row: usize| {
            let symbol = buf.cell((x, (row / 4) as u16)).and_then(|cell| cell.symbol().chars().next());
            let bits = symbol.filter(|c| is_braille(*c)).map_or(0, |c| c as u32 - 0x2800);
            bits & [0x09, 0x12, 0x24, 0xc0][row % 4] != 0
        };
        let rows = usize::from(buf.area.height - 2) * 4;
        Some(((0..rows).find(|row| has(*row))?, (0..rows).rfind(|row| has(*row))?))
    }

    proptest! {
        #[test]
        fn one_spike_among_50_000_points_is_drawn_at_any_zoom(
            at in 0usize..50_000, around in 0f64..1.0, zoom in 0f64..3.7, strength in 0usize..7, log in any::<bool>(),
        ) {
            let factor = 0.1f64.powf(zoom);
            let mut values = vec![1.0; 50_000];
            values[at] = 5.0;
            let series = series(values);
            // A window that holds the spike: around it, so far to the left and the right.
            let all = whole(&series, log);
            let place = all.share(at as f64).clamp(0.0, 1.0);
            let low = (place - around * factor).max(0.0);
            let window = Window { low: all.at(low), high: all.at((low + factor).min(1.0)), log };
            prop_assume!(window.contains(at as f64));
            let smoothing = (0..strength).fold(Smoothing::NONE, |smoothing, _| smoothing.stronger());
            let curves = [curve(&series, Some(smoothing))];
            let area = Rect::new(0, 0, 80, 20);
            let mut buf = Buffer::empty(area);
            let chart = chart(&curves, window, &Theme::DARK);
            let plot = chart.draw(area, &mut buf).unwrap();
            let size = (usize::from(plot.width) * 2, usize::from(plot.height) * 4);
            let y = chart.y_range().unwrap();
            let frame = Frame { axis: Axis::Step, x: window, y, log_y: false, size };
            let column = plot.x + (frame.column(at as f64) / 2) as u16;
            // Where points are far apart, a cross stands on the spike: one dot higher.
            let top = reach(&buf, column).map(|(top, _)| top);
            let due = frame.row(5.0);
            prop_assert!(top == Some(due) || top == Some(due - 1), "{top:?} is not {due} or one above");
        }
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

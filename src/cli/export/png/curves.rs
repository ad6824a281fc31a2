//! Curves as pictures: a chart for each quantity, with all that measure it.

use super::canvas::{Align, Canvas, Letters, THEME, ink};
use crate::app::{MetricGroup, mean_of};
use crate::cli::CliError;
use crate::jobs::{Axis, Extent, History, Series, Smoothing};
use crate::ui::{format, log_ticks, ticks};
use image::RgbImage;
use plotters::style::RGBColor;

const SIZE: (f64, f64) = (1_600.0, 900.0);
const EDGE: f64 = 28.0;
const LEFT: f64 = 110.0;
const BOTTOM: f64 = 72.0;
/// Curves of no more points have a dot at each.
const DOTTED: usize = 60;
/// Values that span more than two decades stand on a logarithmic axis.
const DECADES: f64 = 100.0;
/// Colours that are told apart; what comes behind them is dashed.
const COLOURS: usize = 7;
/// The pixels of a dash, and of the gap behind it.
const DASH: (f64, f64) = (9.0, 6.0);

/// A line of the chart.
struct Line<'a> {
    metric: &'a str,
    series: &'a Series,
    colour: usize,
    smoothing: Smoothing,
}

/// Where values stand in the picture.
struct Plane {
    top: f64,
    steps: (f64, f64),
    /// Their logarithms where the axis is logarithmic, per cent where the values are shares.
    values: (f64, f64),
    is_log: bool,
    is_share: bool,
}

/// The chart of a group; none where no value of it is a number.
pub(super) fn picture(run: &str, history: &History, group: &MetricGroup<'_>) -> Result<Option<RgbImage>, CliError> {
    let lines = lines(history, group);
    let is_share = group.metrics.first().is_some_and(|metric| history.is_share(metric));
    let Some(mut plane) = Plane::of(&lines, is_share) else { return Ok(None) };
    let mut canvas = Canvas::new(SIZE.0 as u32, SIZE.1 as u32);
    let unit = if group.unit.is_empty() || is_share { String::new() } else { format!(" ({})", group.unit) };
    canvas.text(&format!("{}{unit}", group.name), (EDGE, 36.0), Letters::new(28.0).bold())?;
    canvas.text(run, (SIZE.0 - EDGE, 36.0), Letters::new(18.0).dim().align(Align::Right))?;
    plane.top = legend(&mut canvas, history, &lines)?;
    plane.draw_axes(&mut canvas)?;
    // Bands first, so that none hides another's line.
    for line in lines.iter().filter(|line| line.smoothing != Smoothing::NONE) {
        band(&mut canvas, &plane, line)?;
    }
    for line in &lines {
        curve(&mut canvas, &plane, line)?;
    }
    Ok(Some(canvas.finish()))
}

/// The metrics of a group with what they are drawn as; the mean over an epoch of another one adds nothing to its average.
fn lines<'a>(history: &'a History, group: &MetricGroup<'a>) -> Vec<Line<'a>> {
    let is_drawn = |metric: &str| !mean_of(metric).is_some_and(|base| group.metrics.contains(&base.as_str()));
    let with_colours = group.metrics.iter().zip(group.colours());
    let drawn = with_colours.filter(|(metric, _)| is_drawn(metric));
    let line = |(&metric, colour): (&&'a str, usize)| {
        let series = history.metric(metric)?;
        let points = if history.is_per_epoch(metric) { 0 } else { series.points().len() };
        // On paper a curve is looked at as a whole: what lags behind a steep beginning would be taken for it.
        Some(Line { metric, series, colour, smoothing: Smoothing::for_points(points).weaker() })
    };
    drawn.filter_map(line).collect()
}

impl Line<'_> {
    fn ink(&self) -> RGBColor {
        ink(THEME.series(self.colour))
    }

    fn is_dashed(&self) -> bool {
        self.colour >= COLOURS
    }
}

impl Plane {
    fn of(lines: &[Line<'_>], is_share: bool) -> Option<Plane> {
        let whole = |series: &Series| series.extent(0..series.points().len());
        let extents = lines.iter().filter_map(|line| whole(line.series)).filter(Extent::has_values);
        let extent = extents.reduce(Extent::union)?;
        let (low, high) = (f64::from(extent.min), f64::from(extent.max));
        let is_log = !is_share && low > 0.0 && high / low > DECADES;
        let scale = |value| scaled(value, is_log, is_share);
        let (low, high) = (scale(low), scale(high));
        let room = if high > low { 0.04 * (high - low) } else { 0.05 * high.abs().max(1e-3) };
        let (low, high) = (low - room, high + room);
        let (low, high) = if is_share { (low.max(0.0), high.min(100.0).max(low + 1e-3)) } else { (low, high) };
        let last = lines.iter().filter_map(|line| line.series.last()).map(|point| point.step).max()?;
        Some(Plane { top: 0.0, steps: (0.0, last.max(1) as f64), values: (low, high), is_log, is_share })
    }

    fn x(&self, step: f64) -> f64 {
        LEFT + (SIZE.0 - LEFT - EDGE) * (step - self.steps.0) / (self.steps.1 - self.steps.0)
    }

    fn y(&self, value: f64) -> f64 {
        self.y_scaled(scaled(value, self.is_log, self.is_share))
    }

    fn y_scaled(&self, scaled: f64) -> f64 {
        let bottom = SIZE.1 - BOTTOM;
        bottom - (bottom - self.top) * (scaled - self.values.0) / (self.values.1 - self.values.0)
    }

    fn draw_axes(&self, canvas: &mut Canvas) -> Result<(), CliError> {
        let (frame, letters) = (ink(THEME.frame()), Letters::new(17.0).dim());
        let bottom = SIZE.1 - BOTTOM;
        for (at, text) in self.value_ticks() {
            let y = self.y_scaled(at).round();
            canvas.rectangle((LEFT, y), (SIZE.0 - EDGE, y + 1.0), ink(THEME.faint(THEME.frame())))?;
            canvas.text(&text, (LEFT - 12.0, y), letters.align(Align::Right))?;
        }
        let (steps, spacing) = ticks(self.steps.0, self.steps.1, 8);
        for step in steps.into_iter().filter(|step| step.fract() == 0.0) {
            let x = self.x(step).round();
            canvas.rectangle((x, bottom), (x + 1.0, bottom + 6.0), frame)?;
            canvas.text(&format::tick(step, spacing), (x, bottom + 20.0), letters.align(Align::Centre))?;
        }
        canvas.rectangle((LEFT, bottom), (SIZE.0 - EDGE, bottom + 1.0), frame)?;
        let middle = (LEFT + SIZE.0 - EDGE) / 2.0;
        canvas.text("step", (middle, SIZE.1 - 24.0), letters.align(Align::Centre))
    }

    /// Round values of the upright axis, as they stand there, and their words.
    fn value_ticks(&self) -> Vec<(f64, String)> {
        let (low, high) = self.values;
        if self.is_log {
            let ticks = log_ticks(10f64.powf(low), 10f64.powf(high), 9);
            return ticks.into_iter().map(|tick| (tick.log10(), format::tick(tick, tick))).collect();
        }
        let (ticks, spacing) = ticks(low, high, 10);
        let unit = if self.is_share { " %" } else { "" };
        ticks.into_iter().map(|tick| (tick, format!("{}{unit}", format::tick(tick, spacing)))).collect()
    }
}

fn scaled(value: f64, is_log: bool, is_share: bool) -> f64 {
    match (is_log, is_share) {
        (true, _) => value.log10(),
        (false, true) => 100.0 * value,
        (false, false) => value,
    }
}

/// The names of the lines and their last values; where the chart begins below them.
fn legend(canvas: &mut Canvas, history: &History, lines: &[Line<'_>]) -> Result<f64, CliError> {
    let (name, dim) = (Letters::new(17.0), Letters::new(17.0).dim());
    let (mut x, mut y) = (EDGE, 74.0);
    for line in lines {
        let last = line.series.last().map_or(f64::NAN, |point| f64::from(point.value));
        let last = format::metric(last, history.is_share(line.metric));
        let metric = canvas.fitting(line.metric, name, SIZE.0 / 2.0)?;
        let (named, valued) = (canvas.width_of(&metric, name)?, canvas.width_of(&last, dim)?);
        let width = 36.0 + named + 10.0 + valued;
        if x > EDGE && x + width > SIZE.0 - EDGE {
            (x, y) = (EDGE, y + 28.0);
        }
        stroke(canvas, &[(x, y), (x + 26.0, y)], 4.0, line)?;
        canvas.text(&metric, (x + 36.0, y), name)?;
        canvas.text(&last, (x + 46.0 + named, y), dim)?;
        x += width + 34.0;
    }
    Ok(y + 34.0)
}

/// Every logged value, behind the average: from the least to the largest of each column of pixels, without gaps between
/// columns.
fn band(canvas: &mut Canvas, plane: &Plane, line: &Line<'_>) -> Result<(), CliError> {
    let colour = ink(THEME.faint(THEME.series(line.colour)));
    let mut before: Option<(f64, f64)> = None;
    let mut right = 0.0;
    for (x, range) in columns(plane, line.series) {
        let Some(extent) = line.series.extent(range).filter(Extent::has_values) else { continue };
        let (upper, lower) = (plane.y(f64::from(extent.max)), plane.y(f64::from(extent.min)));
        let (high, low) = before.map_or((upper, lower), |(high, low)| (upper.min(low), lower.max(high)));
        let left = if before.is_some() { right } else { x - 0.5 };
        right = x + 0.5;
        canvas.rectangle((left, high - 0.5), (right, low + 0.5), colour)?;
        before = Some((upper, lower));
    }
    Ok(())
}

fn curve(canvas: &mut Canvas, plane: &Plane, line: &Line<'_>) -> Result<(), CliError> {
    let points = line.series.points();
    if points.len() <= DOTTED {
        let finite = points.iter().filter(|point| point.value.is_finite());
        let path: Vec<(f64, f64)> =
            finite.map(|point| (plane.x(point.step as f64), plane.y(f64::from(point.value)))).collect();
        stroke(canvas, &path, 2.4, line)?;
        return path.into_iter().try_for_each(|at| canvas.dot(at, 4.2, line.ink()));
    }
    let averages = columns(plane, line.series)
        .filter_map(|(x, range)| Some((x, plane.y(f64::from(line.series.smoothed_in(range, line.smoothing)?)))));
    let path: Vec<(f64, f64)> = averages.filter(|(_, y)| y.is_finite()).collect();
    stroke(canvas, &path, 2.4, line)
}

/// The columns of pixels in which a series has points: their middle, and the numbers of those points.
fn columns<'a>(plane: &'a Plane, series: &'a Series) -> impl Iterator<Item = (f64, std::ops::Range<usize>)> + 'a {
    let all = (SIZE.0 - LEFT - EDGE) as usize;
    let step =
        move |column: usize| plane.steps.0 + (plane.steps.1 - plane.steps.0) * (column as f64 - 0.5) / (all - 1) as f64;
    let mut from = series.first_from(Axis::Step, step(0));
    (0..all).filter_map(move |column| {
        let to = series.first_from_near(Axis::Step, step(column + 1), from);
        let range = from..to;
        from = to;
        (!range.is_empty()).then(|| (plane.x(step(column) + (step(1) - step(0)) / 2.0), range))
    })
}

/// A path in the colour of a line, dashed where that colour is another's too.
fn stroke(canvas: &mut Canvas, path: &[(f64, f64)], width: f64, line: &Line<'_>) -> Result<(), CliError> {
    match line.is_dashed() {
        false => canvas.line(path, width, line.ink()),
        true => dashes(path).iter().try_for_each(|dash| canvas.line(dash, width, line.ink())),
    }
}

/// A path cut into dashes.
fn dashes(path: &[(f64, f64)]) -> Vec<Vec<(f64, f64)>> {
    let mut dashes = Vec::new();
    let mut dash = Vec::new();
    let (mut drawn, mut left) = (true, DASH.0);
    for pair in path.windows(2) {
        let (mut at, to) = (pair[0], pair[1]);
        loop {
            let length = (to.0 - at.0).hypot(to.1 - at.1);
            if drawn && dash.is_empty() {
                dash.push(at);
            }
            let reaches = length <= left;
            let share = if reaches { 1.0 } else { left / length };
            at = (at.0 + (to.0 - at.0) * share, at.1 + (to.1 - at.1) * share);
            if drawn {
                dash.push(at);
            }
            if reaches {
                left -= length;
                break;
            }
            if drawn {
                dashes.push(std::mem::take(&mut dash));
            }
            drawn = !drawn;
            left = if drawn { DASH.0 } else { DASH.1 };
        }
    }
    dashes.push(dash);
    dashes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{MetricFilter, groups};
    use crate::run::{Event, EventKind, MetricDef, Num};

    /// Two metrics with a value at each of so many steps.
    fn history(steps: u64, value: fn(u64) -> f64, unit: &str) -> History {
        let def = |name: &str| MetricDef { name: name.to_owned(), unit: unit.to_owned(), higher_is_better: None };
        let mut history = History::default();
        let mut apply = |kind| history.apply(Event::new(0, 0, 0, kind));
        apply(EventKind::MetricDefs { defs: vec![def("test/a"), def("train/a")] });
        for step in 0..steps {
            let values = ["test/a", "train/a"].map(|name| (name.to_owned(), Num(value(step)))).into();
            apply(EventKind::Metrics { step, epoch: 0.0, values });
        }
        history
    }

    fn drawn(history: &History) -> Option<RgbImage> {
        let groups = groups(history, &MetricFilter::default());
        picture("run", history, &groups[0]).unwrap()
    }

    fn plane(history: &History) -> Option<Plane> {
        let groups = groups(history, &MetricFilter::default());
        Plane::of(&lines(history, &groups[0]), groups[0].unit == "%")
    }

    #[test]
    fn an_axis_is_logarithmic_beyond_two_decades_of_what_is_no_share() {
        let wide = |step| 10f64.powi(step as i32 % 4);
        assert!(plane(&history(9, wide, "")).unwrap().is_log);
        assert!(!plane(&history(9, |step| step as f64, "")).unwrap().is_log, "there is a zero");
        assert!(!plane(&history(9, |step| 0.001 + step as f64 / 10.0, "%")).unwrap().is_log);
        let shares = plane(&history(9, |_| 1.0, "%")).unwrap();
        assert!(shares.values.1 == 100.0 && shares.values.0 < 100.0, "{:?}", shares.values);
    }

    #[test]
    fn one_point_many_and_what_is_no_number_are_drawn() {
        let with_gaps = |step| if step % 3 == 0 { f64::NAN } else { 1.0 + step as f64 };
        for (steps, value) in [(1, with_gaps as fn(u64) -> f64), (2, with_gaps), (50, with_gaps), (5_000, with_gaps)] {
            let picture = drawn(&history(steps, value, ""));
            assert_eq!(picture.is_some(), steps > 1, "{steps}");
        }
        assert!(drawn(&history(3, |_| -1.0, "")).is_some());
        assert!(drawn(&history(3, |_| f64::INFINITY, "")).is_none());
    }

    #[test]
    fn dashes_are_as_long_as_they_should_be() {
        let found = dashes(&[(0.0, 0.0), (10.0, 0.0), (25.0, 0.0)]);
        assert_eq!(found, [vec![(0.0, 0.0), (9.0, 0.0)], vec![(15.0, 0.0), (24.0, 0.0)], vec![]]);
    }
}

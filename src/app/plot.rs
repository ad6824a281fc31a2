//! What the large chart draws: which curves of which runs, over which part of the axis, and what they say there.

use super::metrics::{MetricGroup, mean_of};
use super::window::Window;
use super::{App, Tab, groups};
use crate::jobs::{Axis, History, Point, RunView, Series, Smoothing};
use crate::run::RunName;

#[derive(Clone, Debug)]
pub struct Plot<'a> {
    pub group: MetricGroup<'a>,
    /// The selected run's first.
    pub lines: Vec<Line<'a>>,
    /// Several runs are drawn over each other.
    pub is_overlay: bool,
    pub axis: Axis,
    /// The part that is shown of the whole.
    pub window: Window,
    pub whole: Window,
    pub smoothing: Smoothing,
    /// The reading line, in units of the axis.
    pub cursor: Option<f64>,
}

/// One curve.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    pub run: &'a RunName,
    pub metric: &'a str,
    pub history: &'a History,
    pub series: &'a Series,
    /// By number, as themes know them.
    pub colour: usize,
    /// Another curve of the same run matters more.
    pub is_faint: bool,
}

/// What a curve says: at the reading line, else at its end; and of what is shown of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reading {
    pub value: Option<f64>,
    /// The least and the largest that was logged in the part that is shown.
    pub extremes: Option<(f64, f64)>,
    /// The better of the two, and where it was logged first; none of a metric without a better end.
    pub best: Option<(f64, Point)>,
}

impl App {
    /// None while nothing is known of the selected run that could be drawn. Only the Loss screen shows a part, and reads.
    pub fn plot(&self) -> Option<Plot<'_>> {
        let group = self.loss.shown(self.selected_history()?)?;
        let focus = self.runs.in_focus();
        let lines = if focus.len() < 2 { self.lines_of_one(&group)? } else { self.lines_of_many(&focus, &group) };
        let lines: Vec<Line<'_>> = lines.into_iter().filter(|line| line.series.last().is_some()).collect();
        let view = &self.loss;
        let whole = whole(&lines, view.axis, view.log_x)?;
        let is_open = self.tab == Tab::Loss;
        let window = view.zoom.filter(|_| is_open).map_or(whole, |zoom| zoom.of(whole));
        let of_steps = lines.iter().filter(|line| !line.is_per_epoch()).map(|line| line.series.points().len());
        let smoothing = view.smoothing.unwrap_or_else(|| Smoothing::for_points(of_steps.max().unwrap_or(0)));
        let cursor = view.cursor.filter(|_| is_open);
        Some(Plot { group, lines, is_overlay: focus.len() > 1, axis: view.axis, window, whole, smoothing, cursor })
    }

    /// What the selected run logged of a group, each split in its colour.
    fn lines_of_one<'a>(&'a self, group: &MetricGroup<'a>) -> Option<Vec<Line<'a>>> {
        let (run, history) = (self.runs.selected_name()?, self.selected_history()?);
        let colours = group.colours();
        let line = |metric: &'a str| {
            let series = history.metric(metric)?;
            let colour = group.metrics.iter().position(|known| *known == metric).map_or(0, |at| colours[at]);
            Some(Line { run, metric, history, series, colour, is_faint: false })
        };
        Some(drawn(history, group, self.loss.means).into_iter().filter_map(line).collect())
    }

    /// What each run logged of a group, in its own colour: what was measured by epochs bright, what it trains on faint.
    fn lines_of_many<'a>(&'a self, focus: &[&'a RunView], group: &MetricGroup<'_>) -> Vec<Line<'a>> {
        let of_run = |run: &&'a RunView| {
            let history = self.history(&run.name)?;
            let mut own = groups(history, &self.loss.filter).into_iter();
            let own = own.find(|other| other.name == group.name && other.unit == group.unit)?;
            let metrics = drawn(history, &own, self.loss.means);
            let is_trained = |metric: &&&str| !history.is_per_epoch(metric) || mean_of(metric).is_some();
            let trained = metrics.iter().find(is_trained).copied();
            let mut measured: Vec<&str> = metrics.iter().filter(|metric| !is_trained(metric)).copied().collect();
            measured.sort_by_key(|metric| !metric.starts_with("test/"));
            let measured = measured.first().copied();
            let colour = self.runs.mark_of(&run.name).map_or(0, |mark| mark + 1);
            let line = move |metric: Option<&'a str>, is_faint| {
                let (metric, run) = (metric?, &run.name);
                Some(Line { run, metric, history, series: history.metric(metric)?, colour, is_faint })
            };
            Some([line(measured, false), line(trained, measured.is_some())].into_iter().flatten())
        };
        focus.iter().filter_map(of_run).flatten().collect()
    }
}

/// The metrics of a group that are drawn, the run's own one first: those of single steps, or the means of epochs, never
/// both; and what is measured by epochs alone.
fn drawn<'a>(history: &History, group: &MetricGroup<'a>, means: bool) -> Vec<&'a str> {
    let is_step = |metric: &str| !history.is_per_epoch(metric);
    let is_mean = |metric: &str| mean_of(metric).is_some_and(|step| history.metric(&step).is_some());
    let has_mean = |metric: &str| group.metrics.iter().any(|mean| mean_of(mean).as_deref() == Some(metric));
    let wanted = |metric: &&&str| if means { !(is_step(metric) && has_mean(metric)) } else { !is_mean(metric) };
    let mut drawn: Vec<&str> = group.metrics.iter().filter(wanted).copied().collect();
    if drawn.is_empty() {
        drawn.clone_from(&group.metrics);
    }
    let is_main = |metric: &str| {
        history.main_metric().is_some_and(|main| main == metric || mean_of(metric).as_deref() == Some(main))
    };
    drawn.sort_by_key(|metric| (!is_main(metric), !is_step(metric) && mean_of(metric).is_none()));
    drawn
}

/// The axis from the first to the last logged point of all curves.
fn whole(lines: &[Line<'_>], axis: Axis, log: bool) -> Option<Window> {
    let ends = lines.iter().filter_map(|line| {
        let points = line.series.points();
        Some((points.first()?.at(axis), points.last()?.at(axis)))
    });
    let (low, high) = ends.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
    let positive = lines.iter().filter_map(|line| {
        let first = line.series.first_from(axis, f64::MIN_POSITIVE);
        Some(line.series.points().get(first)?.at(axis))
    });
    Some(Window::whole(low, high, positive.reduce(f64::min), log))
}

impl Plot<'_> {
    /// The logged point of the first curve nearest to a place: one that is shown, if any is. A line that moves `from`
    /// a place comes to the next point in the direction of `towards` at least, shown or not: so it moves on over gaps.
    pub(super) fn logged_near(&self, at: f64, from: Option<f64>, towards: f64) -> Option<f64> {
        let line = self.lines.first()?;
        let series = line.series;
        let shown = line.shown(self.axis, self.window);
        let range = if from.is_some() || shown.is_empty() { 0..series.points().len() } else { shown };
        let (first, last) = (range.start, range.end.checked_sub(1)?);
        let x = |index: usize| series.points()[index].at(self.axis);
        let right = series.first_from(self.axis, at).clamp(first, last);
        let left = right.saturating_sub(1).max(first);
        let nearest = if (x(right) - at).abs() <= (at - x(left)).abs() { right } else { left };
        let index = match from {
            Some(from) if towards > 0.0 && x(nearest) <= from => series.first_from(self.axis, from.next_up()),
            Some(from) if towards < 0.0 && x(nearest) >= from => series.first_from(self.axis, from).saturating_sub(1),
            _ => nearest,
        };
        Some(x(index.clamp(first, last)))
    }
}

impl<'a> Line<'a> {
    pub fn is_share(&self) -> bool {
        self.history.is_share(self.metric)
    }

    pub fn is_per_epoch(&self) -> bool {
        self.history.is_per_epoch(self.metric)
    }

    /// The numbers of the points within a part of the axis.
    fn shown(&self, axis: Axis, window: Window) -> std::ops::Range<usize> {
        self.series.first_from(axis, window.low)..self.series.first_from(axis, window.high.next_up())
    }

    /// The last point logged at or before a place; without one, the last of all. Never between two.
    pub fn logged_at(&self, axis: Axis, at: Option<f64>) -> Option<usize> {
        let behind = at.map_or(self.series.points().len(), |at| self.series.first_from(axis, at.next_up()));
        behind.checked_sub(1)
    }

    pub fn reading(&self, plot: &Plot<'_>) -> Reading {
        let range = self.shown(plot.axis, plot.window);
        let value = self.logged_at(plot.axis, plot.cursor).map(|at| f64::from(self.series.points()[at].value));
        let Some(extent) = self.series.extent(range.clone()).filter(|extent| extent.has_values()) else {
            return Reading { value, ..Reading::default() };
        };
        let best = self.history.higher_is_better(self.metric).and_then(|higher| {
            let best = if higher { extent.max } else { extent.min };
            let at = self.series.first_within(range, best, best)?;
            Some((f64::from(best), self.series.points()[at]))
        });
        Reading { value, extremes: Some((extent.min.into(), extent.max.into())), best }
    }
}

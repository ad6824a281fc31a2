//! What the Loss tab shows: which metrics, against which axis, which part of it, how smooth, and where the reading line
//! stands.

use super::metrics::{MetricFilter, MetricGroup, groups};
use super::plot::Plot;
use super::window::{Window, Zoom};
use crate::jobs::{Axis, History, Smoothing};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct LossView {
    /// The quantity drawn large and its unit. None: the first there is.
    group: Option<(String, String)>,
    pub axis: Axis,
    pub log_x: bool,
    pub log_y: bool,
    /// The means of epochs, where a run logs some, in the place of every step's values.
    pub means: bool,
    pub filter: MetricFilter,
    /// None: what suits the length of the run.
    pub(super) smoothing: Option<Smoothing>,
    pub(super) zoom: Option<Zoom>,
    /// The reading line, in units of the axis; none without one.
    pub(super) cursor: Option<f64>,
}

/// How far one press of an arrow moves the reading line, as a share of what is shown.
const CURSOR_STEP: f64 = 0.01;
/// How far the shown part moves at a time, as a share of it.
const PAN_STEP: f64 = 0.1;
/// What a key leaves of the shown part when it zooms in, and a turn of the wheel.
const ZOOM_STEP: f64 = 0.5;
const WHEEL_STEP: f64 = 0.8;

impl LossView {
    /// The group that is drawn large.
    pub fn shown<'a>(&self, history: &'a History) -> Option<MetricGroup<'a>> {
        let mut groups = groups(history, &self.filter);
        let at = self.place(&groups).unwrap_or(0);
        (at < groups.len()).then(|| groups.swap_remove(at))
    }

    fn place(&self, groups: &[MetricGroup<'_>]) -> Option<usize> {
        let (name, unit) = self.group.as_ref()?;
        groups.iter().position(|group| group.name == name && group.unit == unit)
    }

    pub fn move_group(&mut self, history: &History, by: isize) {
        let groups = groups(history, &self.filter);
        let Some(last) = groups.len().checked_sub(1) else { return };
        let to = self.place(&groups).unwrap_or(0).saturating_add_signed(by).min(last);
        self.group = Some((groups[to].name.to_owned(), groups[to].unit.to_owned()));
    }

    /// The next thing to count along the bottom. What is shown and read stays the same.
    pub(super) fn axis_after(&self, plot: &Plot<'_>) -> LossView {
        let at = Axis::ALL.iter().position(|axis| *axis == self.axis).unwrap_or(0);
        let axis = Axis::ALL[(at + 1) % Axis::ALL.len()];
        let Some(line) = plot.lines.first() else { return LossView { axis, ..self.clone() } };
        let points = line.series.points();
        let on_it = |x: f64| {
            let at = line.series.first_from(self.axis, x).min(points.len().saturating_sub(1));
            points.get(at).map_or(x, |point| point.at(axis))
        };
        let (zoom, cursor) = (self.zoom.map(|zoom| zoom.on(on_it)), self.cursor.map(on_it));
        LossView { axis, zoom, cursor, ..self.clone() }
    }

    /// Zooms around the reading line, or around the middle.
    pub(super) fn zoomed(&self, plot: &Plot<'_>, inwards: bool) -> Option<Zoom> {
        let place = plot.cursor.filter(|at| plot.window.contains(*at)).map_or(0.5, |at| plot.window.share(at));
        zoomed(plot, place, if inwards { ZOOM_STEP } else { 1.0 / ZOOM_STEP })
    }

    /// Zooms around a place under the mouse, a share of what is shown.
    pub(super) fn wheeled(plot: &Plot<'_>, place: f64, inwards: bool) -> Option<Zoom> {
        zoomed(plot, place, if inwards { WHEEL_STEP } else { 1.0 / WHEEL_STEP })
    }

    pub(super) fn panned(plot: &Plot<'_>, forward: bool) -> Option<Zoom> {
        plot.window.moved(if forward { PAN_STEP } else { -PAN_STEP }).within(&plot.whole)
    }

    /// Moves the reading line by so many steps; it begins at the right edge, and stands where something was logged. What
    /// is shown moves along with it.
    pub(super) fn read_on(&self, plot: &Plot<'_>, steps: f64) -> LossView {
        let cursor = match plot.cursor {
            None => plot.logged_near(plot.window.high, None, 0.0),
            Some(from) => {
                let share = plot.window.share(from).clamp(0.0, 1.0) + steps * CURSOR_STEP;
                plot.logged_near(plot.window.at(share.clamp(0.0, 1.0)), plot.cursor, steps)
            }
        };
        let zoom = match self.zoom.and(cursor) {
            Some(at) => plot.window.with(at).within(&plot.whole),
            None => self.zoom,
        };
        LossView { cursor, zoom, ..self.clone() }
    }
}

fn zoomed(plot: &Plot<'_>, place: f64, factor: f64) -> Option<Zoom> {
    let shown: Window = plot.window.zoomed(place.clamp(0.0, 1.0), factor);
    shown.within(&plot.whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Event, EventKind, Num};

    fn history(names: &[&str]) -> History {
        let values = names.iter().map(|name| (name.to_string(), Num(1.0))).collect();
        let mut history = History::default();
        history.apply(Event::new(0, 0, 0, EventKind::Metrics { step: 1, epoch: 0.1, values }));
        history
    }

    #[test]
    fn moving_through_groups_stops_at_the_ends() {
        let history = history(&["lr", "test/accuracy", "train/loss"]);
        let mut view = LossView::default();
        view.move_group(&history, -1);
        assert_eq!(view.shown(&history).map(|group| group.name), Some("loss"));
        view.move_group(&history, 9);
        assert_eq!(view.shown(&history).map(|group| group.name), Some("lr"));
        view.move_group(&History::default(), 1);
        assert_eq!(view.shown(&History::default()), None);
    }
}

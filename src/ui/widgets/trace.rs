//! What a chart draws of one curve: what lies in each dot column, or, where points are few, every point.

use std::ops::Range;

use ratatui::style::Style;

use super::canvas::Canvas;
use super::frame::Frame;
use crate::app::Window;
use crate::jobs::{Axis, Extent, Point, Series, Smoothing};

/// A series and how it is drawn.
pub struct Curve<'a> {
    pub series: &'a Series,
    pub style: Style,
    /// The style of the band between its extremes.
    pub band: Style,
    /// Of the band only its ends are drawn: too many of them lie over each other.
    pub outline: bool,
    /// None: every point is shown as it was logged, and where there are few, each with a cross.
    pub smoothing: Option<Smoothing>,
    /// Where the run stood still, ascending: no line crosses such a place.
    pub breaks: &'a [f64],
}

/// The curve of a frame, looked up once for its range and its dots.
pub struct Trace<'a> {
    curve: &'a Curve<'a>,
    shape: Shape,
}

enum Shape {
    /// By dot column; none where nothing was logged.
    Columns(Vec<Option<Column>>),
    /// Every shown point and one more at each side, so that lines reach the edges.
    Points(Vec<Place>),
}

#[derive(Clone, Copy)]
struct Column {
    extent: Extent,
    smoothed: Option<f32>,
}

#[derive(Clone, Copy)]
struct Place {
    x: f64,
    value: f32,
    smoothed: Option<f32>,
}

/// With more than one point in so many dot columns, columns are drawn and not points.
const COLUMNS_A_POINT: usize = 3;
/// A value so many dots beyond those beside it is a spike: the height of a cell.
const TIP: usize = 4;
/// Points this many dots apart get crosses.
const SPARSE: usize = 6;

impl Curve<'_> {
    /// The least and the largest finite value that it has in a part of the axis.
    pub fn y_range(&self, axis: Axis, window: Window) -> Option<(f64, f64)> {
        let shown = self.shown(axis, window);
        // Between two points there is still the line that joins them.
        let around = match shown.is_empty() {
            true => shown.start.saturating_sub(1)..shown.end + 1,
            false => shown.clone(),
        };
        let extent = self.series.extent(around).filter(|extent| extent.has_values())?;
        // An average is a mean of the one before and a value: behind the first one it leaves no range that holds both.
        let first = self.smoothing.and_then(|smoothing| self.series.smoothed(shown, smoothing).next().flatten());
        let (low, high) = first.map_or((extent.min, extent.max), |y| (extent.min.min(y), extent.max.max(y)));
        Some((low.into(), high.into()))
    }

    /// The numbers of the points in a part of the axis.
    pub fn shown(&self, axis: Axis, window: Window) -> Range<usize> {
        self.series.first_from(axis, window.low)..self.series.first_from(axis, window.high.next_up())
    }
}

impl<'a> Trace<'a> {
    pub fn new(frame: &Frame, curve: &'a Curve<'a>) -> Trace<'a> {
        let shown = curve.shown(frame.axis, frame.x);
        let has_few = shown.len() * COLUMNS_A_POINT <= frame.size.0;
        let shape = if has_few { Shape::Points(places(frame, curve, shown)) } else { columns(frame, curve) };
        Trace { curve, shape }
    }

    /// The band, or the raw points, under every line.
    pub fn draw_band(&self, frame: &Frame, canvas: &mut Canvas) {
        match &self.shape {
            Shape::Columns(columns) if self.is_smoothed() => self.band(frame, columns, canvas),
            Shape::Points(places) if self.is_smoothed() => {
                let (curve, style) = (self.curve, self.curve.band);
                join(
                    frame,
                    places,
                    |place| Some(place.value),
                    curve.breaks,
                    |from, to| {
                        canvas.line_below(from, to, style);
                    },
                );
            }
            _ => {}
        }
    }

    pub fn draw_line(&self, frame: &Frame, canvas: &mut Canvas) {
        let (curve, style) = (self.curve, self.curve.style);
        match &self.shape {
            Shape::Columns(columns) if self.is_smoothed() => self.smoothed(frame, columns, canvas),
            Shape::Columns(columns) => self.raw(frame, columns, canvas),
            Shape::Points(places) if self.is_smoothed() => {
                join(frame, places, |place| place.smoothed, curve.breaks, |from, to| canvas.line(from, to, style));
            }
            Shape::Points(places) => {
                join(frame, places, |place| Some(place.value), curve.breaks, |from, to| canvas.line(from, to, style));
                self.crosses(frame, places, canvas);
            }
        }
    }

    fn is_smoothed(&self) -> bool {
        self.curve.smoothing.is_some_and(|smoothing| smoothing != Smoothing::NONE)
    }

    /// The span between the extremes of each column; beside each other they leave no gap. Where it sticks out of what is
    /// beside it, no line hides its end.
    fn band(&self, frame: &Frame, columns: &[Option<Column>], canvas: &mut Canvas) {
        let style = self.curve.band;
        let spans: Vec<_> = self.spans(frame, columns).collect();
        let ends = |at: Option<usize>| at.and_then(|at| spans.get(at)).map(|(_, ends, _)| *ends);
        for (at, (x, (top, bottom), (from, to))) in spans.iter().enumerate() {
            let beside = [ends(at.checked_sub(1)), ends(Some(at + 1))];
            let is_peak = beside.iter().flatten().all(|(other, _)| top + TIP <= *other);
            let is_trough = beside.iter().flatten().all(|(_, other)| other + TIP <= *bottom);
            for (y, sticks_out) in [(*top, is_peak), (*bottom, is_trough)] {
                if sticks_out { canvas.tip((*x, y), style) } else { canvas.edge((*x, y), style) }
            }
            if !self.curve.outline {
                canvas.inside(*x, *from, *to, style);
            }
        }
    }

    /// Every value, as a line through all of them would cover it.
    fn raw(&self, frame: &Frame, columns: &[Option<Column>], canvas: &mut Canvas) {
        let mut before: Option<(usize, usize)> = None;
        for (x, (top, bottom), (from, to)) in self.spans(frame, columns) {
            canvas.vertical(x, from, to, self.curve.style);
            let here = (x, (top + bottom) / 2);
            let far = before.filter(|(at, _)| x - at > 1 && !self.is_broken(frame, *at, x));
            if let Some(from) = far {
                canvas.line(from, here, self.curve.style);
            }
            before = Some(here);
        }
    }

    /// By column with finite values: the rows of its extremes, and those rows stretched to touch the column before.
    fn spans<'b>(
        &'b self,
        frame: &'b Frame,
        columns: &'b [Option<Column>],
    ) -> impl Iterator<Item = (usize, (usize, usize), (usize, usize))> + 'b {
        let mut before: Option<(usize, usize, usize)> = None;
        let finite = columns.iter().enumerate().filter_map(|(x, column)| {
            let extent = column.as_ref()?.extent;
            extent.has_values().then(|| (x, frame.row(extent.max.into()), frame.row(extent.min.into())))
        });
        finite.map(move |(x, top, bottom)| {
            let touching = before.filter(|(at, ..)| x - at <= COLUMNS_A_POINT && !self.is_broken(frame, *at, x));
            let stretched = touching
                .map_or((top, bottom), |(_, above, below)| (top.min(below + 1), bottom.max(above.saturating_sub(1))));
            before = Some((x, top, bottom));
            (x, (top, bottom), stretched)
        })
    }

    /// The moving average at each column, joined. Nothing is drawn beyond the first and the last.
    fn smoothed(&self, frame: &Frame, columns: &[Option<Column>], canvas: &mut Canvas) {
        let mut before: Option<(usize, usize)> = None;
        for (x, column) in columns.iter().enumerate() {
            let Some(column) = column else { continue };
            let here = column.smoothed.map(|value| (x, frame.row(value.into())));
            if let Some(here) = here {
                let from = before.filter(|(at, _)| !self.is_broken(frame, *at, x)).unwrap_or(here);
                canvas.line(from, here, self.curve.style);
            }
            before = here;
        }
    }

    /// The run stood still between two columns.
    fn is_broken(&self, frame: &Frame, from: usize, to: usize) -> bool {
        let inside = self.curve.breaks.iter().filter(|at| frame.x.contains(**at));
        inside.map(|at| frame.column(*at)).any(|at| from < at && at <= to)
    }

    /// Where points are far apart, each is a little cross: that is where something was measured.
    fn crosses(&self, frame: &Frame, places: &[Place], canvas: &mut Canvas) {
        let shown = || places.iter().filter(|place| frame.x.contains(place.x) && place.value.is_finite());
        if shown().count() * SPARSE < frame.size.0 {
            shown().for_each(|place| {
                let at = (frame.column(place.x), frame.row(place.value.into()));
                canvas.cross(at, self.curve.style);
            });
        }
    }
}

fn columns(frame: &Frame, curve: &Curve<'_>) -> Shape {
    let column = |edge: &[usize]| {
        let range = edge[0]..edge[1];
        let extent = curve.series.extent(range.clone())?;
        let smoothing = curve.smoothing.filter(|smoothing| *smoothing != Smoothing::NONE && extent.has_values());
        Some(Column { extent, smoothed: smoothing.and_then(|smoothing| curve.series.smoothed_in(range, smoothing)) })
    };
    Shape::Columns(frame.edges(curve.series).windows(2).map(column).collect())
}

fn places(frame: &Frame, curve: &Curve<'_>, shown: Range<usize>) -> Vec<Place> {
    let points = curve.series.points();
    let range = shown.start.saturating_sub(1)..(shown.end + 1).min(points.len());
    let smoothed = curve.series.smoothed(range.clone(), curve.smoothing.unwrap_or_default());
    let of = |(point, smoothed): (&Point, Option<f32>)| Place {
        x: point.at(frame.axis),
        value: point.value,
        smoothed: smoothed.filter(|_| curve.smoothing.is_some() && point.value.is_finite()),
    };
    points[range].iter().zip(smoothed).map(of).collect()
}

/// Draws a line from each place to the next; what is no number leaves a gap, and so does a break.
fn join(
    frame: &Frame,
    places: &[Place],
    value: impl Fn(&Place) -> Option<f32>,
    breaks: &[f64],
    mut draw: impl FnMut((usize, usize), (usize, usize)),
) {
    let mut before: Option<(f64, f64)> = None;
    for place in places {
        let here = value(place).filter(|value| value.is_finite()).map(|value| (place.x, f64::from(value)));
        if let Some(here) = here {
            let stood_still = |from: &(f64, f64)| breaks.iter().any(|at| from.0 < *at && *at <= here.0);
            let from = before.filter(|from| !stood_still(from)).unwrap_or(here);
            if let Some([from, to]) = frame.clipped(from, here) {
                draw(from, to);
            }
        }
        before = here;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_extremes_of_every_column_are_those_of_a_plain_walk(
            values in prop::collection::vec(prop_oneof![20 => -10f32..10.0, 1 => Just(f32::NAN)], 600..3_000),
            from in 0f64..0.9, share in 0.05f64..1.0, log in any::<bool>(),
        ) {
            let mut series = Series::default();
            series.extend((0u64..).zip(&values).map(|(step, value)| {
                Point { step, epoch: 0.0, run_s: 0.0, wall_s: 0.0, value: *value }
            }));
            let whole = Window::whole(0.0, (values.len() - 1) as f64, Some(1.0), log);
            let window = Window { low: whole.at(from), high: whole.at((from + share).min(1.0)), log };
            let frame = Frame { axis: Axis::Step, x: window, y: (0.0, 1.0), log_y: false, size: (120, 40) };
            let style = Style::new();
            let curve = Curve { series: &series, style, band: style, outline: false, smoothing: None, breaks: &[] };
            let Shape::Columns(columns) = columns(&frame, &curve) else { unreachable!("columns were asked for") };
            prop_assert_eq!(columns.len(), frame.size.0);
            for (dot, column) in columns.iter().enumerate() {
                let is_last = dot + 1 == columns.len();
                let inside = |x: f64| {
                    x >= frame.left_of(dot) && if is_last { x <= window.high } else { x < frame.left_of(dot + 1) }
                };
                let here = || (0u64..).zip(&values).filter(|(step, _)| inside(*step as f64)).map(|(_, value)| *value);
                let finite = here().filter(|value| value.is_finite());
                let due = finite.fold(None, |acc: Option<(f32, f32)>, v| {
                    Some(acc.map_or((v, v), |(low, high)| (low.min(v), high.max(v))))
                });
                let extent = column.map(|column| column.extent);
                prop_assert_eq!(extent.is_some(), here().next().is_some());
                prop_assert_eq!(extent.filter(|e| e.has_values()).map(|e| (e.min, e.max)), due);
                prop_assert_eq!(extent.is_some_and(|e| e.broken), here().any(|value| !value.is_finite()));
            }
        }
    }
}

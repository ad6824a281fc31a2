//! One metric over a run: its logged points, and a summary of every 64 of them.
//!
//! A chart asks for the smallest and largest value of a range of points. The summary answers in a few
//! look-ups whatever the length of the log, and since it keeps extremes and not averages, a spike of a
//! single step stays visible in a chart of any width.

use std::ops::Range;

/// How many points one summary covers: small enough that the ragged ends of a range are cheap to walk.
const BLOCK: usize = 64;

/// One logged value and the four clocks it may be drawn against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub step: u64,
    pub epoch: f32,
    /// Seconds spent computing, across resumes.
    pub run_s: f32,
    /// Seconds since the run's first event, pauses included.
    pub wall_s: f32,
    pub value: f32,
}

/// What a chart's x axis counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Axis {
    #[default]
    Step,
    Epoch,
    RunTime,
    WallTime,
}

impl Axis {
    pub const ALL: [Axis; 4] = [Axis::Step, Axis::Epoch, Axis::RunTime, Axis::WallTime];

    pub fn name(self) -> &'static str {
        match self {
            Axis::Step => "step",
            Axis::Epoch => "epoch",
            Axis::RunTime => "computing time",
            Axis::WallTime => "wall time",
        }
    }
}

impl Point {
    pub fn at(&self, axis: Axis) -> f64 {
        match axis {
            Axis::Step => self.step as f64,
            Axis::Epoch => f64::from(self.epoch),
            Axis::RunTime => f64::from(self.run_s),
            Axis::WallTime => f64::from(self.wall_s),
        }
    }
}

/// The extremes and the sum of a range of points. `broken` says that a value in it was not finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extent {
    pub min: f32,
    pub max: f32,
    pub broken: bool,
    sum: f64,
    finite: u32,
}

impl Extent {
    const EMPTY: Extent = Extent { min: f32::INFINITY, max: f32::NEG_INFINITY, broken: false, sum: 0.0, finite: 0 };

    /// The mean of the finite values; none where every value was NaN or infinite.
    pub fn mean(&self) -> Option<f32> {
        (self.finite > 0).then(|| (self.sum / f64::from(self.finite)) as f32)
    }

    fn add(&mut self, value: f32) {
        if value.is_finite() {
            self.min = self.min.min(value);
            self.max = self.max.max(value);
            self.sum += f64::from(value);
            self.finite += 1;
        } else {
            self.broken = true;
        }
    }

    pub fn union(self, other: Extent) -> Extent {
        Extent {
            min: self.min.min(other.min),
            max: self.max.max(other.max),
            broken: self.broken || other.broken,
            sum: self.sum + other.sum,
            finite: self.finite + other.finite,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    points: Vec<Point>,
    /// One entry for every full block of `BLOCK` points.
    blocks: Vec<Extent>,
}

impl Series {
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    pub fn last(&self) -> Option<&Point> {
        self.points.last()
    }

    /// Adds a point. A step that was logged before replaces what stands from there on: the worker went
    /// back (a resume whose `hello` line was lost), or the old line was damaged.
    pub fn push(&mut self, point: Point) {
        if self.points.last().is_some_and(|last| last.step >= point.step) {
            let keep = self.points.partition_point(|p| p.step < point.step);
            self.truncate(keep);
        }
        self.points.push(point);
        if self.points.len().is_multiple_of(BLOCK) {
            let from = self.points.len() - BLOCK;
            self.blocks.push(walk(&self.points[from..]));
        }
    }

    /// Drops the points beyond `step`: what an unsaved stretch logged before a resume went back.
    pub fn cut(&mut self, step: u64) {
        let keep = self.points.partition_point(|p| p.step <= step);
        self.truncate(keep);
    }

    fn truncate(&mut self, keep: usize) {
        self.points.truncate(keep);
        self.blocks.truncate(keep / BLOCK);
    }

    /// The extremes of a range of point numbers; none if it is empty.
    pub fn extent(&self, range: Range<usize>) -> Option<Extent> {
        let range = range.start..range.end.min(self.points.len());
        if range.is_empty() {
            return None;
        }
        let first_block = range.start.div_ceil(BLOCK);
        let last_block = range.end / BLOCK;
        if first_block >= last_block {
            return Some(walk(&self.points[range]));
        }
        let head = walk(&self.points[range.start..first_block * BLOCK]);
        let tail = walk(&self.points[last_block * BLOCK..range.end]);
        let body = self.blocks[first_block..last_block].iter().fold(Extent::EMPTY, |a, b| a.union(*b));
        Some(head.union(body).union(tail))
    }

    /// The numbers of the points with `from <= x < to`.
    pub fn between(&self, axis: Axis, from: f64, to: f64) -> Range<usize> {
        let start = self.points.partition_point(|p| p.at(axis) < from);
        let end = self.points.partition_point(|p| p.at(axis) < to);
        start..end.max(start)
    }
}

impl Extend<Point> for Series {
    fn extend<I: IntoIterator<Item = Point>>(&mut self, points: I) {
        points.into_iter().for_each(|point| self.push(point));
    }
}

fn walk(points: &[Point]) -> Extent {
    let mut extent = Extent::EMPTY;
    points.iter().for_each(|point| extent.add(point.value));
    extent
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn point(step: u64, value: f32) -> Point {
        Point { step, epoch: step as f32 / 100.0, run_s: step as f32, wall_s: step as f32, value }
    }

    fn series(values: &[f32]) -> Series {
        let mut series = Series::default();
        series.extend(values.iter().enumerate().map(|(i, v)| point(i as u64, *v)));
        series
    }

    #[test]
    fn a_spike_of_one_step_survives_any_range() {
        let mut values = vec![1.0; 50_000];
        values[31_337] = 99.0;
        let series = series(&values);
        assert_eq!(series.extent(0..50_000).map(|e| e.max), Some(99.0));
        assert_eq!(series.extent(31_337..31_338).map(|e| e.min), Some(99.0));
        assert_eq!(series.extent(31_338..50_000).map(|e| e.max), Some(1.0));
        assert_eq!(series.extent(7..7), None);
    }

    #[test]
    fn non_finite_values_are_marked_and_not_drawn() {
        let extent = series(&[1.0, f32::NAN, 3.0, f32::INFINITY]).extent(0..4);
        assert_eq!(extent.map(|e| (e.min, e.max, e.broken, e.mean())), Some((1.0, 3.0, true, Some(2.0))));
        assert_eq!(series(&[f32::NAN]).extent(0..1).and_then(|e| e.mean()), None);
    }

    #[test]
    fn going_back_replaces_what_was_logged_beyond() {
        let mut series = series(&[0.0, 1.0, 2.0, 3.0]);
        series.push(point(2, 20.0));
        let values: Vec<f32> = series.points().iter().map(|p| p.value).collect();
        assert_eq!(values, [0.0, 1.0, 20.0]);
        series.cut(0);
        assert_eq!(series.points().len(), 1);
    }

    proptest! {
        #[test]
        fn extents_equal_a_plain_walk(
            values in prop::collection::vec(-1e3f32..1e3, 1..400),
            cut in 0usize..400, from in 0usize..400, len in 0usize..400,
        ) {
            let mut series = series(&values);
            series.cut(cut as u64);
            let kept = &values[..values.len().min(cut + 1)];
            let range = from.min(kept.len())..(from + len).min(kept.len()).max(from.min(kept.len()));
            let expected = kept[range.clone()].iter().fold(None, |acc: Option<(f32, f32)>, v| {
                Some(acc.map_or((*v, *v), |(lo, hi)| (lo.min(*v), hi.max(*v))))
            });
            prop_assert_eq!(series.extent(range).map(|e| (e.min, e.max)), expected);
        }
    }
}

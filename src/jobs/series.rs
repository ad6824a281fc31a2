//! One metric over a run: its logged points, and summaries of 8, 64, 512 … of them.
//!
//! A chart asks for the smallest and largest value of a range of points. The summaries answer in a few look-ups
//! whatever the length of the log, and since they keep extremes and not averages alone, a spike of a single step stays
//! visible in a chart of any width. Moving averages are kept at the same places, so that one anywhere in the log is a few
//! steps away too.

use std::ops::Range;

use super::point::{Axis, Point};
use super::smoothing::{Average, Averages, Smoothing};

/// How many points one summary covers, and how many summaries one of the next level. What is asked for begins and ends
/// anywhere: the more a summary covers, the more points beside it are walked, each of them far away in memory.
const BLOCK: usize = 8;

/// The extremes of the finite values in a range of points. `broken` says that a value in it was not finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extent {
    pub min: f32,
    pub max: f32,
    pub broken: bool,
}

impl Extent {
    const EMPTY: Extent = Extent { min: f32::INFINITY, max: f32::NEG_INFINITY, broken: false };

    /// False where every value was NaN or infinite.
    pub fn has_values(&self) -> bool {
        self.min <= self.max
    }

    fn add(&mut self, value: f32) {
        if value.is_finite() {
            *self = self.union(Extent { min: value, max: value, broken: false });
        } else {
            self.broken = true;
        }
    }

    pub fn union(self, other: Extent) -> Extent {
        // No extreme is NaN: plain comparisons are one instruction each, and a frame makes 100,000 of them.
        Extent {
            min: if other.min < self.min { other.min } else { self.min },
            max: if other.max > self.max { other.max } else { self.max },
            broken: self.broken | other.broken,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    points: Vec<Point>,
    /// Level by level, one entry for every full block of the level below, the points being the lowest.
    levels: Vec<Vec<Extent>>,
    /// Where the moving averages stand behind every full block of points.
    averages: Vec<Averages>,
}

impl Series {
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    pub fn last(&self) -> Option<&Point> {
        self.points.last()
    }

    /// Adds a point, as one that follows on the others or as the damage that its step gives away: steps only grow.
    ///
    /// A step that is not behind the last one but behind the one before it tells that the last one was damaged; a step
    /// behind neither is damaged itself, or repeats what an earlier worker had logged. A last step said again is the
    /// later word on it.
    pub fn push(&mut self, mut point: Point) {
        if let [before @ .., last] = &self.points[..]
            && point.step <= last.step
        {
            let replaces = before.last().is_none_or(|before| before.step < point.step);
            if !replaces {
                return;
            }
            self.truncate(self.points.len() - 1);
        }
        if let [before @ .., last] = &mut self.points[..] {
            point.follow(before.last(), last);
        }
        self.points.push(point);
        self.summarise();
    }

    /// Adds the summaries of the blocks that the last point has filled, and the averages behind it.
    fn summarise(&mut self) {
        if self.points.len().is_multiple_of(BLOCK) {
            let mut averages = self.averages.last().copied().unwrap_or_default();
            self.points[self.averages.len() * BLOCK..].iter().for_each(|point| averages.add(point.value));
            self.averages.push(averages);
        }
        let mut filled = self.points.len();
        for level in 0.. {
            if filled == 0 || !filled.is_multiple_of(BLOCK) {
                return;
            }
            let block = filled - BLOCK..filled;
            let summary = match level {
                0 => walk(&self.points[block]),
                _ => self.levels[level - 1][block].iter().fold(Extent::EMPTY, |a, b| a.union(*b)),
            };
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            self.levels[level].push(summary);
            filled = self.levels[level].len();
        }
    }

    /// Adds a point as it was logged, whatever its step: for a part that is put in order when it is appended.
    pub fn log(&mut self, point: Point) {
        self.points.push(point);
        self.summarise();
    }

    /// Drops the points beyond `step`: what an unsaved stretch logged before a resume went back.
    pub fn cut(&mut self, step: u64) {
        let all = std::mem::take(self).points;
        all.into_iter().filter(|point| point.step <= step).for_each(|point| self.log(point));
    }

    fn truncate(&mut self, keep: usize) {
        self.points.truncate(keep);
        let mut full = keep;
        self.averages.truncate(keep / BLOCK);
        for level in &mut self.levels {
            full /= BLOCK;
            level.truncate(full);
        }
    }

    /// The extremes of a range of point numbers; none if it is empty.
    pub fn extent(&self, range: Range<usize>) -> Option<Extent> {
        let (mut from, mut to) = (range.start, range.end.min(self.points.len()));
        if from >= to {
            return None;
        }
        let mut extent = Extent::EMPTY;
        for level in 0.. {
            // The ragged ends are walked; what is left is whole blocks, and those are entries of the next level.
            let head = from.next_multiple_of(BLOCK).min(to);
            let tail = (to - to % BLOCK).max(head);
            extent = extent.union(self.entries(level, from..head)).union(self.entries(level, tail..to));
            (from, to) = (head / BLOCK, tail / BLOCK);
            if head == tail {
                break;
            }
        }
        Some(extent)
    }

    fn entries(&self, level: usize, range: Range<usize>) -> Extent {
        match level {
            0 => walk(&self.points[range]),
            _ => self.levels[level - 1][range].iter().fold(Extent::EMPTY, |a, b| a.union(*b)),
        }
    }

    /// The number of the first point of a range whose value lies in `low..=high`: where an extreme was logged.
    pub fn first_within(&self, range: Range<usize>, low: f32, high: f32) -> Option<usize> {
        let holds = |extent: &Extent| extent.min <= high && extent.max >= low;
        let (mut at, end) = (range.start, range.end.min(self.points.len()));
        while at < end {
            // The largest summary that begins here and reaches no further, then down to where it tells of a value.
            let (mut level, mut size) = (0, 1);
            while at.is_multiple_of(size * BLOCK) && at + size * BLOCK <= end {
                (level, size) = (level + 1, size * BLOCK);
            }
            while level > 0 && holds(&self.levels[level - 1][at / size]) {
                (level, size) = (level - 1, size / BLOCK);
            }
            let value = self.points[at].value;
            if level == 0 && value >= low && value <= high {
                return Some(at);
            }
            at += size;
        }
        None
    }

    /// The moving average up to and with each point of a range, in order; none before the first finite value.
    pub fn smoothed(&self, range: Range<usize>, smoothing: Smoothing) -> impl Iterator<Item = Option<f32>> + '_ {
        let end = range.end.min(self.points.len());
        let start = range.start.min(end);
        let mut average = self.average_before(start, smoothing);
        self.points[start..end].iter().map(move |point| {
            average.add(point.value);
            average.value()
        })
    }

    /// The moving average at a point of a range that is not empty: at its last one, or, where that would have to be
    /// walked to and the range is long, at the last one that a summary ends with.
    pub fn smoothed_in(&self, range: Range<usize>, smoothing: Smoothing) -> Option<f32> {
        let whole = range.end - range.end % BLOCK;
        let end = if whole > range.start { whole } else { range.end };
        self.average_before(end, smoothing).value()
    }

    /// The average of all points before one.
    fn average_before(&self, at: usize, smoothing: Smoothing) -> Average {
        let blocks = at / BLOCK;
        let mut average =
            blocks.checked_sub(1).map_or(Average::new(smoothing), |last| self.averages[last].of(smoothing));
        self.points[blocks * BLOCK..at].iter().for_each(|point| average.add(point.value));
        average
    }

    /// The number of the first point that lies at `x` or behind it.
    pub fn first_from(&self, axis: Axis, x: f64) -> usize {
        self.first_from_near(axis, x, self.points.len() / 2)
    }

    /// The same, found faster if it is near `guess`: a search over all of a long series waits for memory at each step.
    pub fn first_from_near(&self, axis: Axis, x: f64, guess: usize) -> usize {
        let is_before = |at: usize| self.points[at].at(axis) < x;
        let (len, guess) = (self.points.len(), guess.min(self.points.len()));
        let (mut low, mut high, mut stride) = (guess, guess, 1);
        while low > 0 && !is_before(low - 1) {
            high = low - 1;
            low = low.saturating_sub(stride);
            stride *= 2;
        }
        stride = 1;
        while high < len && is_before(high) {
            low = high + 1;
            high = (high + stride).min(len);
            stride *= 2;
        }
        low + self.points[low..high].partition_point(|point| point.at(axis) < x)
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
        assert_eq!(extent, Some(Extent { min: 1.0, max: 3.0, broken: true }));
        assert_eq!(series(&[f32::NAN]).extent(0..1).map(|e| e.has_values()), Some(false));
    }

    #[test]
    fn one_damaged_step_costs_no_other_point() {
        let steps = |logged: &[u64]| {
            let mut series = Series::default();
            series.extend(logged.iter().map(|step| point(*step, 1.0)));
            series.points().iter().map(|point| point.step).collect::<Vec<u64>>()
        };
        assert_eq!(steps(&[1, 2, 900, 4, 5]), [1, 2, 4, 5]);
        assert_eq!(steps(&[11, 12, 3, 14, 15]), [11, 12, 14, 15]);
        assert_eq!(steps(&[900, 2, 3]), [2, 3]);
        assert_eq!(steps(&[1, 2, 900]), [1, 2, 900]);
    }

    #[test]
    fn a_last_step_said_again_is_the_later_word() {
        let mut series = series(&[0.0, 1.0, 2.0, 3.0]);
        series.push(point(3, 30.0));
        let values: Vec<f32> = series.points().iter().map(|p| p.value).collect();
        assert_eq!(values, [0.0, 1.0, 2.0, 30.0]);
        series.cut(0);
        assert_eq!(series.points().len(), 1);
    }

    #[test]
    fn no_clock_runs_backwards() {
        let clocks = |logged: &[f32]| {
            let mut series = Series::default();
            let at = |(step, s): (usize, &f32)| Point { run_s: *s, wall_s: *s, ..point(step as u64, 1.0) };
            series.extend(logged.iter().enumerate().map(at));
            series.points().iter().map(|point| point.wall_s).collect::<Vec<f32>>()
        };
        assert_eq!(clocks(&[1.0, 2.0, 900.0, 4.0, 5.0]), [1.0, 2.0, 4.0, 4.0, 5.0], "one was damaged");
        assert_eq!(clocks(&[1.0, 2.0, 0.0, 4.0]), [1.0, 2.0, 2.0, 4.0], "one was damaged");
        assert_eq!(clocks(&[7.0, 8.0, 9.0, 3.0, 4.0, 10.0]), [7.0, 8.0, 9.0, 9.0, 9.0, 10.0], "it was set back");
    }

    proptest! {
        #[test]
        fn averages_equal_a_plain_walk(
            values in prop::collection::vec(prop_oneof![9 => -1e3f32..1e3, 1 => Just(f32::NAN)], 1..200),
            cut in 0usize..200, from in 0usize..200, strength in 0usize..7,
        ) {
            let smoothing = (0..strength).fold(Smoothing::NONE, |smoothing, _| smoothing.stronger());
            let mut series = series(&values);
            series.cut(cut as u64);
            series.push(point(1000, 5.0));
            let mut average = Average::new(smoothing);
            let due: Vec<Option<f32>> = series.points().iter().map(|point| {
                average.add(point.value);
                average.value()
            }).collect();
            let near = |a: &Option<f32>, b: &Option<f32>| match (a, b) {
                (Some(a), Some(b)) => (a - b).abs() <= 1e-3 * (1.0 + b.abs()),
                (a, b) => a == b,
            };
            let from = from.min(due.len() - 1);
            let found: Vec<Option<f32>> = series.smoothed(from..due.len(), smoothing).collect();
            prop_assert_eq!(found.len(), due.len() - from);
            prop_assert!(found.iter().zip(&due[from..]).all(|(a, b)| near(a, b)), "{:?} {:?}", found, due);
            let one = series.smoothed_in(from..due.len(), smoothing);
            prop_assert!(due[from..].iter().any(|due| near(&one, due)), "{:?}", one);
        }

        #[test]
        fn an_extreme_is_found_where_it_was_logged(
            values in prop::collection::vec(0u8..9, 1..700), from in 0usize..700, len in 1usize..700,
        ) {
            let values: Vec<f32> = values.into_iter().map(f32::from).collect();
            let series = series(&values);
            let range = from.min(values.len() - 1)..(from + len).min(values.len());
            let range = range.start..range.end.max(range.start + 1);
            let max = series.extent(range.clone()).map(|extent| extent.max).unwrap();
            let due = range.clone().find(|at| values[*at] == max);
            prop_assert_eq!(series.first_within(range.clone(), max, f32::INFINITY), due);
            prop_assert_eq!(series.first_within(range, 100.0, 200.0), None);
        }

        #[test]
        fn a_search_finds_the_same_from_any_guess(n in 0usize..300, x in -5f64..700.0, guess in 0usize..400) {
            let mut series = Series::default();
            series.extend((0..n as u64).map(|i| point(2 * i, 1.0)));
            let expected = (0..n).find(|i| (2 * i) as f64 >= x).unwrap_or(n);
            prop_assert_eq!(series.first_from_near(Axis::Step, x, guess), expected);
            prop_assert_eq!(series.first_from(Axis::Step, x), expected);
        }

        #[test]
        fn extents_equal_a_plain_walk(
            values in prop::collection::vec(-1e3f32..1e3, 1..900),
            cut in 0usize..900, from in 0usize..900, len in 0usize..900,
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

//! Metrics over time: which values were logged, and where on the four x axes.

use super::{Num, plain_text};
use std::collections::BTreeMap;

/// Names beyond this are a hostile log's.
pub(super) const MAX_SERIES: usize = 1024;

/// Where on the four x axes something was logged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// Optimiser steps done.
    pub step: u64,
    /// Epochs done, as a fraction.
    pub epoch: f64,
    /// Time spent computing, across resumes.
    pub run_ms: u64,
    /// Unix time.
    pub t_ms: u64,
}

/// A logged value and where it was logged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Optimiser steps done.
    pub step: u64,
    /// Epochs done, as a fraction.
    pub epoch: f64,
    /// Time spent computing, across resumes.
    pub run_ms: u64,
    /// Unix time.
    pub t_ms: u64,
    /// May be NaN or infinite.
    pub value: f64,
}

/// A metric's history, in the order logged; read-only, as [`Replay::series`] lends it.
#[derive(Debug, Clone, Copy)]
pub struct Series<'a> {
    rows: &'a [Row],
    at: &'a [u32],
    values: &'a [f64],
}

/// All metrics of a run. Values share the rows in which they were logged, so that twenty metrics cost their x axes once.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    rows: Vec<Row>,
    columns: BTreeMap<String, Column>,
    /// Some row has a smaller step than one before it, as no worker writes it.
    is_shuffled: bool,
}

#[derive(Debug, Clone, Default)]
struct Column {
    at: Vec<u32>,
    values: Vec<f64>,
}

impl History {
    pub fn push(&mut self, row: Row, values: BTreeMap<String, Num>) {
        let Ok(index) = u32::try_from(self.rows.len()) else { return };
        self.is_shuffled |= self.last_row().is_some_and(|last| row.step < last.step);
        self.rows.push(row);
        for (name, Num(value)) in values {
            let name = plain_text(&name);
            let is_full = self.columns.len() >= MAX_SERIES;
            let column = match self.columns.get_mut(name.as_ref()) {
                Some(column) => column,
                None if is_full => continue,
                None => self.columns.entry(name.into_owned()).or_default(),
            };
            // Said twice of one step, as an epoch's end repeats its last step: the later word.
            if column.at.last().is_some_and(|&last| self.rows[last as usize].step == row.step) {
                column.at.pop();
                column.values.pop();
            }
            column.at.push(index);
            column.values.push(value);
        }
    }

    /// Forgets what was logged beyond a step; true if there was anything.
    pub fn drop_beyond(&mut self, step: u64) -> bool {
        let before = self.rows.len();
        if self.is_shuffled {
            self.pick_up_to(step);
        } else {
            let kept = self.rows.partition_point(|row| row.step <= step);
            self.rows.truncate(kept);
            for column in self.columns.values_mut() {
                let kept = column.at.partition_point(|&at| (at as usize) < kept);
                column.at.truncate(kept);
                column.values.truncate(kept);
            }
        }
        self.columns.retain(|_, column| !column.at.is_empty());
        self.rows.len() < before
    }

    /// Where rows are in no order, each is looked at, and those that stay get new places.
    fn pick_up_to(&mut self, step: u64) {
        let mut kept = 0;
        let place = |row: &Row| {
            let stays = row.step <= step;
            kept += u32::from(stays);
            stays.then(|| kept - 1)
        };
        let places: Vec<Option<u32>> = self.rows.iter().map(place).collect();
        self.rows.retain(|row| row.step <= step);
        self.is_shuffled = !self.rows.is_sorted_by_key(|row| row.step);
        for column in self.columns.values_mut() {
            let pairs = column.at.iter().zip(&column.values);
            let kept = pairs.filter_map(|(&at, &value)| Some((places[at as usize]?, value)));
            (column.at, column.values) = kept.unzip();
        }
    }

    pub fn last_row(&self) -> Option<&Row> {
        self.rows.last()
    }

    pub fn metrics(&self) -> impl Iterator<Item = &str> {
        self.columns.keys().map(String::as_str)
    }

    pub fn series(&self, metric: &str) -> Option<Series<'_>> {
        let column = self.columns.get(metric)?;
        Some(Series { rows: &self.rows, at: &column.at, values: &column.values })
    }
}

impl<'a> Series<'a> {
    /// How many points.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// No point.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The values alone.
    pub fn values(&self) -> &'a [f64] {
        self.values
    }

    /// Where the i-th value was logged.
    pub fn row(&self, i: usize) -> Option<&'a Row> {
        self.rows.get(*self.at.get(i)? as usize)
    }

    /// The i-th point.
    pub fn point(&self, i: usize) -> Option<Point> {
        let (row, value) = (self.row(i)?, *self.values.get(i)?);
        let Row { step, epoch, run_ms, t_ms } = *row;
        Some(Point { step, epoch, run_ms, t_ms, value })
    }

    /// All points.
    pub fn points(self) -> impl DoubleEndedIterator<Item = Point> + ExactSizeIterator + 'a {
        self.at.iter().zip(self.values).map(move |(&at, &value)| {
            let Row { step, epoch, run_ms, t_ms } = self.rows[at as usize];
            Point { step, epoch, run_ms, t_ms, value }
        })
    }

    /// The last point.
    pub fn last(&self) -> Option<Point> {
        self.point(self.len().checked_sub(1)?)
    }

    /// The best finite point, by the metric's direction; the first of equals.
    pub fn best(&self, higher_is_better: bool) -> Option<Point> {
        let better = |a: f64, b: f64| if higher_is_better { a > b } else { a < b };
        let finite = self.points().filter(|point| point.value.is_finite());
        finite.reduce(|best, point| if better(point.value, best.value) { point } else { best })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(history: &mut History, step: u64) {
        let row = Row { step, epoch: 0.0, run_ms: 0, t_ms: 0 };
        let even = step.is_multiple_of(2).then(|| ("even".to_owned(), Num(step as f64)));
        history.push(row, [("all".to_owned(), Num(step as f64))].into_iter().chain(even).collect());
    }

    fn steps(history: &History, metric: &str) -> Vec<u64> {
        history.series(metric).into_iter().flat_map(Series::points).map(|point| point.step).collect()
    }

    #[test]
    fn dropping_is_the_same_in_any_order() {
        for order in [vec![1, 2, 3, 4, 5, 6], vec![6, 1, 5, 2, 4, 3], vec![9, 1, 2, 3]] {
            for limit in 0..8 {
                let mut history = History::default();
                order.iter().for_each(|&step| push(&mut history, step));
                let wanted: Vec<u64> = order.iter().copied().filter(|step| *step <= limit).collect();
                assert_eq!(history.drop_beyond(limit), wanted.len() < order.len());
                assert_eq!(steps(&history, "all"), wanted);
                let even: Vec<u64> = wanted.iter().copied().filter(|step| step % 2 == 0).collect();
                assert_eq!(steps(&history, "even"), even);
                let values = history.series("all").map_or(vec![], |series| series.values().to_vec());
                assert_eq!(values, wanted.iter().map(|&step| step as f64).collect::<Vec<_>>());
                push(&mut history, 100);
                assert_eq!(steps(&history, "all").last(), Some(&100));
            }
        }
    }
}

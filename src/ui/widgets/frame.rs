//! The visible part of the plane, and the dots that it is mapped to.

use crate::app::Window;
use crate::jobs::{Axis, Series};

#[derive(Clone, Copy, Debug)]
pub struct Frame {
    pub axis: Axis,
    pub x: Window,
    pub y: (f64, f64),
    pub log_y: bool,
    /// Dots across and down.
    pub size: (usize, usize),
}

impl Frame {
    /// The dot column of a place; what lies outside is at the edge.
    pub fn column(&self, x: f64) -> usize {
        dot(self.x.share(x), self.size.0)
    }

    /// The dot row of a value; what lies outside is at the edge.
    pub fn row(&self, y: f64) -> usize {
        dot(1.0 - self.height(y), self.size.1)
    }

    /// 0 at the lower edge, 1 at the upper one.
    fn height(&self, y: f64) -> f64 {
        let scale = |v: f64| if self.log_y { v.max(1e-30).ln() } else { v };
        let (low, high) = (scale(self.y.0), scale(self.y.1));
        (scale(y) - low) / (high - low)
    }

    /// The dots of the part of a straight line that lies between the left and the right edge; none beside it.
    pub fn clipped(&self, from: (f64, f64), to: (f64, f64)) -> Option<[(usize, usize); 2]> {
        let place = |(x, y): (f64, f64)| (self.x.share(x), self.height(y));
        let (from, to) = (place(from), place(to));
        if to.0 < 0.0 || from.0 > 1.0 {
            return None;
        }
        let cut = |at: f64| {
            let share = (at - from.0) / (to.0 - from.0);
            (at, from.1 + share * (to.1 - from.1))
        };
        let from_cut = if from.0 < 0.0 { cut(0.0) } else { from };
        let to_cut = if to.0 > 1.0 { cut(1.0) } else { to };
        Some([from_cut, to_cut].map(|(x, y)| (dot(x, self.size.0), dot(1.0 - y, self.size.1))))
    }

    /// The left edge of what [`Frame::column`] maps to this dot; of the first one, the edge of what is shown.
    pub fn left_of(&self, dot: usize) -> f64 {
        if dot == 0 {
            return self.x.low;
        }
        self.x.at((dot as f64 - 0.5) / self.size.0.saturating_sub(1).max(1) as f64)
    }

    /// For each dot column the number of the first point in it or behind it, and the end of the last.
    pub fn edges(&self, series: &Series) -> Vec<usize> {
        let mut edges: Vec<usize> = Vec::with_capacity(self.size.0 + 1);
        for dot in 0..self.size.0 {
            // Logs are even: the next column has about as many points as the last one.
            let guess = match edges[..] {
                [.., before, last] => last + last.saturating_sub(before),
                _ => 0,
            };
            edges.push(series.first_from_near(self.axis, self.left_of(dot), guess));
        }
        edges.push(series.first_from(self.axis, self.x.high.next_up()));
        edges
    }
}

/// One of so many dots by a share of their length.
fn dot(share: f64, dots: usize) -> usize {
    (share.clamp(0.0, 1.0) * dots.saturating_sub(1) as f64).round() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> Frame {
        let x = Window { low: 10.0, high: 20.0, log: false };
        Frame { axis: Axis::Step, x, y: (0.0, 10.0), log_y: false, size: (11, 11) }
    }

    #[test]
    fn lines_are_cut_at_the_edges_where_they_cross_them() {
        assert_eq!(frame().clipped((12.0, 0.0), (14.0, 10.0)), Some([(2, 10), (4, 0)]));
        assert_eq!(frame().clipped((0.0, 0.0), (20.0, 10.0)), Some([(0, 5), (10, 0)]));
        assert_eq!(frame().clipped((15.0, 10.0), (25.0, 0.0)), Some([(5, 0), (10, 5)]));
        assert_eq!(frame().clipped((1.0, 1.0), (9.0, 1.0)), None);
        assert_eq!(frame().clipped((21.0, 1.0), (29.0, 1.0)), None);
    }
}

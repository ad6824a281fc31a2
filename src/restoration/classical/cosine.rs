//! The cosine transform of a plane, in which blur over mirrored borders is diagonal.

use rustdct::{DctPlanner, TransformType2And3};
use std::sync::Arc;

/// The orthonormal DCT-II of planes `(height, width)` and its inverse.
pub(super) struct Cosine {
    width: usize,
    rows: Line,
    columns: Line,
}

/// The transform of one line.
struct Line {
    transform: Arc<dyn TransformType2And3<f64>>,
    length: usize,
}

impl Cosine {
    /// For planes of this size; both sides are at least 1.
    pub(super) fn new(width: usize, height: usize) -> Self {
        let mut planner = DctPlanner::new();
        let mut line = |length| Line { transform: planner.plan_dct2(length), length };
        Self { width, rows: line(width), columns: line(height) }
    }

    /// Coefficients `(height, width)`, that of the mean first, in the place of the plane.
    pub(super) fn forward(&self, plane: &mut [f64]) {
        self.each_line(plane, Line::forward);
    }

    /// The plane in the place of its coefficients.
    pub(super) fn inverse(&self, plane: &mut [f64]) {
        self.each_line(plane, Line::inverse);
    }

    fn each_line(&self, plane: &mut [f64], change: fn(&Line, &mut [f64])) {
        plane.chunks_exact_mut(self.width).for_each(|row| change(&self.rows, row));
        let mut column = vec![0.0; self.columns.length];
        for x in 0..self.width {
            column.iter_mut().zip(plane.iter().skip(x).step_by(self.width)).for_each(|(to, from)| *to = *from);
            change(&self.columns, &mut column);
            plane.iter_mut().skip(x).step_by(self.width).zip(&column).for_each(|(to, from)| *to = *from);
        }
    }
}

impl Line {
    fn forward(&self, line: &mut [f64]) {
        self.transform.process_dct2(line);
        let scale = (2.0 / self.length as f64).sqrt();
        line.iter_mut().for_each(|value| *value *= scale);
        line[0] *= std::f64::consts::FRAC_1_SQRT_2;
    }

    fn inverse(&self, line: &mut [f64]) {
        let scale = (2.0 / self.length as f64).sqrt();
        line.iter_mut().for_each(|value| *value *= scale);
        // The library's DCT-III halves the first coefficient.
        line[0] *= std::f64::consts::SQRT_2;
        self.transform.process_dct3(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::random::Stream;

    #[test]
    fn a_plane_comes_back_and_keeps_its_length() {
        let stream = Stream::new(1, "plane", 0);
        for (width, height) in [(32, 32), (7, 5), (1, 4), (1, 1)] {
            let plane: Vec<f64> = (0..width * height).map(|i| f64::from(stream.unit(i as u64))).collect();
            let cosine = Cosine::new(width, height);
            let mut changed = plane.clone();
            cosine.forward(&mut changed);
            let energy = |values: &[f64]| values.iter().map(|x| x * x).sum::<f64>();
            assert!((energy(&changed) - energy(&plane)).abs() < 1e-9, "orthonormal");
            let mean = plane.iter().sum::<f64>() / plane.len() as f64;
            assert!((changed[0] - mean * (plane.len() as f64).sqrt()).abs() < 1e-9);
            cosine.inverse(&mut changed);
            assert!(plane.iter().zip(&changed).all(|(a, b)| (a - b).abs() < 1e-12));
        }
    }

    #[test]
    fn a_wave_has_one_coefficient() {
        let wave = |k: f64, at: usize, length: f64| (std::f64::consts::PI * k * (at as f64 + 0.5) / length).cos();
        let mut plane: Vec<f64> = (0..6 * 8).map(|i| wave(2.0, i / 8, 6.0) * wave(3.0, i % 8, 8.0)).collect();
        Cosine::new(8, 6).forward(&mut plane);
        for (i, value) in plane.into_iter().enumerate() {
            let due = if i == 2 * 8 + 3 { (3.0f64 * 4.0).sqrt() } else { 0.0 };
            assert!((value - due).abs() < 1e-12, "{i}: {value}");
        }
    }
}

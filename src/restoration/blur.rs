//! Blur by a symmetric kernel, row by row and column by column, over mirrored borders.

use super::picture::{COLOURS, Picture, mirrored};
use rayon::prelude::*;

/// Deviations that a Gaussian kernel reaches each way (scipy.ndimage's `truncate`).
const TRUNCATE: f32 = 4.0;
/// The largest radius in pixels: a wider kernel is cut here.
const MAX_RADIUS: f32 = 512.0;

/// A separable kernel, the same for rows, columns and colours: the weights of the pixel itself and of those 1, 2, …
/// pixels away to either side; they sum to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Blur {
    weights: Vec<f32>,
}

impl Blur {
    /// A Gaussian of deviation `sigma` pixels, cut off `floor(4 sigma + 1/2)` pixels away, as scipy.ndimage's
    /// `gaussian_filter` does with its defaults. A `sigma` that is not above 0 blurs nothing.
    pub fn gaussian(sigma: f32) -> Self {
        if sigma.is_nan() || sigma <= 0.0 {
            return Self { weights: vec![1.0] };
        }
        let radius = (TRUNCATE * sigma + 0.5).min(MAX_RADIUS) as usize;
        let weight = |distance: usize| (-0.5 * (distance as f64 / f64::from(sigma)).powi(2)).exp();
        let sum: f64 = 1.0 + 2.0 * (1..=radius).map(weight).sum::<f64>();
        Self { weights: (0..=radius).map(|distance| (weight(distance) / sum) as f32).collect() }
    }

    /// Pixels that the kernel reaches each way.
    pub fn radius(&self) -> usize {
        self.weights.len() - 1
    }

    /// The blurred picture; at a border the picture goes on as in a mirror, the edge pixel twice (`d c b a | a b c d`,
    /// scipy's `reflect`).
    pub fn apply(&self, picture: &Picture) -> Picture {
        let (width, height) = (picture.width(), picture.height());
        let pixel = COLOURS;
        let rows = self.along(picture.pixels(), height, width, pixel);
        let mut blurred = picture.clone();
        blurred.pixels_mut().copy_from_slice(&self.along(&rows, 1, height, width * pixel));
        blurred
    }

    /// The blurred pictures, in the same order.
    pub fn apply_all(&self, pictures: &[Picture]) -> Vec<Picture> {
        pictures.par_iter().map(|picture| self.apply(picture)).collect()
    }

    /// Blurs the middle axis of `values (outer, length, inner)`.
    fn along(&self, values: &[f32], outer: usize, length: usize, inner: usize) -> Vec<f32> {
        let mut blurred = vec![0.0; values.len()];
        for block in 0..outer {
            let start = block * length * inner;
            for at in 0..length {
                let sums = &mut blurred[start + at * inner..][..inner];
                for (offset, weight) in self.taps() {
                    let from = start + mirrored(at as isize + offset, length) * inner;
                    sums.iter_mut().zip(&values[from..from + inner]).for_each(|(sum, value)| *sum += weight * value);
                }
            }
        }
        blurred
    }

    /// Offset and weight of every tap.
    fn taps(&self) -> impl Iterator<Item = (isize, f32)> + '_ {
        let radius = self.radius() as isize;
        (-radius..=radius).map(|offset| (offset, self.weights[offset.unsigned_abs()]))
    }

    /// What the blur of a line of `length` pixels multiplies each of its cosine waves (DCT-II) by:
    /// `w_0 + 2 sum_r w_r cos(pi k r / length)` for `k = 0..length`. A symmetric kernel over borders mirrored this way
    /// is diagonal in that basis (Strang 1999, "The Discrete Cosine Transform"), so there is no border to err at.
    pub fn eigenvalues(&self, length: usize) -> Vec<f64> {
        let value = |k: usize| {
            let wave = |r: usize| (std::f64::consts::PI * k as f64 * r as f64 / length as f64).cos();
            let tail: f64 = self.weights.iter().enumerate().skip(1).map(|(r, &w)| f64::from(w) * wave(r)).sum();
            f64::from(self.weights[0]) + 2.0 * tail
        };
        (0..length).map(value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ```python
    /// import numpy as np
    /// from scipy.ndimage import gaussian_filter1d
    /// print(gaussian_filter1d([0.0, 0.1, 0.9, 0.4, 0.7], 1.5))
    /// ```
    #[test]
    fn a_line_is_blurred_as_scipy_does_it() {
        let line = [0.0, 0.1, 0.9, 0.4, 0.7];
        let picture = Picture::of_size(5, 1, |_, x, colour| line[x] * (colour + 1) as f32);
        let blurred = Blur::gaussian(1.5).apply(&picture);
        let due = [0.187_325_34, 0.303_920_3, 0.453_280_53, 0.556_128, 0.599_345_8];
        for (x, due) in due.iter().enumerate() {
            for colour in 0..3 {
                let found = blurred.at(0, x, colour);
                assert!((found - due * (colour + 1) as f32).abs() < 1e-5, "{x} {colour}: {found} {due}");
            }
        }
        let upright = Picture::of_size(1, 5, |y, _, colour| line[y] * (colour + 1) as f32);
        let turned = Blur::gaussian(1.5).apply(&upright);
        assert!(turned.pixels().iter().zip(blurred.pixels()).all(|(a, b)| (a - b).abs() < 1e-6), "columns as rows");
    }

    #[test]
    fn a_flat_picture_and_a_kernel_of_nothing_change_nothing() {
        let flat = Picture::of_size(7, 4, |_, _, colour| colour as f32 / 4.0);
        let blurred = Blur::gaussian(3.0).apply(&flat);
        assert!(blurred.pixels().iter().zip(flat.pixels()).all(|(a, b)| (a - b).abs() < 1e-6));
        let some = Picture::of_size(4, 4, |y, x, _| (y * x) as f32);
        for sigma in [0.0, -1.0, f32::NAN, 1e-3] {
            assert_eq!(Blur::gaussian(sigma).apply(&some), some);
        }
        assert_eq!(Blur::gaussian(1.5).radius(), 6);
        assert_eq!(Blur::gaussian(f32::MAX).radius(), 512);
    }

    #[test]
    fn cosine_waves_keep_their_shape() {
        let (blur, length) = (Blur::gaussian(1.5), 9);
        for (k, value) in blur.eigenvalues(length).into_iter().enumerate() {
            let wave = |x: usize| (std::f64::consts::PI * k as f64 * (x as f64 + 0.5) / length as f64).cos();
            let blurred = blur.apply(&Picture::of_size(length, 1, |_, x, _| wave(x) as f32));
            for x in 0..length {
                let found = f64::from(blurred.at(0, x, 0));
                assert!((found - value * wave(x)).abs() < 1e-5, "{k} {x}: {found} {}", value * wave(x));
            }
        }
    }
}

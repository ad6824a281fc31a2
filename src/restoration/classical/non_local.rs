//! Non-local means: a mean of the pixels whose surroundings look alike.

use super::super::picture::{COLOURS, mirrored_about_edge};
use super::super::{Picture, RestorationError, Restorer, Task, each};
use super::other_task;

/// Rows and columns that a like pixel may be away.
const REACH: usize = 6;
/// Patches that are tried, by their side in pixels.
const PATCHES: [usize; 2] = [3, 5];
/// Strengths that are tried, in deviations of the noise.
const STRENGTHS: [f32; 7] = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0];
/// A patch whose first rows are this unlike, where `exp(-5)` is near to none, is not looked at further and counts as none.
const CUT: f32 = 5.0;

/// Buades, Coll and Morel 2005, "A Non-Local Algorithm for Image Denoising": each pixel becomes the mean of those at most
/// 6 rows and columns away, weighted by `exp(-max(d - 2 sigma^2, 0) / h^2)`. `d` is the mean squared difference of the
/// patches around both, over colours and, weighted by a Gaussian of deviation `(patch - 1) / 4`, over pixels. Patches are
/// mirrored about the picture's edge.
///
/// As scikit-image's `denoise_nl_means(patch_distance=6, fast_mode=False)`, but for its rounded exponential.
#[derive(Clone, Debug)]
pub struct NonLocalMeans {
    side: usize,
    strength: f32,
    /// `2 sigma^2` of a pixel's colours together.
    noise: f32,
    /// Of the pixels of a patch `(side, side)`; over `h^2` and the number of colours.
    weights: Vec<f32>,
}

impl NonLocalMeans {
    /// `side` of the patch in pixels, odd and at least 3; `strength` is `h` and `sigma` the deviation of the noise, in
    /// units of 0..1.
    pub fn new(side: usize, strength: f32, sigma: f32) -> Self {
        let (middle, deviation) = ((side / 2) as f32, (side as f32 - 1.0) / 4.0);
        let off = |at: usize| (at as f32 - middle).powi(2);
        let weight = |i: usize| (-(off(i / side) + off(i % side)) / (2.0 * deviation * deviation)).exp();
        let sum: f32 = (0..side * side).map(weight).sum();
        let scale = 1.0 / (sum * COLOURS as f32 * strength * strength);
        let weights = (0..side * side).map(|i| weight(i) * scale).collect();
        Self { side, strength, noise: 2.0 * COLOURS as f32 * sigma * sigma, weights }
    }

    pub(super) fn grid(sigma: f32) -> Vec<Self> {
        let of = |side: usize| STRENGTHS.map(|share| Self::new(side, share * sigma, sigma));
        PATCHES.into_iter().flat_map(of).collect()
    }

    fn filter(&self, picture: &Picture) -> Picture {
        let wide = picture.padded(self.side / 2, mirrored_about_edge);
        let near = |at: usize, length: usize| at.saturating_sub(REACH)..(at + REACH + 1).min(length);
        let mut filtered = picture.clone();
        for (i, pixel) in filtered.pixels_mut().chunks_exact_mut(COLOURS).enumerate() {
            let (y, x) = (i / picture.width(), i % picture.width());
            let (mut sums, mut whole) = ([0.0; COLOURS], 0.0);
            for y2 in near(y, picture.height()) {
                for x2 in near(x, picture.width()) {
                    let likeness = self.likeness(&wide, (y, x), (y2, x2));
                    sums.iter_mut().enumerate().for_each(|(c, sum)| *sum += likeness * picture.at(y2, x2, c));
                    whole += likeness;
                }
            }
            // A pixel is like itself, so the whole is at least 1.
            pixel.iter_mut().zip(sums).for_each(|(value, sum)| *value = sum / whole);
        }
        filtered
    }

    /// How like the patches around two pixels are, 0 to 1.
    fn likeness(&self, wide: &Picture, a: (usize, usize), b: (usize, usize)) -> f32 {
        let run = self.side * COLOURS;
        let line =
            |(y, x): (usize, usize), row: usize| &wide.pixels()[((y + row) * wide.width() + x) * COLOURS..][..run];
        let mut distance = 0.0;
        for (row, weights) in self.weights.chunks_exact(self.side).enumerate() {
            if distance > CUT {
                return 0.0;
            }
            let pairs = line(a, row).chunks_exact(COLOURS).zip(line(b, row).chunks_exact(COLOURS));
            for ((a, b), weight) in pairs.zip(weights) {
                let square: f32 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
                distance += weight * (square - self.noise);
            }
        }
        (-distance.max(0.0)).exp()
    }
}

impl Restorer for NonLocalMeans {
    fn name(&self) -> &str {
        "non-local means"
    }

    fn settings(&self) -> String {
        format!("patch {0}x{0}, h {1:.3}", self.side, self.strength)
    }

    fn restore(
        &self,
        task: &Task,
        damaged: &[Picture],
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Vec<Picture>>, RestorationError> {
        let Task::Denoise { .. } = task else {
            return Err(other_task(self, task));
        };
        each(damaged, go_on, |picture| Ok(self.filter(picture)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ```python
    /// import numpy as np
    /// from skimage.restoration import denoise_nl_means
    /// a = ((np.arange(16 * 17 * 3) * 37 % 61) / 61).reshape(16, 17, 3)
    /// b = denoise_nl_means(a, 3, 6, h=0.25, sigma=0.2, fast_mode=False, channel_axis=2)
    /// print(b[0, 0], b[7, 9], b[15, 16])
    /// ```
    #[test]
    fn the_numbers_are_scikit_image_s() {
        let picture = Picture::of_size(17, 16, |y, x, c| ((((y * 17 + x) * 3 + c) * 37 % 61) as f32) / 61.0);
        let filtered = NonLocalMeans::new(3, 0.25, 0.2).filter(&picture);
        let due = [
            ((0, 0), [0.233_237, 0.660_210, 0.357_839]),
            ((7, 9), [0.752_831, 0.492_751, 0.236_669]),
            ((15, 16), [0.258_736, 0.733_311, 0.430_820]),
        ];
        for ((y, x), due) in due {
            for (colour, due) in due.into_iter().enumerate() {
                let found = filtered.at(y, x, colour);
                // Its exponential is off by up to 4 %.
                assert!((found - due).abs() < 5e-3, "{y} {x} {colour}: {found} {due}");
            }
        }
    }

    #[test]
    fn two_flat_halves_are_not_mixed() {
        let halves = Picture::of_size(16, 16, |_, x, _| if x < 8 { 0.2 } else { 0.8 });
        let filtered = NonLocalMeans::new(3, 0.05, 0.05).filter(&halves);
        assert!(filtered.pixels().iter().zip(halves.pixels()).all(|(a, b)| (a - b).abs() < 1e-5));
    }
}

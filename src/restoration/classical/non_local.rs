//! Non-local means: a mean of the pixels whose surroundings look alike.

use super::super::picture::{COLOURS, mirrored_about_edge};
use super::super::{Picture, RestorationError, Restorer, Task, each};
use super::other_task;

/// Rows and columns that a like pixel may be away.
const REACH: usize = 6;
/// Patches that are tried, by their side in pixels.
const PATCHES: [usize; 2] = [3, 5];
/// Strengths that are tried, in deviations of the noise.
const STRENGTHS: [f32; 8] = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.1];
/// Likenesses below `exp(-5)` count as none.
const CUT: f32 = 5.0;

/// Buades, Coll and Morel 2005, "A Non-Local Algorithm for Image Denoising": each pixel becomes the mean of those at most
/// 6 rows and columns away, weighted by `exp(-max(d - 2 sigma^2, 0) / h^2)`, `d` being the mean squared difference of the
/// patches around both, over all colours.
///
/// Patches count evenly, as in scikit-image's `denoise_nl_means(patch_distance=6, fast_mode=True)`, whose numbers these
/// are but for its rounded exponential; the paper weighs them by a Gaussian. Borders are mirrored about the edge.
#[derive(Clone, Copy, Debug)]
pub struct NonLocalMeans {
    patch: usize,
    strength: f32,
    sigma: f32,
}

impl NonLocalMeans {
    /// `patch` is odd; `strength` is `h` in units of 0..1 and `sigma` the deviation of the noise.
    pub fn new(patch: usize, strength: f32, sigma: f32) -> Self {
        Self { patch, strength, sigma }
    }

    pub(super) fn grid(sigma: f32) -> Vec<Self> {
        let of = |patch: usize| STRENGTHS.map(|share| Self::new(patch, share * sigma, sigma));
        PATCHES.into_iter().flat_map(of).collect()
    }

    fn filter(&self, picture: &Picture) -> Picture {
        let radius = self.patch / 2;
        let wide = picture.padded(radius + REACH, mirrored_about_edge);
        let mut sums = vec![[0.0f32; COLOURS + 1]; picture.width() * picture.height()];
        let reach = REACH as isize;
        for (dy, dx) in (-reach..=reach).flat_map(|dy| (-reach..=reach).map(move |dx| (dy, dx))) {
            let (row, column) = (REACH.wrapping_add_signed(dy), REACH.wrapping_add_signed(dx));
            let distances = self.distances(&wide, (row, column), picture.width(), picture.height());
            for (i, (sums, distance)) in sums.iter_mut().zip(distances).enumerate() {
                if distance > CUT {
                    continue;
                }
                let (y, x) = (i / picture.width(), i % picture.width());
                let weight = (-distance).exp();
                let from = (0..COLOURS).map(|colour| wide.at(y + row + radius, x + column + radius, colour));
                from.chain([1.0]).zip(sums).for_each(|(value, sum)| *sum += weight * value);
            }
        }
        picture.like(|y, x, colour| {
            let sums = sums[y * picture.width() + x];
            sums[colour] / sums[COLOURS]
        })
    }

    /// For each pixel, how unlike its patch and the one that lies `(row - 6, column - 6)` away are, in units of `h^2`.
    fn distances(&self, wide: &Picture, (row, column): (usize, usize), width: usize, height: usize) -> Vec<f32> {
        let (across, down) = (width + self.patch - 1, height + self.patch - 1);
        let mut squares = Vec::with_capacity(across * down);
        for y in 0..down {
            let line =
                |top: usize, left: usize| &wide.pixels()[(top * wide.width() + left) * COLOURS..][..across * COLOURS];
            let pairs = line(y + REACH, REACH).chunks_exact(COLOURS).zip(line(y + row, column).chunks_exact(COLOURS));
            squares.extend(pairs.map(|(a, b)| a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>()));
        }
        let count = (self.patch * self.patch * COLOURS) as f32;
        let (noise, scale) = (2.0 * self.sigma * self.sigma, 1.0 / (self.strength * self.strength));
        window_sums(&squares, across, self.patch).map(|sum| (sum / count - noise).max(0.0) * scale).collect()
    }
}

/// The sums of all squares of `side` that lie inside of a plane `(height, width)`, row by row.
fn window_sums(plane: &[f32], width: usize, side: usize) -> impl Iterator<Item = f32> {
    let rows: Vec<Vec<f32>> =
        plane.chunks_exact(width).map(|row| row.windows(side).map(|window| window.iter().sum()).collect()).collect();
    let height = rows.len() + 1 - side;
    (0..height * (width + 1 - side)).map(move |i| {
        let (y, x) = (i / (width + 1 - side), i % (width + 1 - side));
        rows[y..y + side].iter().map(|row| row[x]).sum()
    })
}

impl Restorer for NonLocalMeans {
    fn name(&self) -> &str {
        "non-local means"
    }

    fn settings(&self) -> String {
        format!("patch {}, h {:.3}", self.patch, self.strength)
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
    /// b = denoise_nl_means(a, 3, 6, h=0.25, sigma=0.2, fast_mode=True, channel_axis=2)
    /// print(b[0, 0], b[7, 9], b[15, 16])
    /// ```
    #[test]
    fn the_numbers_are_scikit_image_s() {
        let picture = Picture::of_size(17, 16, |y, x, c| ((((y * 17 + x) * 3 + c) * 37 % 61) as f32) / 61.0);
        let filtered = NonLocalMeans::new(3, 0.25, 0.2).filter(&picture);
        let due = [
            ((0, 0), [0.495_530, 0.490_164, 0.471_103]),
            ((7, 9), [0.611_338, 0.463_827, 0.429_790]),
            ((15, 16), [0.397_351, 0.568_684, 0.469_272]),
        ];
        for ((y, x), due) in due {
            for (colour, due) in due.into_iter().enumerate() {
                let found = filtered.at(y, x, colour);
                assert!((found - due).abs() < 1e-3, "{y} {x} {colour}: {found} {due}");
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

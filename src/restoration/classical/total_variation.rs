//! Total variation: the picture with the shortest edges that is still near to the damaged one.

use super::super::picture::COLOURS;
use super::super::{Picture, RestorationError, Restorer, Task, each};
use super::{Colours, other_task};

/// Step of the dual ascent, which converges for steps up to 1/4 in the plane.
const STEP: f32 = 0.25;
/// The ascent ends when the energy changes by less than this share of its first value …
const TOLERANCE: f64 = 2e-4;
/// … or after so many steps.
const MAX_STEPS: usize = 200;

/// Weights that are tried, in units of 0..1.
const WEIGHTS: [f32; 10] = [0.02, 0.04, 0.06, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3];

/// Chambolle 2004, "An Algorithm for Total Variation Minimization and Applications": `u` of the least
/// `|u - f|^2 / (2 w) + TV(u)`, `f` the damaged picture.
///
/// `u = f - div p`; `p` moves by `-1/4` of the gradient of `u` and is divided by `1 + |gradient| / (4 w)` (his eq. 9, `p`
/// scaled by `-w`). With colours apart each is a picture of its own, as in scikit-image's
/// `denoise_tv_chambolle(channel_axis=2)`, whose numbers these are; together they share the length of the gradient, and so
/// their edges (Bresson and Chan 2008, "Fast Dual Minimization of the Vectorial Total Variation Norm").
#[derive(Clone, Copy, Debug)]
pub struct TotalVariation {
    weight: f32,
    colours: Colours,
}

impl TotalVariation {
    /// `weight` above 0: the larger, the smoother.
    pub fn new(weight: f32, colours: Colours) -> Self {
        Self { weight, colours }
    }

    pub(super) fn grid() -> Vec<Self> {
        let of = |colours: Colours| WEIGHTS.map(|weight| Self::new(weight, colours));
        [Colours::Apart, Colours::Together].into_iter().flat_map(of).collect()
    }

    fn filter(&self, picture: &Picture) -> Picture {
        let width = picture.width();
        match self.colours {
            Colours::Apart => picture.by_plane(|plane| self.smooth::<1>(plane.as_chunks().0, width)),
            Colours::Together => {
                let mut filtered = picture.clone();
                let smooth = self.smooth::<COLOURS>(picture.pixels().as_chunks().0, width);
                filtered.pixels_mut().copy_from_slice(&smooth);
                filtered
            }
        }
    }

    /// Smoothes `N` colours, which share the length of the gradient.
    fn smooth<const N: usize>(&self, noisy: &[[f32; N]], width: usize) -> Vec<f32> {
        let mut dual = Dual { field: vec![[[0.0; 2]; N]; noisy.len()], width };
        let mut smooth = noisy.to_vec();
        let (mut first, mut last) = (0.0, 0.0);
        for step in 0..MAX_STEPS {
            let moved = if step == 0 { 0.0 } else { dual.subtract_divergence(noisy, &mut smooth) };
            let variation = dual.ascend(&smooth, self.weight);
            let energy = (moved + f64::from(self.weight) * variation) / (noisy.len() * N) as f64;
            if step == 0 {
                first = energy;
            } else if (last - energy).abs() < TOLERANCE * first {
                break;
            }
            last = energy;
        }
        smooth.into_flattened()
    }
}

/// Two numbers for each colour of a pixel, down and to the right; zero where they would leave the picture.
struct Dual<const N: usize> {
    field: Vec<[[f32; 2]; N]>,
    width: usize,
}

impl<const N: usize> Dual<N> {
    /// `smooth = noisy - div p`; the sum of `(div p)^2`.
    fn subtract_divergence(&self, noisy: &[[f32; N]], smooth: &mut [[f32; N]]) -> f64 {
        let mut sum = 0.0;
        for (i, (smooth, noisy)) in smooth.iter_mut().zip(noisy).enumerate() {
            for c in 0..N {
                let above = if i >= self.width { self.field[i - self.width][c][0] } else { 0.0 };
                let left = if i % self.width > 0 { self.field[i - 1][c][1] } else { 0.0 };
                let divergence = self.field[i][c][0] - above + self.field[i][c][1] - left;
                smooth[c] = noisy[c] - divergence;
                sum += f64::from(divergence) * f64::from(divergence);
            }
        }
        sum
    }

    /// One step of the field along the gradient of `smooth`; the sum of the gradient's lengths.
    fn ascend(&mut self, smooth: &[[f32; N]], weight: f32) -> f64 {
        let width = self.width;
        let mut variation = 0.0;
        for (i, field) in self.field.iter_mut().enumerate() {
            // Beyond the border lies the pixel itself once more.
            let here = smooth[i];
            let below = smooth.get(i + width).copied().unwrap_or(here);
            let beside = if i % width + 1 < width { smooth[i + 1] } else { here };
            let gradient: [[f32; 2]; N] = std::array::from_fn(|c| [below[c] - here[c], beside[c] - here[c]]);
            let length = gradient.as_flattened().iter().map(|slope| slope * slope).sum::<f32>().sqrt();
            let scale = 1.0 / (1.0 + STEP / weight * length);
            for (value, slope) in field.as_flattened_mut().iter_mut().zip(gradient.as_flattened()) {
                *value = (*value - STEP * slope) * scale;
            }
            variation += f64::from(length);
        }
        variation
    }
}

impl Restorer for TotalVariation {
    fn name(&self) -> &str {
        "total variation"
    }

    fn settings(&self) -> String {
        format!("weight {}, colours {}", self.weight, self.colours)
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
    /// from skimage.restoration import denoise_tv_chambolle
    /// a = ((np.arange(4 * 5 * 3) * 37 % 61) / 61).reshape(4, 5, 3)
    /// b = denoise_tv_chambolle(a, weight=0.1, channel_axis=2)
    /// print(b[0, 0], b[1, 2], b[3, 4])
    /// ```
    #[test]
    fn the_numbers_are_scikit_image_s() {
        let picture = Picture::of_size(5, 4, |y, x, c| ((((y * 5 + x) * 3 + c) * 37 % 61) as f32) / 61.0);
        let task = Task::Denoise { sigma: 0.1 };
        let filter = TotalVariation::new(0.1, Colours::Apart);
        let smooth = filter.restore(&task, &[picture], &mut || true).unwrap().unwrap();
        let due = [
            ((0, 0), [0.113_031, 0.569_453, 0.235_971]),
            ((1, 2), [0.656_947, 0.371_824, 0.712_588]),
            ((3, 4), [0.578_758, 0.273_840, 0.741_532]),
        ];
        for ((y, x), due) in due {
            for (colour, due) in due.into_iter().enumerate() {
                let found = smooth[0].at(y, x, colour);
                assert!((found - due).abs() < 1e-5, "{y} {x} {colour}: {found} {due}");
            }
        }
    }

    #[test]
    fn a_step_stays_a_step_of_less_height() {
        let step = Picture::of_size(16, 16, |_, x, _| if x < 8 { 0.2 } else { 0.8 });
        for colours in [Colours::Apart, Colours::Together] {
            let smooth = TotalVariation::new(0.1, colours).filter(&step);
            let (low, high) = (smooth.at(8, 3, 0), smooth.at(8, 12, 0));
            assert!(low > 0.2 && high < 0.8 && high - low > 0.5, "{low} {high}");
            assert!((smooth.at(8, 7, 0) - low).abs() < 0.02, "the edge is sharp");
        }
    }

    #[test]
    fn three_equal_colours_together_are_one_of_another_weight() {
        // The shared length is sqrt(3) times that of one: so is what counts as smooth.
        let grey = Picture::of_size(9, 8, |y, x, _| ((y * 9 + x) * 37 % 61) as f32 / 61.0);
        let root = 3f32.sqrt();
        let together = TotalVariation::new(0.1 * root, Colours::Together).filter(&grey);
        let apart = TotalVariation::new(0.1, Colours::Apart).filter(&grey);
        assert!(together.pixels().iter().zip(apart.pixels()).all(|(a, b)| (a - b).abs() < 1e-5));
    }
}

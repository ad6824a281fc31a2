//! Regression from the ring: what training pictures have in the hole, told from the pixels around it.

use super::super::mask::Mask;
use super::super::picture::COLOURS;
use super::super::{Picture, RestorationError, Restorer, Task, each};
use super::harmonic::Laplace;
use super::least_squares::{Equations, Samples};
use super::{Lessons, other_task};
use nalgebra::DMatrix;
use std::sync::Arc;

/// Widths of the ring in pixels that are tried.
const WIDTHS: [usize; 4] = [1, 2, 3, 4];
/// Weights of the ridge that are tried, beside a pixel's variance of about 0.05.
const RIDGES: [f64; 5] = [1e-5, 1e-4, 1e-3, 1e-2, 1e-1];

/// Ridge regression from the pixels around one hole to those in it, all colours together.
///
/// It tells how the hole differs from its harmonic filling, out of how the ring differs from its mean: so brightness has
/// not to be learnt, and the ridge draws towards the harmonic filling.
#[derive(Clone, Debug)]
pub struct RingRegression {
    mask: Mask,
    width: usize,
    ridge: f64,
    ring: Arc<[usize]>,
    /// `(ring, hole)`, colours within pixels.
    weights: DMatrix<f64>,
}

impl RingRegression {
    /// Fits the regression from a ring of `width` pixels for every ridge.
    ///
    /// # Errors
    /// When a picture has another size than the mask, or a ridge is too small for so few pictures.
    pub fn fit(mask: &Mask, lessons: &Lessons, width: usize, ridges: &[f64]) -> Result<Vec<Self>, RestorationError> {
        lessons.fit.iter().try_for_each(|picture| mask.check(picture))?;
        let (ring, hole): (Arc<[usize]>, _) = (mask.ring(width).into(), mask.hidden_pixels());
        let laplace = Laplace::new(mask);
        let append = |index: usize, samples: &mut Samples| {
            let clean = &lessons.fit[index];
            // The size was looked at above.
            let Ok(filled) = laplace.fill(clean) else { return };
            samples.features.extend(off_mean(clean, &ring));
            for &pixel in &hole {
                let at = pixel * COLOURS..(pixel + 1) * COLOURS;
                let pairs = clean.pixels()[at.clone()].iter().zip(&filled.pixels()[at]);
                samples.targets.extend(pairs.map(|(clean, filled)| f64::from(clean - filled)));
            }
        };
        let shape = (ring.len() * COLOURS, hole.len() * COLOURS);
        let equations = Equations::gather(shape, lessons.fit.len(), append);
        let solved = |&ridge: &f64| {
            let weights = equations.solve(ridge, "ring regression")?;
            Ok(Self { mask: mask.clone(), width, ridge, ring: ring.clone(), weights })
        };
        ridges.iter().map(solved).collect()
    }

    /// Every width with every ridge.
    pub(super) fn grid(mask: &Mask, lessons: &Lessons) -> Result<Vec<Self>, RestorationError> {
        let mut grid = Vec::with_capacity(WIDTHS.len() * RIDGES.len());
        for width in WIDTHS {
            grid.extend(Self::fit(mask, lessons, width, &RIDGES)?);
        }
        Ok(grid)
    }

    fn fill(&self, laplace: &Laplace, picture: &Picture) -> Result<Picture, RestorationError> {
        let mut filled = laplace.fill(picture)?;
        let ring = DMatrix::from_iterator(1, self.weights.nrows(), off_mean(picture, &self.ring));
        let told = ring * &self.weights;
        for (place, pixel) in self.mask.hidden_pixels().into_iter().enumerate() {
            for colour in 0..COLOURS {
                filled.pixels_mut()[pixel * COLOURS + colour] += told[place * COLOURS + colour] as f32;
            }
        }
        Ok(filled)
    }
}

/// The ring's numbers less the mean of their colour.
fn off_mean(picture: &Picture, ring: &[usize]) -> Vec<f64> {
    let value = |pixel: usize, colour: usize| f64::from(picture.pixels()[pixel * COLOURS + colour]);
    let mean: [f64; COLOURS] =
        std::array::from_fn(|colour| ring.iter().map(|&pixel| value(pixel, colour)).sum::<f64>() / ring.len() as f64);
    ring.iter().flat_map(|&pixel| (0..COLOURS).map(move |colour| value(pixel, colour) - mean[colour])).collect()
}

impl Restorer for RingRegression {
    fn name(&self) -> &str {
        "ring regression"
    }

    fn settings(&self) -> String {
        format!("{} px wide, ridge {}", self.width, self.ridge)
    }

    fn restore(
        &self,
        task: &Task,
        damaged: &[Picture],
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Vec<Picture>>, RestorationError> {
        match task {
            Task::Inpaint { mask } if *mask == self.mask => {
                let laplace = Laplace::new(mask);
                each(damaged, go_on, |picture| self.fill(&laplace, picture))
            }
            _ => Err(other_task(self, task)),
        }
    }
}

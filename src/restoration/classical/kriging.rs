//! Kriging: every hidden pixel is the best linear guess out of the visible ones around the hole.
//!
//! Source: ordinary kriging (Matheron 1963, "Principles of Geostatistics"): the guess with the least expected squared error
//! among those whose weights add up to 1, where half the expected squared difference of two pixels is a function of their
//! distance. In pictures it grows about as the distance does, so nothing has to be learnt.

use super::super::mask::Mask;
use super::super::picture::COLOURS;
use super::super::{Picture, RestorationError, Restorer, Task, each};
use super::other_task;
use nalgebra::DMatrix;

/// What is tried where it is tuned: widths of the ring in pixels, powers of the distance, nuggets.
const WIDTHS: [usize; 2] = [2, 4];
const POWERS: [f64; 3] = [0.7, 1.0, 1.3];
const NUGGETS: [f64; 2] = [0.02, 0.1];

/// Fills holes from the ring of visible pixels around them, each colour by itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kriging {
    /// Of the ring, in pixels.
    pub width: usize,
    /// Half the squared difference of two pixels grows as their distance to this power.
    pub power: f64,
    /// What is added to it for two pixels that are not the same, beside 1 at a distance of one pixel.
    pub nugget: f64,
}

impl Default for Kriging {
    /// What is best on CIFAR-10's training pictures, and hardly better than its neighbours.
    fn default() -> Self {
        Self { width: 2, power: 1.0, nugget: 0.02 }
    }
}

impl Kriging {
    pub(super) fn grid() -> Vec<Self> {
        let of_width = |width| POWERS.map(|power| NUGGETS.map(|nugget| Self { width, power, nugget }));
        WIDTHS.into_iter().flat_map(of_width).flatten().collect()
    }

    /// How much each pixel of the ring counts for each hidden one, `(ring, hidden)`.
    fn weights(&self, mask: &Mask, ring: &[usize], hidden: &[usize]) -> Option<DMatrix<f64>> {
        let place = |pixel: usize| [(pixel / mask.width()) as f64, (pixel % mask.width()) as f64];
        let apart = |a: usize, b: usize| {
            let ([ay, ax], [by, bx]) = (place(a), place(b));
            -(ay - by).hypot(ax - bx).powf(self.power)
        };
        // The last row and column see to it that weights add up to 1.
        let count = ring.len();
        let known = DMatrix::from_fn(count + 1, count + 1, |row, column| match (ring.get(row), ring.get(column)) {
            (Some(&a), Some(&b)) => apart(a, b) + if row == column { self.nugget } else { 0.0 },
            (None, None) => 0.0,
            _ => 1.0,
        });
        let asked = DMatrix::from_fn(count + 1, hidden.len(), |row, column| {
            ring.get(row).map_or(1.0, |&pixel| apart(pixel, hidden[column]))
        });
        Some(known.lu().solve(&asked)?.rows(0, count).into_owned())
    }

    /// Fills the holes of pictures that have the same one.
    fn fill(&self, mask: &Mask) -> impl Fn(&Picture) -> Result<Picture, RestorationError> + Sync {
        let (ring, hidden) = (mask.ring(self.width), mask.hidden_pixels());
        let weights = self.weights(mask, &ring, &hidden);
        let mask = mask.clone();
        move |picture| {
            let mut filled = mask.mean_filled(picture)?;
            let Some(weights) = &weights else { return Ok(filled) };
            for colour in 0..COLOURS {
                let known = DMatrix::from_iterator(
                    1,
                    ring.len(),
                    ring.iter().map(|&pixel| f64::from(picture.pixels()[pixel * COLOURS + colour])),
                );
                let told = known * weights;
                for (&pixel, &value) in hidden.iter().zip(told.iter()) {
                    filled.pixels_mut()[pixel * COLOURS + colour] = value as f32;
                }
            }
            Ok(filled)
        }
    }
}

impl Restorer for Kriging {
    fn name(&self) -> &str {
        "kriging"
    }

    fn settings(&self) -> String {
        format!("{} px wide, power {}, nugget {}", self.width, self.power, self.nugget)
    }

    fn restore(
        &self,
        task: &Task,
        damaged: &[Picture],
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Vec<Picture>>, RestorationError> {
        let Task::Inpaint { mask } = task else {
            return Err(other_task(self, task));
        };
        each(damaged, go_on, self.fill(mask))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(mask: &Mask, picture: &Picture) -> Result<Picture, RestorationError> {
        Kriging::default().fill(mask)(picture)
    }

    /// ```python
    /// ring, hidden = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 2)], (1, 1)   # of 2x3 pixels
    /// d = lambda a, b: -numpy.hypot(a[0] - b[0], a[1] - b[1])
    /// K = numpy.array([[d(a, b) + 0.02 * (a == b) for b in ring] + [1] for a in ring] + [[1] * 5 + [0]])
    /// numpy.linalg.solve(K, [d(a, hidden) for a in ring] + [1])[:5] @ [0.1, 0.5, 0.2, 0.9, 0.4]   # 0.630677
    /// ```
    #[test]
    fn one_pixel_is_the_best_linear_guess() {
        let mask = Mask::new(3, 2, (0..6).map(|pixel| pixel == 4).collect()).unwrap();
        let values = [0.1, 0.5, 0.2, 0.9, 0.0, 0.4];
        let picture = Picture::of_size(3, 2, |y, x, _| values[3 * y + x]);
        let found = filled(&mask, &picture).unwrap();
        assert!((found.pixels()[4 * 3] - 0.630677).abs() < 1e-5, "{}", found.pixels()[12]);
    }

    #[test]
    fn a_plain_picture_stays_plain_and_visible_pixels_stay() {
        let mask = Mask::centre(32, 32, 12).unwrap();
        let plain = Picture::of_size(32, 32, |_, _, colour| 0.25 + 0.25 * colour as f32);
        let found = filled(&mask, &plain).unwrap();
        assert!(found.pixels().iter().zip(plain.pixels()).all(|(a, b)| (a - b).abs() < 1e-5));
        let picture = Picture::of_size(32, 32, |y, x, _| ((y * 7 + x * 13) % 10) as f32 / 10.0);
        let found = filled(&mask, &picture).unwrap();
        for pixel in (0..32 * 32).filter(|&pixel| !mask.hidden()[pixel]) {
            assert_eq!(found.pixels()[3 * pixel], picture.pixels()[3 * pixel]);
        }
    }

    #[test]
    fn a_hole_at_the_border_and_one_pixel_left_are_filled() {
        let mask = Mask::new(6, 5, (0..30).map(|pixel| pixel != 13).collect()).unwrap();
        let picture = Picture::of_size(6, 5, |y, x, colour| if (y, x) == (2, 1) { 0.2 * colour as f32 } else { 9.0 });
        let found = filled(&mask, &picture).unwrap();
        for colour in 0..3 {
            assert!(found.plane(colour).iter().all(|value| (value - 0.2 * colour as f32).abs() < 1e-5));
        }
        assert!(filled(&mask, &Picture::of_size(3, 3, |_, _, _| 0.0)).is_err());
    }
}

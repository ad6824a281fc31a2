//! Harmonic filling: in a hole every pixel is the mean of its neighbours, as a soap film hangs in its frame.

use super::super::mask::Mask;
use super::super::picture::COLOURS;
use super::super::{Picture, RestorationError, Restorer, Task, each};
use super::other_task;

/// The residual's squared length at which the solution stands, beside that of the right side: float's own precision.
const TOLERANCE: f64 = 1e-14;

/// Solves Laplace's equation over the hidden pixels, the visible ones given, no flow over the picture's border; by
/// conjugate gradients (Hestenes and Stiefel 1952). It has no parameter.
#[derive(Clone, Copy, Debug)]
pub struct Harmonic;

/// The equations of one mask: `degree x_i - sum of hidden neighbours = sum of visible neighbours`.
pub(super) struct Laplace<'a> {
    mask: &'a Mask,
    /// Numbers of the hidden pixels.
    hidden: Vec<usize>,
    /// For each hidden pixel, its neighbours in the picture.
    neighbours: Vec<Vec<Neighbour>>,
}

#[derive(Clone, Copy)]
enum Neighbour {
    /// By its place among the hidden ones.
    Hidden(usize),
    /// By its number in the picture.
    Visible(usize),
}

impl<'a> Laplace<'a> {
    pub(super) fn new(mask: &'a Mask) -> Self {
        let (width, height) = (mask.width(), mask.height());
        let hidden = mask.hidden_pixels();
        let mut places = vec![None; width * height];
        hidden.iter().enumerate().for_each(|(place, &pixel)| places[pixel] = Some(place));
        let of = |pixel: usize| {
            let (y, x) = (pixel / width, pixel % width);
            let around = [
                (y > 0).then(|| pixel - width),
                (y + 1 < height).then_some(pixel + width),
                (x > 0).then(|| pixel - 1),
                (x + 1 < width).then_some(pixel + 1),
            ];
            let told = |pixel: usize| places[pixel].map_or(Neighbour::Visible(pixel), Neighbour::Hidden);
            around.into_iter().flatten().map(told).collect()
        };
        let neighbours = hidden.iter().map(|&pixel| of(pixel)).collect();
        Self { mask, hidden, neighbours }
    }

    /// The picture with its hole filled.
    ///
    /// # Errors
    /// When it has another size than the mask.
    pub(super) fn fill(&self, picture: &Picture) -> Result<Picture, RestorationError> {
        let mut filled = self.mask.mean_filled(picture)?;
        for colour in 0..COLOURS {
            let plane = filled.plane(colour);
            for (&pixel, value) in self.hidden.iter().zip(self.solve(&plane)) {
                filled.pixels_mut()[pixel * COLOURS + colour] = value as f32;
            }
        }
        Ok(filled)
    }

    /// The hidden values; what the plane has in their places is where the search starts.
    fn solve(&self, plane: &[f32]) -> Vec<f64> {
        let mut x: Vec<f64> = self.hidden.iter().map(|&pixel| f64::from(plane[pixel])).collect();
        let given = self.sums(|neighbour| match neighbour {
            Neighbour::Visible(pixel) => f64::from(plane[pixel]),
            Neighbour::Hidden(_) => 0.0,
        });
        let mut residual: Vec<f64> = given.iter().zip(self.apply(&x)).map(|(due, found)| due - found).collect();
        let mut direction = residual.clone();
        let mut square = dot(&residual, &residual);
        let least = TOLERANCE * dot(&given, &given);
        // In exact numbers as many steps as unknowns are enough.
        for _ in 0..2 * x.len() + 10 {
            if square <= least {
                break;
            }
            let turned = self.apply(&direction);
            let step = square / dot(&direction, &turned);
            x.iter_mut().zip(&direction).for_each(|(x, d)| *x += step * d);
            residual.iter_mut().zip(&turned).for_each(|(r, t)| *r -= step * t);
            let next = dot(&residual, &residual);
            direction.iter_mut().zip(&residual).for_each(|(d, r)| *d = r + next / square * *d);
            square = next;
        }
        x
    }

    /// The left side of the equations.
    fn apply(&self, x: &[f64]) -> Vec<f64> {
        let sums = self.sums(|neighbour| match neighbour {
            Neighbour::Hidden(place) => x[place],
            Neighbour::Visible(_) => 0.0,
        });
        sums.iter().zip(x).zip(&self.neighbours).map(|((sum, x), around)| around.len() as f64 * x - sum).collect()
    }

    fn sums(&self, value: impl Fn(Neighbour) -> f64) -> Vec<f64> {
        self.neighbours.iter().map(|around| around.iter().map(|&neighbour| value(neighbour)).sum()).collect()
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

impl Restorer for Harmonic {
    fn name(&self) -> &str {
        "harmonic fill"
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
        let laplace = Laplace::new(mask);
        each(damaged, go_on, |picture| laplace.fill(picture))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_harmonic_picture_is_filled_exactly() {
        // x^2 - y^2 and x y solve the discrete equation too; a linear picture does everywhere.
        let mask = Mask::centre(20, 16, 9).unwrap();
        let clean = Picture::of_size(20, 16, |y, x, colour| {
            let (y, x) = (y as f32 / 20.0, x as f32 / 20.0);
            [x * x - y * y, x * y, 0.3 * x + 0.2 * y][colour]
        });
        let filled = Laplace::new(&mask).fill(&clean).unwrap();
        assert!(filled.pixels().iter().zip(clean.pixels()).all(|(a, b)| (a - b).abs() < 1e-5));
    }

    #[test]
    fn a_hole_at_the_border_and_one_pixel_left_are_filled() {
        let flags = |visible: usize| (0..30).map(|pixel| pixel != visible).collect();
        let mask = Mask::new(6, 5, flags(13)).unwrap();
        let picture = Picture::of_size(6, 5, |y, x, colour| if (y, x) == (2, 1) { 0.2 * colour as f32 } else { 9.0 });
        let filled = Laplace::new(&mask).fill(&picture).unwrap();
        for colour in 0..3 {
            assert!(filled.plane(colour).iter().all(|value| (value - 0.2 * colour as f32).abs() < 1e-5));
        }
    }

    #[test]
    fn filled_values_lie_between_those_around() {
        let mask = Mask::centre(32, 32, 12).unwrap();
        let picture = Picture::of_size(32, 32, |y, x, _| ((y * 7 + x * 13) % 10) as f32 / 10.0);
        let filled = Laplace::new(&mask).fill(&picture).unwrap();
        let inside = |pixel: usize| filled.pixels()[pixel * 3];
        assert!(mask.hidden_pixels().into_iter().all(|pixel| (0.0..=0.9).contains(&inside(pixel))));
        assert!(Laplace::new(&mask).fill(&Picture::of_size(3, 3, |_, _, _| 0.0)).is_err());
    }
}

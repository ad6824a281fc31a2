//! What is measured of a picture's pixels before anything is called by a word.

use super::colour::{Lab, Named, lab, name};
use super::error::CaptionError;
use crate::data::{IMAGE_BYTES, SIDE};

/// Radius of the disc in the middle, in halves of the shorter side.
const DISC: f32 = 0.6;
/// Width of the ring along the edges, in halves of the shorter side.
const RING: f32 = 0.25;

/// Pixels in memory that somebody else holds: RGB, eight bits, `(height, width, 3)`.
#[derive(Clone, Copy, Debug)]
pub struct Pixels<'a> {
    width: usize,
    rows: &'a [[u8; 3]],
}

impl<'a> Pixels<'a> {
    /// The pixels of a picture of this size.
    ///
    /// # Errors
    /// When there are none, or their number does not fit.
    pub fn new(width: usize, height: usize, bytes: &'a [u8]) -> Result<Self, CaptionError> {
        let due = width.checked_mul(height).and_then(|area| area.checked_mul(3));
        if due != Some(bytes.len()) || bytes.is_empty() {
            return Err(CaptionError::Pixels { width, height, found: bytes.len() });
        }
        Ok(Self { width, rows: bytes.as_chunks().0 })
    }

    /// One image of a data set.
    pub fn of_image(image: &'a [u8; IMAGE_BYTES]) -> Self {
        Self { width: SIDE, rows: image.as_chunks().0 }
    }

    fn height(&self) -> usize {
        self.rows.len() / self.width
    }
}

/// Everything that facts are told from: means, which no single pixel can move far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Measures {
    /// The mean colour of the disc and of the ring.
    pub centre: Named,
    pub border: Named,
    /// Mean lightness, 0 to 1.
    pub lightness: f32,
    /// Mean chroma: how far the pixels are from grey, 0 to about 0.3.
    pub chroma: f32,
    /// By how much lightness the right half is lighter than the left one, and the lower one than the upper one, -1 to 1.
    pub slope: [f32; 2],
}

impl Measures {
    pub fn of(pixels: Pixels) -> Self {
        let (width, height) = (pixels.width, pixels.height());
        let colours: Vec<Lab> = pixels.rows.iter().map(|&pixel| lab(pixel)).collect();
        let half = width.min(height) as f32 / 2.0;
        let (far_x, far_y) = (width as f32 / 2.0 / half, height as f32 / 2.0 / half);
        // A line of pixels has no disc, one of a single pixel's width no ring but itself.
        let (mut disc, mut ring, mut all) = (Mean::default(), Mean::default(), Mean::default());
        let (mut chroma, mut halves) = (0.0, [Halves::default(); 2]);
        for (at, &colour) in colours.iter().enumerate() {
            let [x, y] = place(at, width, height).map(|at| at / half);
            all.add(colour);
            if x * x + y * y <= DISC * DISC {
                disc.add(colour);
            }
            if x.abs() > far_x - RING || y.abs() > far_y - RING {
                ring.add(colour);
            }
            chroma += f64::from(colour[1].hypot(colour[2]));
            halves.iter_mut().zip([x, y]).for_each(|(halves, at)| halves.add(at, colour[0]));
        }
        let named = |part: &Mean| name(part.colour().or(all.colour()).unwrap_or_default());
        Self {
            centre: named(&disc),
            border: named(&ring),
            lightness: all.colour().unwrap_or_default()[0],
            chroma: (chroma / colours.len() as f64) as f32,
            slope: halves.map(Halves::slope),
        }
    }
}

/// The middle of pixel number `at`, in pixels from the middle of the frame: to the right, downwards.
fn place(at: usize, width: usize, height: usize) -> [f32; 2] {
    let from_middle = |at: usize, length: usize| at as f32 + 0.5 - length as f32 / 2.0;
    [from_middle(at % width, width), from_middle(at / width, height)]
}

/// A mean of colours.
#[derive(Clone, Copy, Default)]
struct Mean {
    sum: [f64; 3],
    count: f64,
}

impl Mean {
    fn add(&mut self, colour: Lab) {
        self.sum.iter_mut().zip(colour).for_each(|(sum, value)| *sum += f64::from(value));
        self.count += 1.0;
    }

    fn colour(&self) -> Option<Lab> {
        (self.count > 0.0).then(|| self.sum.map(|sum| (sum / self.count) as f32))
    }
}

/// Lightness before and behind the middle; what lies on it is on neither side.
#[derive(Clone, Copy, Default)]
struct Halves {
    sums: [f64; 2],
    counts: [f64; 2],
}

impl Halves {
    fn add(&mut self, at: f32, lightness: f32) {
        if at != 0.0 {
            let side = usize::from(at > 0.0);
            self.sums[side] += f64::from(lightness);
            self.counts[side] += 1.0;
        }
    }

    fn slope(self) -> f32 {
        let [before, behind] = [0, 1].map(|side| self.sums[side] / self.counts[side].max(1.0));
        (behind - before) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::super::colour::Colour;
    use super::*;

    const RED: [u8; 3] = [165, 45, 40];
    const BLUE: [u8; 3] = [70, 115, 175];

    /// A red square of side `2 * half - 1` around (`x`, `y`) on a blue ground.
    fn square(width: usize, height: usize, (x, y): (usize, usize), half: usize) -> Vec<u8> {
        let is_red = |at: usize| (at % width).abs_diff(x) < half && (at / width).abs_diff(y) < half;
        (0..width * height).flat_map(|at| if is_red(at) { RED } else { BLUE }).collect()
    }

    fn measure(width: usize, height: usize, bytes: &[u8]) -> Measures {
        Measures::of(Pixels::new(width, height, bytes).unwrap())
    }

    #[test]
    fn a_red_square_on_blue_is_measured() {
        for (width, height) in [(32, 32), (64, 48)] {
            let found = measure(width, height, &square(width, height, (width / 2, height / 2), height / 3));
            assert_eq!((found.centre.name, found.border.name), (Colour::Red, Colour::Blue));
            assert!(found.border.margin > 0.05, "{found:?}");
            let side = 2 * (height / 3) - 1;
            let share = (side * side) as f32 / (width * height) as f32;
            let [red, blue] = [RED, BLUE].map(lab);
            let mean = |of: fn(Lab) -> f32| of(red) * share + of(blue) * (1.0 - share);
            assert!((found.lightness - mean(|c| c[0])).abs() < 1e-5, "{found:?}");
            assert!((found.chroma - mean(|c| c[1].hypot(c[2]))).abs() < 1e-5, "{found:?}");
        }
    }

    #[test]
    fn the_lighter_half_is_found_and_a_mirrored_picture_has_it_on_the_other_side() {
        let bytes: Vec<u8> = (0..32 * 32).flat_map(|at| [if at % 32 < 16 { 200 } else { 90 }; 3]).collect();
        let mirrored: Vec<u8> =
            bytes.chunks_exact(96).flat_map(|row| row.as_chunks::<3>().0.iter().rev().flatten().copied()).collect();
        let (found, other) = (measure(32, 32, &bytes), measure(32, 32, &mirrored));
        let due = lab([90; 3])[0] - lab([200; 3])[0];
        assert!((found.slope[0] - due).abs() < 1e-5 && found.slope[1].abs() < 1e-5, "{found:?}");
        assert_eq!(found.slope[0], -other.slope[0]);
        assert_eq!(found.centre.name, other.centre.name);
        // Mirrored along the diagonal: what was left is up.
        let turned: Vec<u8> = (0..32 * 32).flat_map(|at| bytes.as_chunks::<3>().0[at % 32 * 32 + at / 32]).collect();
        assert!((measure(32, 32, &turned).slope[1] - due).abs() < 1e-5);
    }

    #[test]
    fn pictures_of_any_size_are_measured() {
        for (width, height) in [(1, 1), (1, 9), (9, 1), (2, 2), (3, 200)] {
            let found = measure(width, height, &vec![100; width * height * 3]);
            let numbers = [found.lightness, found.chroma, found.centre.margin, found.border.margin];
            assert!(numbers.iter().all(|number| number.is_finite()), "{found:?}");
            assert!(found.slope.iter().all(|slope| slope.abs() < 1.0), "{found:?}");
            assert_eq!(found.centre, found.border);
        }
        assert_eq!(measure(3, 3, &[100; 27]).slope, [0.0; 2]);
        for (width, height, bytes) in [(0, 0, 0), (2, 2, 11), (usize::MAX, 2, 12), (usize::MAX, usize::MAX, 3)] {
            assert!(Pixels::new(width, height, &vec![0; bytes]).is_err(), "{width}x{height}");
        }
    }
}

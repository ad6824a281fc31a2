//! What is measured of a picture's pixels before anything is called by a word.

use super::clusters::{Pair, pair};
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

/// The main colour of a part of a picture: the mean of the larger of two clusters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct MainColour {
    pub named: Named,
    /// The larger cluster's share of the part's pixels, 0.5 to 1.
    pub share: f32,
    /// Whether the smaller cluster has the same name.
    pub is_alone: bool,
}

/// Everything that facts are told from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Measures {
    pub centre: MainColour,
    pub border: MainColour,
    /// Mean lightness, 0 to 1.
    pub lightness: f32,
    /// Of the two clusters of the whole frame, the subject is the one that the disc has more of than the ring: by this
    /// share of their pixels, 0 to 1.
    pub apart: f32,
    /// The subject's share of the frame, 0 to 1.
    pub extent: f32,
    /// Where the subject's mean pixel lies, to the right and downwards, in halves of the frame's width and height.
    pub offset: [f32; 2],
}

impl Measures {
    pub fn of(pixels: Pixels) -> Self {
        let (width, height) = (pixels.width, pixels.height());
        let colours: Vec<Lab> = pixels.rows.iter().map(|&pixel| lab(pixel)).collect();
        let half = width.min(height) as f32 / 2.0;
        let chosen = |is_in: &dyn Fn(f32, f32) -> bool| -> Vec<Lab> {
            let with_places = colours.iter().enumerate().map(|(at, colour)| (place(at, width, height), colour));
            with_places.filter(|([x, y], _)| is_in(x / half, y / half)).map(|(_, colour)| *colour).collect()
        };
        // A line of pixels has no disc, one of a single pixel's width no ring but itself.
        let disc = some_of(chosen(&|x, y| x * x + y * y <= DISC * DISC), &colours);
        let (far_x, far_y) = (width as f32 / 2.0 / half, height as f32 / 2.0 / half);
        let ring = some_of(chosen(&|x, y| x.abs() > far_x - RING || y.abs() > far_y - RING), &colours);
        let frame = pair(&colours);
        let apart = frame.share(&disc) - frame.share(&ring);
        let (extent, offset) = subject(&colours, width, |colour| membership(&frame, apart, colour));
        let lightness = colours.iter().map(|colour| f64::from(colour[0])).sum::<f64>() / colours.len() as f64;
        let (centre, border) = (main_colour(&disc), main_colour(&ring));
        Self { centre, border, lightness: lightness as f32, apart: apart.abs(), extent, offset }
    }
}

fn some_of(chosen: Vec<Lab>, all: &[Lab]) -> Vec<Lab> {
    if chosen.is_empty() { all.to_vec() } else { chosen }
}

/// The middle of pixel number `at`, in pixels from the middle of the frame: to the right, downwards.
fn place(at: usize, width: usize, height: usize) -> [f32; 2] {
    let from_middle = |at: usize, length: usize| at as f32 + 0.5 - length as f32 / 2.0;
    [from_middle(at % width, width), from_middle(at / width, height)]
}

fn membership(frame: &Pair, apart: f32, colour: Lab) -> f32 {
    let second = frame.second(colour);
    if apart > 0.0 { second } else { 1.0 - second }
}

/// The subject's share of the frame and its offset, `of` being how much of a colour is the subject's.
fn subject(colours: &[Lab], width: usize, of: impl Fn(Lab) -> f32) -> (f32, [f32; 2]) {
    let height = colours.len() / width;
    let (mut mass, mut moments) = (0.0, [0.0; 2]);
    for (at, &colour) in colours.iter().enumerate() {
        let weight = f64::from(of(colour));
        let place = place(at, width, height);
        mass += weight;
        moments.iter_mut().zip(place).for_each(|(moment, at)| *moment += weight * f64::from(at));
    }
    let offset = |moment: f64, length: usize| if mass > 0.0 { moment / mass * 2.0 / length as f64 } else { 0.0 };
    let offset = [offset(moments[0], width) as f32, offset(moments[1], height) as f32];
    ((mass / colours.len() as f64) as f32, offset)
}

fn main_colour(pixels: &[Lab]) -> MainColour {
    let pair = pair(pixels);
    let share = pair.share(pixels);
    let [first, second] = pair.means.map(name);
    let is_alone = first.name == second.name;
    if share > 0.5 {
        MainColour { named: second, share, is_alone }
    } else {
        MainColour { named: first, share: 1.0 - share, is_alone }
    }
}

#[cfg(test)]
mod tests {
    use super::super::colour::Colour;
    use super::*;

    /// A red square of side `2 * half` around (`x`, `y`) on a blue ground.
    fn square(width: usize, height: usize, (x, y): (usize, usize), half: usize) -> Vec<u8> {
        let is_red = |at: usize| (at % width).abs_diff(x) < half && (at / width).abs_diff(y) < half;
        (0..width * height).flat_map(|at| if is_red(at) { [165, 45, 40] } else { [70, 115, 175] }).collect()
    }

    fn measure(width: usize, height: usize, bytes: &[u8]) -> Measures {
        Measures::of(Pixels::new(width, height, bytes).unwrap())
    }

    #[test]
    fn a_red_square_on_blue_is_measured() {
        for (width, height) in [(32, 32), (64, 48)] {
            let found = measure(width, height, &square(width, height, (width / 2 - 4, height / 2), height / 4));
            assert_eq!(found.centre.named.name, Colour::Red);
            assert_eq!(found.border.named.name, Colour::Blue);
            assert!(found.border.is_alone && found.border.named.margin > 0.05, "{found:?}");
            let side = 2 * (height / 4) - 1;
            let share = (side * side) as f32 / (width * height) as f32;
            assert!((found.extent - share).abs() < 1e-4, "{found:?}");
            assert!((found.offset[0] - (-3.5 * 2.0 / width as f32)).abs() < 1e-4, "{found:?}");
            assert!((found.offset[1] - 1.0 / height as f32).abs() < 1e-4, "{found:?}");
            assert!(found.apart > 0.5, "{found:?}");
        }
    }

    #[test]
    fn a_mirrored_picture_has_its_subject_on_the_other_side() {
        let bytes = square(32, 32, (8, 20), 6);
        let mirrored: Vec<u8> =
            bytes.chunks_exact(96).flat_map(|row| row.as_chunks::<3>().0.iter().rev().flatten().copied()).collect();
        let (found, other) = (measure(32, 32, &bytes), measure(32, 32, &mirrored));
        assert!(found.offset[0] < -0.3, "{found:?}");
        assert!((found.offset[0] + other.offset[0]).abs() < 1e-5);
        assert_eq!(found.centre.named.name, other.centre.named.name);
        assert!((found.extent - other.extent).abs() < 1e-5);
    }

    #[test]
    fn pictures_of_any_size_are_measured() {
        for (width, height) in [(1, 1), (1, 9), (9, 1), (2, 2), (3, 200)] {
            let bytes = vec![100; width * height * 3];
            let found = measure(width, height, &bytes);
            let numbers = [found.lightness, found.apart, found.extent, found.offset[0], found.offset[1]];
            assert!(numbers.iter().all(|number| number.is_finite()), "{found:?}");
            assert!(found.apart < 1e-3 && found.centre.is_alone);
        }
        for (width, height, bytes) in [(0, 0, 0), (2, 2, 11), (usize::MAX, 2, 12), (usize::MAX, usize::MAX, 3)] {
            assert!(Pixels::new(width, height, &vec![0; bytes]).is_err(), "{width}x{height}");
        }
    }
}

//! Augmentation and normalisation of one image: u8 pixels in, normalised floats out.
//!
//! Every choice is a hash of `(seed, purpose, epoch, image index)`, so that an image looks the same in an epoch
//! wherever it stands in a batch, on any number of threads, and after any resume.

use super::split::ChannelStats;
use super::{IMAGE_BYTES, SIDE};
use crate::ops::random::Stream;

pub use super::loader::{Batch, Loader, steps_per_epoch};

/// Mirroring left to right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flip {
    /// Never.
    #[default]
    Off,
    /// Each image each epoch with probability 1/2.
    Random,
    /// Half of the images in the first epoch, the other half in the next, and so on in turns, so that any two
    /// epochs in a row show both sides of every image (Keller Jordan 2024, "94% on CIFAR-10 in 3.29 Seconds").
    Alternating,
}

/// What is done to a training image. The default does nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Augment {
    pub flip: Flip,
    /// Largest shift in pixels, each way on each axis; the border is filled by reflection. At most 31.
    pub shift: usize,
    /// Side in pixels of a square, wholly inside the image, that is set to the channels' means; 0 for none.
    pub cutout: usize,
}

/// What the hashes chose for one image in one epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    pub flipped: bool,
    /// Pixel (y, x) of the result is pixel (y + dy, x + dx) of the (mirrored) image.
    pub dy: i32,
    pub dx: i32,
    /// Upper left corner (y, x) and side of the cut-out square.
    pub hole: Option<(usize, usize, usize)>,
}

/// The choices of one epoch: the streams that every image of it draws from.
#[derive(Clone, Copy, Debug)]
pub struct Chooser {
    augment: Augment,
    epoch: u64,
    flip: Stream,
    shift: Stream,
    cutout: Stream,
}

impl Chooser {
    pub fn new(augment: Augment, seed: u64, epoch: u64) -> Self {
        // Alternating flips draw once for all epochs and then take turns.
        let flip_epoch = if augment.flip == Flip::Alternating { 0 } else { epoch };
        Self {
            augment,
            epoch,
            flip: Stream::new(seed, "flip", flip_epoch),
            shift: Stream::new(seed, "shift", epoch),
            cutout: Stream::new(seed, "cutout", epoch),
        }
    }

    /// What happens to image number `index` of the split.
    pub fn choose(&self, index: u32) -> Choice {
        let index = u64::from(index);
        let heads = self.flip.at(index) >> 63 == 1;
        let reach = self.augment.shift.min(SIDE - 1) as u64;
        // Two draws of one stream for each image: its rows and its columns.
        let offset = |axis: u64| self.shift.below(2 * index + axis, 2 * reach + 1) as i32 - reach as i32;
        let side = self.augment.cutout.min(SIDE);
        let corner = |axis: u64| self.cutout.below(2 * index + axis, (SIDE - side + 1) as u64) as usize;
        Choice {
            flipped: match self.augment.flip {
                Flip::Off => false,
                Flip::Random => heads,
                Flip::Alternating => heads ^ (self.epoch % 2 == 1),
            },
            dy: offset(0),
            dx: offset(1),
            hole: (side > 0).then(|| (corner(0), corner(1), side)),
        }
    }
}

/// Pixel values to normalised floats, `(v / 255 - mean) / std`, one table a channel.
#[derive(Clone, Debug)]
pub struct Normaliser(Box<[[f32; 3]; 256]>);

impl Normaliser {
    pub fn new(stats: ChannelStats) -> Self {
        let mut table = Box::new([[0.0; 3]; 256]);
        for (value, row) in table.iter_mut().enumerate() {
            *row = [0, 1, 2].map(|c| (value as f32 / 255.0 - stats.mean[c]) / stats.std[c]);
        }
        Self(table)
    }

    /// Normalises whole images as they are: any number of (32, 32, 3) images, one after another.
    pub fn apply(&self, pixels: &[u8]) -> Vec<f32> {
        let triples = pixels.as_chunks::<3>().0;
        triples.iter().flat_map(|&p| self.pixel(p)).collect()
    }

    /// Appends one image, augmented as chosen, (32, 32, 3).
    pub fn append(&self, image: &[u8; IMAGE_BYTES], choice: Choice, out: &mut Vec<f32>) {
        let start = out.len();
        let rows = image.as_chunks::<{ SIDE * 3 }>().0;
        let columns: [usize; SIDE] = std::array::from_fn(|x| {
            let x = reflect(x as i32 + choice.dx);
            if choice.flipped { SIDE - 1 - x } else { x }
        });
        for y in 0..SIDE as i32 {
            let row = rows[reflect(y + choice.dy)].as_chunks::<3>().0;
            out.extend(columns.iter().flat_map(|&x| self.pixel(row[x])));
        }
        if let Some((top, left, side)) = choice.hole {
            for row in out[start..].as_chunks_mut::<{ SIDE * 3 }>().0[top..top + side].iter_mut() {
                row[left * 3..(left + side) * 3].fill(0.0);
            }
        }
    }

    #[inline]
    fn pixel(&self, p: [u8; 3]) -> [f32; 3] {
        let value = |c: usize| self.0[usize::from(p[c])][c];
        [value(0), value(1), value(2)]
    }
}

/// Mirrors a coordinate at the border without repeating the edge: -1 is 1, 32 is 30. For -31..=62.
fn reflect(x: i32) -> usize {
    let last = SIDE as i32 - 1;
    (last - (last - x.abs()).abs()) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: ChannelStats = ChannelStats { mean: [0.0; 3], std: [1.0; 3] };

    fn picture() -> [u8; IMAGE_BYTES] {
        std::array::from_fn(|i| (i * 7 % 256) as u8)
    }

    fn appended(choice: Choice) -> Vec<f32> {
        let mut out = vec![];
        Normaliser::new(PLAIN).append(&picture(), choice, &mut out);
        out
    }

    fn value(pixels: &[f32], y: usize, x: usize, c: usize) -> u8 {
        (pixels[(y * SIDE + x) * 3 + c] * 255.0).round() as u8
    }

    fn source(y: usize, x: usize, c: usize) -> u8 {
        picture()[(y * SIDE + x) * 3 + c]
    }

    #[test]
    fn normalisation_is_the_formula() {
        let stats = ChannelStats { mean: [0.49, 0.48, 0.44], std: [0.24, 0.25, 0.26] };
        let x = Normaliser::new(stats).apply(&picture());
        for (i, (&got, &v)) in x.iter().zip(&picture()).enumerate() {
            let want = (f32::from(v) / 255.0 - stats.mean[i % 3]) / stats.std[i % 3];
            assert_eq!(got.to_bits(), want.to_bits());
        }
    }

    #[test]
    fn doing_nothing_leaves_the_image() {
        assert_eq!(appended(Choice::default()), Normaliser::new(PLAIN).apply(&picture()));
    }

    #[test]
    fn a_flip_mirrors_left_to_right() {
        let x = appended(Choice { flipped: true, ..Choice::default() });
        for (y, column, c) in [(0, 0, 0), (5, 31, 2), (31, 10, 1)] {
            assert_eq!(value(&x, y, column, c), source(y, 31 - column, c));
        }
    }

    #[test]
    fn a_shift_reflects_at_the_border_without_repeating_the_edge() {
        let choice = Choice { dy: -2, dx: 2, ..Choice::default() };
        let x = appended(choice);
        assert_eq!(value(&x, 5, 5, 1), source(3, 7, 1), "inside");
        assert_eq!(value(&x, 0, 0, 0), source(2, 2, 0), "row -2 is row 2");
        assert_eq!(value(&x, 1, 0, 0), source(1, 2, 0), "row -1 is row 1");
        assert_eq!(value(&x, 2, 31, 2), source(0, 29, 2), "column 33 is column 29");
        let flipped = appended(Choice { flipped: true, ..choice });
        assert_eq!(value(&flipped, 5, 5, 1), source(3, 31 - 7, 1), "mirrored first, then shifted");
    }

    #[test]
    fn every_reachable_coordinate_reflects_into_the_image() {
        assert_eq!([-31, -1, 0, 31, 32, 62].map(reflect), [31, 1, 0, 31, 30, 0]);
        assert!((-31..=62).all(|x| reflect(x) < SIDE));
    }

    #[test]
    fn a_cut_out_square_is_the_mean_and_nothing_else_changes() {
        let x = appended(Choice { hole: Some((4, 24, 8)), ..Choice::default() });
        let whole = appended(Choice::default());
        for y in 0..SIDE {
            for column in 0..SIDE {
                let at = (y * SIDE + column) * 3;
                let inside = (4..12).contains(&y) && (24..32).contains(&column);
                let want = if inside { [0.0; 3] } else { [whole[at], whole[at + 1], whole[at + 2]] };
                assert_eq!(x[at..at + 3], want, "({y}, {column})");
            }
        }
    }

    #[test]
    fn choices_are_uniform_over_what_is_allowed() {
        let augment = Augment { flip: Flip::Random, shift: 2, cutout: 30 };
        let chooser = Chooser::new(augment, 1, 0);
        let (mut flips, mut shifts, mut corners) = (0, [[0; 5]; 5], [[0; 3]; 3]);
        for i in 0..25_000 {
            let choice = chooser.choose(i);
            flips += u32::from(choice.flipped);
            shifts[(choice.dy + 2) as usize][(choice.dx + 2) as usize] += 1;
            let (top, left, side) = choice.hole.unwrap();
            assert_eq!(side, 30);
            corners[top][left] += 1;
        }
        assert!((12_000..13_000).contains(&flips), "{flips}");
        assert!(shifts.iter().flatten().all(|n| (850..1150).contains(n)), "{shifts:?}");
        assert!(corners.iter().flatten().all(|n| (2500..3100).contains(n)), "{corners:?}");
    }

    #[test]
    fn alternating_flips_show_both_sides_in_any_two_epochs() {
        let augment = Augment { flip: Flip::Alternating, ..Augment::default() };
        let flipped = |epoch, i| Chooser::new(augment, 9, epoch).choose(i).flipped;
        let first = (0..1000).filter(|&i| flipped(0, i)).count();
        assert!((430..570).contains(&first), "{first}");
        for i in 0..100 {
            assert_ne!(flipped(0, i), flipped(1, i));
            assert_eq!(flipped(0, i), flipped(2, i));
        }
    }

    #[test]
    fn extreme_settings_are_cut_to_what_fits() {
        let augment = Augment { flip: Flip::Off, shift: 1000, cutout: 1000 };
        for i in 0..200 {
            let choice = Chooser::new(augment, 0, 3).choose(i);
            assert!(choice.dy.abs() <= 31 && choice.dx.abs() <= 31);
            assert!(appended(choice).iter().all(|&v| v == 0.0));
        }
    }
}

//! The training images that are nearest to a picture: what shows that a generator copies.

use crate::data::{IMAGE_BYTES, Split};
use rayon::prelude::*;

/// Pictures whose nearest images are looked for together.
const TOGETHER: usize = 16;
/// Bytes that are compared before it is asked whether the least distance can still be reached.
const BLOCK: usize = 256;
/// Training images that one core looks through before it takes the next ones.
const PART: usize = 2048;

/// For each of `made (n, 32, 32, 3)` (u8), the number of the training image with the least sum of squared differences;
/// the first of equals. None when `go_on`, asked now and then, said no.
pub fn nearest(made: &[u8], training: &Split, among: &[u32], go_on: &mut dyn FnMut() -> bool) -> Option<Vec<u32>> {
    let of_one = |picture: &[u8]| closest(picture, training, among, 1).first().map_or(0, |near| near.image);
    let mut found = Vec::new();
    for pictures in made.chunks(TOGETHER * IMAGE_BYTES) {
        if !go_on() {
            return None;
        }
        found.par_extend(pictures.par_chunks_exact(IMAGE_BYTES).map(of_one));
    }
    Some(found)
}

/// A training image, and how far it is from a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Near {
    squares: u32,
    /// Its number.
    pub image: u32,
}

impl Near {
    /// The root of the mean squared difference of their values, as a share of the range from black to white.
    pub fn distance(self) -> f64 {
        (f64::from(self.squares) / IMAGE_BYTES as f64).sqrt() / 255.0
    }
}

/// The `count` training images that are nearest to one picture, as [`nearest`] measures it, the nearest first. All cores look
/// for them.
pub fn nearest_few(picture: &[u8; IMAGE_BYTES], training: &Split, among: &[u32], count: usize) -> Vec<Near> {
    let parts = among.par_chunks(PART).map(|among| closest(picture, training, among, count));
    let mut found: Vec<Near> = parts.flatten_iter().collect();
    found.sort_unstable();
    found.truncate(count);
    found
}

/// The nearest first, and of equals the one with the lower number where `among` ascends.
fn closest(picture: &[u8], training: &Split, among: &[u32], count: usize) -> Vec<Near> {
    let mut found: Vec<Near> = Vec::new();
    let mut bound = u32::MAX;
    for &image in among {
        let Some(squares) = distance_below(bound, picture, training.image(image as usize)) else { continue };
        found.insert(found.partition_point(|near| near.squares <= squares), Near { squares, image });
        found.truncate(count);
        if let Some(last) = found.last().filter(|_| found.len() == count) {
            bound = last.squares;
        }
    }
    found
}

/// The sum of squared differences, if it is below `bound`.
fn distance_below(bound: u32, a: &[u8], b: &[u8]) -> Option<u32> {
    let mut sum = 0;
    for (a, b) in a.chunks(BLOCK).zip(b.chunks(BLOCK)) {
        sum += a.iter().zip(b).map(|(&a, &b)| u32::from(a.abs_diff(b)) * u32::from(a.abs_diff(b))).sum::<u32>();
        if sum >= bound {
            return None;
        }
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_few_stand_in_their_order_whatever_core_found_them() {
        let values: Vec<u8> = (0..5000u32).map(|i| (i * 7919 % 251) as u8).collect();
        let images = values.iter().flat_map(|&value| [value; IMAGE_BYTES]).collect::<Vec<u8>>();
        let training = Split { images: images.into(), labels: vec![0; values.len()].into() };
        let among: Vec<u32> = (0..5000).filter(|i| i % 3 > 0).collect();
        let found = nearest_few(&[100; IMAGE_BYTES], &training, &among, 70);
        let mut due = among.clone();
        due.sort_by_key(|&i| values[i as usize].abs_diff(100));
        assert_eq!(found.iter().map(|near| near.image).collect::<Vec<_>>(), due[..70]);
        assert_eq!(found[0].distance(), 0.0);
        let step = f64::from(values[due[69] as usize].abs_diff(100)) / 255.0;
        assert!((found[69].distance() - step).abs() < 1e-9 && step > 0.0);
        assert_eq!(nearest_few(&[9; IMAGE_BYTES], &training, &[4, 2], 5).len(), 2, "there are no more");
    }

    #[test]
    fn the_nearest_image_is_found_among_those_that_may_be_shown() {
        let grey = |values: &[u8]| values.iter().flat_map(|&value| [value; IMAGE_BYTES]).collect::<Vec<u8>>();
        let training = Split { images: grey(&[0, 100, 200, 104]).into(), labels: [0; 4].into() };
        let mut always = || true;
        assert_eq!(nearest(&grey(&[103, 255, 2]), &training, &[0, 1, 2, 3], &mut always), Some(vec![3, 2, 0]));
        assert_eq!(nearest(&grey(&[103, 255, 2]), &training, &[1, 2], &mut always), Some(vec![1, 2, 1]));
        assert_eq!(nearest(&grey(&[102]), &training, &[1, 3], &mut always), Some(vec![1]), "the first of equals");
        assert_eq!(nearest(&grey(&[103]), &training, &[0], &mut || false), None);
    }
}

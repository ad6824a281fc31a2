//! The training image that is nearest to a made picture: what shows that a generator copies.

use crate::data::{IMAGE_BYTES, Split};
use rayon::prelude::*;

/// Pictures whose nearest images are looked for together.
const TOGETHER: usize = 16;
/// Bytes that are compared before it is asked whether the least distance can still be reached.
const BLOCK: usize = 256;

/// For each of `made (n, 32, 32, 3)` (u8), the number of the training image with the least sum of squared differences;
/// the first of equals. None when `go_on`, asked now and then, said no.
pub fn nearest(made: &[u8], training: &Split, among: &[u32], go_on: &mut dyn FnMut() -> bool) -> Option<Vec<u32>> {
    let of_one = |picture: &[u8]| {
        let mut best = (u32::MAX, among.first().copied().unwrap_or(0));
        for &index in among {
            if let Some(distance) = distance_below(best.0, picture, training.image(index as usize)) {
                best = (distance, index);
            }
        }
        best.1
    };
    let mut found = Vec::new();
    for pictures in made.chunks(TOGETHER * IMAGE_BYTES) {
        if !go_on() {
            return None;
        }
        found.par_extend(pictures.par_chunks_exact(IMAGE_BYTES).map(of_one));
    }
    Some(found)
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

//! What is random in a GAN's training: each draw is a hash of seed, purpose, step and index.

use crate::ops::random::Stream;

/// Whole-pixel shifts (down, right), each from `-reach` to `reach`, one a picture.
pub fn shifts(stream: &Stream, count: usize, reach: usize) -> Vec<(i32, i32)> {
    let draw = |index| stream.below(index, 2 * reach as u64 + 1) as i32 - reach as i32;
    (0..count as u64).map(|i| (draw(2 * i), draw(2 * i + 1))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifts_reach_every_pixel_both_ways_and_no_further() {
        let all = shifts(&Stream::new(1, "shift", 0), 500, 2);
        for axis in [all.iter().map(|s| s.0).collect::<Vec<_>>(), all.iter().map(|s| s.1).collect()] {
            assert_eq!((-2..=2).filter(|d| axis.contains(d)).count(), 5);
            assert!(axis.iter().all(|d| d.abs() <= 2));
        }
        assert!(shifts(&Stream::new(1, "shift", 0), 9, 0).iter().all(|&shift| shift == (0, 0)));
    }
}

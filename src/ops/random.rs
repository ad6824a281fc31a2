//! Randomness as a hash: every random number is a function of `(seed, purpose, step, index)`.
//!
//! There is no generator and so no state: with the step known, a resumed run draws what the uninterrupted one would
//! have drawn, on any number of threads and in any order.

/// A 64-bit hash of `(seed, purpose, step, index)`, uniform over all 64-bit integers.
///
/// The four words are absorbed one after another through the finaliser of SplitMix64 (Steele, Lea and Flood 2014,
/// "Fast Splittable Pseudorandom Number Generators", variant 13 of Stafford's mixers); `purpose` is folded in by FNV-1a.
pub fn hash(seed: u64, purpose: &str, step: u64, index: u64) -> u64 {
    Stream::new(seed, purpose, step).at(index)
}

/// The hash with seed, purpose and step fixed: what an inner loop over `index` should hold.
#[derive(Clone, Copy, Debug)]
pub struct Stream(u64);

impl Stream {
    /// Absorbs everything but the index.
    pub fn new(seed: u64, purpose: &str, step: u64) -> Self {
        let purpose =
            purpose.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3));
        Self(mix(mix(mix(seed) ^ purpose) ^ step))
    }

    /// 64 uniform bits for `index`.
    #[inline]
    pub fn at(&self, index: u64) -> u64 {
        mix(self.0 ^ mix(index))
    }

    /// A uniform number in `[0, 1)`, a multiple of 2^-24.
    #[inline]
    pub fn unit(&self, index: u64) -> f32 {
        to_unit(self.at(index))
    }

    /// A uniform integer in `0..bound` (`bound` > 0), by Lemire's multiplication; its bias is below `bound / 2^64`.
    #[inline]
    pub fn below(&self, index: u64, bound: u64) -> u64 {
        ((u128::from(self.at(index)) * u128::from(bound)) >> 64) as u64
    }

    /// A standard normal number (Box and Muller 1958), built from two uniforms of the same index.
    pub fn normal(&self, index: u64) -> f32 {
        let bits = self.at(index);
        // Two independent 32-bit halves; the first is moved off zero so that its logarithm is finite.
        let u = ((bits >> 32) as f64 + 0.5) / 4_294_967_296.0;
        let v = (bits as u32) as f64 / 4_294_967_296.0;
        ((-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()) as f32
    }
}

/// A uniform number in `[0, 1)` for `(seed, purpose, step, index)`.
pub fn unit(seed: u64, purpose: &str, step: u64, index: u64) -> f32 {
    Stream::new(seed, purpose, step).unit(index)
}

/// A standard normal number for `(seed, purpose, step, index)`.
pub fn normal(seed: u64, purpose: &str, step: u64, index: u64) -> f32 {
    Stream::new(seed, purpose, step).normal(index)
}

fn to_unit(bits: u64) -> f32 {
    (bits >> 40) as f32 / 16_777_216.0
}

fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_word_changes_the_number() {
        let base = hash(1, "flip", 2, 3);
        assert_ne!(base, hash(0, "flip", 2, 3));
        assert_ne!(base, hash(1, "crop", 2, 3));
        assert_ne!(base, hash(1, "flip", 3, 3));
        assert_ne!(base, hash(1, "flip", 2, 4));
        assert_eq!(base, Stream::new(1, "flip", 2).at(3));
    }

    #[test]
    fn moments_are_those_of_the_named_distributions() {
        let n = 100_000u64;
        let stream = Stream::new(7, "moments", 0);
        let mean_unit: f64 = (0..n).map(|i| f64::from(stream.unit(i))).sum::<f64>() / n as f64;
        assert!((mean_unit - 0.5).abs() < 0.005, "{mean_unit}");
        let (mut sum, mut squares) = (0.0, 0.0);
        for i in 0..n {
            let x = f64::from(stream.normal(i));
            sum += x;
            squares += x * x;
        }
        assert!((sum / n as f64).abs() < 0.02);
        assert!((squares / n as f64 - 1.0).abs() < 0.02);
        let mut seen = [0u32; 10];
        (0..n).for_each(|i| seen[stream.below(i, 10) as usize] += 1);
        assert!(seen.iter().all(|&c| (9_500..10_500).contains(&c)), "{seen:?}");
    }
}

//! Two clusters of pixels' colours, with a soft border between them.

use super::colour::{Lab, squared};

/// Rounds of refinement: a fixed number, since stopping at a threshold would jump where the pixels hardly differ.
const ROUNDS: usize = 12;
/// Rounds of the power iteration that finds the direction of the first cut.
const TURNS: usize = 12;
/// Within this share of the way between both means, around its middle, pixels belong to both clusters.
const SOFT: f32 = 0.5;
/// Half the distance between the means of both halves of a normal distribution, in standard deviations (sqrt(2 / pi)).
const HALF: f32 = 0.797_884_6;
/// Keeps divisions safe where all pixels are alike; far below any distance that can be seen.
const TINY: f32 = 1e-9;

/// Two means of colours, and a plane between them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pair {
    /// The means of the first and the second cluster; the same where all pixels are alike.
    pub means: [Lab; 2],
    /// From the first to the second mean, such that `dot(pixel, axis) - start` is how much of a pixel is of the second.
    axis: Lab,
    start: f32,
}

/// 2-means (Lloyd 1982) of at least one colour, but soft: across the middle of the way from one mean to the other, a
/// pixel's membership grows from 0 to 1. With the usual sharp border, noise moves single pixels over and the means with
/// them. It starts from the two halves along the direction in which the colours vary most, so that nothing is drawn.
pub(super) fn pair(pixels: &[Lab]) -> Pair {
    let middle = means(pixels, |_| 0.0)[0];
    let (direction, deviation) = widest(pixels, middle);
    let off = direction.map(|value| value * HALF * deviation);
    let mut pair = Pair::between([minus(middle, off), plus(middle, off)]);
    for _ in 0..ROUNDS {
        pair = Pair::between(means(pixels, |pixel| pair.second(pixel)));
    }
    pair
}

impl Pair {
    fn between(means: [Lab; 2]) -> Self {
        let way = minus(means[1], means[0]);
        let scale = SOFT * (dot(way, way) + TINY);
        let axis = way.map(|value| value / scale);
        let centre = plus(means[0], means[1]).map(|value| value / 2.0);
        Self { means, axis, start: dot(axis, centre) - 0.5 }
    }

    /// How much of a pixel belongs to the second cluster, 0 to 1.
    pub fn second(&self, pixel: Lab) -> f32 {
        (dot(self.axis, pixel) - self.start).clamp(0.0, 1.0)
    }

    /// The second cluster's share of some pixels, 0 to 1. At least one pixel.
    pub fn share(&self, pixels: &[Lab]) -> f32 {
        let sum: f64 = pixels.iter().map(|&pixel| f64::from(self.second(pixel))).sum();
        (sum / pixels.len() as f64) as f32
    }
}

/// The means of the first and the second cluster, `second` saying how much of a pixel is of the second. A cluster
/// without pixels takes the mean of all.
fn means(pixels: &[Lab], second: impl Fn(Lab) -> f32) -> [Lab; 2] {
    let (mut all, mut part, mut weight) = ([0.0_f64; 3], [0.0_f64; 3], 0.0);
    for &pixel in pixels {
        let share = f64::from(second(pixel));
        weight += share;
        for i in 0..3 {
            all[i] += f64::from(pixel[i]);
            part[i] += share * f64::from(pixel[i]);
        }
    }
    let count = pixels.len() as f64;
    let mean = |i: usize, sum: f64, weight: f64| (if weight > 0.0 { sum / weight } else { all[i] / count }) as f32;
    let first = std::array::from_fn(|i| mean(i, all[i] - part[i], count - weight));
    [first, std::array::from_fn(|i| mean(i, part[i], weight))]
}

/// The direction of the largest variance, by power iteration from the direction of lightness, and the standard
/// deviation along it.
fn widest(pixels: &[Lab], middle: Lab) -> (Lab, f32) {
    let mut covariance = [[0.0_f32; 3]; 3];
    for &pixel in pixels {
        let off = minus(pixel, middle);
        (0..3).for_each(|i| (0..3).for_each(|j| covariance[i][j] += off[i] * off[j]));
    }
    let (mut axis, mut variance) = ([1.0, 0.01, 0.01], 0.0);
    for _ in 0..TURNS {
        let next = covariance.map(|row| dot(row, axis));
        let length = squared(next, [0.0; 3]).sqrt();
        if length == 0.0 {
            return (axis, 0.0);
        }
        (axis, variance) = (next.map(|value| value / length), length / pixels.len() as f32);
    }
    (axis, variance.sqrt())
}

fn plus(a: Lab, b: Lab) -> Lab {
    std::array::from_fn(|i| a[i] + b[i])
}

fn minus(a: Lab, b: Lab) -> Lab {
    std::array::from_fn(|i| a[i] - b[i])
}

fn dot(a: Lab, b: Lab) -> f32 {
    (0..3).map(|i| a[i] * b[i]).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_heaps_are_told_apart() {
        let heap = |centre: Lab, count: usize| {
            (0..count).map(move |i| [centre[0] + 0.01 * (i % 3) as f32, centre[1], centre[2] - 0.01 * (i % 2) as f32])
        };
        let pixels: Vec<Lab> = heap([0.2, 0.1, 0.0], 30).chain(heap([0.3, -0.1, 0.1], 60)).collect();
        let found = pair(&pixels);
        let larger = usize::from(found.share(&pixels) > 0.5);
        assert!(squared(found.means[larger], [0.31, -0.1, 0.095]) < 1e-9, "{found:?}");
        assert!(squared(found.means[1 - larger], [0.21, 0.1, -0.005]) < 1e-9, "{found:?}");
        assert!((found.share(&pixels) - [1.0 / 3.0, 2.0 / 3.0][larger]).abs() < 1e-6);
        assert!(pixels.iter().all(|&pixel| [0.0, 1.0].contains(&found.second(pixel))));
    }

    #[test]
    fn pixels_that_are_alike_have_equal_means() {
        for pixels in [&[[0.5, 0.25, -0.125]; 7][..], &[[0.1, 0.2, 0.3]], &[[0.0; 3]; 3]] {
            let found = pair(pixels);
            for mean in found.means {
                assert!(squared(mean, pixels[0]) < 1e-9, "{found:?}");
            }
            assert!((0.0..=1.0).contains(&found.share(pixels)));
        }
    }
}

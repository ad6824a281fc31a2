//! What is random in a diffusion model's training: each draw is a hash of seed, purpose, step and index.

use crate::ops::random::Stream;

/// Where the noise levels lie that tell most of a picture: those of restoring and of classifying.
const MIDDLE: (f32, f32) = (0.2, 0.7);

/// One time a picture, 0..1: with probability `focus` uniform in the middle, else uniform over all.
pub fn times(seed: u64, step: u64, focus: f32, count: usize) -> Vec<f32> {
    let stream = Stream::new(seed, "diffusion.time", step);
    let one = |i: u64| {
        let (coin, place) = (stream.unit(2 * i), stream.unit(2 * i + 1));
        if coin < focus { MIDDLE.0 + (MIDDLE.1 - MIDDLE.0) * place } else { place }
    };
    (0..count as u64).map(one).collect()
}

/// The labels, each hidden with probability `drop`.
pub fn shown(seed: u64, step: u64, drop: f32, labels: &[usize]) -> Vec<Option<usize>> {
    let stream = Stream::new(seed, "diffusion.drop", step);
    (0u64..).zip(labels).map(|(i, &label)| (stream.unit(i) >= drop).then_some(label)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_times_are_drawn_from_the_middle() {
        let all = times(1, 7, 0.5, 20_000);
        let share = all.iter().filter(|time| (MIDDLE.0..MIDDLE.1).contains(time)).count() as f64 / 20_000.0;
        assert!((share - 0.75).abs() < 0.01, "{share}");
        assert!(all.iter().all(|time| (0.0..1.0).contains(time)));
        let mean = times(1, 7, 0.0, 20_000).iter().sum::<f32>() / 20_000.0;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
        assert_ne!(times(1, 8, 0.5, 5), all[..5], "other times at another step");
    }

    #[test]
    fn a_tenth_of_the_labels_is_hidden() {
        let labels: Vec<usize> = (0..20_000).map(|i| i % 10).collect();
        let shown = shown(1, 2, 0.1, &labels);
        let hidden = shown.iter().filter(|label| label.is_none()).count() as f64 / 20_000.0;
        assert!((hidden - 0.1).abs() < 0.01, "{hidden}");
        assert!(shown.iter().zip(&labels).all(|(shown, label)| shown.is_none_or(|shown| shown == *label)));
    }
}

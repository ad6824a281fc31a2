//! A split: images and their labels, in memory, shared.

use std::sync::Arc;

use super::{IMAGE_BYTES, SIDE};
use crate::ops::random::Stream;

/// Label names, in the order of their numbers.
pub type Labels = Arc<[String]>;

/// Images of 32x32 pixels (u8, height x width x channel) and their labels.
#[derive(Clone, Debug, Default)]
pub struct Split {
    pub images: Arc<[u8]>,
    pub labels: Arc<[u8]>,
}

/// Mean and standard deviation of each channel, of pixels scaled to 0..1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChannelStats {
    pub mean: [f32; 3],
    pub std: [f32; 3],
}

impl Split {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// True without images.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The pixels of image `i` (32, 32, 3). Panics when `i` is not below `len()`, like an index does.
    pub fn image(&self, i: usize) -> &[u8; IMAGE_BYTES] {
        &self.images.as_chunks().0[i]
    }

    /// Images of each label, for `labels` labels.
    pub fn class_counts(&self, labels: usize) -> Vec<usize> {
        let mut counts = vec![0; labels.max(256)];
        self.labels.iter().for_each(|&l| counts[usize::from(l)] += 1);
        counts.truncate(labels);
        counts
    }

    /// Mean and (population) standard deviation of each channel; sums are exact integers, so any order gives the
    /// same bits. A channel without any variation has deviation 1, so that dividing by it is safe.
    pub fn channel_stats(&self) -> ChannelStats {
        let (mut sum, mut squares) = ([0u64; 3], [0u64; 3]);
        for pixel in self.images.as_chunks::<3>().0 {
            for c in 0..3 {
                sum[c] += u64::from(pixel[c]);
                squares[c] += u64::from(pixel[c]) * u64::from(pixel[c]);
            }
        }
        let n = (self.len() * SIDE * SIDE).max(1) as f64;
        let mean = sum.map(|s| s as f64 / n);
        let deviation = |c: usize| (squares[c] as f64 / n - mean[c] * mean[c]).max(0.0).sqrt();
        ChannelStats {
            mean: mean.map(|m| (m / 255.0) as f32),
            std: [0, 1, 2].map(|c| match deviation(c) {
                0.0 => 1.0,
                d => (d / 255.0) as f32,
            }),
        }
    }

    /// The images at `indices`, in that order.
    pub fn select(&self, indices: &[u32]) -> Split {
        let mut images = Vec::with_capacity(indices.len() * IMAGE_BYTES);
        for &i in indices {
            images.extend_from_slice(self.image(i as usize));
        }
        Split { images: images.into(), labels: indices.iter().map(|&i| self.labels[i as usize]).collect() }
    }

    /// The first `n` images as evenly over the labels as they allow, kept in file order: with `n` = 200 a label, the
    /// first 200 of each label.
    pub fn first_balanced(&self, n: usize) -> Vec<u32> {
        let mut seen = [0u32; 256];
        let mut ranked: Vec<(u32, u32)> = (0u32..)
            .zip(self.labels.iter())
            .map(|(i, &label)| {
                let rank = &mut seen[usize::from(label)];
                *rank += 1;
                (*rank, i)
            })
            .collect();
        ranked.sort_unstable();
        let mut chosen: Vec<u32> = ranked.into_iter().take(n).map(|(_, i)| i).collect();
        chosen.sort_unstable();
        chosen
    }
}

/// At most `n` images as evenly over the labels as they allow, in an order that hides them: of each label those with the
/// smallest hash of `(seed, "draw", index)`.
pub fn draw_evenly(labels: &[u8], n: usize, seed: u64) -> Vec<u32> {
    let stream = Stream::new(seed, "draw", 0);
    let mut all: Vec<(u64, u32)> = (0u32..labels.len() as u32).map(|i| (stream.at(u64::from(i)), i)).collect();
    all.sort_unstable();
    let mut seen = [0u32; 256];
    let ranked = all.into_iter().map(|(hash, i)| {
        let rank = &mut seen[usize::from(labels[i as usize])];
        *rank += 1;
        (*rank, hash, i)
    });
    let mut ranked: Vec<(u32, u64, u32)> = ranked.collect();
    ranked.sort_unstable();
    ranked.truncate(n);
    ranked.sort_unstable_by_key(|&(_, hash, _)| hash);
    ranked.into_iter().map(|(_, _, i)| i).collect()
}

/// Splits training images once into `(train, held_out)` indices, both ascending.
///
/// A tenth of the images, at most 1,000, is held out for choosing epochs and thresholds: of each label in proportion
/// to its share (so that a rare label keeps images to train on), those with the smallest hash of
/// `(seed, "holdout", index)`.
pub fn holdout(labels: &[u8], seed: u64) -> (Vec<u32>, Vec<u32>) {
    let target = (labels.len() / 10).min(1000);
    let stream = Stream::new(seed, "holdout", 0);
    let mut members: Vec<Vec<(u64, u32)>> = vec![Vec::new(); 256];
    for (i, &label) in (0u32..).zip(labels) {
        members[usize::from(label)].push((stream.at(u64::from(i)), i));
    }
    // Image number r of a label with c images stands at (r + 1/2) / c; the lowest places over all labels are taken.
    let mut places = Vec::with_capacity(labels.len());
    for group in &mut members {
        group.sort_unstable();
        let count = group.len() as u64;
        places.extend((0u64..).zip(group.iter()).map(|(r, &(h, i))| (2 * r + 1, count, h, i)));
    }
    places.sort_unstable_by(|a, b| (a.0 * b.1, a.2, a.3).cmp(&(b.0 * a.1, b.2, b.3)));
    let mut is_held = vec![false; labels.len()];
    places.iter().take(target).for_each(|p| is_held[p.3 as usize] = true);
    (0..labels.len() as u32).partition(|&i| !is_held[i as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(labels: &[u8]) -> Split {
        Split { images: (0..labels.len() * IMAGE_BYTES).map(|i| (i % 251) as u8).collect(), labels: labels.into() }
    }

    #[test]
    fn channel_stats_are_those_of_the_plain_formula() {
        let s = split(&[0, 1, 2]);
        let stats = s.channel_stats();
        for c in 0..3 {
            let values: Vec<f64> = s.images.iter().skip(c).step_by(3).map(|&v| f64::from(v) / 255.0).collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let var = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
            assert!((f64::from(stats.mean[c]) - mean).abs() < 1e-6);
            assert!((f64::from(stats.std[c]) - var.sqrt()).abs() < 1e-6);
        }
        let flat = Split { images: vec![9; IMAGE_BYTES].into(), labels: vec![0].into() };
        assert_eq!(flat.channel_stats().std, [1.0; 3]);
        assert!(Split::default().channel_stats().mean.iter().all(|m| *m == 0.0));
    }

    #[test]
    fn first_balanced_takes_the_first_of_each_label_in_file_order() {
        let s = split(&[0, 0, 0, 1, 0, 2, 1, 2]);
        assert_eq!(s.first_balanced(6), [0, 1, 3, 5, 6, 7]);
        assert_eq!(s.first_balanced(3), [0, 3, 5]);
        assert_eq!(s.first_balanced(99).len(), 8);
        let chosen = s.select(&[3, 1]);
        assert_eq!(&*chosen.labels, [1, 0]);
        assert_eq!(chosen.image(0), s.image(3));
    }

    #[test]
    fn a_draw_is_even_mixed_and_always_the_same() {
        let labels: Vec<u8> = (0..300).map(|i| (i / 100) as u8).collect();
        let drawn = draw_evenly(&labels, 31, 1);
        let of = |label: u8| drawn.iter().filter(|&&i| labels[i as usize] == label).count();
        let mut counts = [of(0), of(1), of(2)];
        counts.sort_unstable();
        assert_eq!((drawn.len(), counts), (31, [10, 10, 11]));
        assert!(!drawn.is_sorted(), "labels do not stand in their order");
        assert_eq!(draw_evenly(&labels, 31, 1), drawn);
        assert_ne!(draw_evenly(&labels, 31, 2), drawn);
        assert_eq!((draw_evenly(&[0, 1], 9, 1).len(), draw_evenly(&[], 9, 1).len()), (2, 0));
    }

    #[test]
    fn holdout_is_balanced_disjoint_and_whole() {
        let labels: Vec<u8> = (0..20_000).map(|i| (i * 7 % 10) as u8).collect();
        let (train, held) = holdout(&labels, 3);
        assert_eq!((train.len(), held.len()), (19_000, 1000));
        for label in 0..10 {
            assert_eq!(held.iter().filter(|&&i| labels[i as usize] == label).count(), 100);
        }
        let mut all = [train.clone(), held.clone()].concat();
        all.sort_unstable();
        assert!(all.iter().copied().eq(0..20_000));
        assert_eq!(holdout(&labels, 3), (train, held.clone()));
        assert_ne!(holdout(&labels, 4).1, held);
    }

    #[test]
    fn holdout_leaves_a_rare_label_images_to_train_on() {
        let mut labels = vec![0u8; 1990];
        labels.extend([1; 10]);
        let (train, held) = holdout(&labels, 0);
        assert_eq!(held.len(), 200);
        assert_eq!(train.iter().filter(|&&i| labels[i as usize] == 1).count(), 9);
        assert_eq!(holdout(&[], 0), (vec![], vec![]));
        assert_eq!(holdout(&[1, 2, 3], 0).1, Vec::<u32>::new());
    }
}

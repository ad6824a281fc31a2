//! Pictures of nothing, for measurements that need some where there are none.

use super::dataset::{Dataset, content_sha256};
use super::{IMAGE_BYTES, Split, cifar10_labels};
use crate::ops::random::Stream;

/// `train` training images and a tenth as many test images, in CIFAR-10's labels: each of one colour with noise on it, so that
/// nothing can be learned but every step is as long as on pictures of something.
pub fn made_up(train: usize) -> Dataset {
    let labels = cifar10_labels();
    let (train, test) = (split("made up for training", train), split("made up for testing", train / 10));
    let sha256 = content_sha256(&labels, &train, &test);
    Dataset { name: "made-up pictures".to_owned(), labels, train, test, sha256, path: "made-up pictures".into() }
}

fn split(purpose: &str, images: usize) -> Split {
    let (noise, colours) = (Stream::new(0, purpose, 0), Stream::new(0, purpose, 1));
    let byte = |i: usize| {
        let colour = colours.below((i / IMAGE_BYTES * 3 + i % 3) as u64, 192);
        (colour + noise.below(i as u64, 64)) as u8
    };
    Split {
        images: (0..images * IMAGE_BYTES).map(byte).collect(),
        labels: (0..images).map(|i| (i % 10) as u8).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_pictures_are_the_same_every_time_and_differ_from_each_other() {
        let data = made_up(40);
        assert_eq!((data.train.len(), data.test.len(), data.labels.len()), (40, 4, 10));
        assert_eq!(data.train.class_counts(10), [4; 10]);
        assert_eq!(data.sha256, made_up(40).sha256);
        assert!((1..40).all(|i| data.train.image(0) != data.train.image(i)));
        assert!((0..4).all(|i| data.train.image(i) != data.test.image(i)));
    }
}

//! BLEU (Papineni, Roukos, Ward and Zhu 2002): how many of the captions' n-grams stand in a reference, each counted at
//! most as often as in one reference, times a penalty for captions that are too short. Counts are added up over all
//! pictures before anything is divided.

use super::Judged;
use super::ngrams::{ORDERS, order};

/// What BLEU is made of, added up over pictures.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// N-grams of the captions, by order.
    written: [u64; ORDERS],
    /// Those of them that stand in a reference.
    right: [u64; ORDERS],
    /// Words of the captions.
    length: u64,
    /// Words of each caption's reference that comes nearest in length; the shorter one of two as near.
    due: u64,
}

impl Tally {
    pub fn of(pictures: &[Judged]) -> Self {
        let mut tally = Self::default();
        pictures.iter().for_each(|picture| tally.add(picture));
        tally
    }

    fn add(&mut self, Judged { caption, references }: &Judged) {
        let length = caption.words.len();
        let lengths = references.iter().map(|reference| reference.words.len());
        self.length += length as u64;
        self.due += lengths.min_by_key(|due| (due.abs_diff(length), *due)).unwrap_or(0) as u64;
        for (ngram, count) in caption.counts.iter() {
            let allowed = references.iter().map(|reference| reference.counts.get(ngram)).max().unwrap_or(0);
            self.written[order(ngram)] += u64::from(count);
            self.right[order(ngram)] += u64::from(count.min(allowed));
        }
    }

    /// BLEU-1 to BLEU-4, 0 to 1, as pycocoevalcap's `Bleu(4)`: `min(1, exp(1 - due / length))` times the n-th root of
    /// the product of the first n shares. Its tiny constants, which stand in for a share of 0 of 0, are kept.
    pub fn coco(&self) -> [f64; ORDERS] {
        const SMALL: f64 = 1e-9;
        const TINY: f64 = 1e-15;
        let ratio = (self.length as f64 + TINY) / (self.due as f64 + SMALL);
        let penalty = if ratio < 1.0 { (1.0 - 1.0 / ratio).exp() } else { 1.0 };
        let mut product = 1.0;
        let mut scores = [0.0; ORDERS];
        for (n, score) in scores.iter_mut().enumerate() {
            product *= (self.right[n] as f64 + TINY) / (self.written[n] as f64 + SMALL);
            *score = product.powf(1.0 / (n + 1) as f64) * penalty;
        }
        scores
    }

    /// BLEU-4, 0 to 100, as sacrebleu's `BLEU(tokenize="none")`: where no n-gram of an order is right, its share is
    /// half of the least that it could be, a quarter for the second such order, and so on (`smooth_method="exp"`).
    pub fn sacre(&self) -> f64 {
        if self.right == [0; ORDERS] || self.written.contains(&0) {
            return 0.0;
        }
        let mut least = 1.0;
        let mut logarithms = 0.0;
        for (&right, &written) in self.right.iter().zip(&self.written) {
            let right = if right == 0 {
                least /= 2.0;
                least
            } else {
                right as f64
            };
            logarithms += (right / written as f64).ln();
        }
        let short = (1.0 - self.due as f64 / self.length as f64).min(0.0);
        100.0 * (short + logarithms / ORDERS as f64).exp()
    }
}

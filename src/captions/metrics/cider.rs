//! CIDEr-D (Vedantam, Zitnick and Parikh 2015, section 7): how alike caption and references are in the n-grams that few
//! pictures share.

use std::collections::{BTreeSet, HashMap};

use super::ngrams::{Counts, NGram, ORDERS, order};
use super::{Judged, Sentence};

/// Standard deviation of the penalty for another length.
const SIGMA: f64 = 6.0;

/// In how many pictures' references an n-gram stands.
type Documents = HashMap<NGram, u32>;

/// The mean over pictures, 0 to 10, as pycocoevalcap's `Cider`; document frequencies are those of these references. Of
/// a single picture it is 0, since every word is then in every document. At least one picture.
pub fn mean(pictures: &[Judged]) -> f64 {
    let documents = documents(pictures);
    let log_count = (pictures.len() as f64).ln();
    let vector = |sentence: &Sentence| Vector::of(&sentence.counts, &documents, log_count);
    let score = |picture: &Judged| {
        let caption = vector(&picture.caption);
        let sum: f64 = picture.references.iter().map(|reference| caption.similarity(&vector(reference))).sum();
        10.0 * sum / picture.references.len() as f64
    };
    pictures.iter().map(score).sum::<f64>() / pictures.len() as f64
}

fn documents(pictures: &[Judged]) -> Documents {
    let mut documents = Documents::new();
    for picture in pictures {
        let of_picture: BTreeSet<&NGram> =
            picture.references.iter().flat_map(|reference| reference.counts.iter().map(|(ngram, _)| ngram)).collect();
        for ngram in of_picture {
            *documents.entry(*ngram).or_default() += 1;
        }
    }
    documents
}

/// A sentence as weights of n-grams.
struct Vector {
    /// `count * ln(pictures / documents)`, in ascending order of the n-grams.
    weights: Vec<(NGram, f64)>,
    /// The length of the vector of each order.
    norms: [f64; ORDERS],
    /// What pycocoevalcap compares as the sentence's length: the number of its bigrams.
    length: f64,
}

impl Vector {
    fn of(counts: &Counts, documents: &Documents, log_count: f64) -> Self {
        let mut vector = Self { weights: Vec::new(), norms: [0.0; ORDERS], length: 0.0 };
        for (ngram, count) in counts.iter() {
            let frequency = f64::from(documents.get(ngram).copied().unwrap_or(1));
            let weight = f64::from(count) * (log_count - frequency.ln());
            vector.weights.push((*ngram, weight));
            vector.norms[order(ngram)] += weight * weight;
            if order(ngram) == 1 {
                vector.length += f64::from(count);
            }
        }
        vector.norms = vector.norms.map(f64::sqrt);
        vector
    }

    /// The mean over orders of the cosine with a reference, where a weight counts at most as much as the reference's,
    /// times `exp(-(difference of lengths)^2 / (2 sigma^2))`.
    fn similarity(&self, reference: &Self) -> f64 {
        let mut products = [0.0; ORDERS];
        let mut others = reference.weights.iter().peekable();
        for (ngram, weight) in &self.weights {
            while others.next_if(|(other, _)| other < ngram).is_some() {}
            if let Some((_, other)) = others.next_if(|(other, _)| other == ngram) {
                products[order(ngram)] += weight.min(*other) * other;
            }
        }
        let norms = self.norms.iter().zip(&reference.norms).map(|(a, b)| a * b);
        let cosines: f64 = products.iter().zip(norms).map(|(p, norm)| if norm > 0.0 { p / norm } else { 0.0 }).sum();
        let off = self.length - reference.length;
        cosines / ORDERS as f64 * (-off * off / (2.0 * SIGMA * SIGMA)).exp()
    }
}

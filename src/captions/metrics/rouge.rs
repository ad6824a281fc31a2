//! ROUGE-L (Lin 2004, section 3): the longest common subsequence of caption and reference.

use super::ngrams::Word;
use super::{Judged, Sentence};

/// How much more recall weighs than precision.
const BETA: f64 = 1.2;
/// Stands for the text of a sentence without words, as in pycocoevalcap, where splitting no text gives one empty word.
const NO_WORDS: &[Word] = &[0];

/// The mean over pictures, 0 to 1, as pycocoevalcap's `Rouge`. At least one picture.
pub fn mean(pictures: &[Judged]) -> f64 {
    pictures.iter().map(score).sum::<f64>() / pictures.len() as f64
}

/// `(1 + b^2) P R / (R + b^2 P)` of the best precision and the best recall, which may be of two references.
fn score(Judged { caption, references }: &Judged) -> f64 {
    let caption = words(caption);
    let (mut precision, mut recall) = (0.0_f64, 0.0_f64);
    for reference in references.iter().map(words) {
        let common = longest_common(caption, reference) as f64;
        precision = precision.max(common / caption.len() as f64);
        recall = recall.max(common / reference.len() as f64);
    }
    if precision == 0.0 || recall == 0.0 {
        return 0.0;
    }
    (1.0 + BETA * BETA) * precision * recall / (recall + BETA * BETA * precision)
}

fn words(sentence: &Sentence) -> &[Word] {
    if sentence.words.is_empty() { NO_WORDS } else { &sentence.words }
}

/// The length of the longest common subsequence, in `a.len() * b.len()` steps.
fn longest_common(a: &[Word], b: &[Word]) -> usize {
    let mut row = vec![0; b.len() + 1];
    for x in a {
        let mut diagonal = 0;
        for (at, y) in b.iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = if x == y { diagonal + 1 } else { above.max(row[at]) };
            diagonal = above;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subsequence_may_have_gaps_but_keeps_its_order() {
        assert_eq!(longest_common(&[1, 2, 3, 4], &[2, 9, 4, 1]), 2);
        assert_eq!(longest_common(&[1, 2, 3], &[3, 2, 1]), 1);
        assert_eq!(longest_common(&[1, 2], &[]), 0);
        assert_eq!(longest_common(&[5, 6, 5, 6], &[5, 5, 6, 6]), 3);
    }
}

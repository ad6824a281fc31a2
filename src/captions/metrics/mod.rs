//! How near captions come to their references: BLEU, ROUGE-L and CIDEr-D over a whole set of pictures.
//!
//! As pycocoevalcap 1.2 and sacrebleu 2.6 define them, on text that is already split into words by blanks;
//! [`tokenised`](super::tokenised) makes such text.

mod bleu;
mod cider;
mod ngrams;
mod rouge;

use std::collections::HashMap;

use super::error::CaptionError;
use ngrams::{Counts, Word};

/// Captions and their references, picture by picture.
#[derive(Clone, Debug, Default)]
pub struct Corpus {
    /// The number of each word that was seen, from 1.
    numbers: HashMap<String, Word>,
    pictures: Vec<Judged>,
}

/// The caption of one picture and what it is compared with.
#[derive(Clone, Debug)]
struct Judged {
    caption: Sentence,
    /// At least one.
    references: Vec<Sentence>,
}

/// A sentence as numbers of words, and its n-grams.
#[derive(Clone, Debug)]
struct Sentence {
    words: Vec<Word>,
    counts: Counts,
}

/// What a corpus scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scores {
    /// BLEU-1 to BLEU-4, 0 to 1, as pycocoevalcap has them.
    pub bleu: [f64; 4],
    /// BLEU-4, 0 to 100, as sacrebleu has it: with a smoothed share for an order of which nothing is right.
    pub sacrebleu: f64,
    /// 0 to 1.
    pub rouge_l: f64,
    /// 0 to 10.
    pub cider_d: f64,
}

impl Corpus {
    /// Adds a picture: the caption that was written for it (it may be empty), and its references.
    ///
    /// # Errors
    /// When there is no reference.
    pub fn add<S: AsRef<str>>(&mut self, caption: &str, references: &[S]) -> Result<(), CaptionError> {
        if references.is_empty() {
            return Err(CaptionError::NoReference { number: self.pictures.len() });
        }
        let references = references.iter().map(|reference| self.sentence(reference.as_ref())).collect();
        let caption = self.sentence(caption);
        self.pictures.push(Judged { caption, references });
        Ok(())
    }

    /// Number of pictures.
    pub fn len(&self) -> usize {
        self.pictures.len()
    }

    /// True without pictures.
    pub fn is_empty(&self) -> bool {
        self.pictures.is_empty()
    }

    /// All scores; none without pictures.
    pub fn scores(&self) -> Option<Scores> {
        let tally = bleu::Tally::of(&self.pictures);
        (!self.is_empty()).then(|| Scores {
            bleu: tally.coco(),
            sacrebleu: tally.sacre(),
            rouge_l: rouge::mean(&self.pictures),
            cider_d: cider::mean(&self.pictures),
        })
    }

    fn sentence(&mut self, text: &str) -> Sentence {
        let words: Vec<Word> = text.split_whitespace().map(|word| self.number(word)).collect();
        Sentence { counts: Counts::of(&words), words }
    }

    fn number(&mut self, word: &str) -> Word {
        if let Some(&number) = self.numbers.get(word) {
            return number;
        }
        // A text of 2^32 different words would not fit into memory.
        let number = (self.numbers.len() + 1) as Word;
        self.numbers.insert(word.to_owned(), number);
        number
    }
}

#[cfg(test)]
mod tests;

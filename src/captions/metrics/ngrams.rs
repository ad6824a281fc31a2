//! Counted n-grams of a sentence.

/// The number of a word, from 1.
pub type Word = u32;
/// The longest n-gram that is counted.
pub const ORDERS: usize = 4;
/// One to four words; the rest is 0, which is no word.
pub type NGram = [Word; ORDERS];

/// Every n-gram of a sentence and how often it occurs, in ascending order: whoever adds over them gets the same bits.
#[derive(Clone, Debug, Default)]
pub struct Counts(Vec<(NGram, u32)>);

impl Counts {
    /// The n-grams of one to four words.
    pub fn of(words: &[Word]) -> Self {
        let mut all: Vec<NGram> = Vec::with_capacity(words.len() * ORDERS);
        for order in 1..=ORDERS {
            all.extend(words.windows(order).map(|window| {
                let mut ngram = NGram::default();
                ngram[..order].copy_from_slice(window);
                ngram
            }));
        }
        all.sort_unstable();
        Self(all.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as u32)).collect())
    }

    /// How often it occurs.
    pub fn get(&self, ngram: &NGram) -> u32 {
        self.0.binary_search_by_key(ngram, |(ngram, _)| *ngram).map_or(0, |at| self.0[at].1)
    }

    /// Each n-gram with its count.
    pub fn iter(&self) -> impl Iterator<Item = (&NGram, u32)> {
        self.0.iter().map(|(ngram, count)| (ngram, *count))
    }
}

/// How many words an n-gram has, less one: 0 to 3.
pub fn order(ngram: &NGram) -> usize {
    ngram.iter().skip(1).take_while(|word| **word != 0).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_window_is_counted() {
        let counts = Counts::of(&[7, 8, 7, 8, 7]);
        let found: Vec<_> = counts.iter().map(|(ngram, count)| (*ngram, count)).collect();
        let due = [
            ([7, 0, 0, 0], 3),
            ([7, 8, 0, 0], 2),
            ([7, 8, 7, 0], 2),
            ([7, 8, 7, 8], 1),
            ([8, 0, 0, 0], 2),
            ([8, 7, 0, 0], 2),
            ([8, 7, 8, 0], 1),
            ([8, 7, 8, 7], 1),
        ];
        assert_eq!(found, due);
        assert_eq!(due.map(|(ngram, _)| order(&ngram)), [0, 1, 2, 3, 0, 1, 2, 3]);
        assert_eq!((counts.get(&[8, 7, 8, 0]), counts.get(&[7, 7, 0, 0])), (1, 0));
        assert_eq!(Counts::of(&[]).iter().count(), 0);
    }
}

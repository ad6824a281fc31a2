//! How well single tokens are told, given those before them.

use rayon::prelude::*;

/// Sums over tokens that count.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TokenSums {
    /// In nats.
    pub loss: f64,
    pub right: u64,
    pub count: u64,
}

impl TokenSums {
    /// Takes in rows of `logits`, one a target, that are the largest at their targets; their loss is not among them.
    pub fn add_right(&mut self, logits: &[f32], targets: &[Option<usize>]) {
        let width = logits.len() / targets.len().max(1);
        if width == 0 {
            return;
        }
        let is_right = |(row, target): (&[f32], &Option<usize>)| target.map(|target| largest(row) == target);
        let found: Vec<Option<bool>> = logits.par_chunks(width).zip(targets).map(is_right).collect();
        self.count += found.iter().flatten().count() as u64;
        self.right += found.iter().flatten().filter(|is_right| **is_right).count() as u64;
    }

    /// Mean loss in nats.
    pub fn mean_loss(&self) -> f64 {
        self.loss / self.count as f64
    }

    /// The share of right tokens, 0..=1.
    pub fn accuracy(&self) -> f64 {
        self.right as f64 / self.count as f64
    }
}

/// The place of the largest number, the first of equals.
fn largest(row: &[f32]) -> usize {
    let most = row.iter().fold(f32::NEG_INFINITY, |most, &x| if x > most { x } else { most });
    row.iter().position(|&x| x == most).unwrap_or(0)
}

/// For each caption of a lesson the product of the probabilities of the marked targets; none where nothing is marked.
/// `logits` has a row a target.
pub fn probabilities(logits: &[f32], targets: &[Option<usize>], marked: &[bool], length: usize) -> Vec<Option<f32>> {
    let width = logits.len() / targets.len().max(1);
    let rows: Vec<usize> = (0..targets.len()).collect();
    let of_caption = |places: &[usize]| {
        let of_marked = places.iter().filter(|&&at| marked[at]).filter_map(|&at| Some((at, targets[at]?)));
        let logs = of_marked.map(|(at, target)| log_share(&logits[at * width..(at + 1) * width], target));
        logs.fold(None, |sum: Option<f32>, log| Some(sum.unwrap_or(0.0) + log)).map(f32::exp)
    };
    rows.chunks(length.max(1)).map(of_caption).collect()
}

fn log_share(row: &[f32], target: usize) -> f32 {
    let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    row[target] - most - row.iter().map(|x| (x - most).exp()).sum::<f32>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_count_where_they_have_a_target() {
        let logits = [0.0, 2.0, 1.0, 5.0, 5.0, 0.0, 0.0, 0.0, 9.0];
        let mut sums = TokenSums::default();
        sums.add_right(&logits, &[Some(1), Some(1), None]);
        assert_eq!((sums.right, sums.count, sums.accuracy()), (1, 2, 0.5));
        sums.add_right(&[], &[]);
        assert_eq!(sums.count, 2);
    }

    #[test]
    fn a_word_is_as_likely_as_all_its_tokens_together() {
        let half = 0.5_f32.ln();
        let (quarter, rest) = (0.25_f32.ln(), 0.75_f32.ln());
        let logits = [half, half, quarter, rest, 3.0 + rest, 3.0 + quarter, half, half];
        let targets = [Some(0), Some(0), Some(0), None];
        let found = probabilities(&logits, &targets, &[true, true, false, false], 2);
        assert!((found[0].unwrap() - 0.125).abs() < 1e-6, "{found:?}");
        assert_eq!(found[1], None);
        let found = probabilities(&logits, &targets, &[false, false, true, true], 2);
        assert!((found[1].unwrap() - 0.75).abs() < 1e-6, "{found:?}");
    }
}

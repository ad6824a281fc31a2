//! How labels were told apart at the end of an epoch: counts by true label (row) and named label (column).

use std::sync::Arc;

/// More labels than this cannot be read on a screen, and bound what a hostile log may ask for.
const MAX_LABELS: usize = 1_000;

#[derive(Clone, Debug, PartialEq)]
pub struct Confusion {
    pub split: String,
    pub epoch: u64,
    /// The step at which it was measured, so that a resume from before it takes it back.
    pub step: u64,
    pub labels: Arc<[String]>,
    counts: Arc<[u64]>,
}

impl Confusion {
    /// None where the matrix is not as wide and high as there are labels.
    pub fn new(split: String, epoch: u64, step: u64, labels: Vec<String>, matrix: &[Vec<u64>]) -> Option<Confusion> {
        let n = labels.len();
        let square = matrix.len() == n && matrix.iter().all(|row| row.len() == n);
        if n == 0 || n > MAX_LABELS || !square {
            return None;
        }
        let counts = matrix.iter().flatten().copied().collect();
        Some(Confusion { split, epoch, step, labels: labels.into(), counts })
    }

    pub fn len(&self) -> usize {
        self.labels.len()
    }

    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// How many pictures of `truth` were named `named`; 0 outside of the matrix.
    pub fn count(&self, truth: usize, named: usize) -> u64 {
        let n = self.len();
        if truth < n && named < n { self.counts[truth * n + named] } else { 0 }
    }

    /// How many pictures of `truth` there are.
    pub fn of_truth(&self, truth: usize) -> u64 {
        (0..self.len()).map(|named| self.count(truth, named)).fold(0, u64::saturating_add)
    }

    /// The share of the pictures of `truth` that were named `named`.
    pub fn share(&self, truth: usize, named: usize) -> f64 {
        ratio(self.count(truth, named), self.of_truth(truth))
    }

    pub fn total(&self) -> u64 {
        self.counts.iter().copied().fold(0, u64::saturating_add)
    }

    pub fn right(&self) -> u64 {
        (0..self.len()).map(|i| self.count(i, i)).fold(0, u64::saturating_add)
    }

    pub fn accuracy(&self) -> f64 {
        ratio(self.right(), self.total())
    }

    /// How many pictures were named `named`.
    fn of_named(&self, named: usize) -> u64 {
        (0..self.len()).map(|truth| self.count(truth, named)).fold(0, u64::saturating_add)
    }

    /// The share of the pictures that were named `named` that show `truth`; 0 where nothing was.
    pub fn share_of_named(&self, truth: usize, named: usize) -> f64 {
        ratio(self.count(truth, named), self.of_named(named))
    }

    /// Of the pictures that were named so, the share that shows it; none where nothing was.
    pub fn precision(&self, label: usize) -> Option<f64> {
        (self.of_named(label) > 0).then(|| self.share_of_named(label, label))
    }

    /// The same with its labels in another order, which has each of them once.
    pub fn in_order(&self, order: &[usize]) -> Confusion {
        let cells = order.iter().flat_map(|&truth| order.iter().map(move |&named| (truth, named)));
        Confusion {
            split: self.split.clone(),
            labels: order.iter().map(|&label| self.labels[label].clone()).collect(),
            counts: cells.map(|(truth, named)| self.count(truth, named)).collect(),
            ..*self
        }
    }

    /// The harmonic mean of precision and the share that was named right: 0 where nothing was.
    pub fn f1(&self, label: usize) -> f64 {
        let (precision, recall) = (self.precision(label).unwrap_or(0.0), self.share(label, label));
        if precision + recall > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 }
    }

    /// Pairs of labels that were mixed up, the most frequent first: (true, named, count).
    pub fn mistakes(&self) -> Vec<(usize, usize, u64)> {
        let n = self.len();
        let cells = (0..n * n).map(|i| (i / n, i % n, self.counts[i]));
        let mut mistakes: Vec<_> = cells.filter(|(t, p, count)| t != p && *count > 0).collect();
        mistakes.sort_by_key(|(_, _, count)| std::cmp::Reverse(*count));
        mistakes
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(matrix: &[Vec<u64>]) -> Option<Confusion> {
        let labels = (0..matrix.len()).map(|i| format!("label {i}")).collect();
        Confusion::new("test".to_owned(), 1, 10, labels, matrix)
    }

    #[test]
    fn shares_are_of_the_true_label() {
        let matrix = of(&[vec![3, 1], vec![0, 0]]).unwrap();
        assert_eq!(matrix.share(0, 1), 0.25);
        assert_eq!(matrix.share(1, 1), 0.0);
        assert_eq!(matrix.accuracy(), 0.75);
        assert_eq!(matrix.mistakes(), [(0, 1, 1)]);
        assert_eq!(matrix.count(5, 0), 0);
    }

    #[test]
    fn precision_is_of_what_was_named() {
        // By hand: 6 of 8 named 0 are 0, 6 of 10 pictures of 0 were named so; nothing was named 2.
        let matrix = of(&[vec![6, 4, 0], vec![1, 8, 0], vec![1, 0, 0]]).unwrap();
        assert_eq!((matrix.precision(0), matrix.precision(2)), (Some(0.75), None));
        assert!((matrix.f1(0) - 2.0 / 3.0).abs() < 1e-12 && matrix.f1(2) == 0.0);
    }

    #[test]
    fn labels_in_another_order_keep_their_counts() {
        let matrix = of(&[vec![6, 4, 0], vec![1, 8, 2], vec![3, 0, 5]]).unwrap();
        let turned = matrix.in_order(&[2, 0, 1]);
        assert_eq!(&*turned.labels, ["label 2", "label 0", "label 1"]);
        assert_eq!((turned.count(0, 1), turned.count(2, 0), turned.accuracy()), (3, 2, matrix.accuracy()));
    }

    #[test]
    fn a_ragged_matrix_is_refused() {
        assert!(of(&[vec![1, 2], vec![3]]).is_none());
        assert!(of(&[]).is_none());
        assert!(Confusion::new("test".to_owned(), 1, 1, vec!["a".to_owned()], &[]).is_none());
    }

    #[test]
    fn sums_of_hostile_counts_do_not_overflow() {
        assert_eq!(of(&[vec![u64::MAX, 5], vec![1, 7]]).unwrap().total(), u64::MAX);
    }
}

//! What the Confusion tab shows: counts or shares, and the cell under the cursor.

use crate::jobs::Confusion;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MatrixView {
    /// Counts instead of shares of the true label.
    pub counts: bool,
    /// (true label, named label). None until an arrow was pressed: then the most frequent mistake.
    cell: Option<(usize, usize)>,
}

impl MatrixView {
    /// The cell that Enter opens.
    pub fn cell(&self, confusion: &Confusion) -> (usize, usize) {
        let inside = |(truth, named): &(usize, usize)| *truth < confusion.len() && *named < confusion.len();
        self.cell
            .filter(inside)
            .unwrap_or_else(|| confusion.mistakes().first().map_or((0, 0), |(truth, named, _)| (*truth, *named)))
    }

    pub fn move_cell(&mut self, confusion: &Confusion, down: isize, right: isize) {
        let (truth, named) = self.cell(confusion);
        let last = confusion.len().saturating_sub(1);
        self.cell = Some((truth.saturating_add_signed(down).min(last), named.saturating_add_signed(right).min(last)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn confusion() -> Confusion {
        let labels = vec!["cat".to_owned(), "dog".to_owned()];
        Confusion::new("test".to_owned(), 1, 1, labels, &[vec![8, 2], vec![3, 7]]).unwrap()
    }

    #[test]
    fn it_begins_at_the_most_frequent_mistake_and_stays_inside() {
        let mut view = MatrixView::default();
        assert_eq!(view.cell(&confusion()), (1, 0));
        view.move_cell(&confusion(), 5, 5);
        assert_eq!(view.cell(&confusion()), (1, 1));
        view.move_cell(&confusion(), -9, 0);
        assert_eq!(view.cell(&confusion()), (0, 1));
    }
}

//! What the Confusion tab shows: counts or shares, and the cell under the cursor.

use crate::jobs::Confusion;

/// What stands in the cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CellText {
    /// Shares of the true label's pictures: rows add up to 1.
    #[default]
    OfTruth,
    /// Shares of what was named so: columns add up to 1.
    OfNamed,
    Counts,
}

/// What the bar of a label is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LabelScore {
    /// The share of its pictures that were named so.
    #[default]
    Recall,
    /// The share of what was named so that shows it.
    Precision,
    /// The harmonic mean of both.
    F1,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MatrixView {
    pub cells: CellText,
    pub score: LabelScore,
    /// The labels that are named worst stand first.
    pub worst_first: bool,
    /// (true label, named label). None until an arrow was pressed: then the most frequent mistake.
    cell: Option<(usize, usize)>,
}

impl CellText {
    pub fn next(self) -> CellText {
        match self {
            CellText::OfTruth => CellText::OfNamed,
            CellText::OfNamed => CellText::Counts,
            CellText::Counts => CellText::OfTruth,
        }
    }

    /// How much of its row or column a cell has, 0..=1.
    pub fn share(self, confusion: &Confusion, truth: usize, named: usize) -> f64 {
        match self {
            CellText::OfNamed => confusion.share_of_named(truth, named),
            CellText::OfTruth | CellText::Counts => confusion.share(truth, named),
        }
    }
}

impl LabelScore {
    pub fn next(self) -> LabelScore {
        match self {
            LabelScore::Recall => LabelScore::Precision,
            LabelScore::Precision => LabelScore::F1,
            LabelScore::F1 => LabelScore::Recall,
        }
    }

    /// In 0..=1.
    pub fn of(self, confusion: &Confusion, label: usize) -> f64 {
        match self {
            LabelScore::Recall => confusion.share(label, label),
            LabelScore::Precision => confusion.precision(label).unwrap_or(0.0),
            LabelScore::F1 => confusion.f1(label),
        }
    }
}

impl MatrixView {
    /// The cell that Enter opens.
    pub fn cell(&self, confusion: &Confusion) -> (usize, usize) {
        let inside = |(truth, named): &(usize, usize)| *truth < confusion.len() && *named < confusion.len();
        self.cell
            .filter(inside)
            .unwrap_or_else(|| confusion.mistakes().first().map_or((0, 0), |(truth, named, _)| (*truth, *named)))
    }

    /// The labels from the top: as the data has them, or the one whose pictures are named right least first. A label without
    /// pictures stands last.
    pub fn order(&self, confusion: &Confusion) -> Vec<usize> {
        let mut order: Vec<usize> = (0..confusion.len()).collect();
        if self.worst_first {
            order.sort_by(|&a, &b| {
                let empty = |label| confusion.of_truth(label) == 0;
                empty(a).cmp(&empty(b)).then(confusion.share(a, a).total_cmp(&confusion.share(b, b)))
            });
        }
        order
    }

    pub fn move_cell(&mut self, confusion: &Confusion, down: isize, right: isize) {
        let (truth, named) = self.cell(confusion);
        let order = self.order(confusion);
        let moved = |label: usize, by: isize| {
            let at = order.iter().position(|&other| other == label).unwrap_or(0);
            order[at.saturating_add_signed(by).min(order.len() - 1)]
        };
        self.cell = Some((moved(truth, down), moved(named, right)));
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

    #[test]
    fn the_worst_named_labels_stand_first_and_the_cursor_walks_over_them_as_they_stand() {
        let labels = ["cat", "dog", "eel", "none"].map(str::to_owned).to_vec();
        let matrix = [vec![8, 2, 0, 0], vec![5, 4, 1, 0], vec![0, 1, 9, 0], vec![0; 4]];
        let confusion = Confusion::new("test".to_owned(), 1, 1, labels, &matrix).unwrap();
        let mut view = MatrixView { worst_first: true, ..MatrixView::default() };
        assert_eq!(view.order(&confusion), [1, 0, 2, 3]);
        assert_eq!(view.cell(&confusion), (1, 0));
        view.move_cell(&confusion, 1, 1);
        assert_eq!(view.cell(&confusion), (0, 2));
        assert_eq!(MatrixView::default().order(&confusion), [0, 1, 2, 3]);
    }

    #[test]
    fn rows_or_columns_add_up_to_one() {
        let confusion = confusion();
        let row: f64 = (0..2).map(|named| CellText::OfTruth.share(&confusion, 0, named)).sum();
        let column: f64 = (0..2).map(|truth| CellText::OfNamed.share(&confusion, truth, 0)).sum();
        assert!((row - 1.0).abs() < 1e-12 && (column - 1.0).abs() < 1e-12);
        assert_eq!(LabelScore::Precision.of(&confusion, 1), 7.0 / 9.0);
    }
}

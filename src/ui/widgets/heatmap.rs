//! The confusion matrix as a map: true labels down, named labels across.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::widgets::Widget;

use crate::app::CellText;
use crate::jobs::Confusion;
use crate::ui::brush::shortened;
use crate::ui::theme::Theme;

pub struct Heatmap<'a> {
    pub confusion: &'a Confusion,
    pub cells: CellText,
    /// (true label, named label), drawn in brackets.
    pub cursor: Option<(usize, usize)>,
    pub theme: &'a Theme,
}

/// CellText narrower than this hold no number.
const MIN_CELL: u16 = 4;
const MAX_CELL: u16 = 11;
const LABEL_WIDTH: u16 = 11;

/// Which part of a matrix is shown, and how large its cells are.
struct Window {
    first: (usize, usize),
    shown: (usize, usize),
    cell: (u16, u16),
    label_width: u16,
}

impl Heatmap<'_> {
    /// Rows that it would fill with cells one row high.
    pub fn height_of(confusion: &Confusion) -> u16 {
        u16::try_from(confusion.len()).unwrap_or(u16::MAX).saturating_add(1)
    }

    fn window(&self, area: Rect) -> Window {
        let n = self.confusion.len();
        let label_width = LABEL_WIDTH.min(area.width / 4);
        let room = area.width - label_width;
        let cell_width = (room / (n.min(1_000) as u16).max(1)).clamp(MIN_CELL, MAX_CELL);
        let rows = area.height.saturating_sub(1);
        let cell_height = if usize::from(rows) >= n * 2 { 2 } else { 1 };
        let shown = (usize::from(rows / cell_height).min(n), usize::from(room / cell_width).min(n));
        let at = self.cursor.unwrap_or((0, 0));
        let first = |at: usize, shown: usize| at.saturating_sub(shown / 2).min(n - shown);
        Window {
            first: (first(at.0, shown.0), first(at.1, shown.1)),
            shown,
            cell: (cell_width, cell_height),
            label_width,
        }
    }

    fn draw_heads(&self, window: &Window, area: Rect, buf: &mut Buffer) {
        for column in 0..window.shown.1 {
            let named = window.first.1 + column;
            let is_current = self.cursor.is_some_and(|(_, current)| current == named);
            let style = if is_current { self.theme.title() } else { self.theme.dim() };
            let x = area.x + window.label_width + window.cell.0 * column as u16;
            let width = usize::from(window.cell.0) - 1;
            let label = &self.confusion.labels[named];
            let text: String =
                if label.chars().count() <= width { label.clone() } else { label.chars().take(width).collect() };
            let at = x + (window.cell.0 - 1).saturating_sub(text.chars().count() as u16);
            buf.set_stringn(at, area.y, text, width, style);
        }
        for line in 0..window.shown.0 {
            let truth = window.first.0 + line;
            let is_current = self.cursor.is_some_and(|(current, _)| current == truth);
            let style = if is_current { self.theme.title() } else { self.theme.dim() };
            let y = area.y + 1 + window.cell.1 * line as u16;
            let width = usize::from(window.label_width.saturating_sub(1));
            let label = shortened(&self.confusion.labels[truth], width, self.theme.ascii);
            buf.set_stringn(area.x, y, label, width, style);
        }
    }

    fn draw_cell(&self, (truth, named): (usize, usize), cell: Rect, buf: &mut Buffer) {
        let share = self.cells.share(self.confusion, truth, named);
        let is_right = truth == named;
        // The root lets a mistake of 4 % stand out from one of 1 %.
        let weight = if is_right { share } else { share.sqrt() };
        let mut style = self.theme.heat(weight as f32, is_right);
        let is_current = self.cursor == Some((truth, named));
        if is_current {
            style = style.add_modifier(Modifier::BOLD | Modifier::REVERSED);
        }
        buf.set_style(cell.intersection(buf.area), style);
        let width = usize::from(cell.width);
        let text = self.text_of(truth, named);
        let text = if text.len() > width { ">".repeat(width.min(1)) } else { text };
        let padded = format!("{text:>w$} ", w = width.saturating_sub(1));
        buf.set_stringn(cell.x, cell.y, padded, width, style);
        if self.theme.depth == crate::term::ColourDepth::Mono {
            let shade = shade(weight, self.theme.ascii);
            buf.set_stringn(cell.x, cell.y, shade, 1, style);
        }
    }

    fn text_of(&self, truth: usize, named: usize) -> String {
        let count = self.confusion.count(truth, named);
        match (count, self.cells) {
            (0, _) if self.theme.ascii => ".".to_owned(),
            (0, _) => "·".to_owned(),
            (count, CellText::Counts) => count.to_string(),
            _ => match self.cells.share(self.confusion, truth, named) * 100.0 {
                percent if percent < 0.5 => "<1".to_owned(),
                percent => format!("{percent:.0}"),
            },
        }
    }
}

/// Without colours, how much is in a cell.
fn shade(weight: f64, ascii: bool) -> &'static str {
    let level = (weight.clamp(0.0, 1.0) * 4.0).round() as usize;
    if ascii { [" ", ".", ":", "+", "#"][level] } else { [" ", "░", "▒", "▓", "█"][level] }
}

impl Widget for &Heatmap<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        if area.width < 8 || area.height < 2 || self.confusion.is_empty() {
            return;
        }
        let window = self.window(area);
        self.draw_heads(&window, area, buf);
        for line in 0..window.shown.0 {
            for column in 0..window.shown.1 {
                let cell = Rect {
                    x: area.x + window.label_width + window.cell.0 * column as u16,
                    y: area.y + 1 + window.cell.1 * line as u16,
                    width: window.cell.0,
                    height: window.cell.1,
                };
                self.draw_cell((window.first.0 + line, window.first.1 + column), cell, buf);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::ColourDepth;

    fn confusion(n: usize) -> Confusion {
        let labels = (0..n).map(|i| format!("label {i}")).collect();
        let matrix: Vec<Vec<u64>> =
            (0..n).map(|t| (0..n).map(|p| if t == p { 90 } else { (t + p) as u64 % 3 }).collect()).collect();
        Confusion::new("test".to_owned(), 1, 1, labels, &matrix).unwrap()
    }

    fn drawn(confusion: &Confusion, width: u16, height: u16, cells: CellText, theme: &Theme) -> Buffer {
        let area = Rect::new(0, 0, width, height);
        let mut buf = Buffer::empty(area);
        Heatmap { confusion, cells, cursor: Some((0, 1)), theme }.render(area, &mut buf);
        buf
    }

    fn text(buf: &Buffer) -> Vec<String> {
        let rows = buf.content().chunks(usize::from(buf.area.width));
        rows.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>().trim_end().to_owned()).collect()
    }

    #[test]
    fn counts_and_shares() {
        let labels = vec!["cat".to_owned(), "dog".to_owned()];
        let confusion = Confusion::new("test".to_owned(), 1, 1, labels, &[vec![150, 50], vec![1, 399]]).unwrap();
        let rows = text(&drawn(&confusion, 24, 3, CellText::Counts, &Theme::DARK));
        assert_eq!(rows, ["           cat      dog", "cat        150       50", "dog          1      399"]);
        let rows = text(&drawn(&confusion, 24, 3, CellText::OfTruth, &Theme::DARK));
        assert_eq!(rows, ["           cat      dog", "cat         75       25", "dog         <1      100"]);
        let rows = text(&drawn(&confusion, 24, 3, CellText::OfNamed, &Theme::DARK));
        assert_eq!(rows, ["           cat      dog", "cat         99       11", "dog          1       89"]);
    }

    #[test]
    fn the_cursor_and_the_diagonal_look_different() {
        let buf = drawn(&confusion(3), 40, 4, CellText::OfTruth, &Theme::DARK);
        let style = |x: u16, y: u16| buf.cell((x, y)).map(|cell| cell.style());
        assert_ne!(style(11, 1), style(20, 1));
        assert!(style(20, 1).is_some_and(|style| style.add_modifier.contains(Modifier::REVERSED)));
    }

    #[test]
    fn a_large_matrix_shows_the_part_around_the_cursor() {
        let rows = text(&drawn(&confusion(100), 40, 8, CellText::OfTruth, &Theme::DARK));
        assert!(rows[1].starts_with("label 0"), "{rows:?}");
        assert_eq!(rows.len(), 8);
    }

    #[test]
    fn it_draws_in_any_area_and_depth() {
        for depth in [ColourDepth::Mono, ColourDepth::Ansi16, ColourDepth::Ansi256, ColourDepth::Truecolour] {
            let theme = Theme { depth, ..Theme::DARK };
            for (width, height) in [(0, 0), (1, 1), (8, 2), (13, 3), (200, 50)] {
                drawn(&confusion(10), width, height, CellText::OfTruth, &theme);
            }
        }
    }

    #[test]
    fn without_colour_shades_say_how_much() {
        let mono = Theme { depth: ColourDepth::Mono, ascii: true, ..Theme::DARK };
        let rows = text(&drawn(&confusion(2), 40, 3, CellText::Counts, &mono));
        assert!(rows[1].contains('#'), "{rows:?}");
    }
}

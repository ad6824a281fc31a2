//! A curve one row high.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::Widget;

const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII: [char; 8] = ['_', '.', ',', '-', '=', '+', '*', '#'];

/// Draws the last points at the right. Each column shows the value of its points that differs most from
/// the column before, so that a spike survives; a column with only NaN or Inf shows `x`.
pub struct Sparkline<'a> {
    pub values: &'a [f32],
    pub style: Style,
    pub broken: Style,
    pub ascii: bool,
}

impl Widget for &Sparkline<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        if area.is_empty() || self.values.is_empty() {
            return;
        }
        let columns = columns(self.values, usize::from(area.width));
        let finite = || columns.iter().flatten();
        let low = finite().copied().fold(f32::INFINITY, f32::min);
        let high = finite().copied().fold(f32::NEG_INFINITY, f32::max);
        let left = area.x + area.width - columns.len() as u16;
        for (x, column) in (left..).zip(&columns) {
            let (glyph, style) = match column {
                Some(value) => (self.glyph(*value, low, high), self.style),
                None => ('x', self.broken),
            };
            if let Some(cell) = buf.cell_mut((x, area.y)) {
                cell.set_char(glyph).set_style(style);
            }
        }
    }
}

impl Sparkline<'_> {
    fn glyph(&self, value: f32, low: f32, high: f32) -> char {
        let level = match high - low {
            span if span > 0.0 => ((value - low) / span * 7.0).round().clamp(0.0, 7.0) as usize,
            _ => 3,
        };
        if self.ascii { ASCII[level] } else { BLOCKS[level] }
    }
}

/// One value a column; none where nothing in it is finite. Fewer values than columns keep their number.
fn columns(values: &[f32], width: usize) -> Vec<Option<f32>> {
    let width = width.min(values.len());
    let mut before: Option<f32> = None;
    (0..width)
        .map(|i| {
            let range = i * values.len() / width..(i + 1) * values.len() / width;
            let finite = values[range].iter().copied().filter(|v| v.is_finite());
            let reference = before;
            let chosen = finite.max_by(|a, b| {
                let distance = |v: &f32| (v - reference.unwrap_or(*v)).abs();
                distance(a).total_cmp(&distance(b))
            });
            before = chosen.or(before);
            chosen
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(values: &[f32], width: u16, ascii: bool) -> Buffer {
        let area = Rect::new(0, 0, width, 1);
        let mut buf = Buffer::empty(area);
        Sparkline { values, style: Style::new(), broken: Style::new(), ascii }.render(area, &mut buf);
        buf
    }

    #[test]
    fn low_to_high() {
        assert_eq!(drawn(&[0.0, 1.0, 2.0, 7.0], 6, false), Buffer::with_lines(["  ▁▂▃█"]));
        assert_eq!(drawn(&[5.0, 5.0], 2, true), Buffer::with_lines(["--"]));
    }

    #[test]
    fn a_spike_survives_the_squeeze() {
        let mut values = vec![1.0; 640];
        values[333] = 9.0;
        let text: String = drawn(&values, 10, false).content().iter().map(|c| c.symbol()).collect();
        assert!(text.contains('█'), "{text}");
    }

    #[test]
    fn broken_columns_are_marked() {
        assert_eq!(drawn(&[0.0, f32::NAN, 1.0], 3, false), Buffer::with_lines(["▁x█"]));
    }

    #[test]
    fn nothing_fits_in_nothing() {
        drawn(&[1.0, 2.0], 0, false);
        drawn(&[], 1, false);
        assert_eq!(drawn(&[1.0, 2.0], 1, false), Buffer::with_lines(["▄"]));
    }
}

//! A thin horizontal bar: progress, confidence, accuracy of a label.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::Widget;

pub struct Bar {
    /// 0..1; anything else is clamped, NaN is empty.
    pub share: f64,
    pub style: Style,
    pub track: Style,
    pub ascii: bool,
}

impl Widget for &Bar {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        if area.is_empty() {
            return;
        }
        let share = if self.share.is_finite() { self.share.clamp(0.0, 1.0) } else { 0.0 };
        let halves = (share * f64::from(area.width) * 2.0).round() as u16;
        for column in 0..area.width {
            let filled = halves.saturating_sub(column * 2).min(2);
            let (glyph, style) = match (filled, self.ascii) {
                (2, false) => ("━", self.style),
                (1, false) => ("╸", self.style),
                (_, false) => ("─", self.track),
                (2, true) => ("#", self.style),
                (1, true) => ("=", self.style),
                (_, true) => ("-", self.track),
            };
            if let Some(cell) = buf.cell_mut((area.x + column, area.y)) {
                cell.set_symbol(glyph).set_style(style);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(share: f64, width: u16, ascii: bool) -> Buffer {
        let area = Rect::new(0, 0, width, 1);
        let mut buf = Buffer::empty(area);
        Bar { share, style: Style::new(), track: Style::new(), ascii }.render(area, &mut buf);
        buf
    }

    #[test]
    fn halves_are_shown() {
        assert_eq!(drawn(0.375, 4, false), Buffer::with_lines(["━╸──"]));
        assert_eq!(drawn(0.375, 4, true), Buffer::with_lines(["#=--"]));
    }

    #[test]
    fn out_of_range_is_clamped() {
        assert_eq!(drawn(7.0, 2, false), Buffer::with_lines(["━━"]));
        assert_eq!(drawn(f64::NAN, 2, false), Buffer::with_lines(["──"]));
        drawn(0.5, 0, false);
    }
}

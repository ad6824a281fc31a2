//! A grid of dots, eight to a cell, that a chart draws on before it becomes braille.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Braille dot bits by (row of 4, column of 2).
const BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];

pub struct Canvas {
    columns: usize,
    rows: usize,
    dots: Vec<u8>,
    styles: Vec<Style>,
}

impl Canvas {
    pub fn new(area: Rect) -> Canvas {
        let (columns, rows) = (usize::from(area.width), usize::from(area.height));
        let cells = columns * rows;
        Canvas { columns, rows, dots: vec![0; cells], styles: vec![Style::new(); cells] }
    }

    /// Dots across and down.
    pub fn size(&self) -> (usize, usize) {
        (self.columns * 2, self.rows * 4)
    }

    /// Sets one dot; row 0 is the top. What lies outside is left out.
    pub fn dot(&mut self, x: usize, y: usize, style: Style) {
        let (column, row) = (x / 2, y / 4);
        if column < self.columns && row < self.rows {
            let cell = row * self.columns + column;
            self.dots[cell] |= BITS[y % 4][x % 2];
            self.styles[cell] = style;
        }
    }

    pub fn vertical(&mut self, x: usize, from: usize, to: usize, style: Style) {
        let (top, bottom) = (from.min(to), from.max(to).min(self.rows * 4 - usize::from(self.rows > 0)));
        if x / 2 >= self.columns || top > bottom {
            return;
        }
        // Cell by cell: a band is most of what a chart draws.
        for row in top / 4..=(bottom / 4).min(self.rows.saturating_sub(1)) {
            let dots = top.max(row * 4)..=bottom.min(row * 4 + 3);
            let cell = row * self.columns + x / 2;
            self.dots[cell] |= dots.fold(0, |bits, y| bits | BITS[y % 4][x % 2]);
            self.styles[cell] = style;
        }
    }

    /// A dot with its four neighbours.
    pub fn cross(&mut self, (x, y): (usize, usize), style: Style) {
        self.dot(x + 1, y, style);
        self.dot(x, y + 1, style);
        // A neighbour beyond the edge wraps to a number beyond any canvas.
        self.dot(x.wrapping_sub(1), y, style);
        self.dot(x, y.wrapping_sub(1), style);
    }

    /// A straight line between two dots (Bresenham).
    pub fn line(&mut self, from: (usize, usize), to: (usize, usize), style: Style) {
        let (mut x, mut y) = (from.0 as i64, from.1 as i64);
        let (end_x, end_y) = (to.0 as i64, to.1 as i64);
        let (dx, dy) = ((end_x - x).abs(), -(end_y - y).abs());
        let (step_x, step_y) = ((end_x - x).signum(), (end_y - y).signum());
        let mut error = dx + dy;
        loop {
            self.dot(x as usize, y as usize, style);
            if (x, y) == (end_x, end_y) {
                return;
            }
            let doubled = 2 * error;
            if doubled >= dy {
                error += dy;
                x += step_x;
            }
            if doubled <= dx {
                error += dx;
                y += step_y;
            }
        }
    }

    pub fn draw(&self, area: Rect, buf: &mut Buffer, ascii: bool) {
        for (cell, (dots, style)) in self.dots.iter().zip(&self.styles).enumerate() {
            let x = area.x + (cell % self.columns) as u16;
            let y = area.y + (cell / self.columns) as u16;
            let (true, Some(target)) = (*dots != 0, buf.cell_mut((x, y))) else {
                continue;
            };
            let glyph = if ascii { ascii_of(*dots) } else { braille_of(*dots) };
            target.set_char(glyph).set_style(*style);
        }
    }
}

fn braille_of(dots: u8) -> char {
    char::from_u32(0x2800 + u32::from(dots)).unwrap_or(' ')
}

fn ascii_of(dots: u8) -> char {
    const TOP: u8 = 0x01 | 0x08 | 0x02 | 0x10;
    match (dots & TOP != 0, dots & !TOP != 0) {
        (true, true) => ':',
        (true, false) => '\'',
        _ => '.',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_touches_both_ends() {
        let area = Rect::new(0, 0, 2, 1);
        let mut canvas = Canvas::new(area);
        canvas.line((0, 3), (3, 0), Style::new());
        let mut buf = Buffer::empty(area);
        canvas.draw(area, &mut buf, false);
        assert_eq!(buf, Buffer::with_lines(["⡠⠊"]));
        canvas.draw(area, &mut buf, true);
        assert_eq!(buf, Buffer::with_lines([".'"]));
    }

    #[test]
    fn a_vertical_is_the_dots_between_its_ends() {
        for (from, to) in [(0, 0), (1, 9), (9, 1), (3, 4), (7, 90), (90, 95)] {
            let area = Rect::new(0, 0, 2, 3);
            let (mut fast, mut slow) = (Canvas::new(area), Canvas::new(area));
            for x in [0, 3, 9] {
                fast.vertical(x, from, to, Style::new());
                (from.min(to)..=from.max(to)).for_each(|y| slow.dot(x, y, Style::new()));
            }
            assert_eq!(fast.dots, slow.dots, "{from} to {to}");
        }
        Canvas::new(Rect::new(0, 0, 0, 0)).vertical(0, 0, 5, Style::new());
    }

    #[test]
    fn dots_outside_are_left_out() {
        let mut canvas = Canvas::new(Rect::new(0, 0, 0, 0));
        canvas.dot(5, 5, Style::new());
        canvas.draw(Rect::new(0, 0, 0, 0), &mut Buffer::empty(Rect::new(0, 0, 1, 1)), false);
    }
}

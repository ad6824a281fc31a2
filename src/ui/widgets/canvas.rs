//! A grid of dots, eight to a cell, that a chart draws on before it becomes braille.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Braille dot bits by (row of 4, column of 2).
const BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
const ALL_ROWS: u8 = 0xff;
const EVEN_ROWS: u8 = 0x01 | 0x08 | 0x04 | 0x20;

/// Dots of one kind, and the style that a cell of them has: that of the last one set.
struct Layer {
    dots: Vec<u8>,
    styles: Vec<Style>,
}

/// Lines lie over bands: a cell that a line passes shows the line's dots, and of bands only the tips of spikes.
pub struct Canvas {
    columns: usize,
    rows: usize,
    lines: Layer,
    /// The inside of bands, a light texture.
    insides: Layer,
    /// Ends of bands that stick out.
    tips: Layer,
}

impl Canvas {
    pub fn new(area: Rect) -> Canvas {
        let (columns, rows) = (usize::from(area.width), usize::from(area.height));
        let layer = || Layer { dots: vec![0; columns * rows], styles: vec![Style::new(); columns * rows] };
        Canvas { columns, rows, lines: layer(), insides: layer(), tips: layer() }
    }

    fn cell(&self, x: usize, y: usize) -> Option<usize> {
        let (column, row) = (x / 2, y / 4);
        (column < self.columns && row < self.rows).then_some(row * self.columns + column)
    }

    /// Sets one dot; row 0 is the top. What lies outside is left out.
    pub fn dot(&mut self, x: usize, y: usize, style: Style) {
        if let Some(cell) = self.cell(x, y) {
            self.lines.set(cell, BITS[y % 4][x % 2], style);
        }
    }

    pub fn vertical(&mut self, x: usize, from: usize, to: usize, style: Style) {
        let (columns, rows) = (self.columns, self.rows);
        self.lines.vertical((columns, rows), x, from, to, ALL_ROWS, style);
    }

    /// An end of a band.
    pub fn edge(&mut self, (x, y): (usize, usize), style: Style) {
        if let Some(cell) = self.cell(x, y) {
            self.insides.set(cell, BITS[y % 4][x % 2], style);
        }
    }

    /// An end of a band that no line may hide.
    pub fn tip(&mut self, (x, y): (usize, usize), style: Style) {
        if let Some(cell) = self.cell(x, y) {
            self.tips.set(cell, BITS[y % 4][x % 2], style);
        }
    }

    /// One column of a band's inside: every second dot.
    pub fn inside(&mut self, x: usize, from: usize, to: usize, style: Style) {
        let (columns, rows) = (self.columns, self.rows);
        let mask = if x.is_multiple_of(2) { EVEN_ROWS } else { !EVEN_ROWS };
        self.insides.vertical((columns, rows), x, from, to, mask, style);
    }

    /// A dot with its four neighbours.
    pub fn cross(&mut self, (x, y): (usize, usize), style: Style) {
        self.dot(x + 1, y, style);
        self.dot(x, y + 1, style);
        // A neighbour beyond the edge wraps to a number beyond any canvas.
        self.dot(x.wrapping_sub(1), y, style);
        self.dot(x, y.wrapping_sub(1), style);
    }

    /// A straight line between two dots.
    pub fn line(&mut self, from: (usize, usize), to: (usize, usize), style: Style) {
        walk(from, to, |x, y| self.dot(x, y, style));
    }

    /// A straight line that lies where bands lie, under the lines.
    pub fn line_below(&mut self, from: (usize, usize), to: (usize, usize), style: Style) {
        walk(from, to, |x, y| self.edge((x, y), style));
        self.tip(from, style);
        self.tip(to, style);
    }

    pub fn draw(&self, area: Rect, buf: &mut Buffer, ascii: bool) {
        for cell in 0..self.lines.dots.len() {
            let [line, inside, tip] = [&self.lines, &self.insides, &self.tips].map(|layer| layer.dots[cell]);
            let (dots, style) = match (line, tip) {
                (0, 0) => (inside, self.insides.styles[cell]),
                (0, _) => (inside | tip, self.tips.styles[cell]),
                _ => (line | tip, self.lines.styles[cell]),
            };
            let x = area.x + (cell % self.columns) as u16;
            let y = area.y + (cell / self.columns) as u16;
            let (true, Some(target)) = (dots != 0, buf.cell_mut((x, y))) else {
                continue;
            };
            let glyph = if ascii { ascii_of(dots) } else { braille_of(dots) };
            target.set_char(glyph).set_style(style);
        }
    }
}

impl Layer {
    fn set(&mut self, cell: usize, bits: u8, style: Style) {
        self.dots[cell] |= bits;
        self.styles[cell] = style;
    }

    /// The dots between two rows whose bits are in the mask.
    fn vertical(&mut self, size: (usize, usize), x: usize, from: usize, to: usize, mask: u8, style: Style) {
        let (columns, rows) = size;
        let (top, bottom) = (from.min(to), from.max(to).min(rows * 4 - usize::from(rows > 0)));
        if x / 2 >= columns || top > bottom {
            return;
        }
        // Cell by cell: a band is most of what a chart draws.
        for row in top / 4..=(bottom / 4).min(rows.saturating_sub(1)) {
            let dots = top.max(row * 4)..=bottom.min(row * 4 + 3);
            let bits = dots.fold(0, |bits, y| bits | BITS[y % 4][x % 2]) & mask;
            if bits != 0 {
                self.set(row * columns + x / 2, bits, style);
            }
        }
    }
}

/// The dots of a straight line (Bresenham).
fn walk(from: (usize, usize), to: (usize, usize), mut visit: impl FnMut(usize, usize)) {
    let (mut x, mut y) = (from.0 as i64, from.1 as i64);
    let (end_x, end_y) = (to.0 as i64, to.1 as i64);
    let (dx, dy) = ((end_x - x).abs(), -(end_y - y).abs());
    let (step_x, step_y) = ((end_x - x).signum(), (end_y - y).signum());
    let mut error = dx + dy;
    loop {
        visit(x as usize, y as usize);
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
            assert_eq!(fast.lines.dots, slow.lines.dots, "{from} to {to}");
        }
        Canvas::new(Rect::new(0, 0, 0, 0)).vertical(0, 0, 5, Style::new());
    }

    #[test]
    fn a_line_lies_over_a_band_and_hides_no_tip_of_it() {
        let area = Rect::new(0, 0, 1, 2);
        let drawn = |canvas: &Canvas| {
            let mut buf = Buffer::empty(area);
            canvas.draw(area, &mut buf, false);
            buf.content().iter().map(|cell| cell.symbol().to_owned()).collect::<String>()
        };
        let mut canvas = Canvas::new(area);
        canvas.inside(0, 0, 7, Style::new());
        canvas.edge((0, 7), Style::new());
        assert_eq!(drawn(&canvas), "⠅⡅");
        canvas.line((0, 1), (1, 1), Style::new());
        assert_eq!(drawn(&canvas), "⠒⡅");
        canvas.tip((0, 0), Style::new());
        assert_eq!(drawn(&canvas), "⠓⡅");
    }

    #[test]
    fn dots_outside_are_left_out() {
        let mut canvas = Canvas::new(Rect::new(0, 0, 0, 0));
        canvas.dot(5, 5, Style::new());
        canvas.draw(Rect::new(0, 0, 0, 0), &mut Buffer::empty(Rect::new(0, 0, 1, 1)), false);
    }
}

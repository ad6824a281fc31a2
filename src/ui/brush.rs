//! What a screen draws with: the buffer, the theme and the pictures, and a few strokes that all screens share.

use std::borrow::Cow;
use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::pictures::{Picture, Pictures};
use super::theme::Theme;
use super::widgets::Bar;
use crate::app::Page;

pub struct Brush<'a> {
    pub theme: Theme,
    pub buf: &'a mut Buffer,
    pub pictures: &'a mut dyn Pictures,
    /// Where the curves of the large chart were drawn.
    pub chart: Option<Rect>,
    /// Which pictures of the list were drawn.
    pub page: Option<Page>,
}

/// A piece of a line.
pub type Span<'a> = (Cow<'a, str>, Style);

/// A span of any text.
pub fn span<'a>(text: impl Into<Cow<'a, str>>, style: Style) -> Span<'a> {
    (text.into(), style)
}

impl Brush<'_> {
    /// Draws a text into the first row of an area, shortened with `…` if it is too long; returns its width.
    pub fn text(&mut self, area: Rect, text: &str, style: Style) -> u16 {
        let area = area.intersection(self.buf.area);
        if area.is_empty() {
            return 0;
        }
        let text = if self.theme.ascii { in_ascii(text) } else { Cow::Borrowed(text) };
        let shown = shortened(&text, usize::from(area.width), self.theme.ascii);
        self.buf.set_stringn(area.x, area.y, shown.as_ref(), usize::from(area.width), style);
        shown.width() as u16
    }

    /// Draws pieces one behind the other into the first row of an area; what does not fit is shortened.
    pub fn line(&mut self, area: Rect, spans: &[Span<'_>]) -> u16 {
        let mut used = 0;
        for (text, style) in spans {
            used += self.text(after(area, used), text, *style);
        }
        used
    }

    /// Draws a text at the right end of the first row of an area.
    pub fn right(&mut self, area: Rect, text: &str, style: Style) {
        let width = (text.width() as u16).min(area.width);
        self.text(after(area, area.width - width), text, style);
    }

    /// Draws a text in the middle of the first row of an area.
    pub fn centred(&mut self, area: Rect, text: &str, style: Style) {
        let width = (text.width() as u16).min(area.width);
        self.text(after(area, (area.width - width) / 2), text, style);
    }

    /// Breaks a text into rows at its spaces; returns how many rows it took.
    pub fn wrapped(&mut self, area: Rect, text: &str, style: Style) -> u16 {
        let rows = wrap(text, usize::from(area.width));
        let shown = rows.len().min(usize::from(area.height));
        for (y, row) in (area.y..).zip(&rows[..shown]) {
            self.text(Rect { y, height: 1, ..area }, row, style);
        }
        shown as u16
    }

    /// A rule with a title in it: what follows belongs to the title. Returns the area below.
    pub fn titled(&mut self, area: Rect, title: &str, note: &str) -> Rect {
        if area.is_empty() {
            return area;
        }
        let (frame, rule) = (self.theme.frame(), if self.theme.ascii { "-" } else { "─" });
        let row = Rect { height: 1, ..area };
        self.text(row, &rule.repeat(usize::from(area.width)), frame);
        let inner = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..row };
        let used = self.text(inner, &format!(" {title} "), self.theme.title());
        if !note.is_empty() && used < inner.width {
            let note = shortened(note, usize::from(inner.width - used).saturating_sub(3), self.theme.ascii);
            if !note.is_empty() {
                self.right(inner, &format!(" {note} "), self.theme.dim());
            }
        }
        below(area, 1)
    }

    pub fn bar(&mut self, area: Rect, share: f64, style: Style) {
        let bar = Bar { share, style, track: self.theme.frame(), ascii: self.theme.ascii };
        ratatui::widgets::Widget::render(&bar, Rect { height: area.height.min(1), ..area }, self.buf);
    }

    pub fn picture(&mut self, area: Rect, picture: &Picture) {
        if !area.is_empty() {
            self.pictures.place(picture, area, self.buf);
        }
    }

    /// A glyph, or its stand-in where only ASCII may be used.
    pub fn glyph(&self, unicode: &'static str, ascii: &'static str) -> &'static str {
        if self.theme.ascii { ascii } else { unicode }
    }
}

/// The text in the characters that every terminal has.
fn in_ascii(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let stand_in = |c| match c {
        '…' => '~',
        '←' | '◂' => '<',
        '→' | '▸' => '>',
        '↑' => '^',
        '↓' => 'v',
        c if c.is_ascii() => c,
        _ => '?',
    };
    Cow::Owned(text.chars().map(stand_in).collect())
}

/// The area without its first columns.
pub fn after(area: Rect, columns: u16) -> Rect {
    let columns = columns.min(area.width);
    Rect { x: area.x + columns, width: area.width - columns, ..area }
}

/// The area without its first rows.
pub fn below(area: Rect, rows: u16) -> Rect {
    let rows = rows.min(area.height);
    Rect { y: area.y + rows, height: area.height - rows, ..area }
}

/// The first rows of an area.
pub fn top(area: Rect, rows: u16) -> Rect {
    Rect { height: rows.min(area.height), ..area }
}

/// One row of an area, empty if it has no such row.
pub fn row(area: Rect, index: u16) -> Rect {
    top(below(area, index), 1)
}

/// The text within so many columns, with `…` for what was left out.
pub fn shortened(text: &str, width: usize, ascii: bool) -> Cow<'_, str> {
    if text.width() <= width {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > width {
            break;
        }
        out.push(c);
    }
    if width > 0 {
        out.push(if ascii { '~' } else { '…' });
    }
    Cow::Owned(out)
}

/// Rows of at most `width` columns, broken at spaces; longer words are broken anywhere.
pub fn wrap(text: &str, width: usize) -> Vec<&str> {
    wrap_places(text, width).into_iter().map(|place| &text[place]).collect()
}

/// Where the rows of [`wrap`] are in the text, in bytes.
pub fn wrap_places(text: &str, width: usize) -> Vec<Range<usize>> {
    let mut rows = Vec::new();
    if width == 0 {
        return rows;
    }
    let (mut row, mut used, mut start) = (0..0, 0, 0);
    for word in text.split(' ') {
        if !row.is_empty() && used + 1 + word.width() > width {
            rows.push(std::mem::replace(&mut row, start..start));
        }
        if row.is_empty() {
            (row, used) = (start..start, 0);
        } else {
            (row.end, used) = (start, used + 1);
        }
        for (at, c) in word.char_indices() {
            let (at, columns) = (start + at, c.width().unwrap_or(0));
            if used + columns > width && !row.is_empty() {
                rows.push(std::mem::replace(&mut row, at..at));
                used = 0;
            }
            row.end = at + c.len_utf8();
            used += columns;
        }
        start += word.len() + 1;
    }
    if !row.is_empty() {
        rows.push(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_shortened_within_its_columns() {
        assert_eq!(shortened("automobile", 6, false), "autom…");
        assert_eq!(shortened("automobile", 6, true), "autom~");
        assert_eq!(shortened("cat", 3, false), "cat");
        assert_eq!(shortened("cat", 0, false), "");
        // A wide character is never cut in half.
        assert_eq!(shortened("猫猫猫", 4, false), "猫…");
    }

    #[test]
    fn wrapping_keeps_every_character_and_the_width() {
        assert_eq!(wrap("a cat on a mat", 6), ["a cat", "on a", "mat"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap(" a  cat 猫猫 on", 4), ["a ", "cat", "猫猫", "on"]);
        assert!(wrap("anything", 0).is_empty());
    }

    #[test]
    fn areas_never_leave_their_area() {
        let area = Rect::new(2, 3, 4, 5);
        assert_eq!(after(area, 9), Rect::new(6, 3, 0, 5));
        assert_eq!(below(area, 9), Rect::new(2, 8, 4, 0));
        assert_eq!(row(area, 1), Rect::new(2, 4, 4, 1));
        assert!(row(area, 5).is_empty());
    }
}

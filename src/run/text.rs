//! Text that came from a file, made safe for a screen.

use std::borrow::Cow;

/// The text without what could move a cursor, colour a screen or turn the reading direction.
///
/// Line ends and tabs become one space; other control characters (C0, DEL, C1), directional
/// overrides and line separators vanish. Everything else, accents and emoji included, stays.
pub fn plain_text(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|b| (0x20..0x7f).contains(&b)) || !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let kept = text.chars().filter_map(|c| match c {
        '\n' | '\t' => Some(' '),
        c if is_unsafe(c) => None,
        c => Some(c),
    });
    Cow::Owned(kept.collect())
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_is_not_copied() {
        assert!(matches!(plain_text("loss 0.5, chat noir: été 猫 🐈"), Cow::Borrowed(_)));
    }

    #[test]
    fn escapes_line_ends_and_overrides_go() {
        assert_eq!(plain_text("a\x1b[2Jb\r\nc\td\u{7f}\u{9b}31me"), "a[2Jb c d31me");
        assert_eq!(plain_text("cat\u{202e}god\u{2066}"), "catgod");
    }
}

//! The clipboard of the terminal that the user sits at, also over SSH: OSC 52.

use std::io::{self, Write};

use crate::term::Screen;

/// Terminals drop longer sequences; xterm's limit is the lowest.
const MAX_BYTES: usize = 74_000;

/// Puts a text into the clipboard; what is too long for terminals is cut at a line end.
pub fn copy(text: &str) -> io::Result<()> {
    let mut screen = Screen::stdout()?;
    screen.write_all(sequence(text).as_bytes())?;
    screen.flush()
}

fn sequence(text: &str) -> String {
    let fits = MAX_BYTES / 4 * 3;
    let text = match text.get(..fits.min(text.len())) {
        Some(head) if head.len() < text.len() => head.rsplit_once('\n').map_or(head, |(lines, _)| lines),
        Some(all) => all,
        // The limit would cut a character in two.
        None => text.char_indices().take_while(|(at, _)| *at < fits - 4).last().map_or("", |(at, _)| &text[..at]),
    };
    format!("\x1b]52;c;{}\x07", base64(text.as_bytes()))
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let value = group >> (18 - 6 * digit) & 63;
            out.push(if digit <= chunk.len() { char::from(DIGITS[value as usize]) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_by_the_vectors_of_rfc_4648() {
        let cases =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")];
        for (plain, coded) in cases {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn a_text_that_is_too_long_ends_with_a_whole_line() {
        let long = "0123456789\n".repeat(20_000);
        let sequence = sequence(&long);
        assert!(sequence.len() <= MAX_BYTES + 10 && sequence.starts_with("\x1b]52;c;MDEy"));
        assert!(super::sequence(&"é".repeat(60_000)).len() <= MAX_BYTES + 10);
    }
}

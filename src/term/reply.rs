//! The pure parser of what comes back from the terminal after the query: replies, and keys typed meanwhile.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What the terminal said, and what the user typed in between.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// The kitty graphics protocol works.
    pub kitty: bool,
    /// XTVERSION, without control characters.
    pub name: Option<String>,
    /// A cell's width and height in pixels.
    pub cell_px: Option<(u16, u16)>,
    /// The background's colour.
    pub background: Option<[u8; 3]>,
    /// The primary device attributes; it answered if they are there, and 4 among them stands for sixel.
    pub attributes: Option<Vec<u16>>,
    /// Bytes that are no reply, as the keys that they stand for.
    pub typed: Vec<KeyEvent>,
}

/// Longest name kept; a hostile one shall not fill the status line.
const NAME_LIMIT: usize = 64;

/// Reads replies and keys in any order. A sequence cut at the end is left out, so that more bytes can be appended and
/// all parsed again; a lone escape at the end is the key.
pub fn parse(bytes: &[u8]) -> Reply {
    let mut reply = Reply::default();
    let mut rest = bytes;
    while let Some((&first, tail)) = rest.split_first() {
        rest = if first == 0x1b { reply.escape(tail) } else { reply.plain(rest) };
    }
    reply
}

impl Reply {
    /// Takes the sequence whose escape was just read; returns what follows it.
    fn escape<'a>(&mut self, tail: &'a [u8]) -> &'a [u8] {
        match tail.split_first() {
            None => {
                self.key(KeyCode::Esc, KeyModifiers::NONE);
                tail
            }
            Some((b'[', body)) => self.control_sequence(body),
            Some((b'O', body)) => match body.split_first() {
                Some((&letter, after)) => {
                    self.cursor_key(letter, &[]);
                    after
                }
                None => body,
            },
            Some((&kind @ (b'_' | b'P' | b']' | b'^' | b'X'), body)) => self.string(kind, body),
            // A second escape: the first was the key.
            Some((0x1b, _)) => {
                self.key(KeyCode::Esc, KeyModifiers::NONE);
                tail
            }
            Some(_) => {
                let before = self.typed.len();
                let after = self.plain(tail);
                for key in &mut self.typed[before..] {
                    key.modifiers |= KeyModifiers::ALT;
                }
                after
            }
        }
    }

    /// CSI: parameters, then a final byte.
    fn control_sequence<'a>(&mut self, body: &'a [u8]) -> &'a [u8] {
        let Some(end) = body.iter().position(|byte| !(0x20..=0x3f).contains(byte)) else {
            return &[];
        };
        let (parameters, tail) = body.split_at(end);
        let last = tail[0];
        if last == 0x1b {
            return tail;
        }
        let (prefix, digits) = match parameters.split_first() {
            Some((&mark @ (b'?' | b'>' | b'<' | b'='), digits)) => (Some(mark), digits),
            _ => (None, parameters),
        };
        let numbers = numbers(digits);
        match (prefix, last, numbers.as_slice()) {
            (Some(b'?'), b'c', _) => self.attributes = Some(numbers),
            (None, b't', &[6, height, width]) if height > 0 && width > 0 => self.cell_px = Some((width, height)),
            (None, _, _) => self.cursor_key(last, &numbers),
            _ => {}
        }
        &tail[1..]
    }

    /// APC, DCS, OSC, PM and SOS: text up to ST (OSC: or BEL).
    fn string<'a>(&mut self, kind: u8, body: &'a [u8]) -> &'a [u8] {
        let is_end = |at: usize| body[at..].starts_with(b"\x1b\\") || (kind == b']' && body[at] == 0x07);
        let Some(end) = (0..body.len()).find(|&at| is_end(at)) else {
            return &[];
        };
        let text = &body[..end];
        match kind {
            b'_' if text.starts_with(b"Gi=31") => self.kitty = text.ends_with(b";OK"),
            b']' if text.starts_with(b"11;rgb:") => self.background = colour(&text[7..]),
            b'P' if text.starts_with(b">|") => self.name = Some(clean(&text[2..])),
            _ => {}
        }
        &body[end + if body[end] == 0x07 { 1 } else { 2 }..]
    }

    /// One character that begins no sequence.
    fn plain<'a>(&mut self, rest: &'a [u8]) -> &'a [u8] {
        match rest[0] {
            b'\r' | b'\n' => self.key(KeyCode::Enter, KeyModifiers::NONE),
            b'\t' => self.key(KeyCode::Tab, KeyModifiers::NONE),
            0x7f | 0x08 => self.key(KeyCode::Backspace, KeyModifiers::NONE),
            byte @ 0x01..=0x1a => self.key(KeyCode::Char((byte - 1 + b'a').into()), KeyModifiers::CONTROL),
            0x00..=0x1f => {}
            _ => return self.character(rest),
        }
        &rest[1..]
    }

    fn character<'a>(&mut self, rest: &'a [u8]) -> &'a [u8] {
        let head = &rest[..rest.len().min(4)];
        let valid = match std::str::from_utf8(head) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default(),
        };
        let Some(character) = valid.chars().next() else {
            return &rest[1..];
        };
        let shift = if character.is_uppercase() { KeyModifiers::SHIFT } else { KeyModifiers::NONE };
        self.key(KeyCode::Char(character), shift);
        &rest[character.len_utf8()..]
    }

    fn cursor_key(&mut self, last: u8, numbers: &[u16]) {
        let code = match (last, numbers.first()) {
            (b'A', _) => KeyCode::Up,
            (b'B', _) => KeyCode::Down,
            (b'C', _) => KeyCode::Right,
            (b'D', _) => KeyCode::Left,
            (b'H', _) | (b'~', Some(1 | 7)) => KeyCode::Home,
            (b'F', _) | (b'~', Some(4 | 8)) => KeyCode::End,
            (b'Z', _) => KeyCode::BackTab,
            (b'~', Some(3)) => KeyCode::Delete,
            (b'~', Some(5)) => KeyCode::PageUp,
            (b'~', Some(6)) => KeyCode::PageDown,
            _ => return,
        };
        self.key(code, KeyModifiers::NONE);
    }

    fn key(&mut self, code: KeyCode, modifiers: KeyModifiers) {
        self.typed.push(KeyEvent::new(code, modifiers));
    }
}

/// `1;22;4` as numbers; what is no number, or too large for one, is left out.
fn numbers(digits: &[u8]) -> Vec<u16> {
    digits
        .split(|&byte| byte == b';')
        .filter_map(|part| std::str::from_utf8(part).ok().and_then(|text| text.parse().ok()))
        .collect()
}

/// `ffff/8080/00` in hexadecimal, each part of one to four digits.
fn colour(text: &[u8]) -> Option<[u8; 3]> {
    let mut parts = std::str::from_utf8(text).ok()?.split('/').map(|part| {
        let most = 16u32.checked_pow(u32::try_from(part.len()).ok()?)?.checked_sub(1).filter(|&most| most > 0)?;
        let value = u32::from_str_radix(part, 16).ok()?;
        u8::try_from(value.checked_mul(255)?.checked_div(most)?).ok()
    });
    let colour = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(colour)
}

fn clean(text: &[u8]) -> String {
    String::from_utf8_lossy(text).chars().filter(|character| !character.is_control()).take(NAME_LIMIT).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KITTY: &[u8] = b"\x1b_Gi=31;OK\x1b\\\x1bP>|kitty(0.26.5)\x1b\\\x1b[6;20;10t\x1b[?62;c";
    const XTERM: &[u8] = b"\x1bP>|XTerm(379)\x1b\\\x1b[6;17;8t\x1b[?62;1;2;4;6;9;15;16;22;28;29c";

    const PARTS: &[&[u8]] = &[
        b"\x1b",
        b"\x1b[",
        b"\x1bP>|",
        b"\x1b_Gi=31",
        b"\x1b\\",
        b"\x1b]",
        b";OK",
        b"?62;4c",
        b"6;20;10t",
        b"\x07",
        b"\xff\xc3",
        b"~",
        b"O",
    ];

    #[test]
    fn kitty_and_xterm_are_understood() {
        let kitty = parse(KITTY);
        assert_eq!(
            kitty,
            Reply {
                kitty: true,
                name: Some("kitty(0.26.5)".to_owned()),
                cell_px: Some((10, 20)),
                background: None,
                attributes: Some(vec![62]),
                typed: Vec::new(),
            }
        );
        let xterm = parse(XTERM);
        assert!(!xterm.kitty);
        assert_eq!(xterm.cell_px, Some((8, 17)));
        assert!(xterm.attributes.unwrap().contains(&4));
    }

    #[test]
    fn a_refusal_is_not_support() {
        assert!(!parse(b"\x1b_Gi=31;ENOTSUPPORTED:no\x1b\\\x1b[?1;2c").kitty);
        assert!(!parse(b"\x1b_Gi=7;OK\x1b\\\x1b[?1;2c").kitty);
    }

    #[test]
    fn keys_between_the_replies_are_handed_back() {
        let reply = parse(b"q\x1b_Gi=31;OK\x1b\\\x1b[A\x03\x1b[?62;cJ\xc3\xa9\x1bx\x1b");
        let plain = |code| KeyEvent::new(code, KeyModifiers::NONE);
        assert_eq!(
            reply.typed,
            [
                plain(KeyCode::Char('q')),
                plain(KeyCode::Up),
                KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL),
                KeyEvent::new(KeyCode::Char('J'), KeyModifiers::SHIFT),
                plain(KeyCode::Char('é')),
                KeyEvent::new(KeyCode::Char('x'), KeyModifiers::ALT),
                plain(KeyCode::Esc),
            ]
        );
        assert!(reply.kitty);
    }

    #[test]
    fn a_zero_cell_or_a_number_too_large_is_no_cell_size() {
        assert_eq!(parse(b"\x1b[6;0;0t").cell_px, None);
        assert_eq!(parse(b"\x1b[6;99999;10t").cell_px, None);
        assert_eq!(parse(b"\x1b[4;600;800t").cell_px, None);
    }

    #[test]
    fn the_background_is_read_in_any_precision_and_nonsense_is_none() {
        let background = |text: &str| parse(format!("\x1b]11;rgb:{text}\x07\x1b[?62c").as_bytes()).background;
        assert_eq!(background("ffff/8080/0000"), Some([255, 128, 0]));
        assert_eq!(background("f/0/8"), Some([255, 0, 136]));
        for nonsense in ["", "ff/ff", "ff/ff/ff/ff", "ff/ff/", "fffffffff/0/0", "+f/0/0g", "no/co/lo"] {
            assert_eq!(background(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn a_hostile_name_loses_its_control_characters_and_its_length() {
        let reply = parse(&[b"\x1bP>|evil\x07\x1b[2J".as_slice(), &[b'x'; 999], b"\x1b\\"].concat());
        let name = reply.name.unwrap();
        assert!(name.len() <= NAME_LIMIT && !name.contains('\x1b') && !name.contains('\x07'), "{name:?}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let reply = parse(&bytes);
            prop_assert!(reply.typed.len() <= bytes.len());
            prop_assert!(reply.name.is_none_or(|name| name.chars().all(|c| !c.is_control())));
        }

        #[test]
        fn bytes_made_of_sequence_parts_are_survived(
            parts in proptest::collection::vec(proptest::sample::select(PARTS), 0..40),
        ) {
            parse(&parts.concat());
        }

        /// However the reply is cut in reads, the whole says the same, and no half of it is taken for a key other
        /// than the escape that it may be.
        #[test]
        fn a_cut_reply_is_never_taken_for_typing(cut in 0..KITTY.len()) {
            let half = parse(&KITTY[..cut]);
            prop_assert!(half.typed.iter().all(|key| key.code == KeyCode::Esc));
            prop_assert!(half.attributes.is_none());
        }

        #[test]
        fn typing_before_and_after_never_hides_the_reply(before in "[a-zA-Z0-9 ]{0,20}", after in "[a-z]{0,20}") {
            let reply = parse(&[before.as_bytes(), KITTY, after.as_bytes()].concat());
            prop_assert!(reply.kitty && reply.attributes.is_some());
            prop_assert_eq!(reply.typed.len(), before.len() + after.len());
        }
    }
}

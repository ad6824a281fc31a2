//! From the terminal's events to the application's keys and what its mouse does.

use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEventKind};

use crate::app::{Key, Mouse};

/// None for keys that mean nothing here, and for the release of a key.
pub fn key(event: KeyEvent) -> Option<Key> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    let with = |modifier| event.modifiers.contains(modifier);
    Some(match event.code {
        KeyCode::Char(c) if with(KeyModifiers::CONTROL) => Key::Ctrl(c.to_ascii_lowercase()),
        KeyCode::Char(_) if with(KeyModifiers::ALT) => return None,
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Esc,
        KeyCode::Tab if with(KeyModifiers::SHIFT) => Key::BackTab,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Delete => Key::Delete,
        _ => return None,
    })
}

/// Leaves out what the terminal answers after nobody waits for it any more, which otherwise looks like keys: over a slow
/// line its background's colour would open the filter.
#[derive(Debug, Default)]
pub struct LateAnswers {
    begun: Option<Instant>,
    length: usize,
}

impl LateAnswers {
    /// The bytes of an answer come together; a key after so long is the user's, who pressed Alt and a bracket.
    const LASTS: Duration = Duration::from_millis(100);
    /// No answer to our questions has so many characters.
    const LONGEST: usize = 128;

    /// Whether the key belongs to an answer: to OSC, DCS or APC, each begun by an escape and one character and ended by an
    /// escape and a backslash, or by a bell.
    pub fn has(&mut self, key: &KeyEvent, now: Instant) -> bool {
        let alt = key.modifiers.contains(KeyModifiers::ALT);
        let Some(begun) = self.begun else {
            let begins = alt && matches!(key.code, KeyCode::Char(']' | 'P' | '_'));
            (self.begun, self.length) = (begins.then_some(now), 0);
            return begins;
        };
        self.length += 1;
        if now.duration_since(begun) > Self::LASTS || self.length > Self::LONGEST {
            self.begun = None;
            return false;
        }
        let bell = key.code == KeyCode::Char('g') && key.modifiers.contains(KeyModifiers::CONTROL);
        if bell || (alt && key.code == KeyCode::Char('\\')) {
            self.begun = None;
        }
        true
    }
}

/// What the mouse does at a place in the chart; none for what means nothing here.
pub fn mouse(kind: MouseEventKind, place: Option<f64>) -> Option<Mouse> {
    Some(match kind {
        MouseEventKind::ScrollDown => Mouse::Wheel { down: true, place },
        MouseEventKind::ScrollUp => Mouse::Wheel { down: false, place },
        MouseEventKind::ScrollRight => Mouse::Sideways { right: true, place },
        MouseEventKind::ScrollLeft => Mouse::Sideways { right: false, place },
        MouseEventKind::Down(MouseButton::Left) | MouseEventKind::Drag(MouseButton::Left) => Mouse::Held { place },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(code: char, modifiers: KeyModifiers) -> KeyEvent {
        KeyEvent::new(KeyCode::Char(code), modifiers)
    }

    #[test]
    fn an_answer_that_comes_late_is_no_key() {
        let now = Instant::now();
        let (none, alt) = (KeyModifiers::NONE, KeyModifiers::ALT);
        for (begin, text, end) in [
            (press(']', alt), "11;rgb:0000/0000/0000", press('\\', alt)),
            (press(']', alt), "11;rgb:ff/ff/ff", press('g', KeyModifiers::CONTROL)),
            (press('P', alt | KeyModifiers::SHIFT), ">|XTerm(379)", press('\\', alt)),
            (press('_', alt), "Gi=31;OK", press('\\', alt)),
        ] {
            let mut late = LateAnswers::default();
            assert!(!late.has(&press('2', none), now), "a key before it");
            assert!(late.has(&begin, now));
            assert!(text.chars().all(|c| late.has(&press(c, none), now)), "{text}");
            assert!(late.has(&end, now));
            assert!(!late.has(&press('/', none), now), "a key behind it");
        }
    }

    #[test]
    fn alt_and_a_bracket_take_no_key_from_the_user() {
        let begun = Instant::now();
        let mut late = LateAnswers::default();
        assert!(late.has(&press(']', KeyModifiers::ALT), begun));
        let later = begun + LateAnswers::LASTS + Duration::from_millis(1);
        assert!(!late.has(&press('q', KeyModifiers::NONE), later));
        assert!(!late.has(&press('q', KeyModifiers::NONE), later));
        late.has(&press(']', KeyModifiers::ALT), later);
        let passed = (0..1000).filter(|_| !late.has(&press('x', KeyModifiers::NONE), later)).count();
        assert!(passed > 800, "an answer without end: {passed}");
    }

    #[test]
    fn keys_are_told_apart_by_their_modifiers() {
        let with = |code, modifiers| key(KeyEvent::new(code, modifiers));
        assert_eq!(with(KeyCode::Char('C'), KeyModifiers::CONTROL), Some(Key::Ctrl('c')));
        assert_eq!(with(KeyCode::Char('L'), KeyModifiers::SHIFT), Some(Key::Char('L')));
        assert_eq!(with(KeyCode::Char('q'), KeyModifiers::ALT), None);
        assert_eq!(with(KeyCode::Tab, KeyModifiers::SHIFT), Some(Key::BackTab));
        let release = KeyEvent::new_with_kind(KeyCode::Enter, KeyModifiers::NONE, KeyEventKind::Release);
        assert_eq!(key(release), None);
    }
}

//! From the terminal's events to the application's keys and what its mouse does.

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

//! Keys as the application knows them, whatever library read them.

use tui_input::InputRequest;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Char(char),
    Ctrl(char),
    Enter,
    Esc,
    Tab,
    BackTab,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Home,
    End,
    Backspace,
    Delete,
}

impl Key {
    /// By a letter, or one of [`crate::config::NAMED_KEYS`].
    pub fn named(name: &str) -> Option<Key> {
        Some(match name {
            "Space" => Key::Char(' '),
            "Enter" => Key::Enter,
            "Esc" => Key::Esc,
            "Tab" => Key::Tab,
            "BackTab" => Key::BackTab,
            "Up" | "↑" => Key::Up,
            "Down" | "↓" => Key::Down,
            "Left" | "←" => Key::Left,
            "Right" | "→" => Key::Right,
            "PgUp" => Key::PageUp,
            "PgDn" => Key::PageDown,
            "Home" => Key::Home,
            "End" => Key::End,
            "Backspace" => Key::Backspace,
            "Delete" => Key::Delete,
            letter => Key::Char(letter.chars().next().filter(|c| c.len_utf8() == letter.len())?),
        })
    }

    /// What the key does inside a line of text; none if it is not for the text.
    pub fn as_text_edit(self) -> Option<InputRequest> {
        Some(match self {
            Key::Char(c) => InputRequest::InsertChar(c),
            Key::Backspace | Key::Ctrl('h') => InputRequest::DeletePrevChar,
            Key::Delete => InputRequest::DeleteNextChar,
            Key::Left => InputRequest::GoToPrevChar,
            Key::Right => InputRequest::GoToNextChar,
            Key::Home | Key::Ctrl('a') => InputRequest::GoToStart,
            Key::End | Key::Ctrl('e') => InputRequest::GoToEnd,
            Key::Ctrl('w') => InputRequest::DeletePrevWord,
            Key::Ctrl('u') => InputRequest::DeleteLine,
            _ => return None,
        })
    }
}

//! `[ui]`: the dashboard.

use serde::{Deserialize, Serialize};

use super::choice::choice;
use super::setting::{Allowed, DefaultValue, Setting};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UiConfig {
    pub graphics: GraphicsChoice,
    pub colours: ColourChoice,
    pub theme: ThemeChoice,
    pub mouse: bool,
    pub notify: NotifyChoice,
    /// Each `pressed=meant`.
    pub keys: Vec<String>,
}

impl Default for UiConfig {
    fn default() -> Self {
        Self {
            graphics: GraphicsChoice::Auto,
            colours: ColourChoice::Auto,
            theme: ThemeChoice::Auto,
            mouse: true,
            notify: NotifyChoice::Off,
            keys: Vec::new(),
        }
    }
}

choice! {
    /// How pictures reach the terminal.
    pub enum GraphicsChoice {
        /// What the terminal answers when asked.
        Auto = "auto",
        Kitty = "kitty",
        Iterm = "iterm",
        Sixel = "sixel",
        /// Half blocks in colour: every terminal.
        Blocks = "blocks",
        /// Characters without colour.
        Ascii = "ascii",
    }
}

choice! {
    /// How many colours the dashboard uses.
    pub enum ColourChoice {
        /// What the terminal and the environment say.
        Auto = "auto",
        Truecolor = "truecolor",
        Ansi256 = "256",
        Ansi16 = "16",
        None = "none",
    }
}

choice! {
    /// The ground that the colours are made for.
    pub enum ThemeChoice {
        /// Light where COLORFGBG says so, else dark.
        Auto = "auto",
        Dark = "dark",
        Light = "light",
    }
}

choice! {
    /// How the dashboard says that a run has ended to who looks elsewhere.
    pub enum NotifyChoice {
        Off = "off",
        /// The terminal's bell.
        Bell = "bell",
        /// A notification of the desktop, by terminals that know OSC 9.
        Osc9 = "osc9",
    }
}

/// What keys are called that are no letters.
pub const NAMED_KEYS: &[&str] = &[
    "Space",
    "Enter",
    "Esc",
    "Tab",
    "BackTab",
    "Up",
    "Down",
    "Left",
    "Right",
    "PgUp",
    "PgDn",
    "Home",
    "End",
    "Backspace",
    "Delete",
];

/// The two keys of `pressed=meant`, letters or [`NAMED_KEYS`].
pub fn key_pair(text: &str) -> Option<(&str, &str)> {
    // The key = has an = behind it too.
    let letter = text.chars().next()?.len_utf8();
    let at = letter + text[letter..].find('=')?;
    let is_key = |key: &str| NAMED_KEYS.contains(&key) || (key.chars().count() == 1 && key != " ");
    Some((&text[..at], &text[at + 1..])).filter(|(pressed, meant)| is_key(pressed) && is_key(meant))
}

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: "graphics",
        meaning: "How pictures are drawn. auto: asks the terminal; blocks: half blocks, which every terminal can show.",
        allowed: Allowed::OneOf(GraphicsChoice::WORDS),
        default: DefaultValue::Fixed,
    },
    Setting {
        key: "colours",
        meaning: "How many colours. auto: what the terminal says, none with NO_COLOR; over SSH some say less than they can.",
        allowed: Allowed::OneOf(ColourChoice::WORDS),
        default: DefaultValue::Fixed,
    },
    Setting {
        key: "theme",
        meaning: "The ground that the colours are made for. auto: light where COLORFGBG says so, else dark.",
        allowed: Allowed::OneOf(ThemeChoice::WORDS),
        default: DefaultValue::Fixed,
    },
    Setting {
        key: "mouse",
        meaning: "The dashboard hears the wheel and clicks; text is then selected with Shift held. false: the terminal keeps them.",
        allowed: Allowed::Bool,
        default: DefaultValue::Fixed,
    },
    Setting {
        key: "notify",
        meaning: "What an open dashboard does when a run ends that was live. bell: rings; osc9: the terminal notifies the desktop,\n\
                  if it can (kitty, iTerm2, WezTerm, Ghostty, foot; in tmux only with its allow-passthrough on).",
        allowed: Allowed::OneOf(NotifyChoice::WORDS),
        default: DefaultValue::Fixed,
    },
    Setting {
        key: "keys",
        meaning: "Keys that are to do what others do, each as pressed=meant: \"P=p\" pauses by P. Keys are letters and signs, or Space,\n\
                  Enter, Esc, Tab, BackTab, Up, Down, Left, Right, PgUp, PgDn, Home, End, Backspace, Delete. A key that means another\n\
                  one has lost what it did itself; help and the last row show yours.",
        allowed: Allowed::Words {
            example: "[\"h=Left\", \"l=Right\", \"v=l\"]",
            check: |text| key_pair(text).is_some(),
        },
        default: DefaultValue::Fixed,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_of_keys_are_two_keys() {
        assert_eq!(key_pair("h=Left"), Some(("h", "Left")));
        assert_eq!(
            [key_pair("==="), key_pair("é=="), key_pair("==q")],
            [Some(("=", "=")), Some(("é", "=")), Some(("=", "q"))]
        );
        for bad in ["", "h", "h=", "=h", "hh=q", "h=left", "h= ", "é", "h=q=r"] {
            assert_eq!(key_pair(bad), None, "{bad:?}");
        }
    }
}

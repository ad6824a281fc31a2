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
}

impl Default for UiConfig {
    fn default() -> Self {
        Self { graphics: GraphicsChoice::Auto, colours: ColourChoice::Auto, theme: ThemeChoice::Auto, mouse: true }
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
];

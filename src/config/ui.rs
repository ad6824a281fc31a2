//! `[ui]`: the dashboard.

use serde::{Deserialize, Serialize};

use super::choice::choice;
use super::setting::{Allowed, DefaultValue, Setting};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UiConfig {
    pub graphics: GraphicsChoice,
}

impl Default for UiConfig {
    fn default() -> Self {
        Self { graphics: GraphicsChoice::Auto }
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

pub(super) const SETTINGS: &[Setting] = &[Setting {
    key: "graphics",
    meaning: "How pictures are drawn. auto: asks the terminal; blocks: half blocks, which every terminal can show.",
    allowed: Allowed::OneOf(GraphicsChoice::WORDS),
    default: DefaultValue::Fixed,
}];

//! What the terminal can do.

use crossterm::event::KeyEvent;

use super::{ColourDepth, Environment, Reply};

/// What the terminal said it can do, with what the environment adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// Both ends are a terminal.
    pub tty: bool,
    /// It answered the query in time. If not, nothing that waits for an answer may be sent to it again.
    pub answered: bool,
    /// tmux or screen is in between: pictures would not get through.
    pub tmux: bool,
    pub ssh: bool,
    pub kitty: bool,
    pub sixel: bool,
    /// The name and version that it gave itself, such as `kitty(0.26.5)` or `XTerm(379)`.
    pub name: Option<String>,
    /// One cell in pixels, width and height.
    pub cell_px: Option<(u16, u16)>,
    pub colours: ColourDepth,
    /// The background's colour, if it told.
    pub background: Option<[u8; 3]>,
    /// What the user typed while the terminal was asked.
    pub typed: Vec<KeyEvent>,
}

impl Capabilities {
    /// Puts together what the environment and the terminal's replies say.
    pub fn new(environment: &Environment, reply: Reply) -> Self {
        Self {
            tty: true,
            answered: reply.attributes.is_some(),
            tmux: environment.tmux,
            ssh: environment.ssh,
            kitty: reply.kitty,
            sixel: reply.attributes.iter().flatten().any(|&attribute| attribute == 4),
            colours: ColourDepth::decide(environment, reply.name.as_deref()),
            name: reply.name,
            cell_px: reply.cell_px,
            background: reply.background,
            typed: reply.typed,
        }
    }

    /// Text is dark on light. A terminal that does not tell is taken for a dark one.
    pub fn has_light_background(&self) -> bool {
        let weighted = |[red, green, blue]: [u8; 3]| 3 * u32::from(red) + 6 * u32::from(green) + u32::from(blue);
        self.background.is_some_and(|background| weighted(background) > 10 * 127)
    }

    /// What can be said without asking: no pictures, colours by the environment.
    pub fn unasked(environment: &Environment, tty: bool) -> Self {
        Self { tty, ..Self::new(environment, Reply::default()) }
    }
}

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
            typed: reply.typed,
        }
    }

    /// What can be said without asking: no pictures, colours by the environment.
    pub fn unasked(environment: &Environment, tty: bool) -> Self {
        Self { tty, ..Self::new(environment, Reply::default()) }
    }
}

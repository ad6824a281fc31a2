//! What the environment says about the terminal, read once so that every decision on it is a pure function.

use std::env;

/// The environment variables that say something about the terminal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    pub term: String,
    pub colorterm: String,
    /// `NO_COLOR` is set and not empty (no-color.org).
    pub no_color: bool,
    pub tmux: bool,
    pub ssh: bool,
}

impl Environment {
    /// Reads the process's environment.
    pub fn read() -> Self {
        let text = |name| env::var(name).unwrap_or_default();
        let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let term = text("TERM");
        Self {
            // Over SSH from within tmux TMUX is lost, but TERM still tells; screen has no pictures either.
            tmux: is_set("TMUX") || is_set("STY") || term.starts_with("tmux") || term.starts_with("screen"),
            ssh: is_set("SSH_CONNECTION") || is_set("SSH_TTY"),
            colorterm: text("COLORTERM"),
            no_color: is_set("NO_COLOR"),
            term,
        }
    }
}

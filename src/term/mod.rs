//! The terminal: entering and leaving it safely, asking what it can do, writing frames to it.
//!
//! Knows nothing of the app. [`TerminalGuard`] is the only way in; whatever ends the process afterwards, a panic or
//! a signal included, leaves a usable shell behind.

mod capabilities;
mod colour;
mod environment;
mod guard;
mod query;
mod reply;
mod screen;
mod signals;
mod tty;

pub use capabilities::Capabilities;
pub use colour::{ColourDepth, ParseColourDepthError};
pub use environment::Environment;
pub use guard::{TermError, TerminalGuard};
pub use query::cell_px_by_window;
pub use reply::{Reply, parse};
pub use screen::Screen;
pub use tty::{expect_kitty_pictures, leave_mouse_alone};

//! One frame from begin to end, cells and pictures.

use std::io;
use std::time::Instant;

use ratatui::backend::CrosstermBackend;
use ratatui::layout::Size;
use ratatui::{Frame, Terminal};

use super::Pictures;
use crate::term::Screen;

/// The terminal and the pictures on it.
pub struct Stage {
    terminal: Terminal<CrosstermBackend<Screen>>,
    screen: Screen,
    pictures: Box<dyn Pictures>,
    /// The next frame begins with an empty screen.
    is_stale: bool,
}

impl Stage {
    /// Needs the terminal to be entered (`TerminalGuard`).
    pub fn new(pictures: Box<dyn Pictures>) -> io::Result<Self> {
        let screen = Screen::stdout()?;
        let terminal = Terminal::new(CrosstermBackend::new(screen.clone()))?;
        Ok(Self { terminal, screen, pictures, is_stale: false })
    }

    /// Draws one frame as one synchronized write; a frame that changes nothing sends nothing.
    ///
    /// The order leaves no stale pixels: cells (a new picture's are blanked), then pictures that went away are deleted,
    /// then new ones printed, at most one a frame.
    pub fn draw(&mut self, render: impl FnOnce(&mut Frame<'_>, &mut dyn Pictures)) -> io::Result<()> {
        self.screen.begin_frame();
        if std::mem::take(&mut self.is_stale) {
            // It clears, and unlike `Terminal::clear` does not ask the terminal where its cursor is.
            self.terminal.resize(self.terminal.size()?.into())?;
        }
        let pictures = self.pictures.as_mut();
        self.terminal.draw(|frame| {
            render(frame, pictures);
            pictures.settle(frame.buffer_mut());
        })?;
        self.pictures.flush(&mut self.screen)?;
        self.screen.end_frame()
    }

    /// After a suspend and on a resize event: whatever was on the screen is gone, and the cells may have a new size.
    pub fn redraw(&mut self) {
        self.pictures.invalidate();
        self.is_stale = true;
    }

    /// When to draw again although nothing changed.
    pub fn wake_at(&self) -> Option<Instant> {
        self.pictures.wake_at()
    }

    pub fn size(&self) -> io::Result<Size> {
        self.terminal.size()
    }
}

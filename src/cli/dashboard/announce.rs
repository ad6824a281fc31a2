//! Telling who looks elsewhere that a run has ended: by the terminal's bell, or by a notification of the desktop (OSC 9).

use std::io::{self, Write};

use crate::config::NotifyChoice;
use crate::term::Screen;

/// How ends are announced.
#[derive(Clone, Copy, Debug)]
pub struct Announcer {
    pub choice: NotifyChoice,
    /// tmux is in between: it passes on only what is marked for it.
    pub tmux: bool,
}

impl Announcer {
    pub fn announce(&self, text: &str) -> io::Result<()> {
        let sequence = self.sequence(text);
        if sequence.is_empty() {
            return Ok(());
        }
        let mut screen = Screen::stdout()?;
        screen.write_all(sequence.as_bytes())?;
        screen.flush()
    }

    fn sequence(&self, text: &str) -> String {
        match (self.choice, self.tmux) {
            (NotifyChoice::Off, _) => String::new(),
            (NotifyChoice::Bell, _) => "\x07".to_owned(),
            (NotifyChoice::Osc9, false) => format!("\x1b]9;{text}\x07"),
            (NotifyChoice::Osc9, true) => format!("\x1bPtmux;\x1b\x1b]9;{text}\x07\x1b\\"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_choice_has_its_sequence_and_off_none() {
        let sequence = |choice, tmux| Announcer { choice, tmux }.sequence("base finished");
        assert_eq!(sequence(NotifyChoice::Off, false), "");
        assert_eq!(sequence(NotifyChoice::Bell, true), "\x07");
        assert_eq!(sequence(NotifyChoice::Osc9, false), "\x1b]9;base finished\x07");
        assert_eq!(sequence(NotifyChoice::Osc9, true), "\x1bPtmux;\x1b\x1b]9;base finished\x07\x1b\\");
    }
}

//! What the Logs tab shows.

use std::sync::Arc;

use crate::run::RunName;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogSource {
    /// What happened, from the event log.
    #[default]
    Events,
    /// What the worker wrote: `log.txt`.
    Text,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogsView {
    pub source: LogSource,
    /// Lines between the last one and the bottom of the window; 0 follows the end.
    pub back: usize,
    /// The end of the selected run's `log.txt`.
    pub text: Arc<[String]>,
    run: Option<RunName>,
}

impl LogsView {
    /// Another run has other lines.
    pub fn settle(&mut self, selected: Option<&RunName>) {
        if self.run.as_ref() != selected {
            *self = LogsView { source: self.source, run: selected.cloned(), ..LogsView::default() };
        }
    }

    /// Takes the lines in, if they are of the selected run. Who has scrolled back stays where he reads.
    pub fn absorb(&mut self, run: RunName, lines: Arc<[String]>) {
        if self.run == Some(run) {
            self.text = lines;
            self.back = self.back.min(self.text.len().saturating_sub(1));
        }
    }

    pub fn switch(&mut self) {
        self.back = 0;
        self.source = match self.source {
            LogSource::Events => LogSource::Text,
            LogSource::Text => LogSource::Events,
        };
    }

    /// Scrolls towards older lines, or back with a negative number.
    pub fn scroll(&mut self, lines: isize, available: usize) {
        self.back = self.back.saturating_add_signed(lines).min(available.saturating_sub(1));
    }
}

//! What the Logs tab shows: which lines, which part of them, and what is searched for in them.

use std::ops::Range;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};

use super::App;
use super::notice::Tone;
use crate::jobs::Level;
use crate::run::{Phase, RunName};

/// Lines that stand below one that was jumped to.
const BELOW: usize = 5;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogSource {
    /// What happened, from the event log.
    #[default]
    Events,
    /// What the worker wrote: `log.txt`.
    Text,
}

#[derive(Clone, Debug, Default)]
pub struct LogsView {
    pub source: LogSource,
    /// Only warnings and errors.
    pub only_trouble: bool,
    /// Lines between the last one and the bottom of the window; 0 follows the end.
    pub back: usize,
    /// The line that was jumped to, among those that are listed.
    pub at: Option<usize>,
    pub search: Search,
    /// The end of the selected run's `log.txt`.
    pub text: Arc<[String]>,
    run: Option<RunName>,
}

/// One line of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLine<'a> {
    /// Unix milliseconds, where it is told apart from the text.
    pub t_ms: Option<u64>,
    pub level: Level,
    pub text: &'a str,
}

/// A text that is looked for as it stands; case makes no difference.
#[derive(Clone, Debug, Default)]
pub struct Search {
    text: String,
    compiled: Option<Regex>,
}

impl Search {
    pub fn new(text: &str) -> Search {
        let compiled = RegexBuilder::new(&regex::escape(text)).case_insensitive(true).build().ok();
        Search { text: text.to_owned(), compiled: compiled.filter(|_| !text.is_empty()) }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn is_on(&self) -> bool {
        self.compiled.is_some()
    }

    /// Where the text stands in a line, in bytes.
    pub fn places(&self, line: &str) -> Vec<Range<usize>> {
        self.compiled.iter().flat_map(|regex| regex.find_iter(line)).map(|found| found.range()).collect()
    }

    fn finds(&self, line: &str) -> bool {
        self.compiled.as_ref().is_some_and(|regex| regex.is_match(line))
    }
}

impl LogsView {
    /// Another run has other lines.
    pub fn settle(&mut self, selected: Option<&RunName>) {
        if self.run.as_ref() != selected {
            let (source, only_trouble, search) = (self.source, self.only_trouble, std::mem::take(&mut self.search));
            *self = LogsView { source, only_trouble, search, run: selected.cloned(), ..LogsView::default() };
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
        self.source = match self.source {
            LogSource::Events => LogSource::Text,
            LogSource::Text => LogSource::Events,
        };
        self.to_the_end();
    }

    pub fn switch_level(&mut self) {
        self.only_trouble = !self.only_trouble;
        self.to_the_end();
    }

    pub fn to_the_end(&mut self) {
        self.back = 0;
        self.at = None;
    }

    /// Scrolls towards older lines, or back with a negative number.
    pub fn scroll(&mut self, lines: isize, available: usize) {
        self.back = self.back.saturating_add_signed(lines).min(available.saturating_sub(1));
    }

    fn jump(&mut self, to: usize, available: usize) {
        self.at = Some(to);
        self.back = available.saturating_sub(1 + to + BELOW);
    }
}

impl App {
    /// The lines of the log that is shown, the oldest first.
    pub fn log_lines(&self) -> Vec<LogLine<'_>> {
        let is_listed = |line: &LogLine<'_>| !self.logs.only_trouble || is_trouble(line.level);
        match self.logs.source {
            LogSource::Events => {
                let lines = self.selected_history().into_iter().flat_map(|history| history.lines());
                let lines = lines.map(|line| LogLine { t_ms: Some(line.t_ms), level: line.level, text: &line.text });
                lines.filter(is_listed).collect()
            }
            LogSource::Text => {
                let lines = self.logs.text.iter();
                let lines = lines.map(|text| LogLine { t_ms: None, level: level_of(text), text });
                lines.filter(is_listed).collect()
            }
        }
    }

    /// The place of the line that was jumped to among those that the search finds, from 1, and how many it finds.
    pub fn found(&self) -> (Option<usize>, usize) {
        let found = self.found_lines();
        (found.iter().position(|line| Some(*line) == self.logs.at).map(|at| at + 1), found.len())
    }

    fn found_lines(&self) -> Vec<usize> {
        let lines = self.log_lines();
        (0..lines.len()).filter(|at| self.logs.search.finds(lines[*at].text)).collect()
    }

    /// Looks for another text, the oldest line with it first.
    pub(super) fn search_logs(&mut self, text: &str) {
        self.logs.search = Search::new(text);
        self.logs.at = None;
        self.next_found(false);
    }

    /// The next line that the search finds, or the one before, round and round.
    pub(super) fn next_found(&mut self, back: bool) {
        let found = self.found_lines();
        let next = match self.logs.at {
            None => found.first(),
            Some(at) if back => found.iter().rfind(|line| **line < at).or(found.last()),
            Some(at) => found.iter().find(|line| **line > at).or(found.first()),
        };
        if let Some(next) = next.copied() {
            let available = self.log_lines().len();
            self.logs.jump(next, available);
        }
    }

    /// The first line that tells of an error: what a run failed of stands there, what came of it below.
    pub(super) fn first_error(&mut self) {
        let lines = self.log_lines();
        match lines.iter().position(|line| line.level == Level::Error) {
            Some(at) => {
                let available = lines.len();
                self.logs.jump(at, available);
            }
            None => {
                let has_failed = self.runs.selected().is_some_and(|run| run.phase == Phase::Failed);
                let text = match (has_failed, self.logs.source) {
                    (true, LogSource::Events) => "No error is told here; w shows what the worker wrote.",
                    (true, LogSource::Text) => "No error is told here; w shows what happened.",
                    (false, _) => "There is no error in these lines.",
                };
                self.say(Tone::Info, text);
            }
        }
    }
}

fn is_trouble(level: Level) -> bool {
    matches!(level, Level::Warning | Level::Error)
}

/// How bad a line of `log.txt` is: what tracing put before its text, a panic, or the sentence that a worker ends with.
fn level_of(line: &str) -> Level {
    let mut head = line.split_whitespace().take(3);
    match head.find(|word| matches!(*word, "ERROR" | "WARN")) {
        Some("ERROR") => Level::Error,
        Some(_) => Level::Warning,
        None if line.contains("panicked at") || line.starts_with("pixscribe: ") => Level::Error,
        None => Level::Info,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_takes_its_text_as_it_stands() {
        let search = Search::new("a.b(");
        assert_eq!(search.places("x A.B( y a.b("), [2..6, 9..13]);
        assert!(search.places("aXb(").is_empty());
        assert!(!Search::new("").is_on() && Search::new("").places("a").is_empty());
        assert_eq!(Search::new("É").places("aé").first(), Some(&(1..3)));
    }

    #[test]
    fn the_level_of_a_line_is_what_stands_before_its_text() {
        let levels = [
            "2026-11-30T21:50:39Z ERROR pixscribe: disk full",
            "2026-11-30T21:50:39Z  WARN pixscribe: slow",
            "2026-11-30T21:50:39Z  INFO pixscribe: an ERROR was told",
            "thread 'main' panicked at src/x.rs:1",
            "pixscribe: there is no data set",
            "",
        ]
        .map(level_of);
        use Level::{Error, Info, Warning};
        assert_eq!(levels, [Error, Warning, Info, Error, Error, Info]);
    }
}

//! One thing that was looked at, and how it is shown.

use serde::Serialize;

use crate::run::plain_text;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Good,
    /// It works, but less well than it could.
    Warning,
    /// Training or the dashboard cannot work like this.
    Problem,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub name: &'static str,
    pub status: Status,
    /// What was found.
    pub text: String,
    /// What to do about it.
    pub advice: Option<String>,
}

impl Finding {
    pub fn good(name: &'static str, text: impl Into<String>) -> Self {
        Self::new(name, Status::Good, text.into(), None)
    }

    pub fn warning(name: &'static str, text: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(name, Status::Warning, text.into(), Some(advice.into()))
    }

    pub fn problem(name: &'static str, text: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(name, Status::Problem, text.into(), Some(advice.into()))
    }

    fn new(name: &'static str, status: Status, text: String, advice: Option<String>) -> Self {
        Self { name, status, text: plain_text(&text).into_owned(), advice }
    }
}

/// The signs before each line: check marks in colour where the terminal has both.
#[derive(Debug, PartialEq, Eq)]
pub struct Marks {
    unicode: bool,
    colour: bool,
}

impl Marks {
    pub fn of_environment(tty: bool) -> Self {
        Self::decide(tty, |name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn decide(tty: bool, variable: impl Fn(&str) -> Option<String>) -> Self {
        let plain = variable("NO_COLOR").is_some();
        let locale = variable("LC_ALL").or_else(|| variable("LC_CTYPE")).or_else(|| variable("LANG"));
        let utf8 = locale.is_some_and(|name| {
            let name = name.to_ascii_lowercase();
            name.contains("utf-8") || name.contains("utf8")
        });
        Self { unicode: utf8 && !plain, colour: tty && !plain && variable("TERM").as_deref() != Some("dumb") }
    }

    pub fn of(&self, status: Status) -> String {
        let (sign, word, colour) = match status {
            Status::Good => ("✓", "[ok]  ", 32),
            Status::Warning => ("!", "[look]", 33),
            Status::Problem => ("✗", "[fail]", 31),
        };
        let mark = if self.unicode { sign } else { word };
        if self.colour { format!("\x1b[{colour}m{mark}\x1b[0m") } else { mark.to_owned() }
    }

    pub fn arrow(&self) -> &'static str {
        if self.unicode { "→" } else { "->" }
    }

    /// Columns that a mark takes.
    pub fn width(&self) -> usize {
        if self.unicode { 1 } else { 6 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(tty: bool, variables: &[(&str, &str)]) -> Marks {
        Marks::decide(tty, |name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn marks_follow_locale_colour_and_terminal() {
        let rich = marks(true, &[("LANG", "de_DE.UTF-8"), ("TERM", "xterm")]);
        assert_eq!(rich.of(Status::Good), "\x1b[32m✓\x1b[0m");
        assert_eq!(marks(false, &[("LANG", "C.UTF-8")]).of(Status::Problem), "✗");
        assert_eq!(marks(false, &[("LANG", "C")]).of(Status::Good), "[ok]  ");
        assert_eq!(marks(false, &[("LC_ALL", "C"), ("LANG", "en_US.UTF-8")]).arrow(), "->");
        assert_eq!(marks(true, &[("NO_COLOR", "1"), ("LANG", "en_US.utf8")]).of(Status::Warning), "[look]");
    }

    #[test]
    fn findings_carry_no_control_characters() {
        assert!(!Finding::good("x", "a\u{1b}[2Jb").text.contains('\u{1b}'));
    }
}

//! Names of runs.

use super::{RunError, plain_text};
use std::fmt;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

/// A run's name: 1 to 64 of `A-Z a-z 0-9 . _ -`, no dot in front, so that it is safe as a folder,
/// in a command line and on a screen.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunName(String);

/// The most characters a name may have.
const MAX_LEN: usize = 64;

impl RunName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `<model>-<time>`, the name of a run that was given none: `cnn-20250131-142530` (UTC).
    pub fn generate(model: &str, time: SystemTime) -> RunName {
        let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        let (year, month, day) = civil_from_days(seconds / 86_400);
        let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        let allowed = model.chars().filter(|c| is_allowed(*c)).take(MAX_LEN / 2);
        let model = allowed.collect::<String>();
        let model = model.trim_start_matches('.');
        let model = if model.is_empty() { "run" } else { model };
        RunName(format!("{model}-{year:04}{month:02}{day:02}-{hour:02}{minute:02}{second:02}"))
    }

    /// The same name with `-2`, `-3` … behind it, for when it is taken.
    pub fn numbered(&self, n: u32) -> RunName {
        let suffix = format!("-{n}");
        let kept = self.0.len().min(MAX_LEN - suffix.len());
        RunName(format!("{}{suffix}", &self.0[..kept]))
    }
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

impl FromStr for RunName {
    type Err = RunError;

    fn from_str(text: &str) -> Result<RunName, RunError> {
        let fits = (1..=MAX_LEN).contains(&text.len());
        if fits && !text.starts_with('.') && text.chars().all(is_allowed) {
            return Ok(RunName(text.to_owned()));
        }
        let shown = plain_text(text).chars().take(MAX_LEN + 8).collect();
        Err(RunError::BadName { name: shown })
    }
}

impl fmt::Display for RunName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl AsRef<str> for RunName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Year, month and day of a count of days since 1970-01-01.
///
/// Source: Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`,
/// for days not before 1970.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468;
    let era = z / 146_097;
    let day_of_era = z % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

/// The names that look most like `wanted`, best first, at most five; of few names, all.
pub fn nearest(wanted: &str, names: impl IntoIterator<Item = String>) -> Vec<String> {
    const SHOWN: usize = 5;
    let mut names: Vec<String> = names.into_iter().collect();
    if names.len() > SHOWN {
        let limit = wanted.len().max(3) / 2;
        names.retain(|name| is_part(wanted, name) || distance(wanted, name) <= limit);
    }
    names.sort_by_cached_key(|name| (!is_part(wanted, name), distance(wanted, name), name.clone()));
    names.truncate(SHOWN);
    names
}

fn is_part(wanted: &str, name: &str) -> bool {
    !wanted.is_empty() && (name.contains(wanted) || wanted.contains(name))
}

/// Levenshtein's distance: how many bytes to insert, delete or replace.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (&a.as_bytes()[..a.len().min(128)], b.as_bytes());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn names_that_could_leave_the_folder_or_hide_are_refused() {
        for bad in ["", ".", "..", ".hidden", "a/b", "a b", "é", "a\n", &"x".repeat(65)] {
            assert!(bad.parse::<RunName>().is_err(), "{bad:?}");
        }
        for good in ["a", "cnn-1", "A.b_c-9", &"x".repeat(64), "-x"] {
            assert_eq!(good.parse::<RunName>().unwrap().as_str(), good);
        }
    }

    #[test]
    fn a_generated_name_says_model_and_time() {
        let time = UNIX_EPOCH + Duration::from_secs(1_709_214_305);
        assert_eq!(RunName::generate("cnn", time).as_str(), "cnn-20240229-134505");
        assert_eq!(RunName::generate("../x", UNIX_EPOCH).as_str(), "x-19700101-000000");
        for model in ["", "...", &"m".repeat(99)] {
            let name = RunName::generate(model, time);
            assert!(name.as_str().parse::<RunName>().is_ok(), "{name}");
        }
    }

    #[test]
    fn a_numbered_name_still_fits() {
        let long: RunName = "y".repeat(64).parse().unwrap();
        assert_eq!(long.numbered(12).as_str().len(), 64);
        assert!(long.numbered(12).as_str().ends_with("y-12"));
    }

    #[test]
    fn nearest_puts_the_likely_one_first() {
        let names = || ["cnn-1", "cnn-2", "gan-1", "base", "best", "diffusion"].map(String::from);
        assert_eq!(nearest("cnn1", names())[0], "cnn-1");
        assert_eq!(nearest("diff", names())[0], "diffusion");
        assert!(nearest("zzzzzz", names()).is_empty());
        assert_eq!(nearest("zzzzzz", ["one".to_owned()]), ["one"]);
    }
}

//! In which settings runs differ.

use crate::config::{self, ConfigError};
use crate::run::RunDir;

/// A line of titles, and one a setting that is not the same in all runs; empty where a run has no such setting.
///
/// # Errors
/// When the settings of a run cannot be read.
pub(super) fn differing(runs: &[RunDir]) -> Result<Vec<Vec<String>>, ConfigError> {
    let configs = runs.iter().map(|run| config::load(Some(&run.config_path()), &[], None));
    let configs = configs.collect::<Result<Vec<_>, _>>()?;
    let titles = std::iter::once("setting".to_owned()).chain(runs.iter().map(|run| run.name().to_string()));
    let lines = config::differing(&configs)?;
    let lines = lines.into_iter().map(|(key, values)| std::iter::once(key).chain(values).collect());
    Ok(std::iter::once(titles.collect()).chain(lines).collect())
}

//! In which settings runs differ.

use crate::config::{self, Config, ConfigError};
use crate::run::RunDir;
use std::collections::BTreeSet;
use toml::{Table, Value};

/// A line of titles, and one a setting that is not the same in all runs; empty where a run has no such setting.
///
/// # Errors
/// When the settings of a run cannot be read.
pub(super) fn differing(runs: &[RunDir]) -> Result<Vec<Vec<String>>, ConfigError> {
    let configs = runs.iter().map(|run| config::load(Some(&run.config_path()), &[], None));
    let settings: Vec<Settings> = configs.map(|config| Settings::of(&config?)).collect::<Result<_, _>>()?;
    let titles = std::iter::once("setting".to_owned()).chain(runs.iter().map(|run| run.name().to_string()));
    Ok(std::iter::once(titles.collect()).chain(lines(&settings)).collect())
}

fn lines(settings: &[Settings]) -> impl Iterator<Item = Vec<String>> {
    let keys: BTreeSet<&(String, String)> =
        settings.iter().flat_map(|of_run| of_run.0.iter().map(|(key, _)| key)).collect();
    keys.into_iter().filter_map(|key| {
        let values: Vec<&str> = settings.iter().map(|of_run| of_run.get(key)).collect();
        let differ = values.windows(2).any(|pair| pair[0] != pair[1]);
        let line = std::iter::once(format!("{}.{}", key.0, key.1)).chain(values.into_iter().map(str::to_owned));
        differ.then(|| line.collect())
    })
}

/// What a run learns from and how, by section and key: not where it computes, nor the settings of other models.
struct Settings(Vec<((String, String), String)>);

impl Settings {
    fn of(config: &Config) -> Result<Self, ConfigError> {
        let all = Table::try_from(config).map_err(ConfigError::Write)?;
        let own = config.model.map(|model| model.as_str());
        let mut settings = Vec::new();
        for section in ["data"].into_iter().chain(own) {
            let table = all.get(section).and_then(Value::as_table);
            let values =
                table.into_iter().flatten().map(|(key, value)| ((section.to_owned(), key.clone()), value.to_string()));
            settings.extend(values);
        }
        Ok(Self(settings))
    }

    fn get(&self, key: &(String, String)) -> &str {
        self.0.iter().find(|(own, _)| own == key).map_or("", |(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ModelKind;

    #[test]
    fn only_what_differs_is_told() {
        let cnn = |seed| {
            let mut config = Config { model: Some(ModelKind::Cnn), ..Config::default() };
            config.cnn.seed = seed;
            Settings::of(&config).unwrap()
        };
        let told: Vec<Vec<String>> = lines(&[cnn(1), cnn(2)]).collect();
        assert_eq!(told, [["cnn.seed", "1", "2"].map(str::to_owned)]);
        assert_eq!(lines(&[cnn(3), cnn(3)]).count(), 0);
        let gan = Settings::of(&Config { model: Some(ModelKind::Gan), ..Config::default() }).unwrap();
        let told: Vec<Vec<String>> = lines(&[cnn(1), gan]).collect();
        assert!(told.contains(&["gan.seed", "", "1"].map(str::to_owned).to_vec()), "{told:?}");
    }
}

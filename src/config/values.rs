//! Settings with their values, in the order of `config.toml`: for forms, and for what runs differ in.

use toml::{Table, Value};

use super::{Config, ConfigError, SECTIONS, Setting};

/// A setting and what it is set to.
#[derive(Clone, Debug)]
pub struct Filled {
    /// Of the run's own model bare (`epochs`), else with the section (`data.limit`): what `--set` calls it.
    pub key: String,
    pub section: &'static str,
    pub setting: &'static Setting,
    /// None where nothing is set, and nothing by default.
    pub value: Option<Value>,
}

impl Filled {
    /// The value as one types it; empty if there is none.
    pub fn text(&self) -> String {
        match &self.value {
            Some(Value::String(text)) => text.clone(),
            value => value.as_ref().map_or_else(String::new, Value::to_string),
        }
    }
}

impl Config {
    /// What a run is decided by: the settings of its own model, then those of the data and of the place where it computes.
    pub fn filled(&self) -> Result<Vec<Filled>, ConfigError> {
        let values = Table::try_from(self).map_err(ConfigError::Write)?;
        let own = self.model.map(|model| model.as_str());
        let sections = own.into_iter().chain(["data", "runtime"]);
        let known = sections.filter_map(|name| SECTIONS.iter().find(|(section, ..)| *section == name));
        let filled = known.flat_map(|(section, _, settings)| {
            let values = values.get(*section);
            settings.iter().map(move |setting| Filled {
                key: if own == Some(section) { setting.key.to_owned() } else { format!("{section}.{}", setting.key) },
                section,
                setting,
                value: values.and_then(|values| values.get(setting.key)).cloned(),
            })
        });
        Ok(filled.collect())
    }
}

/// The settings that are not the same in all of these, each with its section and its value in each; empty where a
/// model has no such setting. Where a run computes does not count.
///
/// # Errors
/// When settings cannot be written as TOML.
pub fn differing(configs: &[Config]) -> Result<Vec<(String, Vec<String>)>, ConfigError> {
    let all: Vec<Vec<Filled>> = configs.iter().map(Config::filled).collect::<Result<_, _>>()?;
    let keys = SECTIONS.iter().filter(|(section, ..)| *section != "runtime");
    let keys = keys.flat_map(|(section, _, settings)| settings.iter().map(move |setting| (*section, setting.key)));
    let values = keys.map(|(section, key)| {
        let is_it = |filled: &&Filled| filled.section == section && filled.setting.key == key;
        let of = |config: &Vec<Filled>| config.iter().find(is_it).map_or_else(String::new, Filled::text);
        (format!("{section}.{key}"), all.iter().map(of).collect::<Vec<String>>())
    });
    Ok(values.filter(|(_, values)| values.windows(2).any(|pair| pair[0] != pair[1])).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ModelKind;

    fn of(model: ModelKind) -> Config {
        Config { model: Some(model), ..Config::default() }
    }

    #[test]
    fn only_what_differs_is_told() {
        let cnn = |seed| {
            let mut config = of(ModelKind::Cnn);
            config.cnn.seed = seed;
            config.runtime.threads = seed as usize;
            config
        };
        let told = differing(&[cnn(1), cnn(2)]).unwrap();
        assert_eq!(told, [("cnn.seed".to_owned(), vec!["1".to_owned(), "2".to_owned()])]);
        assert!(differing(&[cnn(3), cnn(3)]).unwrap().is_empty());
        let told = differing(&[cnn(1), of(ModelKind::Gan)]).unwrap();
        assert!(told.contains(&("gan.seed".to_owned(), vec![String::new(), "1".to_owned()])), "{told:?}");
    }

    #[test]
    fn a_model_has_its_own_settings_then_the_data_s_and_the_machine_s() {
        let filled = of(ModelKind::Gan).filled().unwrap();
        let keys: Vec<&str> = filled.iter().map(|filled| filled.key.as_str()).collect();
        assert_eq!(keys[..2], ["seed", "labels"]);
        assert!(keys.contains(&"data.limit") && keys.contains(&"runtime.threads") && !keys.contains(&"momentum"));
        let text = |key: &str| filled.iter().find(|filled| filled.key == key).unwrap().text();
        assert_eq!([text("labels"), text("flip"), text("data.limit")], ["[]", "random", ""]);
    }
}

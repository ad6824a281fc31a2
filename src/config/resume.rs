//! What may change when a run is taken up again.

use std::path::Path;

use toml::{Table, Value};

use super::{Config, ConfigError, load};

/// The settings of a stored run with `sets` over them; refused where they would make it another run.
pub fn load_for_resume(stored: &Path, sets: &[String]) -> Result<Config, ConfigError> {
    let before = load(Some(stored), &[], None)?;
    load(Some(stored), sets, before.model)?.resume_diff(&before)
}

impl Config {
    /// These settings, if a run that was started with `stored` may go on under them: the epochs, and where it computes
    /// (`[runtime]`), may differ. Otherwise the error names the first key that may not.
    pub fn resume_diff(&self, stored: &Self) -> Result<Self, ConfigError> {
        let asked = Table::try_from(self).map_err(ConfigError::Write)?;
        let stored = Table::try_from(stored).map_err(ConfigError::Write)?;
        for (section, _, settings) in super::SECTIONS {
            let value = |table: &Table, key: &str| table.get(*section).and_then(|settings| settings.get(key)).cloned();
            for setting in settings.iter().filter(|setting| !may_change(section, setting.key)) {
                let (asked, stored) = (value(&asked, setting.key), value(&stored, setting.key));
                if asked != stored {
                    return Err(refusal(&format!("{section}.{}", setting.key), stored, asked));
                }
            }
        }
        if asked.get("model") != stored.get("model") {
            return Err(refusal("model", stored.get("model").cloned(), asked.get("model").cloned()));
        }
        Ok(self.clone())
    }
}

fn may_change(section: &str, key: &str) -> bool {
    matches!(section, "runtime" | "ui") || key == "epochs"
}

fn refusal(key: &str, stored: Option<Value>, asked: Option<Value>) -> ConfigError {
    let show = |value: Option<Value>| value.map_or_else(|| "unset".to_owned(), |value| value.to_string());
    ConfigError::FixedOnResume { key: key.to_owned(), stored: show(stored), asked: show(asked) }
}

//! Finding settings, checking every one, and laying them over each other: defaults, preset, file, `--set`.

use std::io::Read;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::check::{check, check_one, setting, unknown};
use super::setting::toml_value;
use super::{Config, ConfigError, ModelKind, Origin, Preset};

/// A settings file is a page of text; more than this is something else.
const MAX_BYTES: u64 = 1 << 20;

/// Loads the settings: `explicit`, else `./config.toml`, else the user's own, else the defaults; then each `key=value` of
/// `sets` over them. With a `model`, a key without a dot means that model's section.
pub fn load(explicit: Option<&Path>, sets: &[String], model: Option<ModelKind>) -> Result<Config, ConfigError> {
    let found = match explicit {
        Some(path) => Some(path.to_path_buf()),
        None => {
            [Some(PathBuf::from("config.toml")), user_config_path()].into_iter().flatten().find(|path| path.exists())
        }
    };
    let mut merged = found.map_or_else(|| Ok(Table::new()), |path| read(&path))?;
    let model = model.or(model_of(&merged));
    for set in sets {
        let (key, value) = parse_set(set)?;
        merge_set(&mut merged, key, value, model)?;
    }
    let mut config = assemble(merged)?;
    config.model = model;
    Ok(config)
}

/// `pixscribe/config.toml` in the user's configuration folder.
pub fn user_config_path() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")))?;
    Some(folder.join("pixscribe").join("config.toml"))
}

/// Reads and checks one file.
fn read(path: &Path) -> Result<Table, ConfigError> {
    let failed = |source| ConfigError::Read { path: path.to_path_buf(), source };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(ConfigError::TooLarge { path: path.to_path_buf(), limit: MAX_BYTES });
    }
    let origin = Origin::File(path.to_path_buf());
    let table = text.parse::<Table>().map_err(|error| {
        let line = error.span().map(|span| {
            1 + text.as_bytes()[..span.start.min(text.len())].iter().filter(|byte| **byte == b'\n').count()
        });
        let place = line.map_or_else(String::new, |line| format!("line {line}: "));
        ConfigError::Syntax { origin: origin.clone(), reason: format!("{place}{}", error.message()) }
    })?;
    check(&table, &origin)?;
    Ok(table)
}

fn model_of(table: &Table) -> Option<ModelKind> {
    table.get("model")?.as_str()?.parse().ok()
}

/// Splits `key=value`.
fn parse_set(text: &str) -> Result<(&str, &str), ConfigError> {
    let no_equals = || ConfigError::NoEquals { text: text.to_owned(), example: "runtime.threads=1" };
    let (key, value) = text.split_once('=').ok_or_else(no_equals)?;
    Ok((key.trim(), value.trim()))
}

fn merge_set(merged: &mut Table, key: &str, text: &str, model: Option<ModelKind>) -> Result<(), ConfigError> {
    let value = toml_value(text).unwrap_or_else(|| Value::String(text.to_owned()));
    let (section, key) = match (key.split_once('.'), model) {
        (Some(parts), _) => parts,
        (None, Some(model)) => (model.as_str(), key),
        (None, None) => return Err(unknown(&Origin::Argument, "", key, &value)),
    };
    let value = match setting(section, key).and_then(|setting| setting.value_of(text)) {
        Some(value) => value,
        None => check_one(&Origin::Argument, section, key, &value).map(|()| value)?,
    };
    let table = merged.entry(section).or_insert_with(|| Value::Table(Table::new()));
    if let Some(table) = table.as_table_mut() {
        table.insert(key.to_owned(), value);
    }
    Ok(())
}

/// Lays the checked settings over the defaults of the preset that they name.
fn assemble(merged: Table) -> Result<Config, ConfigError> {
    let preset =
        merged.get("cnn").and_then(|cnn| cnn.get("preset")).and_then(Value::as_str).and_then(|word| word.parse().ok());
    let base = Config::of_preset(preset.unwrap_or(Preset::Default));
    let mut table = Table::try_from(&base).map_err(ConfigError::Write)?;
    for (section, value) in merged {
        match (table.get_mut(&section), value) {
            (Some(Value::Table(below)), Value::Table(above)) => below.extend(above),
            (_, value) => drop(table.insert(section, value)),
        }
    }
    table.try_into().map_err(ConfigError::Assemble)
}

//! Finding settings, checking every one, and laying them over each other: defaults, preset, file, `--set`.

use std::io::Read;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::{Config, ConfigError, ModelKind, Origin, Preset, SECTIONS};

/// A settings file is a page of text; more than this is something else.
const MAX_BYTES: u64 = 1 << 20;

/// Loads the settings: `explicit`, else `./config.toml`, else the user's own, else the defaults; then each `key=value` of
/// `sets` over them. With a `model`, a key without a dot means that model's section.
pub fn load(
    explicit: Option<&Path>,
    sets: &[String],
    model: Option<ModelKind>,
) -> Result<Config, ConfigError> {
    let found = match explicit {
        Some(path) => Some(path.to_path_buf()),
        None => [Some(PathBuf::from("config.toml")), user_config_path()]
            .into_iter()
            .flatten()
            .find(|path| path.exists()),
    };
    let mut merged = found.map_or_else(|| Ok(Table::new()), |path| read(&path))?;
    let model = model.or(model_of(&merged));
    for set in sets {
        let (key, value) = parse_set(set)?;
        merge_set(&mut merged, &key, value, model)?;
    }
    let mut config = assemble(merged)?;
    config.model = model;
    Ok(config)
}

/// `pixscribe/config.toml` in the user's configuration folder.
pub fn user_config_path() -> Option<PathBuf> {
    let set = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let folder = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")))?;
    Some(folder.join("pixscribe").join("config.toml"))
}

/// Reads and checks one file.
fn read(path: &Path) -> Result<Table, ConfigError> {
    let failed = |source| ConfigError::Read {
        path: path.to_path_buf(),
        source,
    };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MAX_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(failed)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(ConfigError::TooLarge {
            path: path.to_path_buf(),
            limit: MAX_BYTES,
        });
    }
    let origin = Origin::File(path.to_path_buf());
    let table = text.parse::<Table>().map_err(|error| {
        let line = error.span().map(|span| {
            1 + text.as_bytes()[..span.start.min(text.len())]
                .iter()
                .filter(|byte| **byte == b'\n')
                .count()
        });
        let place = line.map_or_else(String::new, |line| format!("line {line}: "));
        ConfigError::Syntax {
            origin: origin.clone(),
            reason: format!("{place}{}", error.message()),
        }
    })?;
    check(&table, &origin)?;
    Ok(table)
}

fn model_of(table: &Table) -> Option<ModelKind> {
    table.get("model")?.as_str()?.parse().ok()
}

/// Splits `key=value`; a value that is no TOML is taken as text.
fn parse_set(text: &str) -> Result<(String, Value), ConfigError> {
    let no_equals = || ConfigError::NoEquals {
        text: text.to_owned(),
        example: "runtime.threads=1",
    };
    let (key, value) = text.split_once('=').ok_or_else(no_equals)?;
    let value = value.trim();
    let parsed = format!("value = {value}")
        .parse::<Table>()
        .ok()
        .filter(|table| table.len() == 1);
    let value = parsed
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| Value::String(value.to_owned()));
    Ok((key.trim().to_owned(), value))
}

fn merge_set(
    merged: &mut Table,
    key: &str,
    value: Value,
    model: Option<ModelKind>,
) -> Result<(), ConfigError> {
    let (section, key) = match (key.split_once('.'), model) {
        (Some(parts), _) => parts,
        (None, Some(model)) => (model.as_str(), key),
        (None, None) => return Err(unknown(&Origin::Argument, "", key, &value)),
    };
    check_one(&Origin::Argument, section, key, &value)?;
    let table = merged
        .entry(section)
        .or_insert_with(|| Value::Table(Table::new()));
    if let Some(table) = table.as_table_mut() {
        table.insert(key.to_owned(), value);
    }
    Ok(())
}

fn check(table: &Table, origin: &Origin) -> Result<(), ConfigError> {
    for (section, value) in table {
        match value {
            _ if section == "model" => check_model(value, origin)?,
            Value::Table(settings) if SECTIONS.iter().any(|(name, ..)| name == section) => {
                for (key, value) in settings {
                    check_one(origin, section, key, value)?;
                }
            }
            _ => return Err(unknown(origin, "", section, value)),
        }
    }
    Ok(())
}

fn check_model(value: &Value, origin: &Origin) -> Result<(), ConfigError> {
    if value
        .as_str()
        .is_some_and(|word| ModelKind::WORDS.contains(&word))
    {
        return Ok(());
    }
    let allowed = ModelKind::WORDS.join(", ");
    Err(ConfigError::BadValue {
        origin: origin.clone(),
        key: "model".to_owned(),
        value: brief(value),
        allowed,
    })
}

fn check_one(origin: &Origin, section: &str, key: &str, value: &Value) -> Result<(), ConfigError> {
    let settings = SECTIONS
        .iter()
        .find(|(name, ..)| *name == section)
        .map(|(_, _, settings)| *settings);
    let Some(setting) =
        settings.and_then(|settings| settings.iter().find(|setting| setting.key == key))
    else {
        return Err(unknown(origin, section, key, value));
    };
    if setting.allowed.accepts(value) {
        return Ok(());
    }
    Err(ConfigError::BadValue {
        origin: origin.clone(),
        key: format!("{section}.{key}"),
        value: brief(value),
        allowed: setting.allowed.to_string(),
    })
}

/// Lays the checked settings over the defaults of the preset that they name.
fn assemble(merged: Table) -> Result<Config, ConfigError> {
    let preset = merged
        .get("cnn")
        .and_then(|cnn| cnn.get("preset"))
        .and_then(Value::as_str)
        .and_then(|word| word.parse().ok());
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

/// The refusal of a key nobody knows: the nearest one that exists, and all of its section.
fn unknown(origin: &Origin, section: &str, key: &str, value: &Value) -> ConfigError {
    let settings = SECTIONS
        .iter()
        .find(|(name, ..)| *name == section)
        .map(|(_, _, settings)| *settings);
    let full = if section.is_empty() {
        key.to_owned()
    } else {
        format!("{section}.{key}")
    };
    let all: Vec<String> = SECTIONS
        .iter()
        .flat_map(|(name, _, settings)| {
            settings
                .iter()
                .map(move |setting| format!("{name}.{}", setting.key))
        })
        .collect();
    let bare = |known: &str| known.rsplit('.').next().unwrap_or_default().to_owned();
    let near = all
        .iter()
        .map(|known| {
            (
                distance(known, &full).min(distance(&bare(known), key)),
                known,
            )
        })
        .min()
        .filter(|(distance, _)| *distance <= 2.max(key.len() / 3))
        .map_or_else(String::new, |(_, known)| {
            format!("did you mean `{known}`? ")
        });
    let known = match settings {
        Some(settings) => {
            let keys: Vec<&str> = settings.iter().map(|setting| setting.key).collect();
            format!("{near}[{section}] has {}", keys.join(", "))
        }
        None => {
            let sections: Vec<String> = SECTIONS
                .iter()
                .map(|(name, ..)| format!("[{name}]"))
                .collect();
            format!("{near}The sections are {}", sections.join(", "))
        }
    };
    ConfigError::UnknownKey {
        origin: origin.clone(),
        key: printable(&full),
        value: brief(value),
        known,
    }
}

/// A value short and harmless enough for a message.
fn brief(value: &Value) -> String {
    printable(&match value {
        Value::Table(_) => "a section".to_owned(),
        value => value.to_string(),
    })
}

fn printable(text: &str) -> String {
    let mut short: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(60)
        .collect();
    if text.chars().nth(60).is_some() {
        short.push('…');
    }
    short
}

/// Levenshtein's: how many letters to add, drop or change.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

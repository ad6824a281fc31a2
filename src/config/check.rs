//! Checking settings against their tables, and the words of a refusal.

use toml::{Table, Value};

use super::{ConfigError, ModelKind, Origin, SECTIONS, Setting};

/// Checks every key and value of a file.
pub(super) fn check(table: &Table, origin: &Origin) -> Result<(), ConfigError> {
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
    if value.as_str().is_some_and(|word| ModelKind::WORDS.contains(&word)) {
        return Ok(());
    }
    let allowed = ModelKind::WORDS.join(", ");
    Err(ConfigError::BadValue { origin: origin.clone(), key: "model".to_owned(), value: brief(value), allowed })
}

pub(super) fn check_one(origin: &Origin, section: &str, key: &str, value: &Value) -> Result<(), ConfigError> {
    let Some(setting) = setting(section, key) else {
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

/// The refusal of a key nobody knows: the nearest one that exists, and what its section has.
pub(super) fn unknown(origin: &Origin, section: &str, key: &str, value: &Value) -> ConfigError {
    let settings = settings_of(section);
    let full = if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") };
    let near = match settings {
        Some(_) => nearest_key(key, |other| other == section).or_else(|| nearest_key(key, |_| true)),
        None if section.is_empty() => nearest_section(key).or_else(|| nearest_key(key, |_| true)),
        None => nearest_section(section),
    };
    let near = near.map_or_else(String::new, |near| format!("did you mean {near}? "));
    let known = match settings {
        Some(settings) => {
            let keys: Vec<&str> = settings.iter().map(|setting| setting.key).collect();
            format!("{near}[{section}] has {}", keys.join(", "))
        }
        None => {
            let sections: Vec<String> = SECTIONS.iter().map(|(name, ..)| format!("[{name}]")).collect();
            format!("{near}The sections are {}", sections.join(", "))
        }
    };
    ConfigError::UnknownKey { origin: origin.clone(), key: printable(&full), value: brief(value), known }
}

pub(super) fn setting(section: &str, key: &str) -> Option<&'static Setting> {
    settings_of(section)?.iter().find(|setting| setting.key == key)
}

fn settings_of(section: &str) -> Option<&'static [Setting]> {
    SECTIONS.iter().find(|(name, ..)| *name == section).map(|(_, _, settings)| *settings)
}

fn nearest_section(word: &str) -> Option<String> {
    nearest(word, SECTIONS.iter().map(|(name, ..)| (*name, format!("the section [{name}]"))))
}

/// Among the keys of the sections that `may` names.
fn nearest_key(word: &str, may: impl Fn(&str) -> bool) -> Option<String> {
    let keys = SECTIONS.iter().filter(|(section, ..)| may(section)).flat_map(|(section, _, settings)| {
        settings.iter().map(move |setting| (setting.key, format!("`{section}.{}`", setting.key)))
    });
    nearest(word, keys)
}

/// The first candidate with the nearest key, at most a third of the word's letters away, and two at the least.
fn nearest<'a>(word: &str, candidates: impl Iterator<Item = (&'a str, String)>) -> Option<String> {
    candidates
        .map(|(key, name)| (distance(key, word), name))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= 2.max(word.len() / 3))
        .map(|(_, name)| name)
}

/// A value short and harmless enough for a message.
fn brief(value: &Value) -> String {
    printable(&match value {
        Value::Table(_) => "a section".to_owned(),
        Value::String(text) => format!("{text:?}"),
        value => value.to_string(),
    })
}

fn printable(text: &str) -> String {
    let mut short: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(60).collect();
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

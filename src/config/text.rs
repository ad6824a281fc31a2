//! The text of the repository's `config.toml`: every setting with its meaning, range and default.

use toml::Table;

use super::setting::{DefaultValue, Setting};
use super::{Config, ConfigError, Preset, SECTIONS};

const HEAD: &str = "\
# pixscribe's settings, every one with its default. A line that is commented out shows what a key looks like; take the # away
# to set it. The first of these files is read, and no other: --config FILE, ./config.toml,
# ~/.config/pixscribe/config.toml ($XDG_CONFIG_HOME is honoured). On the command line, --set section.key=value beats the file.
";

/// The file that equals having no file. A test keeps the repository's copy equal to it.
pub fn commented_defaults() -> Result<String, ConfigError> {
    let of_preset = |preset: &Preset| {
        Ok((preset.as_str(), Table::try_from(Config::of_preset(*preset)).map_err(ConfigError::Write)?))
    };
    let presets: Vec<(&str, Table)> = Preset::ALL.iter().map(of_preset).collect::<Result<_, ConfigError>>()?;
    let defaults = Table::try_from(Config::default()).map_err(ConfigError::Write)?;
    let mut text = String::from(HEAD);
    for (section, about, settings) in SECTIONS {
        text += &format!("\n# {about}\n[{section}]\n");
        for setting in *settings {
            text += &paragraph(setting, section, &defaults, &presets);
        }
    }
    Ok(text)
}

fn paragraph(setting: &Setting, section: &str, defaults: &Table, presets: &[(&str, Table)]) -> String {
    let value = |table: &Table| {
        table.get(section).and_then(|settings| settings.get(setting.key)).map_or_else(String::new, ToString::to_string)
    };
    let default = value(defaults);
    let (default, line) = match setting.default {
        DefaultValue::Fixed => (default.clone(), format!("{} = {default}", setting.key)),
        DefaultValue::Unset(example) => ("unset".to_owned(), format!("# {} = {example}", setting.key)),
        DefaultValue::OfPreset => {
            let each: Vec<String> = presets.iter().map(|(name, table)| format!("{} in {name}", value(table))).collect();
            (format!("the preset's ({})", each.join(", ")), format!("# {} = {default}", setting.key))
        }
    };
    let meaning = setting.meaning.replace('\n', "\n# ");
    format!("\n# {meaning}\n# Allowed: {}. Default: {default}.\n{line}\n", setting.allowed)
}

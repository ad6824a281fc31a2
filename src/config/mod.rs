//! Settings: what a user may set, where it is looked for, and how a wrong one is refused.
//!
//! Every setting is one row of a section's table (`data.rs`, `runtime.rs`, one file a model, `ui.rs`): its key, its meaning and
//! what is allowed. The checks, the messages and the text of the repository's `config.toml` all come from those rows.

mod captioner;
mod check;
mod choice;
mod cnn;
mod data;
mod diffusion;
mod error;
mod gan;
mod load;
mod resume;
mod runtime;
mod setting;
mod shared;
mod text;
mod ui;
mod values;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use captioner::{CaptionerConfig, EncoderChoice, EyesKind, PatchPreset};
pub use cnn::{CnnConfig, Flip, Preset};
pub use data::DataConfig;
pub use diffusion::DiffusionConfig;
pub use error::{ConfigError, Origin};
pub use gan::GanConfig;
pub use load::{load, user_config_path};
pub use resume::load_for_resume;
pub use runtime::{DeviceChoice, RuntimeConfig};
pub use setting::{Allowed, Setting};
pub use text::commented_defaults;
pub use ui::{ColourChoice, GraphicsChoice, NAMED_KEYS, NotifyChoice, ThemeChoice, UiConfig, key_pair};
pub use values::{Filled, differing};

choice::choice! {
    /// The models that can be trained; each has a section of its own.
    pub enum ModelKind {
        Cnn = "cnn",
        Gan = "gan",
        Diffusion = "diffusion",
        Captioner = "captioner",
    }
}

impl ModelKind {
    /// As a heading has it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Cnn => "CNN",
            Self::Gan => "GAN",
            Self::Diffusion => "Diffusion",
            Self::Captioner => "Captioner",
        }
    }
}

/// Every setting with its value: nothing in here is left to be filled in later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Which model a run trains; only a run's own `config.toml` says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelKind>,
    pub data: DataConfig,
    pub runtime: RuntimeConfig,
    pub cnn: CnnConfig,
    pub gan: GanConfig,
    pub diffusion: DiffusionConfig,
    pub captioner: CaptionerConfig,
    pub ui: UiConfig,
}

impl Config {
    /// The seed of the model that a run trains.
    pub fn seed(&self) -> u64 {
        match self.model {
            Some(ModelKind::Gan) => self.gan.seed,
            Some(ModelKind::Diffusion) => self.diffusion.seed,
            Some(ModelKind::Captioner) => self.captioner.seed,
            Some(ModelKind::Cnn) | None => self.cnn.seed,
        }
    }

    /// Gives that model another seed.
    pub fn set_seed(&mut self, seed: u64) {
        *match self.model {
            Some(ModelKind::Gan) => &mut self.gan.seed,
            Some(ModelKind::Diffusion) => &mut self.diffusion.seed,
            Some(ModelKind::Captioner) => &mut self.captioner.seed,
            Some(ModelKind::Cnn) | None => &mut self.cnn.seed,
        } = seed;
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::of_preset(Preset::Default)
    }
}

impl Config {
    /// The defaults, with the CNN's settings as `preset` has them.
    pub fn of_preset(preset: Preset) -> Self {
        Self {
            model: None,
            data: DataConfig::default(),
            runtime: RuntimeConfig::default(),
            cnn: CnnConfig::of_preset(preset),
            gan: GanConfig::default(),
            diffusion: DiffusionConfig::default(),
            captioner: CaptionerConfig::default(),
            ui: UiConfig::default(),
        }
    }

    /// The text of a run's `config.toml`: every value, so that loading it gives this `Config` again.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        toml::to_string(self).map_err(ConfigError::Write)
    }

    /// The labels of the data that the run's model learns; none means all.
    pub fn labels(&self) -> &[String] {
        match self.model {
            Some(ModelKind::Gan) => &self.gan.labels,
            Some(ModelKind::Diffusion) => &self.diffusion.labels,
            Some(ModelKind::Cnn | ModelKind::Captioner) | None => &[],
        }
    }

    /// SHA-256 over what decides the trained weights: the model's section without its bookkeeping, and `data.limit`.
    /// The data itself has its own sum, and the device and the number of threads do not count.
    pub fn config_hash(&self) -> Result<String, ConfigError> {
        let model = self.model.map_or("", ModelKind::as_str);
        let mut all = toml::Table::try_from(self).map_err(ConfigError::Write)?;
        let mut section =
            all.remove(model).and_then(|section| section.try_into::<toml::Table>().ok()).unwrap_or_default();
        section.retain(|key, _| !shared::BOOKKEEPING.contains(&key));
        let text = format!("{model}\nlimit={:?}\n{section}", self.data.limit);
        let digest = Sha256::digest(text.as_bytes());
        Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// The sections of the file in its order, each with what it is about and its settings.
pub const SECTIONS: &[(&str, &str, &[Setting])] = &[
    ("data", "The pictures that models learn from.", data::SETTINGS),
    ("runtime", "Where and how runs compute. A run may be resumed with other values.", runtime::SETTINGS),
    ("cnn", "The convolutional network: `pixscribe train cnn`.", cnn::SETTINGS),
    (
        "gan",
        "The class-conditional generator and its discriminator, which also names labels: `pixscribe train gan`.",
        gan::SETTINGS,
    ),
    (
        "diffusion",
        "The class-conditional diffusion model, which draws, restores and names: `pixscribe train diffusion`.",
        diffusion::SETTINGS,
    ),
    ("captioner", "The net that writes captions of what it sees: `pixscribe train captioner`.", captioner::SETTINGS),
    ("ui", "The dashboard.", ui::SETTINGS),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_a_row_and_every_row_a_setting() {
        let mut all = Config::default();
        all.data.path = Some("somewhere".into());
        all.data.limit = Some(1);
        all.diffusion.init = Some("somewhere".into());
        all.captioner.init = Some("other".to_owned());
        all.captioner.captions = Some("somewhere".into());
        let table = toml::Table::try_from(&all).unwrap();
        let rows: Vec<&str> = SECTIONS.iter().map(|(name, ..)| *name).collect();
        assert_eq!(table.keys().len(), rows.len());
        for (name, _, settings) in SECTIONS {
            let mut in_struct: Vec<&str> = table[*name].as_table().unwrap().keys().map(String::as_str).collect();
            let mut in_rows: Vec<&str> = settings.iter().map(|setting| setting.key).collect();
            in_struct.sort_unstable();
            in_rows.sort_unstable();
            assert_eq!(in_struct, in_rows, "section [{name}]");
        }
    }

    #[test]
    fn defaults_of_every_preset_pass_their_own_checks() {
        for preset in Preset::ALL {
            let table = toml::Table::try_from(Config::of_preset(*preset)).unwrap();
            for (name, _, settings) in SECTIONS {
                for (key, value) in table[*name].as_table().unwrap() {
                    let setting = settings.iter().find(|setting| setting.key == key).unwrap();
                    assert!(setting.allowed.accepts(value), "{name}.{key} = {value} of preset {preset}");
                }
            }
        }
    }

    #[test]
    fn the_hash_follows_what_is_learned_and_nothing_else() {
        let base = Config { model: Some(ModelKind::Cnn), ..Config::default() };
        let hash = base.config_hash().unwrap();
        assert_eq!(hash.len(), 64);
        let mut elsewhere = base.clone();
        elsewhere.runtime.threads = 1;
        elsewhere.cnn.keep_checkpoints += 1;
        assert_eq!(elsewhere.config_hash().unwrap(), hash);
        let mut reseeded = base.clone();
        reseeded.cnn.seed += 1;
        assert_ne!(reseeded.config_hash().unwrap(), hash);
        let mut limited = base;
        limited.data.limit = Some(500);
        assert_ne!(limited.config_hash().unwrap(), hash);
    }
}

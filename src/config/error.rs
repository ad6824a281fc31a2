//! How settings are refused: where, which key, which value, what is allowed.

use std::fmt;
use std::path::PathBuf;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    File(PathBuf),
    /// `--set` on the command line.
    Argument,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Argument => f.write_str("--set"),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read the settings file {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },

    #[error("the settings file {} is larger than {limit} bytes, so it is not one: name another with --config", path.display())]
    TooLarge { path: PathBuf, limit: u64 },

    #[error("{origin} is not valid TOML: {reason}")]
    Syntax { origin: Origin, reason: String },

    #[error("--set {text:?} has no `=`: write key=value, such as {example}")]
    NoEquals { text: String, example: &'static str },

    #[error("{origin}: there is no setting `{key}` (value {value}): {known}")]
    UnknownKey { origin: Origin, key: String, value: String, known: String },

    #[error("{origin}: {key} = {value} is not allowed: it must be {allowed}")]
    BadValue { origin: Origin, key: String, value: String, allowed: String },

    #[error(
        "{key} is {stored} in this run and cannot become {asked}: only epochs, threads and device may change on resume; start a new run for the rest"
    )]
    FixedOnResume { key: String, stored: String, asked: String },

    #[error("the settings do not fit together: {0}")]
    Assemble(#[source] toml::de::Error),

    #[error("the settings cannot be written as TOML: {0}")]
    Write(#[source] toml::ser::Error),
}

impl ConfigError {
    /// Whether the command line is at fault, not a file.
    pub fn is_bad_usage(&self) -> bool {
        match self {
            Self::NoEquals { .. } | Self::FixedOnResume { .. } => true,
            Self::Syntax { origin, .. } | Self::UnknownKey { origin, .. } | Self::BadValue { origin, .. } => {
                *origin == Origin::Argument
            }
            Self::Read { .. } | Self::TooLarge { .. } | Self::Assemble(_) | Self::Write(_) => false,
        }
    }
}

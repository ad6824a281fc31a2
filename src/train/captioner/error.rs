//! Why there is no captioner, or no caption.

use super::super::error::TrainError;
use crate::hf::HfError;
use crate::models::captioner::names::NamesError;
use crate::models::captioner::search::SearchError;
use crate::models::captioner::{CaptionerError, SettingsError};

/// A captioner cannot be made, used or given away.
#[derive(Debug, thiserror::Error)]
pub enum SpeakerError {
    #[error("{0}")]
    Hf(#[from] HfError),
    #[error("{0}")]
    Names(#[from] NamesError),
    #[error("the captioner cannot be made: {0}")]
    Captioner(#[from] CaptionerError),
    #[error("the captioner cannot be made: {0}")]
    Settings(#[from] SettingsError),
    #[error("there is no caption: {0}")]
    Search(#[from] SearchError),
    #[error("the device failed: {0}")]
    Device(String),
    #[error(
        "tensor {name} has the shape {found:?} where the settings say {due:?}; its weights belong to another model"
    )]
    Shape { name: String, found: Vec<usize>, due: Vec<usize> },
    #[error("{what} is not supported: {remedy}")]
    Unsupported { what: String, remedy: &'static str },
    #[error("the {part} of the captioner do not fit: {problem}")]
    Unfit { part: &'static str, problem: String },
}

impl SpeakerError {
    /// Wraps a device's own error, which has no common type.
    pub(super) fn device(error: impl std::fmt::Display) -> Self {
        Self::Device(error.to_string())
    }
}

impl From<HfError> for TrainError {
    fn from(error: HfError) -> Self {
        SpeakerError::from(error).into()
    }
}

impl From<SearchError> for TrainError {
    fn from(error: SearchError) -> Self {
        SpeakerError::from(error).into()
    }
}

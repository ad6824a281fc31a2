//! The captioner: pictures to sentences.

mod error;
mod export;
mod folder;
mod note;
mod speaker;
#[cfg(test)]
mod tests;

pub use error::SpeakerError;
pub use folder::unused;
pub use note::EyesOf;
pub use speaker::{Pictures, Said, Speaker};

//! The captioner: pictures to sentences.

mod error;
mod folder;
mod note;
mod speaker;
#[cfg(test)]
mod tests;

pub use error::SpeakerError;
pub use note::EyesOf;
pub use speaker::{Pictures, Said, Speaker};

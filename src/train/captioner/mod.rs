//! The captioner: eyes, and a mouth that says what they see.

mod error;
mod export;
mod folder;
pub mod lender;
mod looks;
mod naming;
pub mod noise;
mod note;
pub mod recipe;
mod speaker;
#[cfg(test)]
mod tests;

pub use error::SpeakerError;
pub use folder::unused;
pub use lender::Lender;
pub use looks::{Look, Looks};
pub use naming::Named;
pub use recipe::CaptionerRecipe;
pub use speaker::{Pictures, Said, Speaker};

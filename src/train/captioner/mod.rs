//! The captioner: eyes, and a mouth that says what they see.

pub mod lender;
pub mod noise;

pub use lender::Lender;

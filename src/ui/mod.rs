//! ui
pub mod pictures;

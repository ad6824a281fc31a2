//! pixscribe: a terminal cockpit for models that turn images into text.
//!
//! The folders are the architecture; `ARCHITECTURE.md` draws who may know whom.

pub mod app;
pub mod captions;
pub mod cli;
pub mod config;
pub mod data;
pub mod hf;
pub mod jobs;
pub mod models;
pub mod nn;
pub mod ops;
pub mod restoration;
pub mod run;
pub mod term;
pub mod train;
pub mod ui;
pub mod worker;

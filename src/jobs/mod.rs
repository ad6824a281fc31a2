//! Runs as the dashboard's jobs.

pub mod launch;

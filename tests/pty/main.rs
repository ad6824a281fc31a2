//! Tests in a real pseudo-terminal, with a terminal emulator behind it. One binary, since they share the harness.

mod dashboard;
mod harness;
mod terminal;

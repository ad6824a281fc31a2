//! Tests in a real pseudo-terminal, with a terminal emulator behind it. One binary, since they share the harness.

mod by_keys;
mod dashboard;
mod flood;
mod harness;
mod recorded;
mod sandbox;
mod ssh;
mod sshd;
mod tasks;
mod terminal;

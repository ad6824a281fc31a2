//! Data sets as users have them: every layout, and everything that can be wrong with one.

mod commands;
mod fetch;
mod fixture;
mod hostile;
mod nearest;
mod pictures;
mod readers;

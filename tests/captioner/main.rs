//! Captioners of Hugging Face folders, by the program's own commands.

mod commands;
mod hostile;
mod place;

//! `pixscribe checkpoint`.

use super::args::RunArg;
use super::{CliResult, Globals};

pub fn run(_args: &RunArg, _globals: &Globals) -> CliResult {
    Err("`checkpoint` is not available in this build".into())
}

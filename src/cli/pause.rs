//! `pixscribe pause`.

use super::args::RunArg;
use super::{CliResult, Globals};

pub fn run(_args: &RunArg, _globals: &Globals) -> CliResult {
    Err("`pause` is not available in this build".into())
}

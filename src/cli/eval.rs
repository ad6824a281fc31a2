//! `pixscribe eval`.

use super::args::EvalArgs;
use super::{CliResult, Globals};

pub fn run(_args: &EvalArgs, _globals: &Globals) -> CliResult {
    Err("`eval` is not available in this build".into())
}

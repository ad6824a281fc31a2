//! `pixscribe runs`.

use super::args::RunsArgs;
use super::{CliResult, Globals};

pub fn run(_args: &RunsArgs, _globals: &Globals) -> CliResult {
    Err("`runs` is not available in this build".into())
}

//! `pixscribe doctor`.

use super::args::JsonArg;
use super::{CliResult, Globals};

pub fn run(_args: &JsonArg, _globals: &Globals) -> CliResult {
    Err("`doctor` is not available in this build".into())
}

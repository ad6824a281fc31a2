//! `pixscribe data`.

use super::args::DataArgs;
use super::{CliResult, Globals};

pub fn run(_args: &DataArgs, _globals: &Globals) -> CliResult {
    Err("`data` is not available in this build".into())
}

//! `pixscribe train`.

use super::args::TrainArgs;
use super::{CliResult, Globals};

pub fn run(_args: &TrainArgs, _globals: &Globals) -> CliResult {
    Err("`train` is not available in this build".into())
}

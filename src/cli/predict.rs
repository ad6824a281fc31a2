//! `pixscribe predict`.

use super::args::PredictArgs;
use super::{CliResult, Globals};

pub fn run(_args: &PredictArgs, _globals: &Globals) -> CliResult {
    Err("`predict` is not available in this build".into())
}

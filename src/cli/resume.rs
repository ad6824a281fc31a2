//! `pixscribe resume`.

use super::args::ResumeArgs;
use super::{CliResult, Globals};

pub fn run(_args: &ResumeArgs, _globals: &Globals) -> CliResult {
    Err("`resume` is not available in this build".into())
}

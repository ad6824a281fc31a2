//! `pixscribe dashboard`.

use super::args::DashboardArgs;
use super::{CliResult, Globals};

pub fn run(_args: &DashboardArgs, _globals: &Globals) -> CliResult {
    Err("the dashboard is not available in this build".into())
}

//! `pixscribe stop`: save and end early.

use super::args::RunArg;
use super::{CliResult, Globals, ask};
use crate::run::CommandKind;

pub fn run(args: &RunArg, globals: &Globals) -> CliResult {
    ask::ask(globals, &args.run, CommandKind::Stop)
}

//! `pixscribe pause`: save and leave the device, to go on later.

use super::args::RunArg;
use super::{CliResult, Globals, ask};
use crate::run::CommandKind;

pub fn run(args: &RunArg, globals: &Globals) -> CliResult {
    ask::ask(globals, &args.run, CommandKind::Pause)
}

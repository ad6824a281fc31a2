//! `pixscribe prune`: deletes old checkpoints of runs that nobody computes.

use std::fs;
use std::path::PathBuf;

use super::args::PruneArgs;
use super::{CliResult, Globals, consent, table};
use crate::run::{RunDir, RunError, hold, refuse_live};
use crate::train::checkpoints::Checkpoints;
use crate::ui::format;

/// What is to be deleted of a run.
struct Old {
    run: RunDir,
    files: Vec<PathBuf>,
    bytes: u64,
}

pub fn run(args: &PruneArgs, globals: &Globals) -> CliResult {
    let keep = args.keep.get();
    let runs = if args.named.is_empty() {
        RunDir::list(&globals.runs)?
    } else {
        args.named.iter().map(|name| RunDir::open(&globals.runs, name)).collect::<Result<_, _>>()?
    };
    let mut all = Vec::new();
    for run in runs {
        match refuse_live(&run) {
            Ok(()) => all.extend(Old::of(run, keep)?),
            // A run that computes clears up behind itself; only one that was asked for by name is worth a word.
            Err(RunError::StillLive { .. } | RunError::PerhapsLive { .. }) if args.named.is_empty() => {}
            Err(error) => return Err(error.into()),
        }
    }
    if all.is_empty() {
        println!("there is nothing to prune: no run has more than {} beside the best", checkpoints(keep));
        return Ok(());
    }
    let line = |old: &Old| [old.run.name().to_string(), checkpoints(old.files.len()), format::bytes(old.bytes)];
    print!("{}", table::aligned(&all.iter().map(line).collect::<Vec<_>>()));
    let files = all.iter().map(|old| old.files.len()).sum();
    let bytes = format::bytes(all.iter().map(|old| old.bytes).sum());
    if !consent::asked(&format!("delete {} and free {bytes}?", checkpoints(files)), args.yes)? {
        return Ok(());
    }
    for old in &all {
        old.delete()?;
    }
    println!("{bytes} are free: {} deleted", checkpoints(files));
    Ok(())
}

impl Old {
    /// None where nothing is old.
    fn of(run: RunDir, keep: usize) -> Result<Option<Old>, RunError> {
        let files = Checkpoints::open(&run)?.old(keep)?;
        let bytes = files.iter().filter_map(|file| file.metadata().ok()).map(|meta| meta.len()).sum();
        Ok((!files.is_empty()).then_some(Old { run, files, bytes }))
    }

    /// Deletes what was told of, unless a worker has begun since.
    fn delete(&self) -> Result<(), RunError> {
        let _lock = hold(&self.run)?;
        self.files.iter().try_for_each(|file| fs::remove_file(file).map_err(RunError::io("delete", file)))
    }
}

fn checkpoints(count: usize) -> String {
    if count == 1 { "1 checkpoint".to_owned() } else { format!("{count} checkpoints") }
}

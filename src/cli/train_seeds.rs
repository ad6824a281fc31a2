//! `pixscribe train MODEL --seeds N`: the same training with the seeds 1 to N, as runs NAME-s1 to NAME-sN.

use super::args::TrainArgs;
use super::train::{compute, create, detach, report};
use super::{BadUsage, CliError, CliResult, Globals};
use crate::config::ModelKind;
use crate::run::{Phase, RunError, RunName};
use crate::worker::Signals;
use std::time::SystemTime;

/// With --detach all at once, to queue as others do; else one after the other in this terminal, each made when its turn comes.
pub(super) fn run(args: &TrainArgs, globals: &Globals, model: ModelKind, seeds: u64) -> CliResult {
    let own = ["seed".to_owned(), format!("{model}.seed")];
    if globals.sets.iter().any(|set| own.iter().any(|key| set.split('=').next() == Some(key))) {
        return Err(BadUsage("train: --seeds chooses the seeds, 1 and up: leave --set seed out".to_owned()).into());
    }
    let names = names(args, globals, model, seeds)?;
    if args.detach {
        for (seed, name) in (1..).zip(&names) {
            detach(args, globals, &create(globals, model, Some(name), Some(seed))?, &[])?;
        }
    } else {
        in_turn(args, globals, model, &names)?;
    }
    if !args.json {
        println!("their means and deviations: pixscribe compare {}", joined(&names));
    }
    Ok(())
}

fn in_turn(args: &TrainArgs, globals: &Globals, model: ModelKind, names: &[RunName]) -> CliResult {
    let signals = Signals::catch()?;
    let mut failed = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let run = create(globals, model, Some(name), Some(at as u64 + 1))?;
        let state = compute(args, &run, Vec::new(), &signals)?;
        match (report(&run, &state, args.json), state.phase) {
            (Ok(()), _) => {}
            // Whoever stops one wants this terminal back.
            (Err(why), Phase::Paused | Phase::Stopped) if at + 1 < names.len() => {
                return Err(format!("{why}; not begun: {}", joined(&names[at + 1..])).into());
            }
            (Err(why), Phase::Paused | Phase::Stopped) => return Err(why),
            // One that diverges says nothing against the others.
            (Err(why), _) => {
                eprintln!("{why}");
                failed.push(name.clone());
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("not all finished: {}", joined(&failed)).into()) }
}

/// The runs' names, none of them taken.
fn names(args: &TrainArgs, globals: &Globals, model: ModelKind, seeds: u64) -> Result<Vec<RunName>, CliError> {
    let stem = args.run.clone().unwrap_or_else(|| RunName::generate(model.as_str(), SystemTime::now()).to_string());
    let names = (1..=seeds).map(|seed| format!("{stem}-s{seed}").parse());
    let names: Vec<RunName> = names.collect::<Result<_, RunError>>()?;
    // Before the first is made: half a set of runs is nobody's wish.
    match names.iter().find(|name| globals.runs.join(name.as_str()).symlink_metadata().is_ok()) {
        Some(taken) => Err(RunError::Taken { name: taken.to_string(), root: globals.runs.clone() }.into()),
        None => Ok(names),
    }
}

fn joined(names: &[RunName]) -> String {
    names.iter().map(RunName::as_str).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::CommandLine;
    use crate::cli::args::Command;
    use clap::Parser;
    use std::path::Path;

    fn line(runs: &Path, words: &str) -> (TrainArgs, Globals) {
        let runs = runs.to_str().unwrap();
        let words = ["pixscribe", "--runs", runs].into_iter().chain(words.split(' '));
        match CommandLine::parse_from(words) {
            CommandLine { globals, command: Some(Command::Train(args)), .. } => (args, globals),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn no_run_is_made_where_one_name_is_taken() {
        let root = tempfile::tempdir().unwrap();
        let (args, globals) = line(root.path(), "train cnn --run base --seeds 3");
        let due = ["base-s1", "base-s2", "base-s3"];
        assert_eq!(
            names(&args, &globals, ModelKind::Cnn, 3).unwrap().iter().map(RunName::as_str).collect::<Vec<_>>(),
            due
        );
        std::fs::create_dir(root.path().join("base-s3")).unwrap();
        let error = run(&args, &globals, ModelKind::Cnn, 3).unwrap_err().to_string();
        assert!(error.contains("`base-s3` already exists"), "{error}");
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1);
    }

    #[test]
    fn seeds_that_are_chosen_twice_and_bad_names_are_refused() {
        let root = tempfile::tempdir().unwrap();
        for set in ["seed=3", "gan.seed=3"] {
            let (args, globals) = line(root.path(), &format!("--set {set} train gan --seeds 2"));
            let error = run(&args, &globals, ModelKind::Gan, 2).unwrap_err();
            assert!(error.is::<BadUsage>() && error.to_string().contains("leave --set seed out"), "{error}");
        }
        let (args, globals) = line(root.path(), "train gan --run a/b --seeds 2");
        assert!(run(&args, &globals, ModelKind::Gan, 2).unwrap_err().to_string().contains("a/b-s1"));
    }
}

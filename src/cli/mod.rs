//! The command line: one file a command, each a function from its arguments to done or one clear sentence.

pub mod args;
mod ask;
mod bench;
mod caption;
mod checkpoint;
mod compare;
mod consent;
mod dashboard;
mod data;
mod device;
mod doctor;
mod eval;
mod export;
mod generate;
mod import;
pub mod log;
mod model;
mod nearest;
mod pause;
mod predict;
mod progress;
mod prune;
mod restore;
mod resume;
mod runs;
mod stop;
mod table;
mod train;
mod train_seeds;
mod trash;
mod wait;

use std::error::Error;
use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Parser;
use signal_hook::consts::SIGPIPE;
use signal_hook::flag;

pub use args::{Command, CommandLine, DashboardArgs, Globals};

use crate::config::ConfigError;

/// Any module's error will do: its message is the sentence that a user reads.
pub type CliError = Box<dyn Error + Send + Sync>;
pub type CliResult = Result<(), CliError>;

/// The command line itself is at fault: exit 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadUsage(pub String);

/// What a command ran into, and whether the whole story was asked for.
#[derive(Debug)]
pub struct Failure {
    pub error: CliError,
    pub verbose: bool,
}

impl Failure {
    /// 2 for a command line that cannot be understood, 1 for everything else.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(if self.is_bad_usage() { 2 } else { 1 })
    }

    fn is_bad_usage(&self) -> bool {
        self.chain().any(|error| {
            error.is::<BadUsage>() || error.downcast_ref::<ConfigError>().is_some_and(ConfigError::is_bad_usage)
        })
    }

    /// The error, its cause, the cause of that, and so on.
    fn chain(&self) -> impl Iterator<Item = &(dyn Error + 'static)> {
        let error: &(dyn Error + 'static) = self.error.as_ref();
        std::iter::successors(Some(error), |error| (**error).source())
    }

    /// One sentence: the error, then each cause that it does not already tell.
    pub fn sentence(&self) -> String {
        let mut text = String::new();
        for error in self.chain() {
            let detail = error.to_string();
            if !text.contains(&detail) {
                text = if text.is_empty() { detail } else { format!("{text}: {detail}") };
            }
        }
        text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
    }
}

/// Runs what the command line asks for. Wrong usage and `--help` end the process here, as clap does it.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Result<(), Failure> {
    let line = CommandLine::parse_from(gather_sets(arguments));
    let verbose = line.globals.verbose;
    dispatch(line).map_err(|error| Failure { error, verbose })
}

fn dispatch(line: CommandLine) -> CliResult {
    let CommandLine { globals, dashboard, command } = line;
    let Some(command) = command else {
        return dashboard::run(&dashboard, &globals);
    };
    if dashboard.once || dashboard.graphics.is_some() {
        let text = "--graphics and --once belong to the dashboard: leave the command out, or leave them out";
        return Err(BadUsage(text.to_owned()).into());
    }
    if !matches!(command, Command::Train(_)) {
        end_with_the_reader();
    }
    match command {
        Command::Train(args) => train::run(&args, &globals),
        Command::Runs(args) => runs::run(&args, &globals),
        Command::Compare(args) => compare::run(&args, &globals),
        Command::Wait(args) => wait::run(&args, &globals),
        Command::Pause(args) => pause::run(&args, &globals),
        Command::Resume(args) => resume::run(&args, &globals),
        Command::Stop(args) => stop::run(&args, &globals),
        Command::Checkpoint(args) => checkpoint::run(&args, &globals),
        Command::Eval(args) => eval::run(&args, &globals),
        Command::Generate(args) => generate::run(&args, &globals),
        Command::Restore(args) => restore::run(&args, &globals),
        Command::Nearest(args) => nearest::run(&args, &globals),
        Command::Caption(args) => caption::run(&args, &globals),
        Command::Import(args) => import::run(&args, &globals),
        Command::Export(args) => export::run(&args, &globals),
        Command::Prune(args) => prune::run(&args, &globals),
        Command::Trash(args) => trash::run(&args, &globals),
        Command::Predict(args) => predict::run(&args, &globals),
        Command::Bench(args) => bench::run(&args, &globals),
        Command::Data(args) => data::run(&args, &globals),
        Command::Doctor(args) => doctor::run(&args, &globals),
    }
}

/// A command that only prints ends quietly when its reader does (`pixscribe runs | head`). A training and the dashboard
/// must not, so they see a failed write instead.
fn end_with_the_reader() {
    let always = Arc::new(AtomicBool::new(true));
    if let Err(error) = flag::register_conditional_default(SIGPIPE, always) {
        tracing::debug!("a closed pipe will be an error: {error}");
    }
}

/// Moves every `--set` to the front. Clap lets a global flag after the command replace those before it; a setting
/// must count wherever it stands, in the order given.
fn gather_sets(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments = arguments.into_iter();
    let program = arguments.next().unwrap_or_else(|| "pixscribe".into());
    let (mut sets, mut rest) = (vec![program], Vec::new());
    while let Some(argument) = arguments.next() {
        if argument == "--" {
            rest.push(argument);
            rest.extend(arguments.by_ref());
        } else if argument == "--set" {
            sets.push(argument);
            sets.extend(arguments.next());
        } else if argument.to_str().is_some_and(|text| text.starts_with("--set=")) {
            sets.push(argument);
        } else {
            rest.push(argument);
        }
    }
    sets.extend(rest);
    sets
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Result<CommandLine, clap::Error> {
        CommandLine::try_parse_from(gather_sets(line.split(' ').map(OsString::from)))
    }

    #[test]
    fn clap_finds_no_fault_in_the_definition() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn settings_count_wherever_they_stand_and_in_their_order() {
        let line = parse("pixscribe --set a=1 --set=b=2 train cnn --set c=3 --runs there").unwrap();
        assert_eq!(line.globals.sets, ["a=1", "b=2", "c=3"]);
        assert_eq!(line.globals.runs.to_str(), Some("there"));
        let line = parse("pixscribe predict -- --set x").unwrap();
        assert!(line.globals.sets.is_empty());
    }

    #[test]
    fn flags_that_belong_to_every_command_stand_on_either_side() {
        for text in ["pixscribe --runs r --config c runs", "pixscribe runs --config c --runs r"] {
            let line = parse(text).unwrap();
            assert_eq!((line.globals.runs.to_str(), line.globals.config.is_some()), (Some("r"), true));
        }
    }

    #[test]
    fn wrong_usage_is_refused() {
        for text in [
            "pixscribe train",
            "pixscribe train abacus",
            "pixscribe generate",
            "pixscribe generate -n 0 -o x.png",
            "pixscribe generate --steps 0 -o x.png",
            "pixscribe generate --guidance nan -o x.png",
            "pixscribe restore --task denoise -o x",
            "pixscribe restore a.png --task sharpen -o x",
            "pixscribe restore a.png --task denoise",
            "pixscribe restore a.png --task denoise --sigma 1.5 -o x",
            "pixscribe eval --restoration --accuracy-score",
            "pixscribe eval --restoration --split train",
            "pixscribe train cnn --resume r",
            "pixscribe train --resume r --run s",
            "pixscribe train cnn --force",
            "pixscribe train cnn --seeds 1",
            "pixscribe train --resume r --seeds 3",
            "pixscribe runs --json --line",
            "pixscribe eval --split validation",
            "pixscribe bench abacus",
            "pixscribe bench --batch 0",
            "pixscribe bench --steps 0",
            "pixscribe bench gan --losses",
            "pixscribe bench --losses --json",
            "pixscribe eval --limit 0",
            "pixscribe predict",
            "pixscribe caption",
            "pixscribe caption a.png --beams 0",
            "pixscribe caption a.png --max-tokens 0",
            "pixscribe caption a.png --restore sharpen",
            "pixscribe caption a.png --mask m.png",
            "pixscribe nearest",
            "pixscribe nearest a.png -n 0",
            "pixscribe nearest a.png --except x",
            "pixscribe import",
            "pixscribe export r -o x",
            "pixscribe export r --format abacus -o x",
            "pixscribe export r --format hf",
            "pixscribe prune --keep 0",
            "pixscribe prune a/b",
            "pixscribe trash",
            "pixscribe trash a --list",
            "pixscribe trash a --empty",
            "pixscribe trash a --yes",
            "pixscribe trash a --as b",
            "pixscribe trash --undo --empty",
            "pixscribe --graphics crayons",
            "pixscribe train cnn --set",
        ] {
            let error = parse(text).expect_err(text);
            assert_eq!(error.exit_code(), 2, "{text}");
        }
    }

    #[test]
    fn a_wrong_setting_is_bad_usage_whoever_reports_it() {
        let wrong_set = || ConfigError::NoEquals { text: "x".into(), example: "y=1" };
        let in_a_worker = crate::worker::WorkerError::Config(wrong_set());
        for error in [CliError::from(wrong_set()), in_a_worker.into(), BadUsage("no".into()).into()] {
            assert!(Failure { error, verbose: false }.is_bad_usage());
        }
        assert!(!Failure { error: "disk full".into(), verbose: false }.is_bad_usage());
    }

    #[test]
    fn a_failure_tells_each_cause_once_in_one_sentence() {
        let source = std::io::Error::other("disk \u{1b}[31mon fire");
        let error = ConfigError::Read { path: "x.toml".into(), source };
        let failure = Failure { error: error.into(), verbose: false };
        assert_eq!(failure.sentence(), "cannot read the settings file x.toml: disk  [31mon fire");
    }
}

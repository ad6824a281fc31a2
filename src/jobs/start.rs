//! Making runs, starting workers on them, and asking workers for something.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::launch::Launch;
use super::order::{Answer, Ask, NewRun, Recipe, Text};
use crate::config::{self, Config, ModelKind};
use crate::data;
use crate::run::{self, CommandKind, Liveness, RunDir, RunName, send_and_wait};

/// How long a worker may take to answer, as the commands have it too.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked whether a worker has left its run.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Where runs are, and the settings that new ones begin with.
#[derive(Clone, Debug)]
pub struct Setup {
    pub runs_root: PathBuf,
    /// The settings file that the user named.
    pub config: Option<PathBuf>,
    /// The user's `--set key=value`.
    pub sets: Vec<String>,
}

/// Makes a run and starts its worker.
pub fn start(setup: &Setup, wanted: &NewRun) -> Result<RunDir, Text> {
    let mut config = resolve(setup, wanted)?;
    let located = data::locate(config.data.path.as_deref()).map_err(Text::of)?;
    // Whole, so that the run finds its data from wherever it is taken up again.
    config.data.path = Some(located.path.canonicalize().unwrap_or(located.path));
    let toml = config.to_toml().map_err(Text::of)?;
    let model = config.model.map_or("run", ModelKind::as_str);
    let run = match &wanted.name {
        Some(name) => RunDir::create(&setup.runs_root, name, &toml),
        None => RunDir::create_generated(&setup.runs_root, model, &toml),
    };
    let run = run.map_err(Text::of)?;
    Launch::new(&run).launcher(&config.runtime.launcher).start().map_err(Text::of)?;
    Ok(run)
}

fn resolve(setup: &Setup, wanted: &NewRun) -> Result<Config, Text> {
    let epochs = wanted.epochs.map(|epochs| format!("epochs={epochs}"));
    let config = match &wanted.recipe {
        Recipe::Model(model, preset) => {
            let preset = preset.map(|preset| format!("preset={preset}"));
            let sets: Vec<String> = setup.sets.iter().cloned().chain(preset).chain(epochs).collect();
            config::load(setup.config.as_deref(), &sets, Some(*model))
        }
        Recipe::Like(name) => {
            let like = RunDir::open(&setup.runs_root, name).map_err(Text::of)?;
            let sets: Vec<String> = epochs.into_iter().collect();
            config::load(Some(&like.config_path()), &sets, None)
        }
    };
    let config = config.map_err(Text::of)?;
    Ok(Config { model: config.model.or(Some(ModelKind::Cnn)), ..config })
}

/// Asks a run for something and waits for its answer. A resumed run whose worker has begun is not answered for: how
/// it fares is seen in its phase.
pub fn ask(runs_root: &Path, name: &RunName, ask: Ask) -> Result<Option<Answer>, Text> {
    let run = RunDir::open(runs_root, name).map_err(Text::of)?;
    let command = match ask {
        Ask::Pause => CommandKind::Pause,
        Ask::Stop => CommandKind::Stop,
        Ask::Save => CommandKind::Checkpoint,
        Ask::Draw { label } => CommandKind::Sample { label },
        Ask::Resume => {
            wait_until_left(&run);
            let config = config::load(Some(&run.config_path()), &[], None).map_err(Text::of)?;
            Launch::new(&run).launcher(&config.runtime.launcher).start().map_err(Text::of)?;
            return Ok(None);
        }
    };
    let answer = send_and_wait(&run, command, PATIENCE).map_err(Text::of)?;
    Ok(Some(match answer {
        run::Answer::Confirmed => Answer::Confirmed,
        run::Answer::Refused(why) => Answer::Refused(Text::of(why)),
        run::Answer::NoWorker(_) => Answer::NoWorker,
        run::Answer::TimedOut => Answer::TimedOut,
    }))
}

/// A worker that was asked to pause may still be saving; the next one can begin once it has let go of the run.
fn wait_until_left(run: &RunDir) {
    let begun = Instant::now();
    while run::observe(run).liveness == Liveness::Live && begun.elapsed() < PATIENCE {
        std::thread::sleep(LOOK_EVERY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Preset;

    fn setup(root: &Path) -> Setup {
        Setup { runs_root: root.to_owned(), config: None, sets: vec!["cnn.seed=5".to_owned()] }
    }

    #[test]
    fn a_new_run_has_the_users_settings_the_preset_and_the_epochs() {
        let root = tempfile::tempdir().unwrap();
        let wanted = NewRun { name: None, recipe: Recipe::Model(ModelKind::Cnn, Some(Preset::Plain)), epochs: Some(3) };
        let config = resolve(&setup(root.path()), &wanted).unwrap();
        assert_eq!((config.cnn.seed, config.cnn.preset, config.cnn.epochs), (5, Preset::Plain, 3));
    }

    #[test]
    fn a_clone_has_the_settings_of_the_other_run() {
        let root = tempfile::tempdir().unwrap();
        let mut config = Config { model: Some(ModelKind::Cnn), ..Config::of_preset(Preset::Plain) };
        config.cnn.seed = 99;
        let name: RunName = "base".parse().unwrap();
        RunDir::create(root.path(), &name, &config.to_toml().unwrap()).unwrap();
        let wanted = NewRun { name: None, recipe: Recipe::Like(name), epochs: Some(2) };
        let cloned = resolve(&setup(root.path()), &wanted).unwrap();
        assert_eq!((cloned.cnn.seed, cloned.cnn.epochs, cloned.model), (99, 2, Some(ModelKind::Cnn)));
    }

    #[test]
    fn asking_where_nobody_is_is_answered_at_once() {
        let root = tempfile::tempdir().unwrap();
        let name: RunName = "r".parse().unwrap();
        RunDir::create(root.path(), &name, "").unwrap();
        assert_eq!(ask(root.path(), &name, Ask::Pause), Ok(Some(Answer::NoWorker)));
        let missing = ask(root.path(), &"zz".parse().unwrap(), Ask::Stop);
        assert!(missing.unwrap_err().as_str().contains("zz"));
    }
}

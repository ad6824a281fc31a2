//! Making runs, starting workers on them, and asking workers for something.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::launch::Launch;
use super::order::{Answer, Ask, Difference, NewRun, Recipe, Text};
use crate::config::{self, Config, Filled, ModelKind};
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
    let mut config = resolve(setup, &wanted.recipe, &wanted.sets)?;
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

/// What a run of this recipe would be set to.
pub fn settings(setup: &Setup, recipe: &Recipe) -> Result<Vec<Filled>, Text> {
    resolve(setup, recipe, &[])?.filled().map_err(Text::of)
}

/// In which settings these runs differ.
pub fn differences(runs_root: &Path, runs: &[RunName]) -> Result<Vec<Difference>, Text> {
    let configs = runs.iter().map(|name| config_of(runs_root, name, &[]));
    config::differing(&configs.collect::<Result<Vec<_>, _>>()?).map_err(Text::of)
}

/// The settings of a recipe with `sets` over them.
fn resolve(setup: &Setup, recipe: &Recipe, sets: &[String]) -> Result<Config, Text> {
    let config = match recipe {
        Recipe::Model(model, preset) => {
            let preset = preset.map(|preset| format!("preset={preset}"));
            let sets: Vec<String> = setup.sets.iter().chain(&preset).chain(sets).cloned().collect();
            config::load(setup.config.as_deref(), &sets, Some(*model)).map_err(Text::of)
        }
        Recipe::Like(name) => config_of(&setup.runs_root, name, sets),
    };
    let config = config?;
    Ok(Config { model: config.model.or(Some(ModelKind::Cnn)), ..config })
}

/// The settings of a run with `sets` over them.
fn config_of(runs_root: &Path, name: &RunName, sets: &[String]) -> Result<Config, Text> {
    let run = RunDir::open(runs_root, name).map_err(Text::of)?;
    config::load(Some(&run.config_path()), sets, None).map_err(Text::of)
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
        let recipe = Recipe::Model(ModelKind::Cnn, Some(Preset::Plain));
        let config = resolve(&setup(root.path()), &recipe, &["epochs=3".to_owned()]).unwrap();
        assert_eq!((config.cnn.seed, config.cnn.preset, config.cnn.epochs), (5, Preset::Plain, 3));
    }

    #[test]
    fn a_clone_has_the_settings_of_the_other_run() {
        let root = tempfile::tempdir().unwrap();
        let mut config = Config { model: Some(ModelKind::Cnn), ..Config::of_preset(Preset::Plain) };
        config.cnn.seed = 99;
        let name: RunName = "base".parse().unwrap();
        RunDir::create(root.path(), &name, &config.to_toml().unwrap()).unwrap();
        let sets = ["epochs=2", "data.limit=50"].map(str::to_owned);
        let cloned = resolve(&setup(root.path()), &Recipe::Like(name), &sets).unwrap();
        assert_eq!((cloned.cnn.seed, cloned.cnn.epochs, cloned.data.limit), (99, 2, Some(50)));
    }

    #[test]
    fn what_a_recipe_is_set_to_and_what_runs_differ_in() {
        let root = tempfile::tempdir().unwrap();
        let filled = settings(&setup(root.path()), &Recipe::Model(ModelKind::Cnn, Some(Preset::Plain))).unwrap();
        let text = |key: &str| filled.iter().find(|filled| filled.key == key).map(Filled::text);
        assert_eq!((text("seed"), text("batch_size")), (Some("5".to_owned()), Some("128".to_owned())));
        let names: [RunName; 2] = ["one", "two"].map(|name| name.parse().unwrap());
        for (seed, name) in (1..).zip(&names) {
            let mut config = Config { model: Some(ModelKind::Cnn), ..Config::default() };
            config.cnn.seed = seed;
            RunDir::create(root.path(), name, &config.to_toml().unwrap()).unwrap();
        }
        let found = differences(root.path(), &names).unwrap();
        assert_eq!(found, [("cnn.seed".to_owned(), vec!["1".to_owned(), "2".to_owned()])]);
        assert!(differences(root.path(), &["gone".parse().unwrap()]).unwrap_err().as_str().contains("gone"));
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

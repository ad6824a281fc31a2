//! One run's directory and the names of what is in it.

use super::atomic::TEMP_PREFIX;
use super::{Phase, RunError, RunName, State, atomic_write, nearest, now_ms};
use std::fs;
use std::io::{self, ErrorKind, Read};
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

/// The folder of small committed weights; never a run.
const PRETRAINED: &str = "pretrained";
/// How many `-2`, `-3` … are tried for a generated name.
const MAX_SAME_SECOND: u32 = 100;

/// A run directory. It owns no open file: any number of these may stand for one run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RunDir {
    root: PathBuf,
    name: RunName,
}

impl RunDir {
    /// The run of that name; one that is not there is answered with the nearest names.
    pub fn open(runs_root: &Path, name: &RunName) -> Result<RunDir, RunError> {
        let run = RunDir { root: runs_root.join(name.as_str()), name: name.clone() };
        if run.is_run() {
            return Ok(run);
        }
        let names = RunDir::list(runs_root).unwrap_or_default();
        let names = names.iter().map(|run| run.name.to_string());
        Err(RunError::NoSuchRun {
            name: name.to_string(),
            root: runs_root.to_path_buf(),
            nearest: nearest(name.as_str(), names),
        })
    }

    /// Makes the directory of a new run with its resolved config and the phase `queued`; refuses
    /// a name that is taken.
    pub fn create(runs_root: &Path, name: &RunName, config_toml: &str) -> Result<RunDir, RunError> {
        if name.as_str() == PRETRAINED {
            return Err(RunError::Reserved { name: name.to_string() });
        }
        fs::create_dir_all(runs_root).map_err(RunError::io("create", runs_root))?;
        let run = RunDir { root: runs_root.join(name.as_str()), name: name.clone() };
        fs::create_dir(&run.root).map_err(|cause| match cause.kind() {
            ErrorKind::AlreadyExists => RunError::Taken { name: name.to_string(), root: runs_root.to_path_buf() },
            _ => RunError::io("create", &run.root)(cause),
        })?;
        run.fill(config_toml).inspect_err(|_| {
            // What was just made and holds nothing of anyone's; if this fails too, the first
            // error is the one to hear about.
            let _ = fs::remove_dir_all(&run.root);
        })?;
        Ok(run)
    }

    /// [`RunDir::create`] under the name `<model>-<time>`, numbered if that is taken.
    pub fn create_generated(runs_root: &Path, model: &str, config_toml: &str) -> Result<RunDir, RunError> {
        let name = RunName::generate(model, SystemTime::now());
        let mut made = RunDir::create(runs_root, &name, config_toml);
        for n in 2..MAX_SAME_SECOND {
            match made {
                Err(RunError::Taken { .. }) => {
                    made = RunDir::create(runs_root, &name.numbered(n), config_toml);
                }
                _ => break,
            }
        }
        made
    }

    fn fill(&self, config_toml: &str) -> Result<(), RunError> {
        let folders = [self.commands_dir(), self.weights_dir(), self.predictions_dir(), self.samples_dir()];
        for folder in folders {
            fs::create_dir(&folder).map_err(RunError::io("create", &folder))?;
        }
        let model = model_of(config_toml);
        let state = State { phase: Phase::Queued, model, heartbeat_ms: now_ms(), ..State::default() };
        state.write_atomic(&self.state_path())?;
        // Last, since a folder is a run once it has a config.
        atomic_write(&self.config_path(), |w| w.write_all(config_toml.as_bytes()))
    }

    /// All runs under `runs_root`, sorted by name; none if the folder is not there. Reads one
    /// folder and looks for one file a run.
    pub fn list(runs_root: &Path) -> Result<Vec<RunDir>, RunError> {
        let entries = match fs::read_dir(runs_root) {
            Ok(entries) => entries,
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(cause) => return Err(RunError::io("list the runs in", runs_root)(cause)),
        };
        let mut runs: Vec<RunDir> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let name: RunName = entry.file_name().to_str()?.parse().ok()?;
                let run = RunDir { root: entry.path(), name };
                (run.name.as_str() != PRETRAINED && run.is_run()).then_some(run)
            })
            .collect();
        runs.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(runs)
    }

    /// A run whose directory is known to be there, wherever it is.
    pub(super) fn at(root: PathBuf, name: RunName) -> RunDir {
        RunDir { root, name }
    }

    fn is_run(&self) -> bool {
        self.name.as_str() != PRETRAINED && self.config_path().is_file()
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder that this run is in, beside others.
    pub fn runs_root(&self) -> &Path {
        self.root.parent().unwrap_or(Path::new("."))
    }

    /// The run's name.
    pub fn name(&self) -> &RunName {
        &self.name
    }

    /// Every value resolved; enough to run it again.
    pub fn config_path(&self) -> PathBuf {
        self.root.join("config.toml")
    }

    /// The append-only log.
    pub fn events_path(&self) -> PathBuf {
        self.root.join("events.jsonl")
    }

    /// The snapshot.
    pub fn state_path(&self) -> PathBuf {
        self.root.join("state.json")
    }

    /// Locked by the live worker.
    pub fn lock_path(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// The worker's stderr and tracing.
    pub fn log_path(&self) -> PathBuf {
        self.root.join("log.txt")
    }

    /// Checkpoints.
    pub fn weights_dir(&self) -> PathBuf {
        self.root.join("weights")
    }

    /// What the model said of every test image, a file an epoch.
    pub fn predictions_dir(&self) -> PathBuf {
        self.root.join("predictions")
    }

    /// What the model wrote about every test image, a file an epoch; not there before the first.
    pub fn captions_dir(&self) -> PathBuf {
        self.root.join("captions")
    }

    /// Pictures that the model made.
    pub fn samples_dir(&self) -> PathBuf {
        self.root.join("samples")
    }

    /// Commands that wait for the worker.
    pub fn commands_dir(&self) -> PathBuf {
        self.root.join("commands")
    }

    /// A path that an event names, if it stays inside the run: events are read from a file that
    /// anyone may have written.
    pub fn resolve(&self, relative: &str) -> Option<PathBuf> {
        let path = Path::new(relative);
        let stays = path.components().all(|part| matches!(part, Component::Normal(_)));
        (stays && !relative.is_empty()).then(|| self.root.join(path))
    }

    /// How an event names a file of this run: relative, with `/`.
    pub fn relative(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).to_string_lossy().into_owned()
    }

    /// `config.toml` as text.
    pub fn config_toml(&self) -> Result<String, RunError> {
        read_small(&self.config_path(), 1 << 20)
    }

    /// Replaces `config.toml`, for who takes the run up again with other settings. For the holder of the lock only.
    pub fn replace_config(&self, config_toml: &str) -> Result<(), RunError> {
        atomic_write(&self.config_path(), |w| w.write_all(config_toml.as_bytes()))
    }

    /// Clears files that a killed worker left half-written. For the holder of the lock only.
    pub fn remove_half_written(&self) {
        let (weights, predictions, captions) = (self.weights_dir(), self.predictions_dir(), self.captions_dir());
        let folders = [self.root.clone(), weights, predictions, captions, self.samples_dir()];
        let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with(TEMP_PREFIX) {
                // Only room is lost if one stays.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Bytes on disk, all files of the run together. Walks the folder: not for every frame.
    pub fn size_bytes(&self) -> u64 {
        fn walk(folder: &Path, depth: u8) -> u64 {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            entries
                .filter_map(|entry| Some((entry.metadata().ok()?, entry.path())))
                .map(|(meta, path)| match meta.is_dir() {
                    true if depth > 0 => walk(&path, depth - 1),
                    true => 0,
                    false => meta.len(),
                })
                .fold(0, u64::saturating_add)
        }
        walk(&self.root, 3)
    }
}

/// A new run's list entry shows its model before any worker has spoken; nothing else of the settings is this module's.
fn model_of(config_toml: &str) -> String {
    let table = config_toml.parse::<toml::Table>().unwrap_or_default();
    table.get("model").and_then(toml::Value::as_str).unwrap_or_default().to_owned()
}

/// A small text file, whole; refused over `limit` bytes, since it may be anything.
pub(crate) fn read_small(path: &Path, limit: u64) -> Result<String, RunError> {
    let damaged = |reason: String| RunError::Damaged { path: path.to_path_buf(), reason };
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        fs::File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(RunError::io("read", path))?;
    if bytes.len() as u64 > limit {
        return Err(damaged(format!("it is over {limit} bytes long")));
    }
    String::from_utf8(bytes).map_err(|_| damaged("it is not UTF-8 text".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> RunName {
        text.parse().unwrap()
    }

    #[test]
    fn a_new_run_is_whole_listed_and_queued() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().join("made/on/demand");
        let run = RunDir::create(&root, &name("b"), "model = \"cnn\"\n").unwrap();
        RunDir::create(&root, &name("a"), "").unwrap();
        fs::create_dir(root.join(".git")).unwrap();
        fs::create_dir(root.join("not-a-run")).unwrap();
        fs::create_dir(root.join("pretrained")).unwrap();
        fs::write(root.join("pretrained/config.toml"), "").unwrap();
        let listed = RunDir::list(&root).unwrap();
        assert_eq!(listed.iter().map(|r| r.name().as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(run.config_toml().unwrap(), "model = \"cnn\"\n");
        let state = State::read(&run.state_path()).unwrap();
        assert_eq!((state.phase, state.model.as_str()), (Phase::Queued, "cnn"));
        assert_eq!(RunDir::open(&root, &name("b")).unwrap(), run);
        assert!(run.size_bytes() > 9);
    }

    #[test]
    fn a_taken_name_is_refused_and_its_files_stay() {
        let root = tempfile::tempdir().unwrap();
        RunDir::create(root.path(), &name("a"), "first").unwrap();
        let error = RunDir::create(root.path(), &name("a"), "second").unwrap_err();
        assert!(matches!(error, RunError::Taken { .. }), "{error}");
        let kept = RunDir::open(root.path(), &name("a")).unwrap();
        assert_eq!(kept.config_toml().unwrap(), "first");
        // A plain folder of that name is the user's own: taken as well, and untouched.
        fs::create_dir(root.path().join("mine")).unwrap();
        assert!(RunDir::create(root.path(), &name("mine"), "").is_err());
        assert_eq!(fs::read_dir(root.path().join("mine")).unwrap().count(), 0);
        assert!(matches!(RunDir::create(root.path(), &name("pretrained"), ""), Err(RunError::Reserved { .. })));
    }

    #[test]
    fn generated_names_never_collide() {
        let root = tempfile::tempdir().unwrap();
        for _ in 0..3 {
            RunDir::create_generated(root.path(), "cnn", "").unwrap();
        }
        assert_eq!(RunDir::list(root.path()).unwrap().len(), 3);
    }

    #[test]
    fn an_unknown_run_is_answered_with_the_nearest() {
        let root = tempfile::tempdir().unwrap();
        RunDir::create(root.path(), &name("cnn-1"), "").unwrap();
        let error = RunDir::open(root.path(), &name("cnn1")).unwrap_err().to_string();
        assert!(error.contains("did you mean `cnn-1`?"), "{error}");
        let error = RunDir::open(&root.path().join("none"), &name("x")).unwrap_err().to_string();
        assert!(error.contains("there are no runs yet"), "{error}");
    }

    #[test]
    fn an_event_cannot_name_a_file_outside() {
        let root = tempfile::tempdir().unwrap();
        let run = RunDir::create(root.path(), &name("a"), "").unwrap();
        for bad in ["", "/etc/passwd", "../b/config.toml", "samples/../../x", "./x"] {
            assert_eq!(run.resolve(bad), None, "{bad:?}");
        }
        let inside = run.resolve("samples/1.png").unwrap();
        assert_eq!(run.relative(&inside), "samples/1.png");
    }

    #[test]
    fn half_written_files_are_cleared_and_others_stay() {
        let root = tempfile::tempdir().unwrap();
        let run = RunDir::create(root.path(), &name("a"), "").unwrap();
        fs::write(run.weights_dir().join(".half-x1"), "torn").unwrap();
        fs::write(run.weights_dir().join("last.safetensors"), "whole").unwrap();
        run.remove_half_written();
        assert_eq!(fs::read_dir(run.weights_dir()).unwrap().count(), 1);
    }
}

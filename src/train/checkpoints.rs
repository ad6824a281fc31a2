//! Which checkpoints a run keeps, and which it goes on from.

use super::error::TrainError;
use crate::config::ModelKind;
use crate::data::{self, Dataset};
use crate::nn::checkpoint::{CheckpointError, TensorFile};
use crate::run::{RunDir, RunError, RunName, atomic_write};
use std::path::{Path, PathBuf};

/// The best epoch's weights, beside the last ones.
pub const BEST: &str = "best.safetensors";
/// The last weights of a finished run, without what only training on would need: small enough to be given away.
pub const MODEL: &str = "model.safetensors";
const PREFIX: &str = "step-";
const EXTENSION: &str = "safetensors";

/// The newest checkpoint that can be read.
#[derive(Debug, Default)]
pub struct Newest {
    /// Its step and contents; none before the first.
    pub found: Option<(u64, TensorFile)>,
    /// A sentence for each newer one that cannot be read.
    pub notes: Vec<String>,
}

/// The weights folder of a run.
pub struct Checkpoints {
    folder: PathBuf,
}

impl Checkpoints {
    /// Makes the folder if it is not there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(run: &RunDir) -> Result<Self, RunError> {
        let folder = run.weights_dir();
        std::fs::create_dir_all(&folder).map_err(RunError::io("create", &folder))?;
        Ok(Self { folder })
    }

    /// Writes the checkpoint of `step` whole or not at all, then removes those that need not be kept.
    ///
    /// # Errors
    /// When it cannot be written; the older ones are all there then.
    pub fn write(&self, step: u64, bytes: &[u8], is_best: bool, keep: usize) -> Result<PathBuf, RunError> {
        let path = self.path(step);
        atomic_write(&path, |file| file.write_all(bytes))?;
        if is_best {
            atomic_write(&self.folder.join(BEST), |file| file.write_all(bytes))?;
        }
        for step in superfluous(&self.steps()?, keep) {
            // One that stays costs room, nothing else.
            let _ = std::fs::remove_file(self.path(step));
        }
        Ok(path)
    }

    /// Writes [`MODEL`].
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_model(&self, bytes: &[u8]) -> Result<(), RunError> {
        atomic_write(&self.folder.join(MODEL), |file| file.write_all(bytes))
    }

    /// The newest checkpoint that can be read, with a sentence for each newer one that cannot.
    ///
    /// # Errors
    /// When the folder cannot be listed, or there are checkpoints and none is whole.
    pub fn newest(&self) -> Result<Newest, TrainError> {
        let mut notes = Vec::new();
        let mut first_fault = None;
        for &step in self.steps()?.iter().rev() {
            let path = self.path(step);
            match read(&path) {
                Ok(file) => return Ok(Newest { found: Some((step, file)), notes }),
                Err(error) => {
                    notes.push(format!("{error}; the one before it is used"));
                    first_fault.get_or_insert(error);
                }
            }
        }
        first_fault.map_or(Ok(Newest { found: None, notes }), Err)
    }

    /// The files of checkpoints that are not among the last `keep` that can be read: the newest of those is never told, nor
    /// are the best and the finished model.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn old(&self, keep: usize) -> Result<Vec<PathBuf>, RunError> {
        let mut kept = 0;
        let mut old = Vec::new();
        let files = self.steps()?.into_iter().rev().map(|step| self.path(step)).filter(|path| path.is_file());
        for path in files {
            // One that cannot be read is no checkpoint to go on from, but perhaps one that somebody can repair.
            if kept < keep.max(1) {
                kept += usize::from(read(&path).is_ok());
            } else {
                old.push(path);
            }
        }
        Ok(old)
    }

    /// Steps that have a checkpoint, ascending.
    fn steps(&self) -> Result<Vec<u64>, RunError> {
        let list = RunError::io("list", &self.folder);
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) => return Err(list(error)),
        };
        let mut steps: Vec<u64> = entries.filter_map(|entry| step_of(&entry.ok()?.path())).collect();
        steps.sort_unstable();
        Ok(steps)
    }

    fn path(&self, step: u64) -> PathBuf {
        self.folder.join(format!("{PREFIX}{step:08}.{EXTENSION}"))
    }
}

/// Opens a file of weights; its numbers are read when they are asked for.
///
/// # Errors
/// When it cannot be read or is damaged.
pub fn read(path: &Path) -> Result<TensorFile, TrainError> {
    TensorFile::open(path).map_err(|source| match source {
        CheckpointError::Io(cause) => RunError::io("read", path)(cause).into(),
        source => TrainError::Checkpoint { path: path.into(), source },
    })
}

const DATA_KEY: &str = "data_sha256";

/// Notes in a checkpoint which data its training saw.
pub fn note_data(file: &mut TensorFile, data: &Dataset) {
    file.meta.insert(DATA_KEY.to_owned(), data.sha256.clone().into());
}

/// Refuses to go on from a checkpoint with other data.
///
/// # Errors
/// When the data's sum is another.
pub fn check_data(file: &TensorFile, data: &Dataset) -> Result<(), TrainError> {
    let due = file.meta.get(DATA_KEY).and_then(serde_json::Value::as_str).unwrap_or_default();
    if due == data.sha256 {
        return Ok(());
    }
    Err(TrainError::OtherData { due: due.to_owned(), found: data.sha256.clone() })
}

/// The weights of a kind of model that come with pixscribe: beside the runs, else in the repository that the program was
/// built in.
pub fn pretrained(runs: &Path, kind: ModelKind) -> Option<PathBuf> {
    let below = |runs: &Path| runs.join("pretrained").join(kind.as_str());
    let shipped = data::roots().into_iter().map(|root| below(&root.join("checkpoints")));
    std::iter::once(below(runs)).chain(shipped).find_map(|folder| weights_in(&folder))
}

/// The weights that a user names: those of a run, of a folder of weights, or a file. A run's name goes first.
pub fn named(runs: &Path, name: &str) -> Option<PathBuf> {
    let run = name.parse::<RunName>().ok().and_then(|run| weights_in(&RunDir::open(runs, &run).ok()?.weights_dir()));
    let path = Path::new(name);
    let file = || (path.is_file()).then(|| path.to_owned());
    run.or_else(file).or_else(|| weights_in(path)).or_else(|| weights_in(&path.join("weights")))
}

/// The newest weights of a run or of any folder of weights: the last step's, else the best, else the only file.
pub fn weights_in(folder: &Path) -> Option<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == EXTENSION))
        .collect();
    files.sort_by_key(|path| (step_of(path), path.file_name().map(|name| name == BEST)));
    files.pop()
}

fn step_of(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    name.strip_prefix(PREFIX)?.strip_suffix(EXTENSION)?.strip_suffix('.')?.parse().ok()
}

/// The steps (of an ascending list) that are not among the last `keep`; the newest is always kept.
fn superfluous(steps: &[u64], keep: usize) -> Vec<u64> {
    steps[..steps.len().saturating_sub(keep.max(1))].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(step: u64) -> Vec<u8> {
        let mut file = TensorFile::default();
        file.meta.insert("step".into(), step.into());
        file.to_bytes().unwrap()
    }

    #[test]
    fn the_last_ones_and_the_best_are_kept() {
        let root = tempfile::tempdir().unwrap();
        let run = RunDir::create(root.path(), &"a".parse::<RunName>().unwrap(), "").unwrap();
        let checkpoints = Checkpoints::open(&run).unwrap();
        for step in [9, 10, 11, 100] {
            checkpoints.write(step, &file(step), step == 10, 2).unwrap();
        }
        assert_eq!(checkpoints.steps().unwrap(), [11, 100]);
        assert!(run.weights_dir().join(BEST).exists());
        assert_eq!(weights_in(&run.weights_dir()), Some(checkpoints.path(100)));
    }

    #[test]
    fn what_is_old_leaves_the_last_that_can_be_read() {
        let root = tempfile::tempdir().unwrap();
        let run = RunDir::create(root.path(), &"a".parse::<RunName>().unwrap(), "").unwrap();
        let checkpoints = Checkpoints::open(&run).unwrap();
        assert!(checkpoints.old(1).unwrap().is_empty());
        for step in [1, 2, 3] {
            checkpoints.write(step, &file(step), step == 1, 9).unwrap();
        }
        checkpoints.write_model(&file(3)).unwrap();
        std::fs::write(checkpoints.path(4), "torn").unwrap();
        std::fs::write(run.weights_dir().join("step-5.safetensors"), "of another hand").unwrap();
        assert_eq!(checkpoints.old(1).unwrap(), [checkpoints.path(2), checkpoints.path(1)]);
        assert_eq!(checkpoints.old(0).unwrap(), checkpoints.old(1).unwrap());
        assert_eq!(checkpoints.old(2).unwrap(), [checkpoints.path(1)]);
        assert!(checkpoints.old(3).unwrap().is_empty());
    }

    #[test]
    fn a_damaged_one_is_passed_over_and_named() {
        let root = tempfile::tempdir().unwrap();
        let run = RunDir::create(root.path(), &"a".parse::<RunName>().unwrap(), "").unwrap();
        let checkpoints = Checkpoints::open(&run).unwrap();
        assert!(checkpoints.newest().unwrap().found.is_none());
        checkpoints.write(1, &file(1), false, 5).unwrap();
        std::fs::write(checkpoints.path(2), &file(2)[..10]).unwrap();
        let Newest { found, notes } = checkpoints.newest().unwrap();
        assert_eq!(found.unwrap().0, 1);
        assert!(notes.len() == 1 && notes[0].contains("step-00000002"), "{notes:?}");
        std::fs::remove_file(checkpoints.path(1)).unwrap();
        assert!(checkpoints.newest().is_err());
    }
}

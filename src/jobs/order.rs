//! What the dashboard may ask of the jobs, and what comes back.

use std::path::PathBuf;
use std::sync::Arc;

use image::RgbImage;

use super::attending::Attention;
use super::folder::Folder;
use super::gallery::{Gallery, Predictions};
use super::history::{History, SheetFile, Subject};
use super::machine::Machine;
use super::naming::FileAnswer;
use super::nearest::Neighbour;
use super::play::{Game, You};
use super::poster::Poster;
use super::restoring::{Damage, Restoration};
use super::sheet::Sheet;
use super::view::RunView;
use crate::config::{Filled, ModelKind, Preset};
use crate::run::captions::Captions;
use crate::run::{RunName, plain_text};

/// Something asked of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    Pause,
    Resume,
    Stop,
    Save,
    /// Draw pictures that were never drawn before, of one label or of all.
    Draw {
        label: Option<String>,
    },
}

/// A run to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRun {
    /// None: named after model and time.
    pub name: Option<RunName>,
    pub recipe: Recipe,
    /// What is otherwise than the recipe says, each as `key=value`; a key without a section is the model's own.
    pub sets: Vec<String>,
}

/// Where a new run's settings come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipe {
    /// The user's settings of a model, with this preset where the model has several nets.
    Model(ModelKind, Option<Preset>),
    /// Those of another run.
    Like(RunName),
}

/// A setting with its section, and its value in each of some runs; empty in a run that has no such setting.
pub type Difference = (String, Vec<String>);

impl Recipe {
    /// What a newcomer starts.
    pub const DEFAULT: Recipe = Recipe::Model(ModelKind::Cnn, Some(Preset::Default));
}

impl Ask {
    /// Whether the run's phase will show that it was heard.
    pub fn changes_phase(&self) -> bool {
        !matches!(self, Ask::Save | Ask::Draw { .. })
    }
}

/// An order of the dashboard. None of them blocks; what comes of it is an [`Update`].
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    Ask {
        run: RunName,
        ask: Ask,
    },
    Start(NewRun),
    /// What a run of this recipe would be set to.
    LoadSettings(Recipe),
    /// In which settings these runs differ.
    LoadDifferences(Vec<RunName>),
    /// Move a run into the trash.
    Trash(RunName),
    /// Bring back the run that came into the trash last.
    BringBack,
    /// Follow the logs of these runs, and no others.
    Follow(Vec<RunName>),
    /// Follow the end of this run's `log.txt`, and no other.
    FollowText(Option<RunName>),
    /// The pictures of this run's data.
    LoadGallery {
        run: RunName,
        subject: Subject,
    },
    LoadPredictions {
        run: RunName,
        subject: Subject,
        epoch: u64,
        path: String,
    },
    LoadCaptions {
        run: RunName,
        subject: Subject,
        epoch: u64,
        path: String,
    },
    /// The pictures that a run made.
    LoadSheet {
        run: RunName,
        file: SheetFile,
    },
    /// Let a worker name what is in a file of the user's, or in each picture of a folder; one that still is at another
    /// folder is ended.
    Open {
        id: u64,
        path: PathBuf,
        model: Option<RunName>,
    },
    /// Nobody looks at the folder any more: its worker is ended.
    CloseFolder(u64),
    /// Let a worker name what is in a file of the user's.
    NameFile {
        id: u64,
        path: PathBuf,
        model: Option<RunName>,
    },
    /// Let a worker damage a picture and restore it; one that still restores another is ended.
    Restore {
        id: u64,
        picture: Arc<RgbImage>,
        damage: Damage,
        model: Option<RunName>,
    },
    /// Let a worker caption a picture and say where it looked; one that is still at it with another is ended.
    Attend {
        id: u64,
        picture: Arc<RgbImage>,
        model: Option<RunName>,
    },
    /// Let a worker look for the training images that are most like a picture; one that still is at it with another is ended.
    FindNearest {
        id: u64,
        picture: Arc<RgbImage>,
        /// Whose training images; those of the data set if no run is named.
        run: Option<RunName>,
        /// The number of one that is left out: the picture itself.
        except: Option<u32>,
    },
    /// What the user named of this run's test pictures, and what the runs did on the same ones.
    LookAtYou(RunName),
    /// Keep what the user named.
    KeepGame(Game),
    /// Write pictures into one file of the current folder.
    Post(Poster),
}

/// News for the dashboard: small, immutable, complete in themselves.
#[derive(Clone, Debug)]
pub enum Update {
    /// Runs that are new or changed, and runs that are no more.
    Runs {
        changed: Vec<RunView>,
        gone: Vec<RunName>,
    },
    /// The runs folder was read to its end; `trouble` says why it could not be.
    Scanned {
        trouble: Option<String>,
    },
    /// The next parts of a run's history; `anew` if the log was replaced and what came before is void.
    History {
        run: RunName,
        anew: bool,
        parts: Vec<History>,
    },
    /// All of a long log that came in pieces has come.
    CaughtUp,
    Answered {
        run: RunName,
        ask: Ask,
        answer: Answer,
    },
    Started {
        run: RunName,
    },
    NotStarted {
        reason: Text,
    },
    Settings {
        recipe: Recipe,
        settings: Result<Arc<[Filled]>, Text>,
    },
    Differences {
        runs: Vec<RunName>,
        differences: Result<Arc<[Difference]>, Text>,
    },
    Trashed {
        run: RunName,
        answer: Result<(), Text>,
    },
    BroughtBack {
        answer: Result<RunName, Text>,
    },
    Gallery {
        run: RunName,
        subject: Subject,
        gallery: Result<Arc<Gallery>, Text>,
    },
    Predictions {
        run: RunName,
        subject: Subject,
        epoch: u64,
        predictions: Result<Arc<Predictions>, Text>,
    },
    Captions {
        run: RunName,
        subject: Subject,
        epoch: u64,
        captions: Result<Arc<Captions>, Text>,
    },
    Sheet {
        run: RunName,
        epoch: u64,
        step: u64,
        sheet: Sheet,
    },
    FileNamed {
        id: u64,
        answer: Result<FileAnswer, Text>,
    },
    /// The pictures of a folder, as far as they are named; or why none of them is.
    Folder {
        id: u64,
        folder: Result<Folder, Text>,
    },
    Restored {
        id: u64,
        answer: Result<Restoration, Text>,
    },
    Attended {
        id: u64,
        answer: Result<Attention, Text>,
    },
    Nearest {
        id: u64,
        answer: Result<Vec<Neighbour>, Text>,
    },
    /// Asked for of this run's data.
    You {
        run: RunName,
        you: Result<Arc<You>, Text>,
    },
    /// What the user named could not be kept.
    NotKept {
        reason: Text,
    },
    /// So many pictures were written into a file, here its name.
    Posted {
        pictures: usize,
        file: Result<String, Text>,
    },
    /// The last lines of a run's `log.txt`.
    Text {
        run: RunName,
        lines: Arc<[String]>,
    },
    Machine(Machine),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Confirmed,
    Refused(Text),
    /// Nobody is there to do it.
    NoWorker,
    TimedOut,
}

/// A sentence that is safe for the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(String);

impl Text {
    pub fn of(error: impl std::fmt::Display) -> Text {
        Text(plain_text(&error.to_string()).into_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

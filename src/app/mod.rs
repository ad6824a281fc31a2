//! The dashboard's state and the pure function that moves it on.
//!
//! Knows no terminal and does no I/O: keys and news of the jobs come in as [`Action`]s, and what is to be
//! done in the world goes out as [`Effect`]s.

mod answers;
mod ask;
mod attend;
mod copy;
mod demand;
mod dialog;
mod filter;
mod form;
mod ghost;
mod key;
mod keymap;
mod logs;
mod loss;
mod matrix;
mod metrics;
mod mouse;
mod nearest;
mod news;
mod notice;
mod own_keys;
mod play;
mod plot;
mod post;
mod press;
mod press_loss;
mod press_tab;
mod preview;
mod restore;
mod runs;
mod show;
#[cfg(test)]
mod tests;
mod trash;
mod window;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

pub use answers::Answer;
pub use dialog::Dialog;
pub use form::{Field, NewRunForm};
pub use ghost::Ghost;
pub use key::Key;
pub use keymap::{KeyLine, PLAY, keys_elsewhere, keys_everywhere, keys_of};
pub use logs::{LogLine, LogSource, LogsView};
pub use loss::LossView;
pub use matrix::{CellText, LabelScore, MatrixView};
pub use metrics::{MetricFilter, MetricGroup, groups, mean_of};
pub use mouse::Mouse;
pub use notice::{Notice, Tone};
pub use own_keys::OwnKeys;
pub use play::PlayView;
pub use plot::{Line, Plot, Reading};
pub use preview::{AttentionView, FileView, FolderView, Instead, NearestView, Page, PreviewView, TripleView};
pub use runs::{Asked, MAX_MARKED, Runs};
pub use show::{Show, Shown, Sureness};
pub use window::Window;

use crate::jobs::{
    Confusion, Difference, Gallery, History, Machine, Order, Predictions, Sheet, Subject, Text, Update, You,
};
use crate::run::RunName;
use crate::run::captions::{Captions, Told};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Tab {
    #[default]
    Jobs,
    Loss,
    Confusion,
    Preview,
    Compare,
    Logs,
}

impl Tab {
    pub const ALL: [Tab; 6] = [Tab::Jobs, Tab::Loss, Tab::Confusion, Tab::Preview, Tab::Compare, Tab::Logs];

    pub fn title(self) -> &'static str {
        match self {
            Tab::Jobs => "Jobs",
            Tab::Loss => "Loss",
            Tab::Confusion => "Confusion",
            Tab::Preview => "Preview",
            Tab::Compare => "Compare",
            Tab::Logs => "Logs",
        }
    }

    /// Its place in the row of tabs, from 0.
    pub fn index(self) -> usize {
        Tab::ALL.iter().position(|tab| *tab == self).unwrap_or(0)
    }
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Action {
    Key(Key),
    Mouse(Mouse),
    /// Text that was pasted.
    Paste(String),
    News(Update),
    /// The terminal has another size: pictures stand in rows of so many.
    Arranged {
        pictures_a_row: u16,
    },
    /// Time has passed; Unix milliseconds.
    Tick(u64),
}

/// Something to do in the world.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    Order(Order),
    /// Put a text into the user's clipboard.
    Copy(String),
    /// Tell a user who looks elsewhere, if that is wanted.
    Announce(String),
    /// Give the terminal back to the shell until continued (Ctrl-Z).
    Suspend,
    Quit,
}

/// What was loaded, or why it could not be.
pub type Loaded<T> = Result<Arc<T>, Text>;

/// All that the screens draw.
#[derive(Debug)]
pub struct App {
    pub tab: Tab,
    pub runs: Runs,
    pub loss: LossView,
    pub matrix: MatrixView,
    pub preview: PreviewView,
    pub logs: LogsView,
    pub dialog: Option<Dialog>,
    pub machine: Option<Machine>,
    pub now_ms: u64,
    keys: OwnKeys,
    /// What new runs will train on, in words, or why there is nothing.
    pub data: Result<String, Text>,
    notice: Option<Notice>,
    histories: HashMap<RunName, History>,
    galleries: HashMap<(RunName, Subject), Loaded<Gallery>>,
    predictions: HashMap<(RunName, Subject, u64), Loaded<Predictions>>,
    /// Of one epoch of each run.
    captions: HashMap<(RunName, Subject), (u64, Loaded<Captions>)>,
    sheets: HashMap<(RunName, u64), Sheet>,
    /// A game under way, and what the last one of the selected run's data came to.
    play: Option<PlayView>,
    you: Option<(RunName, Loaded<You>)>,
    /// Labels are compared on the pictures that the user named, not on all test pictures.
    compare_yours: bool,
    /// The settings in which the runs in focus differ stand in the place of their labels.
    compare_settings: bool,
    differences: Option<(Vec<RunName>, Loaded<[Difference]>)>,
    /// Which pictures the user wants to see, where the run has them.
    subject: Subject,
    /// The time machine: none follows the newest epoch.
    epoch: Option<u64>,
    wanted: demand::Wanted,
    next_id: u64,
}

impl App {
    pub fn new(data: Result<String, Text>, now_ms: u64) -> App {
        App {
            tab: Tab::default(),
            runs: Runs::default(),
            loss: LossView::default(),
            matrix: MatrixView::default(),
            preview: PreviewView::default(),
            logs: LogsView::default(),
            dialog: None,
            machine: None,
            now_ms,
            keys: OwnKeys::default(),
            data,
            notice: None,
            histories: HashMap::new(),
            galleries: HashMap::new(),
            predictions: HashMap::new(),
            captions: HashMap::new(),
            sheets: HashMap::new(),
            play: None,
            you: None,
            compare_yours: false,
            compare_settings: false,
            differences: None,
            subject: Subject::default(),
            epoch: None,
            wanted: demand::Wanted::default(),
            next_id: 0,
        }
    }

    /// With the user's own keys.
    pub fn with_keys(self, keys: OwnKeys) -> App {
        App { keys, ..self }
    }

    /// The keys of a line as this user presses them.
    pub fn keys_of(&self, line: &KeyLine) -> Cow<'static, str> {
        if self.playing().is_some() { Cow::Borrowed(line.keys) } else { self.keys.shown(line.keys) }
    }

    /// Moves on by one action. Pure: the same state and action give the same state and effects.
    pub fn update(&mut self, action: Action) -> Vec<Effect> {
        let mut effects = match action {
            Action::Key(key) => self.press(key),
            Action::Mouse(mouse) => self.hear_mouse(mouse),
            Action::Paste(text) => self.paste(&text),
            Action::News(update) => self.absorb(update),
            Action::Arranged { pictures_a_row } => {
                self.preview.a_row = pictures_a_row.max(1);
                Vec::new()
            }
            Action::Tick(now_ms) => self.pass_time(now_ms),
        };
        self.settle_views();
        effects.extend(self.demand().into_iter().map(Effect::Order));
        effects
    }

    /// Whether something on the screen changes with time alone.
    pub fn needs_ticks(&self) -> bool {
        self.notice.is_some() || self.runs.anything_asked()
    }

    pub fn notice(&self) -> Option<&Notice> {
        self.notice.as_ref()
    }

    pub fn history(&self, run: &RunName) -> Option<&History> {
        self.histories.get(run)
    }

    /// The history of the selected run; none while it is being read.
    pub fn selected_history(&self) -> Option<&History> {
        self.histories.get(self.runs.selected_name()?)
    }

    /// What the screens show of the selected run.
    pub fn subject(&self) -> Subject {
        let is_there = match self.subject {
            Subject::Test => true,
            Subject::HeldOut | Subject::Training => self.tab == Tab::Preview,
            Subject::Generated => self.makes_pictures(),
        };
        if is_there && self.folder().is_none() { self.subject } else { Subject::Test }
    }

    /// The folder of the user's whose pictures the Preview tab shows.
    pub fn folder(&self) -> Option<&FolderView> {
        self.preview.folder.as_ref().filter(|_| self.tab == Tab::Preview)
    }

    /// The selected run makes pictures, not only names.
    pub fn makes_pictures(&self) -> bool {
        self.selected_history().is_some_and(History::makes_pictures)
    }

    /// The pictures of the subject; of pictures that are made, those of the epoch shown.
    pub fn selected_gallery(&self) -> Option<&Loaded<Gallery>> {
        if let Some(view) = self.folder() {
            return Some(&view.gallery);
        }
        match self.subject() {
            subject @ (Subject::Test | Subject::HeldOut | Subject::Training) => {
                self.galleries.get(&(self.runs.selected_name()?.clone(), subject))
            }
            Subject::Generated => {
                let sheet = self.sheet_of(self.shown_epoch()?)?;
                self.instead(sheet).or(Some(&sheet.pictures))
            }
        }
    }

    /// What stands in the place of the pictures that were made, if the sheet has it.
    fn instead<'a>(&self, sheet: &'a Sheet) -> Option<&'a Loaded<Gallery>> {
        match self.preview.instead {
            Instead::Nothing => None,
            Instead::Nearest => sheet.nearest.as_ref(),
            Instead::Strip => sheet.strip.as_ref(),
        }
    }

    /// The pictures of the first row on their way out of noise are shown: nobody has named those.
    pub fn shows_strip(&self) -> bool {
        let sheet = self.shown_epoch().and_then(|epoch| self.sheet_of(epoch));
        self.subject() == Subject::Generated
            && self.preview.instead == Instead::Strip
            && sheet.is_some_and(|sheet| sheet.strip.is_some())
    }

    fn sheet_of(&self, epoch: u64) -> Option<&Sheet> {
        self.sheets.get(&(self.runs.selected_name()?.clone(), epoch))
    }

    /// Who says what is in the pictures that are made.
    pub fn judge(&self) -> Option<&str> {
        let note = &self.selected_history()?.sheet(self.shown_epoch()?)?.note;
        Some(note.judge.as_str()).filter(|judge| !judge.is_empty())
    }

    /// The epoch that confusion, predictions and pictures are shown of: the one chosen with `[ ]`, or the
    /// nearest before it that the selected run has; else the newest.
    pub fn shown_epoch(&self) -> Option<u64> {
        self.epoch_among(&self.selected_history()?.epochs(self.subject()))
    }

    fn epoch_among(&self, epochs: &[u64]) -> Option<u64> {
        match self.epoch {
            Some(chosen) => {
                let before = epochs.iter().rev().find(|epoch| **epoch <= chosen);
                before.or(epochs.first()).copied()
            }
            None => epochs.last().copied(),
        }
    }

    /// True while the newest epoch is followed.
    pub fn follows_newest_epoch(&self) -> bool {
        self.epoch.is_none()
    }

    pub fn shown_confusion(&self) -> Option<&Confusion> {
        self.selected_history()?.confusion(self.subject(), self.shown_epoch()?)
    }

    pub fn shown_predictions(&self) -> Option<&Loaded<Predictions>> {
        if let Some(view) = self.folder() {
            return Some(&view.predictions);
        }
        self.predictions_of(self.shown_epoch()?)
    }

    /// What was said of the selected run's pictures at the end of an epoch, if it was loaded.
    pub fn predictions_of(&self, epoch: u64) -> Option<&Loaded<Predictions>> {
        match self.subject() {
            subject @ (Subject::Test | Subject::HeldOut | Subject::Training) => {
                self.predictions.get(&(self.runs.selected_name()?.clone(), subject, epoch))
            }
            Subject::Generated => self.sheet_of(epoch).map(|sheet| &sheet.seen),
        }
    }

    /// Why what was said of the pictures at the epoch shown cannot be read, where that is so.
    pub fn unreadable(&self) -> Option<&Text> {
        let captions = || {
            let (epoch, loaded) = self.captions.get(&(self.runs.selected_name()?.clone(), self.subject()))?;
            loaded.as_ref().err().filter(|_| self.has_captions() && self.shown_epoch() == Some(*epoch))
        };
        self.shown_predictions().and_then(|loaded| loaded.as_ref().err()).or_else(captions)
    }

    /// The pictures shown have captions.
    pub fn has_captions(&self) -> bool {
        if let Some(view) = self.folder() {
            return view.folder.iter().flat_map(|folder| &folder.captions.images).any(|told| !told.text.is_empty());
        }
        let history = self.shown_epoch().zip(self.selected_history());
        history.is_some_and(|(epoch, history)| history.captions(self.subject(), epoch).is_some())
    }

    /// What the selected run wrote about a picture at the end of the epoch shown, once it is loaded; of a folder's, what
    /// its model did.
    pub fn caption(&self, index: u32) -> Option<&Told> {
        if let Some(view) = self.folder() {
            let told = view.folder.as_ref()?.captions.images.get(index as usize);
            return told.filter(|told| !told.text.is_empty());
        }
        let (epoch, loaded) = self.captions.get(&(self.runs.selected_name()?.clone(), self.subject()))?;
        let is_shown = self.has_captions() && self.shown_epoch() == Some(*epoch);
        loaded.as_ref().ok().filter(|_| is_shown)?.images.get(index as usize)
    }

    /// The pictures of one cell of the confusion shown, as far as they are loaded; at most so many.
    pub fn pictures_of_cell(&self, truth: usize, named: usize, at_most: usize) -> Vec<u32> {
        let (Some(Ok(gallery)), Some(Ok(predictions))) = (self.selected_gallery(), self.shown_predictions()) else {
            return Vec::new();
        };
        let of_truth = (0..gallery.len()).filter(|index| gallery.truth(*index) == Some(truth));
        let in_cell = of_truth.filter(|index| predictions.named(*index).is_some_and(|(label, _)| label == named));
        in_cell.take(at_most).collect()
    }

    /// The metrics that tables have a column for: all that the shown runs have a last value of, loss and accuracy
    /// of the test split first.
    pub fn metric_columns(&self) -> Vec<String> {
        let states = self.runs.shown().filter_map(|run| run.state.as_deref());
        let names: BTreeSet<&String> = states.flat_map(|state| state.last.keys()).collect();
        let mut columns: Vec<String> = names.into_iter().cloned().collect();
        columns.sort_by_key(|name| (!name.ends_with("accuracy"), !name.ends_with("loss"), !name.starts_with("test/")));
        columns
    }

    /// Labels are compared on the pictures that the user named.
    pub fn compares_yours(&self) -> bool {
        self.compare_yours && self.kept_game().is_some()
    }

    /// The settings in which the runs in focus differ are shown.
    pub fn compares_settings(&self) -> bool {
        self.compare_settings
    }

    /// In which settings the runs in focus differ, once that is read.
    pub fn differences(&self) -> Option<&Loaded<[Difference]>> {
        let (runs, differences) = self.differences.as_ref()?;
        let focus = self.runs.in_focus();
        let is_theirs = focus.len() == runs.len() && focus.iter().zip(runs).all(|(run, name)| run.name == *name);
        is_theirs.then_some(differences)
    }

    /// The test pictures of a run in focus, once they are loaded.
    pub fn gallery_of(&self, run: &RunName) -> Option<&Gallery> {
        self.galleries.get(&(run.clone(), Subject::Test))?.as_deref().ok()
    }

    /// The words for the shell after leaving.
    pub fn farewell(&self) -> Option<String> {
        match self.runs.live() {
            0 => None,
            1 => Some("1 run keeps training. Open pixscribe again to see it.".to_owned()),
            n => Some(format!("{n} runs keep training. Open pixscribe again to see them.")),
        }
    }
}

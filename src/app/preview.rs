//! What the Preview tab shows: which of the pictures, the one under the cursor, or a file of the user's.

use std::collections::HashMap;
use std::sync::Arc;

use image::RgbImage;

use super::Loaded;
use super::show::{Show, Shown, Sureness};
use crate::jobs::{Attention, Damage, FileAnswer, Folder, Gallery, Neighbour, Predictions, Restoration, Subject, Text};
use crate::run::RunName;

/// What may stand in the place of pictures that were made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Instead {
    #[default]
    Nothing,
    /// The nearest training image of each.
    Nearest,
    /// Those of the first row on their way out of noise.
    Strip,
}

#[derive(Clone, Debug)]
pub struct PreviewView {
    pub show: Show,
    pub sureness: Sureness,
    /// Only pictures that the selected and the marked runs name differently.
    pub differing: bool,
    /// Pictures that all of these let through, ascending.
    list: Vec<u32>,
    listed: Option<Listed>,
    /// The picture that was last moved to. If another epoch does not list it, its neighbour is shown, and it
    /// comes back with the epoch that does.
    anchor: u32,
    /// What the list is of, and the anchors of what it was of before.
    subject: Subject,
    anchors: HashMap<Subject, u32>,
    /// Pictures side by side: what the up and down keys move by.
    pub a_row: u16,
    /// What the last frame showed of the list.
    pub page: Page,
    pub folder: Option<FolderView>,
    pub file: Option<FileView>,
    pub triple: Option<TripleView>,
    pub attention: Option<AttentionView>,
    pub nearest: Option<NearestView>,
    /// What stands in the place of the pictures that were made.
    pub instead: Instead,
}

impl Default for PreviewView {
    fn default() -> Self {
        PreviewView {
            show: Show::All,
            sureness: Sureness::Any,
            differing: false,
            list: Vec::new(),
            listed: None,
            anchor: 0,
            subject: Subject::default(),
            anchors: HashMap::new(),
            a_row: 1,
            page: Page::default(),
            folder: None,
            file: None,
            triple: None,
            attention: None,
            nearest: None,
            instead: Instead::Nothing,
        }
    }
}

/// The part of the list that is on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The place of its first picture in the list.
    pub first: usize,
    /// How many pictures it has room for: what PgUp and PgDn move by.
    pub room: usize,
}

impl Default for Page {
    fn default() -> Self {
        Page { first: 0, room: 10 }
    }
}

/// What the list was made of; another one needs another list.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Listed {
    run: Option<RunName>,
    gallery: u64,
    /// The epoch of the predictions, if there are any.
    epoch: Option<u64>,
    show: Show,
    sureness: Sureness,
    /// Of whom the pictures are named differently, and at which epochs.
    others: Option<Vec<(RunName, u64)>>,
}

/// What a marked run said of the same pictures at an epoch.
pub struct Beside<'a> {
    pub run: &'a RunName,
    pub epoch: u64,
    pub predictions: &'a Predictions,
}

/// A file of the user's.
#[derive(Clone, Debug)]
pub struct FileView {
    pub id: u64,
    pub path: String,
    /// Who names it; none for the model that comes with the program.
    pub model: Option<RunName>,
    /// None while a worker looks at it.
    pub answer: Option<Result<FileAnswer, Text>>,
}

/// A folder of the user's: its pictures stand in the place of the test pictures.
#[derive(Clone, Debug)]
pub struct FolderView {
    pub id: u64,
    pub path: String,
    /// Who names the pictures; none for the model that comes with the program.
    pub model: Option<RunName>,
    pub(super) gallery: Loaded<Gallery>,
    pub(super) predictions: Loaded<Predictions>,
    /// How far the worker is; none if it could not begin.
    pub folder: Option<Folder>,
}

impl FolderView {
    pub fn new(file: FileView, folder: Result<Folder, Text>) -> FolderView {
        let FileView { id, path, model, .. } = file;
        let gallery = folder.as_ref().map(|folder| Arc::clone(&folder.gallery)).map_err(Text::clone);
        let predictions = folder.as_ref().map(|folder| Arc::clone(&folder.predictions)).map_err(Text::clone);
        FolderView { id, path, model, gallery, predictions, folder: folder.ok() }
    }

    pub fn hear(&mut self, folder: Result<Folder, Text>) {
        let file = FileView { id: self.id, path: self.path.clone(), model: self.model.clone(), answer: None };
        *self = FolderView::new(file, folder);
    }
}

/// A picture that was damaged, beside what a model restores of it.
#[derive(Clone, Debug)]
pub struct TripleView {
    pub id: u64,
    /// What it is a picture of, in words.
    pub of: String,
    pub damage: Damage,
    pub original: Arc<RgbImage>,
    /// None while a worker restores it.
    pub answer: Option<Result<Restoration, Text>>,
}

/// A picture, and where a captioner looked for each word that it says of it.
#[derive(Clone, Debug)]
pub struct AttentionView {
    pub id: u64,
    /// What it is a picture of, in words.
    pub of: String,
    pub picture: Arc<RgbImage>,
    /// None while a worker looks.
    pub answer: Option<Result<Attention, Text>>,
    /// The word that is shown.
    pub word: usize,
}

/// A picture beside the training images that are most like it.
#[derive(Clone, Debug)]
pub struct NearestView {
    pub id: u64,
    /// What it is a picture of, in words.
    pub of: String,
    pub picture: Arc<RgbImage>,
    /// None while a worker looks for them.
    pub answer: Option<Result<Vec<Neighbour>, Text>>,
}

impl AttentionView {
    /// The next word or the one before, round and round.
    pub fn step(&mut self, back: bool) {
        if let Some(Ok(attention)) = &self.answer {
            let words = attention.words.len();
            self.word = (self.word + if back { words - 1 } else { 1 }) % words;
        }
    }
}

impl PreviewView {
    /// Makes the list anew if something that it depends on has changed. `others` are asked only where pictures that are
    /// named differently are wanted.
    pub fn settle(
        &mut self,
        run: Option<&RunName>,
        gallery: &Gallery,
        predictions: Option<(u64, &Predictions)>,
        others: &[Beside<'_>],
    ) {
        let now = Listed {
            run: run.cloned(),
            gallery: gallery.id(),
            epoch: predictions.map(|(epoch, _)| epoch),
            show: self.show,
            sureness: self.sureness,
            others: self.differing.then(|| others.iter().map(|other| (other.run.clone(), other.epoch)).collect()),
        };
        if self.listed.as_ref() == Some(&now) {
            return;
        }
        let predictions = predictions.map(|(_, predictions)| predictions);
        let all = (0..gallery.len()).filter_map(|index| Shown::new(gallery, predictions, index));
        let is_listed = |picture: &Shown| {
            self.show.lets_through(picture)
                && self.sureness.lets_through(picture)
                && (!self.differing || differs(picture, others))
        };
        self.list = all.filter(is_listed).map(|picture| picture.index).collect();
        self.listed = Some(now);
    }

    /// The list will be of other pictures: these have a place of their own to come back to.
    pub fn turn_to(&mut self, subject: Subject) {
        if self.subject != subject {
            self.anchors.insert(self.subject, self.anchor);
            self.anchor = self.anchors.get(&subject).copied().unwrap_or(0);
            self.subject = subject;
        }
    }

    /// Whether the list is of these pictures.
    pub fn is_of(&self, gallery: &Gallery) -> bool {
        self.listed.as_ref().is_some_and(|listed| listed.gallery == gallery.id())
    }

    /// Some pictures may be left out.
    pub fn is_filtered(&self) -> bool {
        self.show != Show::All || self.sureness != Sureness::Any || self.differing
    }

    /// Whether what is listed depends on what was named.
    pub fn needs_predictions(&self) -> bool {
        self.show.needs_predictions() || self.sureness != Sureness::Any || self.differing
    }

    /// Every picture again.
    pub fn show_all(&mut self) {
        self.show = Show::All;
        self.sureness = Sureness::Any;
        self.differing = false;
    }

    pub fn clear(&mut self) {
        self.list.clear();
        self.listed = None;
    }

    pub fn list(&self) -> &[u32] {
        &self.list
    }

    /// The place of the cursor in the list; none if it is empty.
    pub fn position(&self) -> Option<usize> {
        let last = self.list.len().checked_sub(1)?;
        Some(self.list.partition_point(|index| *index < self.anchor).min(last))
    }

    pub fn picture(&self) -> Option<u32> {
        self.list.get(self.position()?).copied()
    }

    /// Leaves what stands before the pictures; false if nothing did.
    pub fn step_back(&mut self) -> bool {
        self.nearest.take().is_some()
            || self.attention.take().is_some()
            || self.triple.take().is_some()
            || self.file.take().is_some()
            || self.leave_folder()
    }

    /// Goes back to the test pictures, all of them; false if they are shown.
    pub fn leave_folder(&mut self) -> bool {
        let was_open = self.folder.take().is_some();
        if was_open {
            self.show_all();
        }
        was_open
    }

    /// The pictures themselves, whatever stood before them.
    pub fn show_pictures(&mut self) {
        self.nearest = None;
        self.attention = None;
        self.triple = None;
        self.file = None;
    }

    /// Moves the cursor by so many pictures, stopping at the ends.
    pub fn move_by(&mut self, pictures: isize) {
        let Some(at) = self.position() else { return };
        let to = at.saturating_add_signed(pictures).min(self.list.len() - 1);
        self.anchor = self.list[to];
    }
}

/// Some of the others name the picture otherwise.
fn differs(picture: &Shown, others: &[Beside<'_>]) -> bool {
    let Some((named, _)) = picture.named else { return false };
    let mut theirs = others.iter().filter_map(|other| other.predictions.named(picture.index));
    theirs.any(|(label, _)| label != named)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gallery() -> Gallery {
        Gallery::striped(&["cat", "dog"], &[0, 1, 0, 1, 0])
    }

    fn settled(view: &mut PreviewView, epoch: u64, named: &[u8]) {
        let predictions = Predictions::of(named.iter().map(|label| (*label, 0.8)));
        view.settle("r".parse().ok().as_ref(), &gallery(), Some((epoch, &predictions)), &[]);
    }

    #[test]
    fn the_four_ways_to_list() {
        let mut view = PreviewView::default();
        let mut lists = Vec::new();
        for _ in 0..4 {
            settled(&mut view, 1, &[0, 0, 1, 1, 1]);
            lists.push(view.list().to_vec());
            view.show = view.show.next(true);
        }
        assert_eq!(lists, [vec![0, 1, 2, 3, 4], vec![1, 2, 4], vec![0, 2, 4], vec![0, 1]]);
        view.show = Show::Cell { truth: 0, named: 1 };
        settled(&mut view, 1, &[0, 0, 1, 1, 1]);
        assert_eq!(view.list(), [2, 4]);
    }

    #[test]
    fn the_picture_comes_back_with_its_epoch() {
        let mut view = PreviewView { show: Show::Mistakes, ..PreviewView::default() };
        settled(&mut view, 1, &[1, 0, 1, 0, 1]);
        view.move_by(2);
        assert_eq!(view.picture(), Some(2));
        settled(&mut view, 2, &[0, 1, 0, 0, 1]);
        assert_eq!(view.picture(), Some(3));
        settled(&mut view, 1, &[1, 0, 1, 0, 1]);
        assert_eq!(view.picture(), Some(2));
    }

    #[test]
    fn an_empty_list_has_no_picture_and_does_not_move() {
        let mut view = PreviewView { show: Show::Mistakes, ..PreviewView::default() };
        settled(&mut view, 1, &[0, 1, 0, 1, 0]);
        view.move_by(1);
        assert_eq!((view.position(), view.picture()), (None, None));
    }

    #[test]
    fn without_predictions_there_are_no_mistakes_yet() {
        let mut view = PreviewView { show: Show::Mistakes, ..PreviewView::default() };
        view.settle("r".parse().ok().as_ref(), &gallery(), None, &[]);
        assert!(view.list().is_empty());
        view.show = Show::OfTruth(1);
        view.settle("r".parse().ok().as_ref(), &gallery(), None, &[]);
        assert_eq!(view.list(), [1, 3]);
    }

    #[test]
    fn filters_join() {
        let mut view = PreviewView::default();
        let run: RunName = "r".parse().unwrap();
        // True: cat, dog, cat, dog, cat.
        let said = Predictions::of([(0, 0.95), (0, 0.95), (1, 0.4), (1, 0.3), (1, 0.9)]);
        let other: RunName = "other".parse().unwrap();
        let theirs = Predictions::of([(0, 0.9), (0, 0.9), (0, 0.9), (0, 0.9)]);
        let others = [Beside { run: &other, epoch: 7, predictions: &theirs }];
        let listed = |view: &mut PreviewView| {
            view.settle(Some(&run), &gallery(), Some((1, &said)), &others);
            view.list().to_vec()
        };
        view.sureness = view.sureness.next(true);
        assert_eq!(listed(&mut view), [2, 3], "less than half sure");
        view.show = Show::OfTruth(0);
        assert_eq!(listed(&mut view), [2], "of those the cats");
        view.sureness = view.sureness.next(true);
        assert_eq!(listed(&mut view), [4], "cats that surely are something else");
        view.show_all();
        view.differing = true;
        assert_eq!(listed(&mut view), [2, 3], "of the last picture the other said nothing");
        view.show = Show::Mistakes;
        assert_eq!(listed(&mut view), [2]);
        assert!(view.is_filtered() && view.needs_predictions());
        view.show_all();
        assert_eq!((listed(&mut view).len(), view.is_filtered()), (5, false));
    }

    #[test]
    fn of_pictures_that_nobody_labelled_nothing_is_right_or_wrong() {
        let files = ["a.png", "b.png"].map(std::path::PathBuf::from);
        let pixels = vec![0; 2 * crate::data::IMAGE_BYTES];
        let gallery = Gallery::of_files(["cat".to_owned()].into(), pixels.into(), files.into());
        let said = Predictions::of([(0, 0.9), (1, 0.3)]);
        let mut view = PreviewView::default();
        let mut lists = Vec::new();
        for _ in 0..2 {
            view.settle(None, &gallery, Some((0, &said)), &[]);
            lists.push(view.list().to_vec());
            view.show = view.show.next(false);
        }
        assert_eq!((lists, view.show), (vec![vec![0, 1], vec![0]], Show::All));
        view.sureness = view.sureness.next(false);
        view.settle(None, &gallery, Some((0, &said)), &[]);
        assert_eq!((view.list(), view.sureness.next(false)), (&[1][..], Sureness::Any));
        assert_eq!(Shown::new(&gallery, Some(&said), 0).and_then(|shown| shown.is_right()), None);
        assert_eq!(Shown::new(&gallery, Some(&said), 2), None);
    }
}

//! What the screens need and do not have yet: derived from the state after every action, so that no key has
//! to remember to ask for anything.

use std::collections::{HashMap, HashSet};

use super::{App, Dialog, Tab};
use crate::jobs::{Order, Recipe, Subject};
use crate::run::RunName;

/// Epochs whose predictions are kept at once; 20 KB each for CIFAR-10.
const MAX_EPOCHS: usize = 60;

/// What was asked of the jobs and need not be asked again.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub followed: Vec<RunName>,
    text: Option<RunName>,
    /// The recipe whose settings the form waits for.
    recipe: Option<Recipe>,
    /// The runs whose differences are shown.
    differences: Option<Vec<RunName>>,
    folder: Option<u64>,
    /// For which run, when so many epochs of all runs were finished.
    you: Option<(RunName, u64)>,
    galleries: HashSet<(RunName, Subject)>,
    predictions: HashSet<(RunName, Subject, u64)>,
    /// Of the epoch shown of each run, and of no other: a megabyte for 10,000 pictures.
    captions: HashMap<(RunName, Subject), u64>,
    /// By step too: a running worker makes new pictures of the same epoch when it is asked.
    sheets: HashSet<(RunName, u64, u64)>,
}

impl Wanted {
    /// Whether these captions were the last that were asked for of the run.
    pub fn captions(&self, run: &RunName, subject: Subject, epoch: u64) -> bool {
        self.captions.get(&(run.clone(), subject)) == Some(&epoch)
    }

    /// The user has named pictures since.
    pub fn forget_you(&mut self) {
        self.you = None;
    }

    /// The run's log began anew: what its epochs said has to be loaded again.
    pub fn forget_predictions(&mut self, run: &RunName) {
        self.predictions.retain(|(of, ..)| of != run);
        self.captions.retain(|(of, _), _| of != run);
        self.sheets.retain(|(of, ..)| of != run);
    }
}

impl App {
    pub(super) fn demand(&mut self) -> Vec<Order> {
        let mut orders = Vec::new();
        self.follow_focus(&mut orders);
        self.follow_text(&mut orders);
        self.let_folder_go(&mut orders);
        self.want_settings(&mut orders);
        self.let_training_images_go();
        if self.tab == Tab::Compare {
            self.want_you(&mut orders);
            self.want_differences(&mut orders);
        }
        if matches!(self.tab, Tab::Jobs | Tab::Confusion | Tab::Preview) {
            self.want_pictures(&mut orders);
        }
        orders
    }

    /// The logs of the selected and the marked runs are read; what is known of others is let go.
    fn follow_focus(&mut self, orders: &mut Vec<Order>) {
        let focus: Vec<RunName> = self.runs.in_focus().iter().map(|run| run.name.clone()).collect();
        if focus == self.wanted.followed {
            return;
        }
        self.histories.retain(|run, _| focus.contains(run));
        self.galleries.retain(|(run, _), _| focus.contains(run));
        self.predictions.retain(|(run, ..), _| focus.contains(run));
        self.captions.retain(|(run, _), _| focus.contains(run));
        self.wanted.galleries.retain(|(run, _)| focus.contains(run));
        self.sheets.retain(|(run, _), _| focus.contains(run));
        self.wanted.predictions.retain(|(run, ..)| focus.contains(run));
        self.wanted.captions.retain(|(run, _), _| focus.contains(run));
        self.wanted.sheets.retain(|(run, ..)| focus.contains(run));
        self.wanted.followed.clone_from(&focus);
        orders.push(Order::Follow(focus));
    }

    fn follow_text(&mut self, orders: &mut Vec<Order>) {
        let text = self.runs.selected_name().filter(|_| self.tab == Tab::Logs).cloned();
        if text != self.wanted.text {
            self.wanted.text.clone_from(&text);
            orders.push(Order::FollowText(text));
        }
    }

    fn want_settings(&mut self, orders: &mut Vec<Order>) {
        let recipe = match &self.dialog {
            Some(Dialog::NewRun(form)) => form.awaits().cloned(),
            _ => None,
        };
        if recipe != self.wanted.recipe {
            orders.extend(recipe.clone().map(Order::LoadSettings));
            self.wanted.recipe = recipe;
        }
    }

    /// Anew whenever it is turned to, since a run that is resumed may have other settings.
    fn want_differences(&mut self, orders: &mut Vec<Order>) {
        let runs = self.compare_settings.then(|| self.runs.in_focus().iter().map(|run| run.name.clone()).collect());
        if runs != self.wanted.differences {
            orders.extend(runs.clone().map(Order::LoadDifferences));
            self.wanted.differences = runs;
        }
    }

    /// What the user named of the selected run's pictures; anew whenever a run has finished another epoch.
    fn want_you(&mut self, orders: &mut Vec<Order>) {
        let Some(run) = self.runs.selected_name().cloned() else { return };
        if self.play.is_some() {
            self.want_gallery(&run, Subject::Test, orders);
        }
        let epochs = self.runs.shown().filter_map(|run| Some(run.state.as_ref()?.epoch)).sum();
        let due = Some((run.clone(), epochs));
        if self.wanted.you != due {
            self.wanted.you = due;
            orders.push(Order::LookAtYou(run));
        }
    }

    /// The worker that names a folder's pictures is ended when nobody looks at them any more.
    fn let_folder_go(&mut self, orders: &mut Vec<Order>) {
        let open = self.preview.folder.as_ref().map(|view| view.id);
        if let Some(left) = self.wanted.folder.filter(|before| Some(*before) != open) {
            orders.push(Order::CloseFolder(left));
        }
        self.wanted.folder = open;
    }

    /// Training images are many: they are in memory while they are looked at.
    fn let_training_images_go(&mut self) {
        let shown = self.runs.selected_name().filter(|_| self.subject() == Subject::Training).cloned();
        let stays = |run: &RunName, subject: Subject| subject != Subject::Training || Some(run) == shown.as_ref();
        self.galleries.retain(|(run, subject), _| stays(run, *subject));
        self.wanted.galleries.retain(|(run, subject)| stays(run, *subject));
    }

    fn want_pictures(&mut self, orders: &mut Vec<Order>) {
        let Some(run) = self.runs.selected_name().cloned() else { return };
        let subject = self.subject();
        if subject == Subject::Generated {
            return self.want_sheets(&run, orders);
        }
        self.want_gallery(&run, subject, orders);
        let Some(history) = self.histories.get(&run) else { return };
        let epochs = history.epochs(subject);
        epochs.into_iter().rev().take(MAX_EPOCHS).for_each(|epoch| self.want_predictions(&run, epoch, orders));
        if let Some(epoch) = self.shown_epoch() {
            self.want_captions(&run, epoch, orders);
        }
        if self.tab == Tab::Preview {
            self.want_others(orders);
        }
    }

    /// What the marked runs say of the pictures at the epoch shown.
    fn want_others(&mut self, orders: &mut Vec<Order>) {
        let others: Vec<RunName> = self.others().into_iter().cloned().collect();
        for run in others {
            self.want_gallery(&run, self.subject(), orders);
            if let Some(epoch) = self.epoch_beside(&run) {
                self.want_predictions(&run, epoch, orders);
                self.want_captions(&run, epoch, orders);
            }
        }
    }

    fn want_gallery(&mut self, run: &RunName, subject: Subject, orders: &mut Vec<Order>) {
        if self.wanted.galleries.insert((run.clone(), subject)) {
            orders.push(Order::LoadGallery { run: run.clone(), subject });
        }
    }

    fn want_predictions(&mut self, run: &RunName, epoch: u64, orders: &mut Vec<Order>) {
        let (run, subject) = (run.clone(), self.subject());
        let file = self.histories.get(&run).and_then(|history| history.predictions(subject, epoch));
        let Some(path) = file.map(|file| file.path.clone()) else { return };
        if self.wanted.predictions.insert((run.clone(), subject, epoch)) {
            orders.push(Order::LoadPredictions { run, subject, epoch, path });
        }
    }

    fn want_captions(&mut self, run: &RunName, epoch: u64, orders: &mut Vec<Order>) {
        let (run, subject) = (run.clone(), self.subject());
        let file = self.histories.get(&run).and_then(|history| history.captions(subject, epoch));
        let Some(path) = file.map(|file| file.path.clone()) else { return };
        if self.wanted.captions.insert((run.clone(), subject), epoch) != Some(epoch) {
            orders.push(Order::LoadCaptions { run, subject, epoch, path });
        }
    }

    fn want_sheets(&mut self, run: &RunName, orders: &mut Vec<Order>) {
        let Some(history) = self.histories.get(run) else { return };
        for epoch in history.epochs(Subject::Generated).into_iter().rev().take(MAX_EPOCHS) {
            let Some(file) = history.sheet(epoch) else { continue };
            if self.wanted.sheets.insert((run.clone(), epoch, file.step)) {
                orders.push(Order::LoadSheet { run: run.clone(), file: file.clone() });
            }
        }
    }

    /// Brings what is derived from news and keys up to date.
    pub(super) fn settle_views(&mut self) {
        self.logs.settle(self.runs.selected_name());
        self.settle_play();
        if let Some(view) = self.folder() {
            let (gallery, predictions) = (view.gallery.clone(), view.predictions.clone());
            return match (gallery, predictions) {
                (Ok(gallery), Ok(said)) => self.preview.settle(None, &gallery, Some((0, &said)), &[]),
                _ => self.preview.clear(),
            };
        }
        let Some(run) = self.runs.selected_name().cloned() else {
            return self.preview.clear();
        };
        let Some(Ok(gallery)) = self.selected_gallery().cloned() else {
            return self.preview.clear();
        };
        let (subject, epoch) = (self.subject(), self.shown_epoch());
        self.preview.turn_to(subject);
        let file = epoch.and_then(|epoch| self.selected_history()?.predictions(subject, epoch));
        let loaded = epoch.and_then(|epoch| self.predictions_of(epoch));
        if file.is_some() && loaded.is_none() && self.preview.is_of(&gallery) {
            // They are on their way: the list of the epoch before stands until then.
            return;
        }
        let predictions = loaded.and_then(|loaded| loaded.as_ref().ok()).cloned();
        let mut view = std::mem::take(&mut self.preview);
        let others = if view.differing { self.said_beside() } else { Some(Vec::new()) };
        // What the marked runs said may be on its way too.
        if let Some(others) = others {
            view.settle(Some(&run), &gallery, epoch.zip(predictions.as_deref()), &others);
        }
        self.preview = view;
    }
}

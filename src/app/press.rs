//! What each key does that is not for one screen alone.

use tui_input::Input;

use super::dialog::{Dialog, edit, insert};
use super::form::NewRunForm;
use super::metrics::MetricFilter;
use super::notice::{Notice, Tone};
use super::preview::FileView;
use super::{App, Effect, Key, Tab, copy};
use crate::jobs::{Ask, Order, RunView, Subject};
use crate::run::{RunName, plain_text};

impl App {
    pub(super) fn press(&mut self, key: Key) -> Vec<Effect> {
        match key {
            Key::Ctrl('c') => return vec![Effect::Quit],
            Key::Ctrl('z') => return vec![Effect::Suspend],
            _ => {}
        }
        match self.dialog.take() {
            Some(dialog) => self.press_in_dialog(dialog, key),
            None if self.playing().is_some() => self.press_in_play(key),
            None => self.press_on_screen(self.keys.meaning(key)),
        }
    }

    pub(super) fn paste(&mut self, text: &str) -> Vec<Effect> {
        match &mut self.dialog {
            Some(Dialog::Filter(input)) => {
                insert(input, text);
                self.runs.set_filter(input.value());
            }
            Some(Dialog::Metrics(input)) => {
                insert(input, text);
                self.loss.filter = MetricFilter::new(input.value());
            }
            Some(Dialog::Search(input)) => {
                insert(input, text);
                let text = input.value().to_owned();
                self.search_logs(&text);
            }
            Some(Dialog::OpenFile(input)) => insert(input, text),
            Some(Dialog::NewRun(form)) => form.paste(text),
            _ => {}
        }
        Vec::new()
    }

    pub(super) fn say(&mut self, tone: Tone, text: impl Into<String>) {
        self.notice = Some(Notice::new(tone, text.into(), self.now_ms));
    }

    fn press_in_dialog(&mut self, dialog: Dialog, key: Key) -> Vec<Effect> {
        match (dialog, key) {
            (Dialog::Help, _) => {}
            (Dialog::Filter(_), Key::Esc) => self.runs.set_filter(""),
            (Dialog::Search(_), Key::Esc) => self.search_logs(""),
            (Dialog::Metrics(_), Key::Esc) => self.loss.filter = MetricFilter::default(),
            (_, Key::Esc) | (Dialog::Filter(_) | Dialog::Metrics(_) | Dialog::Search(_), Key::Enter) => {}
            (Dialog::ConfirmStop(run), Key::Char('y')) => {
                self.runs.note_asked(&run, Ask::Stop, self.now_ms);
                return vec![Effect::Order(Order::Ask { run, ask: Ask::Stop })];
            }
            (Dialog::ConfirmTrash(run), Key::Char('y')) => return vec![Effect::Order(Order::Trash(run))],
            (Dialog::ConfirmReplay(run), Key::Char('y')) => self.play_anew(run),
            (
                Dialog::ConfirmStop(_) | Dialog::ConfirmTrash(_) | Dialog::ConfirmReplay(_),
                Key::Char('n' | 'x' | 't' | 'q'),
            ) => {}
            (Dialog::OpenFile(input), Key::Enter) => return self.open(input.value()),
            (Dialog::NewRun(form), Key::Enter) => return self.start(form),
            (Dialog::Filter(mut input), key) => {
                edit(&mut input, key);
                self.runs.set_filter(input.value());
                self.dialog = Some(Dialog::Filter(input));
            }
            (Dialog::Search(mut input), key) => {
                edit(&mut input, key);
                self.search_logs(input.value());
                self.dialog = Some(Dialog::Search(input));
            }
            (Dialog::Metrics(mut input), key) => {
                edit(&mut input, key);
                self.loss.filter = MetricFilter::new(input.value());
                self.dialog = Some(Dialog::Metrics(input));
            }
            (Dialog::OpenFile(mut input), key) => {
                edit(&mut input, key);
                self.dialog = Some(Dialog::OpenFile(input));
            }
            (Dialog::NewRun(mut form), key) => {
                form.press(key);
                self.dialog = Some(Dialog::NewRun(form));
            }
            (unanswered, _) => self.dialog = Some(unanswered),
        }
        Vec::new()
    }

    fn press_on_screen(&mut self, key: Key) -> Vec<Effect> {
        let searches = self.tab == Tab::Logs && self.logs.search.is_on();
        match key {
            Key::Char('/') if self.tab == Tab::Logs => return self.press_on_tab(key),
            Key::Char('n') if searches => return self.press_on_tab(key),
            Key::Char('q') => return vec![Effect::Quit],
            Key::Char('?') => self.dialog = Some(Dialog::Help),
            Key::Char(digit @ '1'..='6') => {
                self.tab = Tab::ALL[digit as usize - '1' as usize];
            }
            Key::Tab => self.tab = Tab::ALL[(self.tab.index() + 1) % Tab::ALL.len()],
            Key::BackTab => {
                self.tab = Tab::ALL[(self.tab.index() + Tab::ALL.len() - 1) % Tab::ALL.len()];
            }
            Key::Char('j') => self.runs.move_selection(1),
            Key::Char('k') => self.runs.move_selection(-1),
            Key::Char(' ') => {
                if !self.runs.toggle_mark() {
                    self.say(Tone::Bad, "No more runs can be marked: there are no more colours.");
                }
            }
            Key::Char('n') => {
                self.dialog = Some(Dialog::NewRun(NewRunForm::new(self.runs.selected_name())));
            }
            Key::Char('p') => return self.pause_or_resume(),
            Key::Char('x') => self.ask_before_stopping(),
            Key::Char('s') => return self.save(),
            Key::Char('[') => self.move_epoch(false),
            Key::Char(']') => self.move_epoch(true),
            Key::Char('/') => {
                self.dialog = Some(Dialog::Filter(Input::from(self.runs.filter())));
            }
            Key::Char('y') => return self.copy(),
            key => return self.press_on_tab(key),
        }
        Vec::new()
    }

    /// `[` and `]`: the epoch before or after the one shown; behind the newest, follow the newest again.
    fn move_epoch(&mut self, forward: bool) {
        let (Some(shown), Some(history)) = (self.shown_epoch(), self.selected_history()) else {
            let why = match self.subject() {
                Subject::Training => "Pictures that a run learns from are not named at any epoch.",
                _ => "There is no finished epoch yet.",
            };
            return self.say(Tone::Info, why);
        };
        let epochs = history.epochs(self.subject());
        let at = epochs.partition_point(|epoch| *epoch < shown);
        self.epoch = if forward {
            epochs.get(at + 1).copied().filter(|next| Some(next) != epochs.last())
        } else {
            Some(epochs[at.saturating_sub(1)])
        };
    }

    /// A file, or a folder: whoever reads the disk says which.
    fn open(&mut self, typed: &str) -> Vec<Effect> {
        let path = typed.trim();
        if path.is_empty() {
            return Vec::new();
        }
        let with_weights = |run: &&RunView| run.state.as_ref().is_some_and(|state| state.step > 0);
        let model = self.runs.selected().filter(with_weights).map(|run| run.name.clone());
        self.preview.leave_folder();
        let id = self.view_file(path, model.clone());
        vec![Effect::Order(Order::Open { id, path: path.into(), model })]
    }

    /// The picture of the folder under the cursor, large, with every label's bar.
    pub(super) fn open_picture(&mut self) -> Vec<Effect> {
        let Some(view) = self.folder() else { return Vec::new() };
        let file = self.preview.picture().and_then(|index| view.gallery.as_ref().ok()?.file(index));
        let (Some(path), model) = (file.map(std::path::Path::to_owned), view.model.clone()) else { return Vec::new() };
        let id = self.view_file(&path.display().to_string(), model.clone());
        vec![Effect::Order(Order::NameFile { id, path, model })]
    }

    fn view_file(&mut self, path: &str, model: Option<RunName>) -> u64 {
        self.next_id += 1;
        self.preview.show_pictures();
        let path = plain_text(path).into_owned();
        self.preview.file = Some(FileView { id: self.next_id, path, model, answer: None });
        self.next_id
    }

    fn copy(&mut self) -> Vec<Effect> {
        match copy::table(self) {
            Some(text) => {
                self.say(Tone::Good, "Copied this screen's table to the clipboard.");
                vec![Effect::Copy(text)]
            }
            None => {
                self.say(Tone::Info, "There is no table to copy here yet.");
                Vec::new()
            }
        }
    }
}

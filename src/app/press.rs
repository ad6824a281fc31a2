//! What each key does.

use tui_input::Input;

use super::dialog::{Dialog, NewRunForm, edit, insert};
use super::logs::LogSource;
use super::notice::{Notice, Tone};
use super::preview::{FileView, Show};
use super::{App, Effect, Key, Tab, copy};
use crate::config::Preset;
use crate::jobs::{Ask, NewRun, Order, Recipe, RunView};
use crate::run::Phase;

/// Rows that PgUp and PgDn move by.
const PAGE: isize = 10;

impl App {
    pub(super) fn press(&mut self, key: Key) -> Vec<Effect> {
        match key {
            Key::Ctrl('c') => return vec![Effect::Quit],
            Key::Ctrl('z') => return vec![Effect::Suspend],
            _ => {}
        }
        match self.dialog.take() {
            Some(dialog) => self.press_in_dialog(dialog, key),
            None => self.press_on_screen(key),
        }
    }

    pub(super) fn paste(&mut self, text: &str) -> Vec<Effect> {
        match &mut self.dialog {
            Some(Dialog::Filter(input)) => {
                insert(input, text);
                self.runs.set_filter(input.value());
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
            (_, Key::Esc) | (Dialog::Filter(_), Key::Enter) => {}
            (Dialog::ConfirmStop(run), Key::Char('y') | Key::Enter) => {
                self.runs.note_asked(&run, Ask::Stop, self.now_ms);
                return vec![Effect::Order(Order::Ask { run, ask: Ask::Stop })];
            }
            (Dialog::ConfirmStop(_), Key::Char('n' | 'x' | 'q')) => {}
            (Dialog::OpenFile(input), Key::Enter) => return self.open_file(input.value()),
            (Dialog::NewRun(form), Key::Enter) => return self.start(form),
            (Dialog::Filter(mut input), key) => {
                edit(&mut input, key);
                self.runs.set_filter(input.value());
                self.dialog = Some(Dialog::Filter(input));
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
        match key {
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

    fn press_on_tab(&mut self, key: Key) -> Vec<Effect> {
        match (self.tab, key) {
            (Tab::Jobs, Key::Enter) if self.runs.is_empty() => return self.start_default(),
            (Tab::Jobs, Key::Enter) => self.tab = Tab::Loss,
            (Tab::Jobs, Key::Down) => self.runs.move_selection(1),
            (Tab::Jobs, Key::Up) => self.runs.move_selection(-1),
            (Tab::Jobs, key) => self.press_on_pictures(key),
            (Tab::Loss, key) => self.press_on_loss(key),
            (Tab::Confusion, key) => self.press_on_matrix(key),
            (Tab::Preview, Key::Char('o')) => self.dialog = Some(Dialog::OpenFile(Input::default())),
            (Tab::Preview, Key::Esc) => self.leave_preview(),
            (Tab::Preview, key) => self.press_on_preview(key),
            (Tab::Logs, key) => self.press_on_logs(key),
            (Tab::Compare, Key::Down) => self.runs.move_selection(1),
            (Tab::Compare, Key::Up) => self.runs.move_selection(-1),
            (Tab::Compare, Key::Enter) => self.tab = Tab::Loss,
            (Tab::Compare, Key::Esc) => self.tab = Tab::Jobs,
            (Tab::Compare, _) => {}
        }
        Vec::new()
    }

    fn press_on_loss(&mut self, key: Key) {
        match key {
            Key::Char('a') => self.loss.next_axis(),
            Key::Char('l') => self.loss.log_y = !self.loss.log_y,
            Key::Left => self.loss.move_cursor(-1.0),
            Key::Right => self.loss.move_cursor(1.0),
            Key::PageUp => self.loss.move_cursor(-10.0),
            Key::PageDown => self.loss.move_cursor(10.0),
            Key::Esc if self.loss.cursor.is_some() => self.loss.cursor = None,
            Key::Esc => self.tab = Tab::Jobs,
            Key::Up | Key::Down => {
                let run = self.runs.selected_name();
                if let Some(history) = run.and_then(|run| self.histories.get(run)) {
                    self.loss.move_group(history, if key == Key::Up { -1 } else { 1 });
                }
            }
            _ => {}
        }
    }

    fn press_on_matrix(&mut self, key: Key) {
        let (down, right) = match key {
            Key::Up => (-1, 0),
            Key::Down => (1, 0),
            Key::Left => (0, -1),
            Key::Right => (0, 1),
            Key::Char('c') => {
                self.matrix.counts = !self.matrix.counts;
                return;
            }
            Key::Enter => return self.open_cell(),
            Key::Esc => {
                self.tab = Tab::Jobs;
                return;
            }
            _ => return,
        };
        let mut view = self.matrix.clone();
        if let Some(confusion) = self.shown_confusion() {
            view.move_cell(confusion, down, right);
        }
        self.matrix = view;
    }

    /// Opens the pictures of the cell under the cursor.
    fn open_cell(&mut self) {
        if let Some(confusion) = self.shown_confusion() {
            let (truth, named) = self.matrix.cell(confusion);
            self.preview.show = Show::Cell { truth, named };
            self.preview.file = None;
            self.tab = Tab::Preview;
        }
    }

    /// Esc goes back the way one came.
    fn leave_preview(&mut self) {
        if self.preview.file.take().is_some() {
            return;
        }
        if let Show::Cell { .. } = self.preview.show {
            self.preview.show = Show::All;
            self.tab = Tab::Confusion;
        } else {
            self.tab = Tab::Jobs;
        }
    }

    fn press_on_preview(&mut self, key: Key) {
        let labels = self.selected_gallery().and_then(|g| g.as_ref().ok()).map_or(0, |g| g.labels().len());
        match key {
            Key::Char('f') => self.preview.show = self.preview.show.next(),
            Key::Char(l @ ('l' | 'L')) => {
                self.preview.show = self.preview.show.with_next_label(labels, l == 'L');
            }
            key => return self.press_on_pictures(key),
        }
        self.preview.file = None;
    }

    fn press_on_pictures(&mut self, key: Key) {
        let by = match key {
            Key::Left => -1,
            Key::Right => 1,
            Key::Up => -1,
            Key::Down => 1,
            Key::PageUp => -PAGE,
            Key::PageDown => PAGE,
            Key::Home => isize::MIN,
            Key::End => isize::MAX,
            _ => return,
        };
        self.preview.file = None;
        self.preview.move_by(by);
    }

    fn press_on_logs(&mut self, key: Key) {
        let available = match self.logs.source {
            LogSource::Events => self.selected_history().map_or(0, |history| history.lines().len()),
            LogSource::Text => self.logs.text.len(),
        };
        match key {
            Key::Char('w') => self.logs.switch(),
            Key::Up => self.logs.scroll(1, available),
            Key::Down => self.logs.scroll(-1, available),
            Key::PageUp => self.logs.scroll(PAGE, available),
            Key::PageDown => self.logs.scroll(-PAGE, available),
            Key::Home => self.logs.scroll(isize::MAX, available),
            Key::End => self.logs.back = 0,
            Key::Esc => self.tab = Tab::Jobs,
            _ => {}
        }
    }

    fn start_default(&mut self) -> Vec<Effect> {
        let run = NewRun { name: None, recipe: Recipe::Preset(Preset::Default), epochs: None };
        self.say(Tone::Info, "Starting a CNN …");
        vec![Effect::Order(Order::Start(run))]
    }

    fn start(&mut self, mut form: NewRunForm) -> Vec<Effect> {
        match form.checked(|name| self.runs.get(name).is_some()) {
            Ok(run) => {
                self.say(Tone::Info, "Starting …");
                vec![Effect::Order(Order::Start(run))]
            }
            Err(problem) => {
                form.problem = Some(problem);
                self.dialog = Some(Dialog::NewRun(form));
                Vec::new()
            }
        }
    }

    fn pause_or_resume(&mut self) -> Vec<Effect> {
        let Some(run) = self.runs.selected() else { return self.nothing_selected() };
        let ask = match run.phase {
            _ if self.is_waiting_for(run) => return self.explain_phase(),
            Phase::Pausing | Phase::Stopping => return self.explain_phase(),
            _ if run.can_resume => Ask::Resume,
            phase if phase.is_live() => Ask::Pause,
            _ => return self.explain_phase(),
        };
        self.ask(ask)
    }

    fn ask_before_stopping(&mut self) {
        let Some(run) = self.runs.selected() else {
            self.nothing_selected();
            return;
        };
        if run.phase.is_live() && !run.can_resume && run.phase != Phase::Stopping {
            self.dialog = Some(Dialog::ConfirmStop(run.name.clone()));
        } else {
            self.explain_phase();
        }
    }

    fn save(&mut self) -> Vec<Effect> {
        match self.runs.selected() {
            None => self.nothing_selected(),
            Some(run) if run.phase == Phase::Running => {
                self.say(Tone::Info, "Saving …");
                self.ask(Ask::Save)
            }
            Some(_) => self.explain_phase(),
        }
    }

    fn ask(&mut self, ask: Ask) -> Vec<Effect> {
        let Some(run) = self.runs.selected_name().cloned() else { return Vec::new() };
        self.runs.note_asked(&run, ask, self.now_ms);
        vec![Effect::Order(Order::Ask { run, ask })]
    }

    fn is_waiting_for(&self, run: &RunView) -> bool {
        self.runs.asked(&run.name).is_some_and(|asked| asked.ask != Ask::Save)
    }

    fn nothing_selected(&mut self) -> Vec<Effect> {
        self.say(Tone::Info, "No run is selected. Press n to start one.");
        Vec::new()
    }

    /// Says why a key does nothing for the selected run as it stands.
    fn explain_phase(&mut self) -> Vec<Effect> {
        let Some(run) = self.runs.selected() else { return Vec::new() };
        let name = &run.name;
        let text = match run.phase {
            _ if self.is_waiting_for(run) => {
                format!("{name} was asked already; it answers at the end of its batch.")
            }
            Phase::Pausing => format!("{name} is saving and will pause."),
            Phase::Stopping => format!("{name} is saving and will stop."),
            Phase::Finished => format!("{name} is finished. Press n to start another one like it."),
            Phase::Diverged => {
                format!("{name} diverged: its loss is no number. Press n for another one.")
            }
            Phase::Unknown => {
                format!("Nothing is heard from {name}: its worker may run on another host.")
            }
            phase => format!("{name} is {phase}."),
        };
        self.say(Tone::Info, text);
        Vec::new()
    }

    /// `[` and `]`: the epoch before or after the one shown; behind the newest, follow the newest again.
    fn move_epoch(&mut self, forward: bool) {
        let (Some(shown), Some(history)) = (self.shown_epoch(), self.selected_history()) else {
            return self.say(Tone::Info, "There is no finished epoch yet.");
        };
        let epochs = history.epochs();
        let at = epochs.partition_point(|epoch| *epoch < shown);
        self.epoch = if forward {
            epochs.get(at + 1).copied().filter(|next| Some(next) != epochs.last())
        } else {
            Some(epochs[at.saturating_sub(1)])
        };
    }

    fn open_file(&mut self, typed: &str) -> Vec<Effect> {
        let path = typed.trim();
        if path.is_empty() {
            return Vec::new();
        }
        self.next_id += 1;
        let id = self.next_id;
        self.preview.file = Some(FileView { id, path: path.to_owned(), answer: None });
        let with_weights = |run: &&RunView| run.state.as_ref().is_some_and(|state| state.step > 0);
        let model = self.runs.selected().filter(with_weights).map(|run| run.name.clone());
        vec![Effect::Order(Order::NameFile { id, path: path.into(), model })]
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

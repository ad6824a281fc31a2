//! What the keys do that belong to one screen.

use tui_input::Input;

use super::dialog::Dialog;
use super::logs::Search;
use super::notice::Tone;
use super::preview::Instead;
use super::show::Show;
use super::{App, Effect, Key, Tab};
use crate::jobs::Subject;

/// Rows of a log that PgUp and PgDn move by.
const PAGE: isize = 10;

impl App {
    pub(super) fn press_on_tab(&mut self, key: Key) -> Vec<Effect> {
        match (self.tab, key) {
            (Tab::Jobs, Key::Enter) if self.runs.is_empty() => return self.start_default(),
            (Tab::Jobs, Key::Enter) => self.tab = Tab::Loss,
            (Tab::Jobs, Key::Char('t')) => return self.ask_before_trashing(),
            (Tab::Jobs, Key::Char('u')) => return self.bring_back(),
            (Tab::Jobs, Key::Down) => self.runs.move_selection(1),
            (Tab::Jobs, Key::Up) => self.runs.move_selection(-1),
            (Tab::Jobs, key) => self.press_on_pictures(key),
            (Tab::Loss, key) => self.press_on_loss(key),
            (Tab::Confusion | Tab::Preview, Key::Char('g')) => self.change_subject(),
            (Tab::Confusion, key) => self.press_on_matrix(key),
            (Tab::Preview, Key::Char('i')) => self.change_split(),
            (Tab::Preview, Key::Char('t')) => return self.nearest(),
            (Tab::Preview, Key::Char(d @ ('d' | 'D'))) => return self.draw(d == 'D'),
            (Tab::Preview, Key::Char('r')) => return self.restore(),
            (Tab::Preview, Key::Char(a @ ('a' | 'A'))) => return self.attend(a == 'A'),
            (Tab::Preview, Key::Char('w')) => return self.post(),
            (Tab::Preview, Key::Char('o')) => self.dialog = Some(Dialog::OpenFile(Input::default())),
            (Tab::Preview, Key::Esc) => self.leave_preview(),
            (Tab::Preview, key) => return self.press_on_preview(key),
            (Tab::Logs, key) => self.press_on_logs(key),
            (Tab::Compare, Key::Down) => self.runs.move_selection(1),
            (Tab::Compare, Key::Up) => self.runs.move_selection(-1),
            (Tab::Compare, Key::Enter) => self.tab = Tab::Loss,
            (Tab::Compare, Key::Char('l')) => self.play(),
            (Tab::Compare, Key::Char('b')) if self.kept_game().is_none() => {
                self.say(Tone::Info, "You have named none of these pictures yet: press l.");
            }
            (Tab::Compare, Key::Char('b')) => self.compare_yours = !self.compare_yours,
            (Tab::Compare, Key::Char('c')) => self.compare_settings = !self.compare_settings,
            (Tab::Compare, Key::Esc) => self.tab = Tab::Jobs,
            (Tab::Compare, _) => {}
        }
        Vec::new()
    }

    fn press_on_matrix(&mut self, key: Key) {
        let (down, right) = match key {
            Key::Up => (-1, 0),
            Key::Down => (1, 0),
            Key::Left => (0, -1),
            Key::Right => (0, 1),
            Key::Char('c') => {
                self.matrix.cells = self.matrix.cells.next();
                return;
            }
            Key::Char('b') => {
                self.matrix.score = self.matrix.score.next();
                return;
            }
            Key::Char('o') => {
                self.matrix.worst_first = !self.matrix.worst_first;
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

    /// The test pictures, or those that the model makes.
    fn change_subject(&mut self) {
        if !self.makes_pictures() {
            return self.say(Tone::Info, "This run has made no pictures.");
        }
        self.look_at(match self.subject() {
            Subject::Generated => Subject::Test,
            Subject::Test | Subject::HeldOut | Subject::Training => Subject::Generated,
        });
    }

    /// The test pictures, those held out for choosing, those that the run learns from.
    fn change_split(&mut self) {
        self.look_at(match self.subject() {
            Subject::Test => Subject::HeldOut,
            Subject::HeldOut => Subject::Training,
            Subject::Training | Subject::Generated => Subject::Test,
        });
    }

    fn look_at(&mut self, subject: Subject) {
        self.subject = subject;
        self.preview.leave_folder();
        // Nobody else names the pictures that a run makes, and nobody those that it learns from.
        self.preview.differing = false;
        self.preview.show_pictures();
    }

    /// The pictures that were made, their nearest training images, the way out of noise: those that there are, in turns.
    pub(super) fn show_instead(&mut self) {
        let note = self.shown_epoch().and_then(|epoch| self.selected_history()?.sheet(epoch)).map(|sheet| &sheet.note);
        match note.filter(|_| self.subject() == Subject::Generated) {
            None => self.say(Tone::Info, "The pictures that the run has made are on their way."),
            Some(note) if note.nearest.is_none() => {
                self.say(Tone::Info, "The worker looked for no nearest training images.");
            }
            Some(note) => {
                self.preview.instead = match self.preview.instead {
                    Instead::Nothing => Instead::Nearest,
                    Instead::Nearest if note.strip.is_some() => Instead::Strip,
                    Instead::Nearest | Instead::Strip => Instead::Nothing,
                }
            }
        }
    }

    /// Opens the pictures of the cell under the cursor.
    fn open_cell(&mut self) {
        if let Some(confusion) = self.shown_confusion() {
            let (truth, named) = self.matrix.cell(confusion);
            self.subject = self.subject();
            self.preview.leave_folder();
            self.preview.show_all();
            self.preview.show = Show::Cell { truth, named };
            self.preview.show_pictures();
            self.tab = Tab::Preview;
        }
    }

    /// Esc goes back the way one came.
    fn leave_preview(&mut self) {
        if self.preview.step_back() {
            return;
        }
        if let Show::Cell { .. } = self.preview.show {
            self.preview.show = Show::All;
            self.tab = Tab::Confusion;
        } else {
            self.tab = Tab::Jobs;
        }
    }

    fn press_on_preview(&mut self, key: Key) -> Vec<Effect> {
        let labels = self.selected_gallery().and_then(|g| g.as_ref().ok()).map_or(0, |g| g.labels().len());
        let has_truths = self.selected_gallery().and_then(|g| g.as_ref().ok()).is_none_or(|g| g.has_truths());
        match key {
            Key::Enter => return self.open_picture(),
            Key::Char('f') => self.preview.show = self.preview.show.next(has_truths),
            Key::Char(l @ ('l' | 'L')) => {
                self.preview.show = self.preview.show.with_next_label(labels, l == 'L');
            }
            Key::Char('c') => self.preview.sureness = self.preview.sureness.next(has_truths),
            Key::Char('v') if !self.preview.differing && self.others().is_empty() => {
                self.say(Tone::Info, "Mark another run with Space first: v shows what it names differently.");
                return Vec::new();
            }
            Key::Char('v') => self.preview.differing = !self.preview.differing,
            key => {
                let before = self.preview.picture();
                let damage = self.preview.triple.as_ref().map(|triple| triple.damage);
                let attends = self.preview.attention.is_some();
                let compares = self.preview.nearest.is_some();
                self.press_on_pictures(key);
                // Who looks at a restored picture wants to see the next one restored too, and so with where was looked and with
                // its nearest training images.
                return match damage {
                    _ if self.preview.picture() == before => Vec::new(),
                    _ if attends => self.attend_anew(),
                    _ if compares => self.nearest_anew(),
                    Some(damage) => self.restore_by(damage),
                    None => Vec::new(),
                };
            }
        }
        self.preview.show_pictures();
        Vec::new()
    }

    fn press_on_pictures(&mut self, key: Key) {
        let a_row = isize::try_from(self.preview.a_row).unwrap_or(1);
        let page = isize::try_from(self.preview.page.room).unwrap_or(PAGE).max(1);
        let by = match key {
            Key::Left => -1,
            Key::Right => 1,
            Key::Up => -a_row,
            Key::Down => a_row,
            Key::PageUp => -page,
            Key::PageDown => page,
            Key::Home => isize::MIN,
            Key::End => isize::MAX,
            Key::Char('0') => {
                self.preview.show_all();
                0
            }
            _ => return,
        };
        self.preview.show_pictures();
        self.preview.move_by(by);
    }

    fn press_on_logs(&mut self, key: Key) {
        let available = self.log_lines().len();
        match key {
            Key::Char('w') => self.logs.switch(),
            Key::Char('l') => self.logs.switch_level(),
            Key::Char('e') => self.first_error(),
            Key::Char('/') => self.dialog = Some(Dialog::Search(Input::from(self.logs.search.text()))),
            Key::Char(n @ ('n' | 'N')) => self.next_found(n == 'N'),
            Key::Up => self.logs.scroll(1, available),
            Key::Down => self.logs.scroll(-1, available),
            Key::PageUp => self.logs.scroll(PAGE, available),
            Key::PageDown => self.logs.scroll(-PAGE, available),
            Key::Home => self.logs.scroll(isize::MAX, available),
            Key::End => self.logs.to_the_end(),
            Key::Esc if self.logs.search.is_on() => self.logs.search = Search::default(),
            Key::Esc => self.tab = Tab::Jobs,
            _ => {}
        }
    }
}

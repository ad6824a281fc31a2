//! Starting runs and asking them for something: what is asked when, and why a key does nothing where it does nothing.

use super::dialog::Dialog;
use super::form::NewRunForm;
use super::notice::Tone;
use super::{App, Effect};
use crate::jobs::{Ask, NewRun, Order, Recipe, RunView, Subject};
use crate::run::Phase;

impl App {
    pub(super) fn start_default(&mut self) -> Vec<Effect> {
        let run = NewRun { name: None, recipe: Recipe::DEFAULT, sets: Vec::new() };
        self.say(Tone::Info, "Starting a CNN …");
        vec![Effect::Order(Order::Start(run))]
    }

    pub(super) fn start(&mut self, mut form: NewRunForm) -> Vec<Effect> {
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

    pub(super) fn pause_or_resume(&mut self) -> Vec<Effect> {
        let Some(run) = self.runs.selected() else { return self.nothing_selected() };
        let ask = match run.phase {
            _ if self.is_waiting_for(run) => return self.explain_phase(),
            // Whoever paused by mistake need not wait until it is done to take it back.
            Phase::Pausing => Ask::Resume,
            Phase::Stopping => return self.explain_phase(),
            _ if run.can_resume => Ask::Resume,
            phase if phase.is_live() => Ask::Pause,
            _ => return self.explain_phase(),
        };
        self.ask(ask)
    }

    pub(super) fn ask_before_stopping(&mut self) {
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

    pub(super) fn save(&mut self) -> Vec<Effect> {
        match self.runs.selected() {
            None => self.nothing_selected(),
            Some(run) if run.phase == Phase::Running => {
                self.say(Tone::Info, "Saving …");
                self.ask(Ask::Save)
            }
            Some(_) => self.explain_phase(),
        }
    }

    /// Has the run draw fresh pictures, of the label in view or of all.
    pub(super) fn draw(&mut self, all: bool) -> Vec<Effect> {
        let is_drawn = self.makes_pictures() && self.subject() == Subject::Generated;
        match self.runs.selected() {
            None => self.nothing_selected(),
            Some(_) if !is_drawn => {
                self.say(Tone::Info, "Only pictures that the run makes can be drawn afresh: press g.");
                Vec::new()
            }
            Some(run) if run.phase == Phase::Running => {
                let label = if all { None } else { self.label_in_view() };
                self.say(Tone::Info, format!("Drawing {} …", label.as_deref().unwrap_or("every label")));
                self.ask(Ask::Draw { label })
            }
            Some(_) => self.explain_phase(),
        }
    }

    /// The label that the picture in view was asked to be.
    fn label_in_view(&self) -> Option<String> {
        let gallery = self.selected_gallery()?.as_ref().ok()?;
        let asked = gallery.truth(self.preview.picture()?)?;
        gallery.labels().get(asked).cloned()
    }

    fn ask(&mut self, ask: Ask) -> Vec<Effect> {
        let Some(run) = self.runs.selected_name().cloned() else { return Vec::new() };
        self.runs.note_asked(&run, ask.clone(), self.now_ms);
        vec![Effect::Order(Order::Ask { run, ask })]
    }

    fn is_waiting_for(&self, run: &RunView) -> bool {
        self.runs.asked(&run.name).is_some_and(|asked| asked.ask.changes_phase())
    }

    pub(super) fn nothing_selected(&mut self) -> Vec<Effect> {
        self.say(Tone::Info, "No run is selected. Press n to start one.");
        Vec::new()
    }

    /// Says why a key does nothing for the selected run as it stands.
    pub(super) fn explain_phase(&mut self) -> Vec<Effect> {
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
}

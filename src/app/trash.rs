//! Putting runs into the trash and bringing them back: which run may go, and what the world is told to do.

use super::dialog::Dialog;
use super::notice::Tone;
use super::{App, Effect, Tab};
use crate::jobs::{Order, Text};
use crate::run::{Phase, RunName};

impl App {
    pub(super) fn ask_before_trashing(&mut self) -> Vec<Effect> {
        let Some(run) = self.runs.selected() else { return self.nothing_selected() };
        // A run that was made and never begun is queued and can go on.
        if run.phase == Phase::Unknown || (run.phase.is_live() && !run.can_resume) {
            return self.explain_phase();
        }
        self.dialog = Some(Dialog::ConfirmTrash(run.name.clone()));
        Vec::new()
    }

    pub(super) fn bring_back(&mut self) -> Vec<Effect> {
        vec![Effect::Order(Order::BringBack)]
    }

    pub(super) fn hear_trashed(&mut self, run: &RunName, answer: Result<(), Text>) {
        match answer {
            Ok(()) => {
                // Before the next sweep would miss it.
                self.runs.absorb(Vec::new(), std::slice::from_ref(run));
                self.say(Tone::Good, format!("{run} is in the trash. Press u to bring it back."));
            }
            Err(why) => self.say(Tone::Bad, why.as_str()),
        }
    }

    pub(super) fn hear_brought_back(&mut self, answer: Result<RunName, Text>) {
        match answer {
            Ok(run) => {
                self.say(Tone::Good, format!("{run} is back."));
                self.runs.select(&run);
                self.tab = Tab::Jobs;
            }
            Err(why) => self.say(Tone::Bad, why.as_str()),
        }
    }
}

//! Where a captioner looked for the words that it says of the picture in view.

use super::notice::Tone;
use super::preview::AttentionView;
use super::{App, Effect};
use crate::config::ModelKind;
use crate::jobs::{Order, RunView};
use crate::run::RunName;

impl App {
    /// The picture in view with its first word; if it is shown already, with the next one, or the one before.
    pub(super) fn attend(&mut self, back: bool) -> Vec<Effect> {
        match &mut self.preview.attention {
            Some(view) => {
                view.step(back);
                Vec::new()
            }
            None => self.attend_anew(),
        }
    }

    pub(super) fn attend_anew(&mut self) -> Vec<Effect> {
        let Some((of, picture)) = self.picture_in_view() else {
            self.say(Tone::Info, "There is no picture to caption yet.");
            return Vec::new();
        };
        self.preview.nearest = None;
        self.next_id += 1;
        let (id, model) = (self.next_id, self.captioner());
        let order = Order::Attend { id, picture: picture.clone(), model };
        self.preview.attention = Some(AttentionView { id, of, picture, answer: None, word: 0 });
        vec![Effect::Order(order)]
    }

    /// The selected run if it writes captions and has learned something; else the captioner that the program finds.
    fn captioner(&self) -> Option<RunName> {
        let writes = |run: &&RunView| {
            let state = run.state.as_ref();
            state.is_some_and(|state| state.step > 0 && state.model == ModelKind::Captioner.as_str())
        };
        self.runs.selected().filter(writes).map(|run| run.name.clone())
    }
}

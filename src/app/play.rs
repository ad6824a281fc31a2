//! The game on the Compare tab: the user names test pictures as the models do.

use super::dialog::Dialog;
use super::notice::Tone;
use super::{App, Effect, Key, Loaded, Tab};
use crate::jobs::{Game, Order, Subject, You};
use crate::run::RunName;

/// As many labels as there are digits.
const MAX_LABELS: usize = 10;

/// A game under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlayView {
    /// Whose test pictures are named.
    pub run: RunName,
    /// None while the pictures are on their way.
    pub game: Option<Game>,
    /// An earlier game is not taken up again.
    anew: bool,
}

impl App {
    /// The game on the screen.
    pub fn playing(&self) -> Option<&PlayView> {
        self.play.as_ref().filter(|_| self.tab == Tab::Compare)
    }

    /// What the user named of the selected run's test pictures, and what the runs did on the same ones.
    pub fn you(&self) -> Option<&You> {
        let (run, you) = self.you.as_ref()?;
        let (you, selected) = (you.as_deref().ok()?, self.runs.selected_name()?);
        // A run that was scored has the same pictures.
        (selected == run || you.runs.contains_key(selected)).then_some(you)
    }

    /// The game whose scores are compared.
    pub fn kept_game(&self) -> Option<&Game> {
        self.you()?.game.as_ref()
    }

    pub(super) fn play(&mut self) {
        let Some(run) = self.runs.selected_name().cloned() else {
            return self.say(Tone::Info, "The pictures of a run are named, and there is no run: press n to start one.");
        };
        self.play = Some(PlayView { run, game: None, anew: false });
    }

    /// Begins again where an earlier game was played to its end; the user has said yes.
    pub(super) fn play_anew(&mut self, run: RunName) {
        self.play = Some(PlayView { run, game: None, anew: true });
    }

    /// Begins the game once its pictures and the earlier games are there.
    pub(super) fn settle_play(&mut self) {
        let Some(view) = self.play.as_ref() else { return };
        if self.runs.selected_name() != Some(&view.run) {
            self.play = None;
            return;
        }
        if view.game.is_some() || self.tab != Tab::Compare {
            return;
        }
        let (Some(gallery), Some((run, you))) = (self.galleries.get(&(view.run.clone(), Subject::Test)), &self.you)
        else {
            return;
        };
        if *run != view.run {
            return;
        }
        let begun = match (gallery, you) {
            (Err(why), _) | (_, Err(why)) => Err(why.as_str().to_owned()),
            (Ok(gallery), _) if gallery.labels().len() > MAX_LABELS => {
                Err(format!("There are only ten digits, and these pictures have {} labels.", gallery.labels().len()))
            }
            (Ok(gallery), Ok(you)) => {
                let new = Game::new(gallery);
                match you.game.as_ref().filter(|_| !view.anew) {
                    None => Ok(Some(new)),
                    Some(earlier) if earlier.is_like(&new) && !earlier.is_over() => Ok(Some(earlier.clone())),
                    Some(_) => Ok(None),
                }
            }
        };
        match begun {
            Ok(Some(game)) => self.play = self.play.take().map(|view| PlayView { game: Some(game), ..view }),
            Ok(None) => {
                let run = view.run.clone();
                self.play = None;
                self.dialog = Some(Dialog::ConfirmReplay(run));
            }
            Err(why) => {
                self.play = None;
                self.say(Tone::Bad, why);
            }
        }
    }

    /// Digits name the picture; every answer is kept at once.
    pub(super) fn press_in_play(&mut self, key: Key) -> Vec<Effect> {
        let game = self.play.as_mut().and_then(|view| view.game.as_mut());
        match (key, game) {
            (Key::Esc, _) => {
                self.leave_play();
                Vec::new()
            }
            (Key::Char('?'), _) => {
                self.dialog = Some(Dialog::Help);
                Vec::new()
            }
            (Key::Char(digit @ '0'..='9'), Some(game)) if usize::from(digit as u8 - b'0') < game.labels.len() => {
                game.named.push(digit as u8 - b'0');
                self.keep_game()
            }
            (Key::Char('u'), Some(game)) => match game.named.pop() {
                Some(_) => self.keep_game(),
                None => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    fn keep_game(&mut self) -> Vec<Effect> {
        let Some(game) = self.play.as_ref().and_then(|view| view.game.clone()) else { return Vec::new() };
        if game.is_over() {
            let yours = game.yours();
            self.say(Tone::Good, format!("You named {} of {} right.", yours.right, yours.of));
            self.leave_play();
        }
        vec![Effect::Order(Order::KeepGame(game))]
    }

    /// What was named stays; the scores are looked up anew.
    fn leave_play(&mut self) {
        self.play = None;
        self.wanted.forget_you();
        self.compare_yours = true;
    }

    pub(super) fn absorb_you(&mut self, run: RunName, you: Loaded<You>) {
        if let Err(why) = &you {
            self.say(Tone::Bad, why.as_str());
        }
        if self.runs.selected_name() == Some(&run) {
            self.you = Some((run, you));
        }
    }
}

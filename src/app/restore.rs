//! Damaging the picture in view and having it restored.

use std::sync::Arc;

use image::RgbImage;

use super::notice::Tone;
use super::preview::TripleView;
use super::{App, Effect};
use crate::config::ModelKind;
use crate::data::SIDE;
use crate::jobs::{Damage, Order, RunView};

impl App {
    /// The picture in view with the first damage, or with the next one if it is damaged already.
    pub(super) fn restore(&mut self) -> Vec<Effect> {
        let damage = self.preview.triple.as_ref().map_or_else(Damage::default, |triple| triple.damage.next());
        self.restore_by(damage)
    }

    pub(super) fn restore_by(&mut self, damage: Damage) -> Vec<Effect> {
        let Some((of, original)) = self.picture_in_view() else {
            self.say(Tone::Info, "There is no picture to damage and restore yet.");
            return Vec::new();
        };
        self.preview.attention = None;
        self.preview.nearest = None;
        self.next_id += 1;
        let (id, model) = (self.next_id, self.restorer());
        let order = Order::Restore { id, picture: Arc::clone(&original), damage, model };
        self.preview.triple = Some(TripleView { id, of, damage, original, answer: None });
        vec![Effect::Order(order)]
    }

    /// What is looked at, in words and pixels: the file of the user's, else the picture under the cursor.
    pub(super) fn picture_in_view(&self) -> Option<(String, Arc<RgbImage>)> {
        if let Some(file) = &self.preview.file {
            let answer = file.answer.as_ref()?.as_ref().ok()?;
            return Some((file.path.clone(), Arc::clone(&answer.picture)));
        }
        if let Some(triple) = self.preview.triple.as_ref().filter(|_| self.preview.picture().is_none()) {
            return Some((triple.of.clone(), Arc::clone(&triple.original)));
        }
        let gallery = self.selected_gallery()?.as_ref().ok()?;
        let index = self.preview.picture()?;
        let pixels = gallery.pixels(index)?;
        let picture = RgbImage::from_raw(SIDE as u32, SIDE as u32, pixels.to_vec())?;
        let of = match gallery.truth(index) {
            Some(truth) => format!("{}, {}", gallery.title(index), gallery.label(truth)),
            None => gallery.name(index),
        };
        Some((of, Arc::new(picture)))
    }

    /// The selected run if it restores pictures and has learned something; else the model that comes with the program.
    fn restorer(&self) -> Option<crate::run::RunName> {
        let restores = |run: &&RunView| {
            let state = run.state.as_ref();
            state.is_some_and(|state| state.step > 0 && state.model == ModelKind::Diffusion.as_str())
        };
        self.runs.selected().filter(restores).map(|run| run.name.clone())
    }
}

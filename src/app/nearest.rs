//! The training images that are most like the picture in view.

use super::notice::Tone;
use super::preview::NearestView;
use super::{App, Effect};
use crate::jobs::{Order, Subject};

impl App {
    /// The picture in view beside its nearest training images; if they are shown already, the pictures again. Of made
    /// pictures the worker has looked for them.
    pub(super) fn nearest(&mut self) -> Vec<Effect> {
        if self.subject() == Subject::Generated && self.preview.file.is_none() {
            self.show_instead();
            return Vec::new();
        }
        if self.preview.nearest.take().is_some() {
            return Vec::new();
        }
        self.nearest_anew()
    }

    pub(super) fn nearest_anew(&mut self) -> Vec<Effect> {
        let Some((of, picture)) = self.picture_in_view() else {
            self.say(Tone::Info, "There is no picture to find training images for yet.");
            return Vec::new();
        };
        self.preview.attention = None;
        self.preview.triple = None;
        self.next_id += 1;
        let (id, run, except) = (self.next_id, self.runs.selected_name().cloned(), self.number_in_training());
        self.preview.nearest = Some(NearestView { id, of, picture: picture.clone(), answer: None });
        vec![Effect::Order(Order::FindNearest { id, picture, run, except })]
    }

    /// The number of the picture in view among the training images, if it is one.
    fn number_in_training(&self) -> Option<u32> {
        let is_one = self.subject() == Subject::Training && self.preview.file.is_none();
        let gallery = self.selected_gallery()?.as_ref().ok().filter(|_| is_one)?;
        Some(gallery.number(self.preview.picture()?))
    }
}

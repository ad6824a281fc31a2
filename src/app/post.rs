//! The pictures in view as one file.

use std::sync::Arc;

use image::RgbImage;

use super::notice::Tone;
use super::show::Shown;
use super::{Answer, App, Effect};
use crate::data::SIDE;
use crate::jobs::{FileAnswer, Gallery, Ink, Neighbour, Order, Posted, Poster, Subject};

/// Pictures of one file at most.
const MAX_PICTURES: usize = 200;
/// Side by side where the screen has a list of them.
const COLUMNS: usize = 5;

impl App {
    /// Has the pictures in view written, with what stands beside them on the screen.
    pub(super) fn post(&mut self) -> Vec<Effect> {
        let Some(poster) = self.poster() else {
            self.say(Tone::Info, "There is no picture to save yet.");
            return Vec::new();
        };
        self.say(Tone::Info, "Saving the pictures in view …");
        vec![Effect::Order(Order::Post(poster))]
    }

    fn poster(&self) -> Option<Poster> {
        let run = self.runs.selected_name();
        let named = |pictures: Vec<Posted>, title: String, columns: usize| {
            let name = format!("{}-pictures", run.map_or("pixscribe", |run| run.as_str()));
            (!pictures.is_empty()).then_some(Poster { name, title, pictures, columns })
        };
        if let Some(view) = &self.preview.attention {
            return named(vec![self.attended()?], view.of.clone(), 1);
        }
        if let Some(view) = &self.preview.triple {
            return named(self.restored()?, view.of.clone(), 3);
        }
        if let Some(view) = &self.preview.nearest {
            let pictures = self.neighbours()?;
            let columns = pictures.len();
            return named(pictures, format!("{}: nearest training images", view.of), columns);
        }
        if let Some(file) = &self.preview.file {
            let answer = file.answer.as_ref()?.as_ref().ok()?;
            return named(vec![of_file(answer)], file.path.clone(), 1);
        }
        let gallery = self.selected_gallery()?.as_ref().ok()?;
        let page = self.preview.page;
        let listed = self.preview.list().iter().skip(page.first).take(page.room.min(MAX_PICTURES));
        let pictures = listed.filter_map(|index| self.posted(gallery, *index)).collect();
        let a_row = usize::from(self.preview.a_row);
        named(pictures, self.title(), if a_row > 1 { a_row } else { COLUMNS })
    }

    fn title(&self) -> String {
        let epoch = self.shown_epoch().filter(|_| self.folder().is_none());
        let what = self.folder().map(|view| view.path.clone());
        let words = [Some(self.who()), epoch.map(|epoch| format!("epoch {epoch}")), what, Some(self.filter_words())];
        words.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// Who names the pictures of the list.
    fn who(&self) -> String {
        let run = match self.folder() {
            Some(view) => view.model.as_ref(),
            None => self.runs.selected_name(),
        };
        let judge = self.judge().filter(|_| self.subject() == Subject::Generated);
        judge.or(run.map(|run| run.as_str())).unwrap_or("pixscribe's CNN").to_owned()
    }

    /// A picture of the list with what all runs in focus say of it.
    fn posted(&self, gallery: &Gallery, index: u32) -> Option<Posted> {
        let picture = RgbImage::from_raw(SIDE as u32, SIDE as u32, gallery.pixels(index)?.to_vec())?;
        let predictions = self.shown_predictions().and_then(|loaded| loaded.as_deref().ok());
        let shown = Shown::new(gallery, predictions.filter(|_| !self.shows_strip()), index)?;
        let name = gallery.name(index);
        let head = shown.truth.map_or(name.clone(), |truth| format!("{name}: {}", gallery.label(truth)));
        let mut words = vec![(head, Ink::Plain)];
        let mut add = |run: &str, named: Option<(usize, f32)>, caption: Option<&str>| {
            let Some((label, sure)) = named else { return };
            let ink = match shown.truth {
                None => Ink::Plain,
                Some(truth) if truth == label => Ink::Right,
                Some(_) => Ink::Wrong,
            };
            words.push((format!("{run}: {} {:.0} %", gallery.label(label), sure * 100.0), ink));
            words.extend(caption.map(|caption| (caption.to_owned(), Ink::Dim)));
        };
        add(&self.who(), shown.named, self.caption(index).map(|told| told.text.as_str()));
        for run in self.others() {
            if let Answer::Named { label, sure, caption } = self.answer_of(run, index) {
                add(run.as_str(), Some((label, sure)), caption.map(|told| told.text.as_str()));
            }
        }
        Some(Posted { picture: Arc::new(picture), words })
    }

    /// The picture in which it was looked for words, and the words.
    fn attended(&self) -> Option<Posted> {
        let view = self.preview.attention.as_ref()?;
        let found = view.answer.as_ref().and_then(|answer| answer.as_ref().ok());
        let words: Vec<&str> = found.iter().flat_map(|found| &found.words).map(|(word, _)| word.as_str()).collect();
        Some(Posted { picture: Arc::clone(&view.picture), words: vec![(words.join(" "), Ink::Plain)] })
    }

    /// The degraded, the restored and the original picture, once they are there.
    fn restored(&self) -> Option<Vec<Posted>> {
        let view = self.preview.triple.as_ref()?;
        let found = view.answer.as_ref()?.as_ref().ok()?;
        let measured = |what: &str, psnr: f64, ssim: f64| format!("{what}, {psnr:.2} dB, SSIM {ssim:.3}");
        Some(vec![
            plain(&found.damaged, measured("degraded", found.psnr.0, found.ssim.0)),
            plain(&found.restored, measured("restored", found.psnr.1, found.ssim.1)),
            plain(&view.original, "original".to_owned()),
        ])
    }

    /// The picture whose nearest training images were looked for, and these, once they are there.
    fn neighbours(&self) -> Option<Vec<Posted>> {
        let view = self.preview.nearest.as_ref()?;
        let found = view.answer.as_ref()?.as_ref().ok()?;
        let words = |near: &Neighbour| format!("{}, {}", near.label, near.distance_words());
        let others = found.iter().map(|near| plain(&near.picture, words(near)));
        Some(std::iter::once(plain(&view.picture, view.of.clone())).chain(others).collect())
    }
}

fn plain(picture: &Arc<RgbImage>, words: String) -> Posted {
    Posted { picture: Arc::clone(picture), words: vec![(words, Ink::Plain)] }
}

fn of_file(answer: &FileAnswer) -> Posted {
    let mut words = vec![(format!("{} {:.0} %", answer.label, answer.confidence * 100.0), Ink::Plain)];
    words.extend(answer.caption.clone().map(|caption| (caption, Ink::Dim)));
    Posted { picture: Arc::clone(&answer.picture), words }
}

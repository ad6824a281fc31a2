//! Which pictures are listed, in words.

use super::App;
use super::preview::Instead;
use super::show::{Show, Sureness};
use crate::jobs::Subject;

impl App {
    /// What is listed, and of some of the pictures how many of how many that are.
    pub fn filter_words(&self) -> String {
        let words = [Some(self.show_words()), self.sureness_words(), self.differing_words()];
        let words = words.into_iter().flatten().collect::<Vec<_>>().join(", ");
        let words = match self.selected_gallery() {
            Some(Ok(gallery)) if self.preview.is_filtered() && !gallery.is_empty() => {
                format!("{} of {}: {words}", self.preview.list().len(), gallery.len())
            }
            _ => words,
        };
        match self.preview.instead {
            _ if self.subject() != Subject::Generated => words,
            Instead::Nearest => format!("{words}: the nearest training image of each"),
            Instead::Strip if self.shows_strip() => "the first row on its way out of noise, a stage a row".to_owned(),
            Instead::Nothing | Instead::Strip => words,
        }
    }

    fn show_words(&self) -> String {
        let label = |label: usize| match self.selected_gallery() {
            Some(Ok(gallery)) => gallery.label(label).to_owned(),
            _ => "?".to_owned(),
        };
        let of = match self.subject() {
            Subject::HeldOut => " among those held out",
            Subject::Training => " among those that it learns from",
            Subject::Test | Subject::Generated => "",
        };
        match (self.subject(), self.preview.show) {
            (_, Show::All) if self.folder().is_some() => "pictures of this folder".to_owned(),
            (Subject::Test, Show::All) if self.preview.is_filtered() => "test pictures".to_owned(),
            (Subject::Test, Show::All) => "all test pictures".to_owned(),
            (Subject::HeldOut, Show::All) if self.preview.is_filtered() => "pictures held out for choosing".to_owned(),
            (Subject::HeldOut, Show::All) => "all pictures held out for choosing".to_owned(),
            (Subject::Training, Show::All) if self.preview.is_filtered() => "pictures that it learns from".to_owned(),
            (Subject::Training, Show::All) => "all pictures that it learns from".to_owned(),
            (Subject::Generated, Show::All) if self.preview.is_filtered() => "generated pictures".to_owned(),
            (Subject::Generated, Show::All) => "all generated pictures".to_owned(),
            (Subject::Generated, Show::Mistakes) => "generated, something else seen".to_owned(),
            (Subject::Generated, Show::OfTruth(asked)) => format!("{} asked for", label(asked)),
            (Subject::Generated, Show::Named(seen)) => format!("{} seen", label(seen)),
            (Subject::Generated, Show::Cell { truth, named }) => {
                format!("{} asked for, {} seen", label(truth), label(named))
            }
            (_, Show::Mistakes) => format!("mistakes{of}"),
            (_, Show::OfTruth(truth)) => format!("pictures of a {}{of}", label(truth)),
            (_, Show::Named(named)) => format!("named {}{of}", label(named)),
            (_, Show::Cell { truth, named }) if truth == named => format!("{} named right{of}", label(truth)),
            (_, Show::Cell { truth, named }) => format!("{} named {}{of}", label(truth), label(named)),
        }
    }

    fn sureness_words(&self) -> Option<String> {
        let words = match self.preview.sureness {
            Sureness::Any => return None,
            Sureness::Unsure => "less than 50 % sure",
            Sureness::SurelyWrong => "90 % sure and wrong",
        };
        Some(words.to_owned())
    }

    fn differing_words(&self) -> Option<String> {
        self.preview.differing.then(|| match self.others().as_slice() {
            [other] => format!("not as {other} says"),
            others => format!("not as one of {} marked runs says", others.len()),
        })
    }
}

//! What a run logged as pictures for a page or a talk: curves, the confusion matrix and how each label fares.

mod bars;
mod canvas;
mod confusion;
mod curves;

use crate::app::{MetricFilter, MetricGroup, groups};
use crate::cli::CliError;
use crate::cli::generate::file_name;
use crate::jobs::{Confusion, History, Subject};
use crate::run::RunName;
use confusion::Words;
use image::{ImageFormat, RgbImage};
use std::io::Cursor;

/// Every picture under the name of its file.
pub(super) fn pictures(run: &RunName, history: &History) -> Result<Vec<(String, Vec<u8>)>, CliError> {
    let run = run.as_str();
    let mut pictures = Vec::new();
    let mut keep = |name: String, picture: &RgbImage| {
        // Another quantity may have the same letters once they are a file's.
        let is_free = |name: &String| pictures.iter().all(|(taken, _)| taken != name);
        let names = std::iter::once(format!("{name}.png")).chain((2..).map(|at| format!("{name}-{at}.png")));
        let bytes = encoded(picture)?;
        let name = names.into_iter().find(is_free).unwrap_or_default();
        pictures.push((name, bytes));
        Ok::<(), CliError>(())
    };
    for group in groups(history, &MetricFilter::default()) {
        if let Some(picture) = curves::picture(run, history, &group)? {
            keep(curves_name(&group), &picture)?;
        }
    }
    if let Some(tested) = last(history, Subject::Test) {
        let words = Words { title: "confusion", down: "true label", across: "named", verb: "right" };
        keep("confusion".to_owned(), &confusion::picture(run, tested, &words)?)?;
        keep("labels".to_owned(), &bars::picture(run, tested)?)?;
    }
    if let Some(made) = last(history, Subject::Generated) {
        let title = "made pictures, as asked for and as seen";
        let words = Words { title, down: "asked for", across: "seen by the judge", verb: "agree," };
        keep("confusion-made".to_owned(), &confusion::picture(run, made, &words)?)?;
    }
    Ok(pictures)
}

/// The confusion of the last epoch that has one.
fn last(history: &History, subject: Subject) -> Option<&Confusion> {
    history.epochs(subject).into_iter().rev().find_map(|epoch| history.confusion(subject, epoch))
}

fn curves_name(group: &MetricGroup<'_>) -> String {
    format!("curves-{}", file_name(group.name))
}

fn encoded(picture: &RgbImage) -> Result<Vec<u8>, CliError> {
    let mut bytes = Vec::new();
    picture.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)?;
    Ok(bytes)
}

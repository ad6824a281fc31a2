//! What is told of a model's pictures while it trains.

use super::super::error::TrainError;
use super::super::material::Material;
use super::super::recipe::{Drawing, Findings, Matrix, Subject};
use super::Painter;
use super::diversity::{shrunk, spread};
use super::judge::Judge;
use super::nearest::nearest;
use super::sheet::{Sheet, to_bytes};
use crate::data::augment::Normaliser;
use crate::data::{SIDE, Split};
use crate::nn::checkpoint::TensorFile;
use crate::ops::Backend;
use crate::ops::random::Stream;
use crate::run::{MetricDef, SheetNote};
use crate::train::classification::def;
use std::ops::Range;
use std::path::Path;

/// Rows of a sheet; each row has one noise, each column one label.
pub const SHEET_ROWS: usize = 8;
/// Below this share of the real pictures' diversity a model is said to have collapsed.
const COLLAPSE: f64 = 0.4;
/// Under what a checkpoint notes that the diversity was low.
const IS_LOW: &str = "diversity_is_low";

/// Looks on while a model that makes pictures trains, and changes nothing but the log.
pub struct Onlooker<D: Backend> {
    /// Pictures of each label that the diversity of the log is measured on.
    of_each: usize,
    seed: u64,
    /// What to try when the pictures of a label are all alike.
    advice: &'static str,
    judge: Option<Judge<D>>,
    /// The spread of real pictures, which that of made ones is measured by.
    real_spread: f64,
    /// The same in the judge's features, once it was needed.
    judged_spread: Option<f64>,
    /// Real pictures of the test split that it is measured on.
    reference: Split,
    /// Whether the log has been told that the diversity is low.
    is_low: bool,
    /// What the last measurement found of that; the log is told when its epoch is closed.
    found_low: bool,
}

impl<D: Backend> Onlooker<D> {
    /// With the CNN of a file as judge, if it is one that knows all labels; `of_each` pictures of each label are
    /// measured.
    pub fn new(
        device: &D,
        material: &Material,
        of_each: usize,
        seed: u64,
        advice: &'static str,
        judge: Option<&Path>,
    ) -> Self {
        let judge = judge.map(|path| Judge::from_file(device.clone(), path, &material.data.labels));
        let judge = judge.transpose().unwrap_or_else(|error| {
            tracing::warn!("nobody looks at what is made: {error}");
            None
        });
        let test = &material.data.test;
        Self {
            of_each,
            seed,
            advice,
            judge: judge.flatten(),
            real_spread: real_spread(material, of_each),
            judged_spread: None,
            reference: test.select(&test.first_balanced(of_each * material.data.labels.len())),
            is_low: false,
            found_low: false,
        }
    }

    /// What [`Self::measure`] logs.
    pub fn metric_defs() -> Vec<MetricDef> {
        vec![
            def("diversity", "", Some(true)),
            def("generated/agreement", "%", Some(true)),
            def("generated/diversity", "", Some(true)),
        ]
    }

    /// How diverse made pictures are, as a share of the real ones' diversity, and what is seen in them. False when
    /// `go_on` said no.
    ///
    /// # Errors
    /// When the device fails.
    pub fn measure(
        &mut self,
        painter: &dyn Painter,
        labels: usize,
        findings: &mut Findings,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<bool, TrainError> {
        let (numbers, labels): (Vec<usize>, Vec<usize>) =
            (0..self.of_each * labels).map(|i| (i, i / self.of_each)).unzip();
        let stream = Stream::new(self.seed, "made.measured", 0);
        let Some(pictures) = painter.draw(&stream, &numbers, &labels, go_on)? else { return Ok(false) };
        let (rows, width) = shrunk(&pictures);
        let diversity = spread(&rows, width, &labels) / self.real_spread;
        findings.values.insert("diversity".to_owned(), diversity);
        findings.warnings.extend(self.watch(diversity));
        self.have_judged(&pictures, &labels, findings, go_on)
    }

    /// What the judge sees in made pictures, and how diverse they are in its features. False when `go_on` said no.
    fn have_judged(
        &mut self,
        pictures: &[f32],
        labels: &[usize],
        findings: &mut Findings,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<bool, TrainError> {
        let Some(judge) = &self.judge else { return Ok(true) };
        let real = match self.judged_spread {
            Some(spread) => spread,
            None => {
                let Some(looks) = judge.look(&self.reference.images, go_on)? else { return Ok(false) };
                let labels: Vec<usize> = self.reference.labels.iter().map(|&label| usize::from(label)).collect();
                *self.judged_spread.insert(spread(&looks.features, looks.width, &labels))
            }
        };
        let Some(looks) = judge.look(&to_bytes(pictures), go_on)? else { return Ok(false) };
        let (counts, agreement) = judge.confusion(&judge.seen(&looks), labels);
        findings.confusions.push(Matrix { of: "generated", labels: judge.labels().to_vec(), counts });
        let diversity = spread(&looks.features, looks.width, labels) / real;
        findings.values.insert("generated/agreement".to_owned(), agreement);
        findings.values.insert("generated/diversity".to_owned(), diversity);
        Ok(true)
    }

    /// Has a sheet painted, and says of each picture what is seen in it and which training image is nearest. None when
    /// `go_on` said no.
    ///
    /// # Errors
    /// When the label is unknown, or the device fails.
    pub fn drawing(
        &self,
        painter: &dyn Painter,
        subject: &Subject,
        material: &Material,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Drawing>, TrainError> {
        let known = &material.data.labels;
        let columns = known.len();
        let places = 0..SHEET_ROWS * columns;
        let only = match subject {
            Subject::Fresh { label: Some(label), .. } => Some(number(known, label)?),
            Subject::Same | Subject::Fresh { label: None, .. } => None,
        };
        let labels: Vec<usize> = places.clone().map(|i| only.unwrap_or(i % columns)).collect();
        let (stream, noises) = self.noises(subject, columns, places);
        let Some(pictures) = painter.draw(&stream, &noises, &labels, go_on)? else { return Ok(None) };
        let pixels = to_bytes(&pictures);
        let sheet = Sheet::new(&pixels, SIDE, columns);
        let mut note = sheet.note(known, &labels);
        let nearest = self.comment(&pixels, material, &mut note, go_on)?;
        Ok(nearest.map(|nearest| Drawing { sheet, note, nearest, strip: None }))
    }

    /// Which noise makes each of the pictures `places` of a sheet: of one label each has its own, of several labels those
    /// of a row share one.
    pub fn noises(&self, subject: &Subject, columns: usize, places: Range<usize>) -> (Stream, Vec<usize>) {
        let stream = match subject {
            Subject::Same => Stream::new(self.seed, "made.sheet", 0),
            Subject::Fresh { step, .. } => Stream::new(self.seed, "made.fresh", *step),
        };
        let is_of_one = matches!(subject, Subject::Fresh { label: Some(_), .. });
        (stream, places.map(|i| if is_of_one { i } else { i / columns }).collect())
    }

    /// Notes what is seen in pictures; the sheet of the nearest training images.
    fn comment(
        &self,
        pixels: &[u8],
        material: &Material,
        note: &mut SheetNote,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Sheet>, TrainError> {
        if let Some(judge) = &self.judge {
            let Some(seen) = judge.see(pixels, go_on)? else { return Ok(None) };
            note.seen = seen.iter().map(|seen| judge.number(seen.label) as u8).collect();
            note.sure = seen.iter().map(|seen| seen.sure).collect();
            note.labels = judge.labels().to_vec();
            note.judge = judge.name().to_owned();
        }
        let train = &material.data.train;
        let near = nearest(pixels, train, &material.indices, go_on);
        Ok(near.map(|near| Sheet::new(&train.select(&near).images, SIDE, note.columns as usize)))
    }

    /// Looks at the diversity: a sentence when it has just fallen too low.
    fn watch(&mut self, diversity: f64) -> Option<String> {
        self.found_low = diversity < COLLAPSE;
        (self.found_low && !self.is_low).then(|| {
            format!(
                "made pictures of a label differ only {:.0} % as much as real ones: the model may be collapsing; {}",
                100.0 * diversity,
                self.advice
            )
        })
    }

    /// The last measurement is in the log. One whose epoch's end is broken off is measured, and told, again.
    pub fn close_epoch(&mut self) {
        self.is_low = self.found_low;
    }

    /// Puts what a resumed training must know into a checkpoint.
    pub fn save(&self, file: &mut TensorFile) {
        file.meta.insert(IS_LOW.to_owned(), self.is_low.into());
    }

    /// Takes it back.
    pub fn load(&mut self, file: &TensorFile) {
        self.is_low = file.meta.get(IS_LOW).and_then(serde_json::Value::as_bool).unwrap_or(false);
        self.found_low = self.is_low;
    }
}

fn number(known: &[String], label: &str) -> Result<usize, TrainError> {
    let unknown = || TrainError::NoSuchLabel { name: label.to_owned(), known: known.join(", ") };
    known.iter().position(|own| own == label).ok_or_else(unknown)
}

/// The spread of the first real pictures of each label.
fn real_spread(material: &Material, of_each: usize) -> f64 {
    let split = material.data.train.select(&material.indices);
    let shown = split.select(&split.first_balanced(of_each * material.data.labels.len()));
    let (rows, width) = shrunk(&Normaliser::new(material.stats).apply(&shown.images));
    let labels: Vec<usize> = shown.labels.iter().map(|&label| usize::from(label)).collect();
    spread(&rows, width, &labels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfdx::prelude::Cpu;

    #[test]
    fn a_collapse_is_said_once_a_fall_and_known_after_a_resume() {
        let mut onlooker = fresh();
        let said: Vec<bool> = [0.9, 0.3, 0.2, 0.5, 0.1].map(|diversity| epoch(&mut onlooker, diversity)).to_vec();
        assert_eq!(said, [false, true, false, false, true]);
        assert!(!epoch(&mut resumed(&onlooker), 0.1));
    }

    #[test]
    fn a_collapse_that_was_measured_and_not_logged_is_said_after_a_resume() {
        let mut onlooker = fresh();
        assert!(onlooker.watch(0.1).is_some());
        assert!(epoch(&mut resumed(&onlooker), 0.1));
    }

    fn fresh() -> Onlooker<Cpu> {
        Onlooker {
            of_each: 2,
            seed: 1,
            advice: "try another seed",
            judge: None,
            real_spread: 1.0,
            judged_spread: None,
            reference: Split::default(),
            is_low: false,
            found_low: false,
        }
    }

    /// Whether an epoch of this diversity has something to say.
    fn epoch(onlooker: &mut Onlooker<Cpu>, diversity: f64) -> bool {
        let is_said = onlooker.watch(diversity).is_some();
        onlooker.close_epoch();
        is_said
    }

    fn resumed(from: &Onlooker<Cpu>) -> Onlooker<Cpu> {
        let mut file = TensorFile::default();
        from.save(&mut file);
        let mut onlooker = fresh();
        onlooker.load(&file);
        onlooker
    }
}

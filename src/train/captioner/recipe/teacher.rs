//! What a captioner is taught: captions of what is measured, as tokens, and how much each of them counts.

use super::super::super::error::TrainError;
use super::super::Speaker;
use super::written::Written;
use crate::captions::{Facts, Grammar, Meaning, Pixels, Reading, Said, Thresholds};
use crate::data::augment::Batch;
use crate::data::{Dataset, IMAGE_BYTES, Labels, Split};
use crate::hf::Tokenizer;
use crate::hf::tokenizer::END_OF_TEXT;
use crate::models::captioner::{Gpt2Settings, Lesson};
use crate::nn::checkpoint::TensorFile;
use crate::ops::Backend;
use crate::ops::random::Stream;
use rayon::prelude::*;
use std::ops::Range;
use std::path::Path;

/// Training pictures that thresholds and tokens are made from, at most: more would hardly move a quantile.
const SHOWN: usize = 10_000;
/// Under what a file of weights has the thresholds of the facts.
const FACTS: &str = "facts";

/// The language of the captions, the thresholds of the facts, and the tokens of the text: all from training pictures.
pub struct Teacher {
    pub grammar: Grammar,
    pub thresholds: Thresholds,
    pub tokenizer: Tokenizer,
    pub ends: Ends,
    /// What people wrote about the training pictures, in the place of what is measured.
    pub written: Option<Written>,
    /// How much a token of the label's word counts; every other one counts 1.
    pub label_weight: f32,
}

/// The tokens around a caption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    pub start: u32,
    pub end: u32,
    /// Fills a batch up behind the end.
    pub pad: u32,
}

/// Captions for teacher forcing.
pub struct Taught {
    pub lesson: Lesson,
    /// How much each target counts.
    pub weights: Vec<f32>,
    /// Which targets are a part of the label's word.
    pub is_label: Vec<bool>,
}

impl Teacher {
    /// Measures the training pictures of `indices`, and makes at most `vocabulary` tokens of captions of them.
    ///
    /// # Errors
    /// When the labels cannot be told in captions, or there are no pictures.
    pub fn fit(
        data: &Dataset,
        indices: &[u32],
        seed: u64,
        vocabulary: usize,
        label_weight: f32,
        written: Option<Written>,
    ) -> Result<Self, TrainError> {
        let grammar = Grammar::new(&data.labels)?;
        let shown = some_of(indices, seed);
        let thresholds = Thresholds::fit(&data.train, &shown)?;
        let split = data.train.select(&shown);
        let stream = Stream::new(seed, "captioner.tokens", 0);
        let facts = measured(&split.images, &thresholds);
        let labels: Vec<usize> = split.labels.iter().map(|&label| usize::from(label)).collect();
        let captions = match &written {
            Some(written) => written.of(indices).map(str::to_owned).collect(),
            None => worded(&grammar, &labels, &facts, &stream, 0),
        };
        let tokenizer = Tokenizer::train(captions.iter().map(String::as_str), vocabulary)?;
        let end = tokenizer.id(END_OF_TEXT).ok_or(TrainError::NoEnd { token: END_OF_TEXT })?;
        Ok(Self { grammar, thresholds, tokenizer, ends: Ends { start: end, end, pad: end }, written, label_weight })
    }

    /// The teacher for a captioner that has its tokens already.
    ///
    /// # Errors
    /// When the labels cannot be told in captions.
    pub fn of<D: Backend>(
        speaker: &Speaker<D>,
        thresholds: Thresholds,
        labels: &Labels,
        label_weight: f32,
    ) -> Result<Self, TrainError> {
        let (start, pad) = (speaker.search.start, speaker.pad);
        let end = speaker.search.eos.first().copied().unwrap_or(start);
        let (grammar, tokenizer) = (Grammar::new(labels)?, speaker.tokenizer.clone());
        Ok(Self { grammar, thresholds, tokenizer, ends: Ends { start, end, pad }, written: None, label_weight })
    }

    /// What is true of pictures `(n, 32, 32, 3)` in a row, picture by picture.
    pub fn facts(&self, pictures: &[u8]) -> Vec<Facts> {
        measured(pictures, &self.thresholds)
    }

    /// A caption of each picture of a batch, `facts` telling what is true of the pixels that are shown.
    pub fn draw(&self, batch: &Batch, facts: &[Facts], stream: &Stream) -> Vec<String> {
        match &self.written {
            Some(written) => written.drawn(&batch.indices, stream),
            None => self.captions(&batch.y, facts, stream, 0),
        }
    }

    /// A caption of each picture, worded by the hash of its place from `first` on.
    pub fn captions(&self, labels: &[usize], facts: &[Facts], stream: &Stream, first: u64) -> Vec<String> {
        worded(&self.grammar, labels, facts, stream, first)
    }

    /// Captions as a decoder is taught them.
    ///
    /// # Errors
    /// When the tokenizer fails, or its tokens are none of the decoder's.
    pub fn taught(&self, captions: &[String], decoder: &Gpt2Settings) -> Result<Taught, TrainError> {
        let longest = decoder.positions;
        let marked: Vec<Vec<(u32, bool)>> =
            captions.par_iter().map(|caption| self.tokens(caption, longest)).collect::<Result<_, _>>()?;
        let ids: Vec<Vec<u32>> = marked.iter().map(|row| row.iter().map(|(id, _)| *id).collect()).collect();
        let lesson = Lesson::new(&ids, self.ends.start, self.ends.pad, decoder)?;
        let padded = |row: &Vec<(u32, bool)>| {
            let marks: Vec<bool> = row.iter().map(|(_, is_label)| *is_label).collect();
            marks.into_iter().chain(std::iter::repeat(false)).take(lesson.length)
        };
        let is_label: Vec<bool> = marked.iter().flat_map(padded).collect();
        let weights = is_label.iter().map(|&is_label| if is_label { self.label_weight } else { 1.0 }).collect();
        Ok(Taught { lesson, weights, is_label })
    }

    /// The tokens of a caption, its end among them, at most `longest`; and whether each is a part of the label's word.
    fn tokens(&self, caption: &str, longest: usize) -> Result<Vec<(u32, bool)>, TrainError> {
        let places = self.label_places(&self.grammar.read(caption));
        let is_label = |place: &Range<usize>| {
            places.iter().any(|label| place.start < label.end && label.start < place.end && !place.is_empty())
        };
        let located = self.tokenizer.encode_located(caption)?;
        let mut tokens: Vec<(u32, bool)> = located.into_iter().map(|(id, place)| (id, is_label(&place))).collect();
        tokens.truncate(longest.saturating_sub(1));
        tokens.push((self.ends.end, false));
        Ok(tokens)
    }

    /// Where a caption says its one label, without the article.
    fn label_places(&self, reading: &Reading) -> Vec<Range<usize>> {
        let Said::One(label) = reading.label() else { return Vec::new() };
        let length = self.grammar.label(label).len();
        let of_label = reading.mentions().iter().filter(|mention| matches!(mention.meaning, Meaning::Label(_)));
        of_label.map(|mention| mention.place.end.saturating_sub(length)..mention.place.end).collect()
    }
}

/// Labels and facts of some of the training pictures, the same ones at every call.
pub fn fit_facts(teacher: &Teacher, train: &Split, seed: u64) -> (Vec<usize>, Vec<Facts>) {
    let all: Vec<u32> = (0..train.len() as u32).collect();
    let shown = train.select(&some_of(&all, seed));
    (shown.labels.iter().map(|&label| usize::from(label)).collect(), teacher.facts(&shown.images))
}

/// The thresholds for the training pictures of `indices`.
///
/// # Errors
/// When there are none.
pub fn fit_thresholds(data: &Dataset, indices: &[u32], seed: u64) -> Result<Thresholds, TrainError> {
    Ok(Thresholds::fit(&data.train, &some_of(indices, seed))?)
}

/// Puts thresholds into a file of weights.
pub fn save_thresholds(thresholds: &Thresholds, file: &mut TensorFile) {
    // A struct of plain fields always has a JSON form.
    file.meta.insert(FACTS.to_owned(), serde_json::to_value(thresholds).unwrap_or_default());
}

/// The thresholds of a file of weights; none where it has none, as an imported captioner has.
///
/// # Errors
/// When they are damaged.
pub fn load_thresholds(file: &TensorFile, path: &Path) -> Result<Option<Thresholds>, TrainError> {
    let fault = |source: serde_json::Error| TrainError::Checkpoint { path: path.into(), source: source.into() };
    file.meta.get(FACTS).cloned().map(serde_json::from_value).transpose().map_err(fault)
}

/// At most [`SHOWN`] of the pictures, those with the smallest hashes.
fn some_of(indices: &[u32], seed: u64) -> Vec<u32> {
    let stream = Stream::new(seed, "captioner.shown", 0);
    let mut hashed: Vec<(u64, u32)> = indices.iter().map(|&index| (stream.at(u64::from(index)), index)).collect();
    hashed.sort_unstable();
    hashed.truncate(SHOWN);
    hashed.into_iter().map(|(_, index)| index).collect()
}

fn measured(pictures: &[u8], thresholds: &Thresholds) -> Vec<Facts> {
    let images = pictures.as_chunks::<IMAGE_BYTES>().0;
    images.par_iter().map(|image| Facts::of(Pixels::of_image(image), thresholds)).collect()
}

fn worded(grammar: &Grammar, labels: &[usize], facts: &[Facts], stream: &Stream, first: u64) -> Vec<String> {
    let pictures = (first..).zip(labels.iter().zip(facts));
    pictures.map(|(index, (&label, facts))| grammar.caption(label, &facts.clear(), stream, index)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::captioner::Gpt2Settings;
    use std::path::PathBuf;

    fn teacher() -> (Dataset, Teacher) {
        let sample = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/sample");
        let data = crate::data::load(Some(&sample), Some(100)).unwrap();
        let all: Vec<u32> = (0..100).collect();
        let teacher = Teacher::fit(&data, &all, 1, 400, 4.0, None).unwrap();
        (data, teacher)
    }

    #[test]
    fn the_label_s_word_counts_more_and_nothing_else_does() {
        let (_, teacher) = teacher();
        let decoder = Gpt2Settings::new(teacher.tokenizer.vocabulary(), 48, 8, 1, 1);
        let captions = ["a frog, tan in the middle", "green around the edges, an airplane", "a cat and a dog", ""];
        let taught = teacher.taught(&captions.map(str::to_owned), &decoder).unwrap();
        let words = |row: usize| {
            let places = row * taught.lesson.length..(row + 1) * taught.lesson.length;
            let ids = places.filter(|&at| taught.is_label[at]).map(|at| taught.lesson.targets[at].unwrap() as u32);
            teacher.tokenizer.decode(&ids.collect::<Vec<_>>()).unwrap()
        };
        assert_eq!([0, 1, 2, 3].map(words), [" frog", " airplane", "", ""]);
        for (weight, &is_label) in taught.weights.iter().zip(&taught.is_label) {
            assert_eq!(*weight, if is_label { 4.0 } else { 1.0 });
        }
        let ends = taught.lesson.targets.iter().filter(|&&target| target == Some(teacher.ends.end as usize)).count();
        assert_eq!(ends, captions.len());
    }

    #[test]
    fn a_long_caption_is_cut_to_what_the_decoder_can_remember() {
        let (_, teacher) = teacher();
        let decoder = Gpt2Settings::new(teacher.tokenizer.vocabulary(), 6, 8, 1, 1);
        let taught = teacher.taught(&["a frog ".repeat(20)], &decoder).unwrap();
        assert_eq!(taught.lesson.length, 6);
        assert_eq!(taught.lesson.targets[5], Some(teacher.ends.end as usize));
    }

    #[test]
    fn thresholds_survive_a_file_and_damaged_ones_are_refused() {
        let (_, teacher) = teacher();
        let mut file = TensorFile::default();
        assert_eq!(load_thresholds(&file, Path::new("file")).unwrap(), None);
        save_thresholds(&teacher.thresholds, &mut file);
        let again = TensorFile::parse(&file.to_bytes().unwrap()).unwrap();
        assert_eq!(load_thresholds(&again, Path::new("file")).unwrap(), Some(teacher.thresholds));
        file.meta.insert(FACTS.to_owned(), 7.into());
        let error = load_thresholds(&file, Path::new("file")).unwrap_err().to_string();
        assert!(error.contains("file"), "{error}");
    }
}

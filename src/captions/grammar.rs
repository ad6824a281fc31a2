//! Captions of one set of labels: written from facts, and read back.

use std::collections::HashMap;
use std::ops::Range;

use super::error::CaptionError;
use super::phrases::{PICTURE_OF, THERE_IS, THIS_IS, readings};
use super::slots::{Slot, Slots, Value};
use super::wording::{TEMPLATES, worded};
use super::words::{located, words};
use crate::ops::random::Stream;

/// The language of captions for a set of labels.
#[derive(Clone, Debug)]
pub struct Grammar {
    /// Each label as captions say it: words in lower case.
    labels: Vec<String>,
    patterns: Patterns,
}

/// What may be read, by first word, the longest first.
type Patterns = HashMap<String, Vec<Pattern>>;

/// Words between phrases and labels.
const CONNECTING: [&str; 5] = ["a", "an", "the", "and", "with"];

#[derive(Clone, Debug)]
struct Pattern {
    words: Vec<String>,
    /// None for words that belong to the grammar and say nothing.
    meaning: Option<Meaning>,
}

/// What a part of a caption says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The label of this number.
    Label(usize),
    Value(Value),
}

/// A part of a caption that says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    pub meaning: Meaning,
    /// Where in the caption it stands, in bytes.
    pub place: Range<usize>,
}

/// What a caption says, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading(Vec<Mention>);

/// What was said of one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said<T> {
    Nothing,
    /// One thing, perhaps more than once.
    One(T),
    /// Things that differ, which cannot all be true.
    Several,
}

impl Grammar {
    /// The language for these labels. Captions say them in lower case, without anything but letters and digits.
    ///
    /// # Errors
    /// When a label has no words, the same ones as another label, or ones that captions would be misread with.
    pub fn new(labels: &[String]) -> Result<Self, CaptionError> {
        let mut grammar = Self { labels: Vec::with_capacity(labels.len()), patterns: phrases() };
        let mut of_labels = Vec::new();
        for (number, label) in labels.iter().enumerate() {
            let words = words(label);
            let patterns = grammar.label_patterns(&words);
            let is_misread =
                |pattern: &Vec<String>| (0..pattern.len()).any(|at| grammar.longest(&pattern[at..]).is_some());
            let plain = words.join(" ");
            if words.is_empty() || grammar.labels.contains(&plain) || patterns.iter().any(is_misread) {
                return Err(CaptionError::Label { label: label.clone() });
            }
            grammar.labels.push(plain);
            of_labels.extend(patterns.into_iter().map(|words| (words, number)));
        }
        if let Some(number) = swallowing(&of_labels, &grammar.patterns) {
            return Err(CaptionError::Label { label: labels[number].clone() });
        }
        for (words, number) in of_labels {
            add(&mut grammar.patterns, words, Some(Meaning::Label(number)));
        }
        grammar.patterns.values_mut().for_each(|of_word| of_word.sort_by_key(|p| std::cmp::Reverse(p.words.len())));
        Ok(grammar)
    }

    /// What a label is read by: its words behind an article, or alone, unless the grammar has all of them too.
    fn label_patterns(&self, words: &[String]) -> Vec<Vec<String>> {
        let is_own = |word: &String| {
            CONNECTING.contains(&word.as_str()) || self.patterns.values().flatten().any(|p| p.words.contains(word))
        };
        let alone = if words.iter().all(is_own) { None } else { Some(words.to_vec()) };
        let behind = |article: &str| [&[article.to_owned()][..], words].concat();
        ["a", "an", "the"].into_iter().map(behind).chain(alone).collect()
    }

    /// The longest pattern that the words start with, once all are sorted; any pattern before.
    fn longest(&self, words: &[String]) -> Option<&Pattern> {
        let of_word = self.patterns.get(words.first()?)?;
        of_word.iter().find(|pattern| words.starts_with(&pattern.words))
    }

    /// The words for a label. Panics when there is no such label, like an index does.
    pub fn label(&self, number: usize) -> &str {
        &self.labels[number]
    }

    /// The number of labels.
    pub fn labels(&self) -> usize {
        self.labels.len()
    }

    /// A caption that says a label and these facts. Template and synonyms are chosen by the hash of `index`. Panics
    /// when there is no such label, like an index does.
    pub fn caption(&self, label: usize, slots: &Slots, stream: &Stream, index: u64) -> String {
        // Digits of the hash to changing bases: none is used twice.
        let mut digits = stream.at(index);
        worded(self.label(label), slots, |choices| {
            let digit = digits % choices as u64;
            digits /= choices as u64;
            digit as usize
        })
    }

    /// What a caption of the same facts is compared with: every template's wording of them, the synonyms taking turns.
    /// Panics when there is no such label, like an index does.
    pub fn references(&self, label: usize, slots: &Slots) -> Vec<String> {
        let reference = |template: usize| {
            let mut asked = 0;
            worded(self.label(label), slots, |choices| {
                asked += 1;
                if asked == 1 { template } else { (template + asked) % choices }
            })
        };
        (0..TEMPLATES).map(reference).collect()
    }

    /// Reads a caption from left to right, the longest phrase first. Words that belong to no phrase are passed over.
    pub fn read(&self, caption: &str) -> Reading {
        let (words, places): (Vec<String>, Vec<Range<usize>>) = located(caption).into_iter().unzip();
        let mut mentions = Vec::new();
        let mut at = 0;
        while at < words.len() {
            let Some(pattern) = self.longest(&words[at..]) else {
                at += 1;
                continue;
            };
            let last = at + pattern.words.len() - 1;
            if let Some(meaning) = pattern.meaning {
                mentions.push(Mention { meaning, place: places[at].start..places[last].end });
            }
            at = last + 1;
        }
        Reading(mentions)
    }
}

/// All phrases that are no labels.
fn phrases() -> Patterns {
    let mut patterns = Patterns::new();
    for value in Value::all() {
        readings(value).for_each(|text| add(&mut patterns, words(&text), Some(Meaning::Value(value))));
    }
    for text in PICTURE_OF.iter().chain(&THERE_IS).chain(&THIS_IS) {
        add(&mut patterns, words(text), None);
    }
    patterns
}

fn add(patterns: &mut Patterns, words: Vec<String>, meaning: Option<Meaning>) {
    if let Some(first) = words.first() {
        patterns.entry(first.clone()).or_default().push(Pattern { words, meaning });
    }
}

/// A label that would be read where another one stands: it is the other one behind its article, or goes on from there
/// with a word that a caption may have behind a label.
fn swallowing(of_labels: &[(Vec<String>, usize)], phrases: &Patterns) -> Option<usize> {
    let mut known: HashMap<&[String], usize> = HashMap::new();
    for (words, number) in of_labels {
        if known.insert(words, *number).is_some_and(|other| other != *number) {
            return Some(*number);
        }
    }
    let goes_on = |word: &String| CONNECTING.contains(&word.as_str()) || phrases.contains_key(word);
    let swallows =
        |words: &[String]| (1..words.len()).any(|at| goes_on(&words[at]) && known.contains_key(&words[..at]));
    of_labels.iter().find(|(words, _)| swallows(words)).map(|(_, number)| *number)
}

impl Reading {
    /// Each thing that is said, with its place.
    pub fn mentions(&self) -> &[Mention] {
        &self.0
    }

    /// The number of the label that is said.
    pub fn label(&self) -> Said<usize> {
        Said::of(self.0.iter().filter_map(|mention| match mention.meaning {
            Meaning::Label(number) => Some(number),
            Meaning::Value(_) => None,
        }))
    }

    /// What is said of a slot.
    pub fn get(&self, slot: Slot) -> Said<Value> {
        Said::of(self.0.iter().filter_map(|mention| match mention.meaning {
            Meaning::Value(value) if value.slot() == slot => Some(value),
            Meaning::Value(_) | Meaning::Label(_) => None,
        }))
    }

    /// All slots, unless a caption contradicts itself.
    pub fn slots(&self) -> Option<Slots> {
        let mut slots = Slots::default();
        for slot in Slot::ALL {
            match self.get(slot) {
                Said::Nothing => {}
                Said::One(value) => slots.set(value),
                Said::Several => return None,
            }
        }
        Some(slots)
    }
}

impl<T: PartialEq> Said<T> {
    fn of(mut all: impl Iterator<Item = T>) -> Self {
        match all.next() {
            None => Self::Nothing,
            Some(first) if all.all(|other| other == first) => Self::One(first),
            Some(_) => Self::Several,
        }
    }
}

#[cfg(test)]
mod tests;

//! What a captioner says of a whole split, and how true and how well worded that is.

use super::super::super::classification::{Evaluation, Values, def};
use super::super::super::error::TrainError;
use super::super::super::recipe::Captioned;
use super::super::{Pictures, Speaker};
use super::teacher::{Ends, Teacher};
use super::tokens::{TokenSums, probabilities};
use crate::captions::metrics::Corpus;
use crate::captions::{self, Facts, Meaning, Reading, Said, Slot, Verdict, tokenised};
use crate::data::{IMAGE_BYTES, Split};
use crate::models::captioner::Captioner;
use crate::models::captioner::search::{BeamSettings, EarlyStopping, Method, SearchSettings};
use crate::ops::random::Stream;
use crate::ops::{Backend, Tokens, host::read};
use crate::run::MetricDef;
use crate::run::captions::Told;
use dfdx::prelude::HasShape;
use std::ops::Range;

/// The label of a caption that says none, or several: the last column of the confusion matrix.
pub const NONE: &str = "none";
/// Pictures of a split whose captions are compared with references: the first ones, every label alike. CIDEr depends on
/// how many there are.
pub const COMPARED: usize = 1000;
/// The wordings that the loss is measured with never change.
const SEED: u64 = 1;

/// What every evaluation logs of a split, beside loss and accuracy.
const MEASURED: [(&str, &str, Option<bool>); 9] = [
    ("perplexity", "", Some(false)),
    ("token_accuracy", "%", Some(true)),
    ("none", "%", Some(false)),
    ("slot_truth", "%", Some(true)),
    ("slot_coverage", "%", Some(true)),
    ("facts_a_caption", "", None),
    ("bleu4", "%", Some(true)),
    ("cider", "", Some(true)),
    ("rouge_l", "%", Some(true)),
];

/// The definitions of what [`Exam::take`] measures.
pub fn metric_defs(split: &str) -> Vec<MetricDef> {
    MEASURED.iter().map(|(name, unit, better)| def(&format!("{split}/{name}"), unit, *better)).collect()
}

/// Label names with [`NONE`] behind them: the rows and columns of a captioner's confusion matrix.
pub fn labels_and_none(labels: &[String]) -> Vec<String> {
    labels.iter().cloned().chain([NONE.to_owned()]).collect()
}

/// The likeliest token, one after the other, at most `max_length` with start and end.
pub fn greedy(ends: &Ends, max_length: usize) -> SearchSettings {
    SearchSettings {
        start: ends.start,
        eos: vec![ends.end],
        max_length,
        min_length: 0,
        no_repeat_ngram: 0,
        returns: 1,
        method: Method::Greedy,
    }
}

/// A captioner's own ends, and so many sequences side by side; one is [`greedy`].
pub fn with_beams<D: Backend>(speaker: &Speaker<D>, beams: usize) -> SearchSettings {
    let method = match beams {
        0 | 1 => Method::Greedy,
        beams => Method::Beam(BeamSettings { beams, length_penalty: 1.0, early_stopping: EarlyStopping::Unpromising }),
    };
    SearchSettings { method, min_length: 0, no_repeat_ngram: 0, returns: 1, ..speaker.search.clone() }
}

/// The pictures of a split and what is true of them.
pub struct Exam {
    /// `held_out`, `test` or `train`.
    pub name: &'static str,
    pub split: Split,
    pub truth: Vec<usize>,
    pub facts: Vec<Facts>,
    /// What people wrote about the pictures; then nothing is said of labels and facts.
    pub written: Option<Vec<Vec<String>>>,
}

/// What was said of a split.
pub struct Judged {
    /// Of the label words, [`NONE`] being the last label; its loss is that of the tokens.
    pub evaluation: Evaluation,
    pub values: Values,
    pub slots: captions::Tally,
    pub captions: Vec<String>,
    readings: Vec<Reading>,
}

/// What was said of a batch.
struct Heard {
    captions: Vec<String>,
    /// How surely the label's words were said.
    sure: Vec<f32>,
}

impl Exam {
    /// Measures the pictures.
    pub fn new(name: &'static str, split: &Split, teacher: &Teacher) -> Self {
        let truth = split.labels.iter().map(|&label| usize::from(label)).collect();
        Self { name, split: split.clone(), truth, facts: teacher.facts(&split.images), written: None }
    }

    /// Has every picture captioned by a search; none when `go_on` said no between two batches.
    ///
    /// # Errors
    /// When the device fails.
    pub fn take<D: Backend>(
        &self,
        speaker: &Speaker<D>,
        teacher: &Teacher,
        search: &SearchSettings,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Judged>, TrainError> {
        let mut tokens = TokenSums::default();
        let (mut said, mut sure) = (Vec::new(), Vec::new());
        let together = speaker.batch();
        for first in (0..self.truth.len()).step_by(together) {
            if !go_on() {
                return Ok(None);
            }
            let batch = first..(first + together).min(self.truth.len());
            let pictures = &self.split.images[batch.start * IMAGE_BYTES..batch.end * IMAGE_BYTES];
            let captioner = &speaker.captioner;
            let looked = captioner.look(speaker.see(Pictures::Small(pictures))?).map_err(TrainError::device)?;
            let due = self.due(teacher, batch);
            teach(captioner, teacher, looked.clone(), &due, &mut tokens)?;
            let heard = listen(speaker, teacher, looked, search)?;
            said.extend(heard.captions);
            sure.extend(heard.sure);
        }
        self.judged(teacher, said, &sure, tokens).map(Some)
    }

    /// A caption of each picture for the loss.
    fn due(&self, teacher: &Teacher, batch: Range<usize>) -> Vec<String> {
        match &self.written {
            Some(written) => written[batch].iter().map(|captions| captions[0].clone()).collect(),
            None => {
                let (truth, facts, first) = (&self.truth[batch.clone()], &self.facts[batch.clone()], batch.start);
                teacher.captions(truth, facts, &Stream::new(SEED, "captioner.due", 0), first as u64)
            }
        }
    }

    /// What the caption of a picture is compared with.
    fn references(&self, teacher: &Teacher, picture: usize) -> Vec<String> {
        match &self.written {
            Some(written) => written[picture].clone(),
            None => teacher.grammar.references(self.truth[picture], &self.facts[picture].clear()),
        }
    }

    /// Judges captions that somebody else wrote, one a picture.
    ///
    /// # Errors
    /// Never: every picture has references.
    /// # Panics
    /// When there are not as many captions as pictures.
    pub fn judge(&self, teacher: &Teacher, captions: Vec<String>) -> Result<Judged, TrainError> {
        let sure = vec![1.0; captions.len()];
        self.judged(teacher, captions, &sure, TokenSums::default())
    }

    fn judged(
        &self,
        teacher: &Teacher,
        captions: Vec<String>,
        sure: &[f32],
        tokens: TokenSums,
    ) -> Result<Judged, TrainError> {
        let readings: Vec<Reading> = captions.iter().map(|caption| teacher.grammar.read(caption)).collect();
        let labels = teacher.grammar.labels();
        let mut evaluation = Evaluation::new(self.name, labels + 1);
        let mut slots = captions::Tally::default();
        for (index, reading) in readings.iter().enumerate() {
            let said = if let Said::One(label) = reading.label() { label } else { labels };
            evaluation.say(said, sure[index], self.truth[index]);
            slots.add(reading, self.truth[index], &self.facts[index]);
        }
        let mut values = self.scores(teacher, &captions)?;
        if self.written.is_none() {
            values.extend(self.of_slots(&slots));
        }
        if tokens.count > 0 {
            evaluation.set_loss(tokens.mean_loss());
            values.insert(self.named("perplexity"), tokens.mean_loss().exp());
            values.insert(self.named("token_accuracy"), tokens.accuracy());
        }
        Ok(Judged { evaluation, values, slots, captions, readings })
    }

    fn of_slots(&self, slots: &captions::Tally) -> Values {
        let all = slots.all_slots();
        let share = |part: u64| part as f64 / slots.captions as f64;
        let measured = [
            ("none", (slots.captions > 0).then(|| share(slots.no_labels + slots.several_labels))),
            ("slot_truth", all.truth()),
            ("slot_coverage", all.coverage()),
            ("facts_a_caption", slots.said_a_caption()),
        ];
        measured.into_iter().filter_map(|(name, value)| Some((self.named(name), value?))).collect()
    }

    /// What of the captions is false, and what they leave out.
    pub fn marked(&self, judged: &Judged) -> Captioned {
        let pictures = judged.captions.iter().zip(&judged.readings).zip(self.truth.iter().zip(&self.facts));
        let told = pictures.map(|((text, reading), (&label, facts))| match self.written {
            Some(_) => Told { text: text.clone(), ..Told::default() },
            None => told(text, reading, label, facts),
        });
        Captioned { split: self.name, captions: told.collect() }
    }

    /// How near the captions are to the references: what people wrote, or every template's wording of the same facts.
    fn scores(&self, teacher: &Teacher, captions: &[String]) -> Result<Values, TrainError> {
        let mut corpus = Corpus::default();
        for index in self.split.first_balanced(COMPARED) {
            let index = index as usize;
            let references: Vec<String> =
                self.references(teacher, index).iter().map(|reference| tokenised(reference)).collect();
            corpus.add(&tokenised(&captions[index]), &references)?;
        }
        let scores = corpus.scores().map(|s| [("bleu4", s.bleu[3]), ("cider", s.cider_d), ("rouge_l", s.rouge_l)]);
        Ok(scores.into_iter().flatten().map(|(name, score)| (self.named(name), score)).collect())
    }

    fn named(&self, what: &str) -> String {
        format!("{}/{what}", self.name)
    }
}

/// A caption held against what is true of its picture.
fn told(text: &str, reading: &Reading, label: usize, facts: &Facts) -> Told {
    let verdict = |slot| captions::verdict(reading.get(slot), facts.get(slot));
    let is_wrong = |meaning| match meaning {
        Meaning::Label(_) => reading.label() != Said::One(label),
        Meaning::Value(value) => verdict(value.slot()) == Verdict::False,
    };
    let wrong = reading.mentions().iter().filter(|mention| is_wrong(mention.meaning));
    let no_label = (reading.label() == Said::Nothing).then(|| "label".to_owned());
    let missed = Slot::ALL.into_iter().filter(|&slot| verdict(slot) == Verdict::Missed);
    Told {
        text: text.to_owned(),
        wrong: wrong.map(|mention| [mention.place.start, mention.place.end]).collect(),
        missed: no_label.into_iter().chain(missed.map(|slot| slot.name().to_owned())).collect(),
    }
}

/// Adds how well the tokens of captions that are due are told, given those before them.
fn teach<D: Backend>(
    captioner: &Captioner<D>,
    teacher: &Teacher,
    looked: Tokens<D>,
    due: &[String],
    tokens: &mut TokenSums,
) -> Result<(), TrainError> {
    let taught = teacher.taught(due, &captioner.settings().decoder)?;
    let targets = &taught.lesson.targets;
    let logits = captioner.read(looked, &taught.lesson).map_err(TrainError::device)?;
    let before = tokens.count;
    tokens.add_right(&read(&logits), targets);
    let loss = D::cross_entropy_tokens(logits, targets, None, 0.0).map_err(TrainError::device)?;
    tokens.loss += f64::from(read(&loss)[0]) * (tokens.count - before) as f64;
    Ok(())
}

/// Has captions searched for what was looked at.
fn listen<D: Backend>(
    speaker: &Speaker<D>,
    teacher: &Teacher,
    looked: Tokens<D>,
    search: &SearchSettings,
) -> Result<Heard, TrainError> {
    let captioner = &speaker.captioner;
    // Nothing is drawn that the numbers would tell apart.
    let numbers = vec![0; looked.shape().0];
    let captions = captioner.tell(&looked, search, &numbers)?;
    let text = |tokens: &[u32]| Ok::<_, TrainError>(teacher.tokenizer.decode(tokens)?.trim().to_owned());
    let texts = captions.iter().map(|found| found.first().map_or(Ok(String::new()), |c| text(c.words(&search.eos))));
    let captions: Vec<String> = texts.collect::<Result<_, _>>()?;
    let taught = teacher.taught(&captions, &captioner.settings().decoder)?;
    let lesson = &taught.lesson;
    let logits = captioner.read(looked, lesson).map_err(TrainError::device)?;
    let sure = probabilities(&read(&logits), &lesson.targets, &taught.is_label, lesson.length);
    Ok(Heard { captions, sure: sure.into_iter().map(|sure| sure.unwrap_or(0.0)).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::captions::{Grammar, Pixels, Thresholds};

    #[test]
    fn false_parts_are_marked_and_what_is_left_out_is_told() {
        let sample = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/sample");
        let data = crate::data::load(Some(&sample), Some(100)).unwrap();
        let all: Vec<u32> = (0..100).collect();
        let thresholds = Thresholds::fit(&data.train, &all).unwrap();
        let grammar = Grammar::new(&data.labels).unwrap();
        let facts = |index: u32| Facts::of(Pixels::of_image(data.train.image(index as usize)), &thresholds);
        let facts = all.iter().map(|&index| facts(index)).max_by_key(|facts| facts.clear().count()).unwrap();
        let mark = |text: &str| told(text, &grammar.read(text), 6, &facts);
        for truth in grammar.references(6, &facts.clear()) {
            assert_eq!(mark(&truth), Told { text: truth.clone(), ..Told::default() });
        }
        let wrong = mark("there is a cat");
        assert_eq!(wrong.wrong.iter().map(|&[from, to]| &wrong.text[from..to]).collect::<Vec<_>>(), ["a cat"]);
        assert_eq!(wrong.missed.len(), facts.clear().count());
        assert_eq!(mark("a frog and a cat").wrong.len(), 2);
        assert_eq!(mark("something").missed[0], "label");
    }
}

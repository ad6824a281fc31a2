//! What `eval` measures of a captioner: how true its captions are, how well worded, and what nobody who sees no picture
//! could tell.

use super::super::CliError;
use super::super::model::Found;
use crate::captions::{Slot, Thresholds};
use crate::data::{Dataset, Split};
use crate::ops::Backend;
use crate::train::captioner::Speaker;
use crate::train::captioner::recipe::baselines::Blind;
use crate::train::captioner::recipe::exam::{COMPARED, Exam, Judged, with_beams};
use crate::train::captioner::recipe::teacher::{Teacher, fit_thresholds, load_thresholds};
use crate::train::{Evaluation, TrainError, checkpoints};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Which training pictures stand for all.
const SEED: u64 = 1;
/// Nothing is trained here.
const NO_WEIGHT: f32 = 1.0;

/// A captioner's own part of the JSON of `eval`; shares are 0..1.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    /// Sequences that were searched side by side.
    beams: usize,
    /// Captions without a label, or with several.
    none: Option<f64>,
    perplexity: Option<f64>,
    token_accuracy: Option<f64>,
    #[serde(flatten)]
    scores: Scores,
    /// Images, the first ones of each label, whose captions BLEU, CIDEr and ROUGE-L are of.
    compared: usize,
    /// By slot: what share of what is said is true, and what share of the clear facts is told.
    slots: BTreeMap<&'static str, [Option<f64>; 2]>,
    baselines: Baselines,
}

/// Captions of the same images by those who see none.
#[derive(Debug, Serialize)]
struct Baselines {
    /// One caption for all: the most frequent label, and the most frequent value of each slot.
    blind: Baseline,
    /// Who is told the label: its most frequent values.
    told_label: Baseline,
}

#[derive(Debug, Serialize)]
struct Baseline {
    caption: Option<String>,
    accuracy: f64,
    #[serde(flatten)]
    scores: Scores,
}

/// What is said beside the label, and how.
#[derive(Clone, Copy, Debug, Serialize)]
struct Scores {
    slot_truth: Option<f64>,
    slot_coverage: Option<f64>,
    facts_a_caption: Option<f64>,
    bleu4: Option<f64>,
    cider: Option<f64>,
    rouge_l: Option<f64>,
}

/// Has a split captioned, and says how long that took; none when `go_on` said no.
///
/// # Errors
/// When the labels cannot be told in captions, or the device fails.
pub(super) fn measure<D: Backend>(
    speaker: &Speaker<D>,
    found: &Found,
    data: &Dataset,
    (name, split): (&'static str, &Split),
    beams: usize,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Option<(Evaluation, Figures, Duration)>, CliError> {
    let teacher = Teacher::of(speaker, thresholds(found, data)?, &data.labels, NO_WEIGHT)?;
    let exam = Exam::new(name, split, &teacher);
    let begun = Instant::now();
    let Some(judged) = exam.take(speaker, &teacher, &with_beams(speaker, beams), go_on)? else { return Ok(None) };
    let took = begun.elapsed();
    let value = |what: &str| judged.values.get(&format!("{name}/{what}")).copied();
    let slots = Slot::ALL.into_iter().zip(&judged.slots.slots);
    let figures = Figures {
        beams,
        none: value("none"),
        perplexity: value("perplexity"),
        token_accuracy: value("token_accuracy"),
        scores: Scores::new(name, &judged),
        compared: split.len().min(COMPARED),
        slots: slots.map(|(slot, tally)| (slot.name(), [tally.truth(), tally.coverage()])).collect(),
        baselines: baselines(&exam, &teacher, &data.train)?,
    };
    Ok(Some((judged.evaluation, figures, took)))
}

/// The thresholds that a captioner's captions were measured with.
pub(super) fn thresholds(found: &Found, data: &Dataset) -> Result<Thresholds, CliError> {
    // A Hugging Face folder never measured anything.
    let own = if found.weights.is_dir() {
        None
    } else {
        load_thresholds(&checkpoints::read(&found.weights)?, &found.weights)?
    };
    let all = || (0..data.train.len() as u32).collect::<Vec<_>>();
    Ok(own.map_or_else(|| fit_thresholds(data, &all(), SEED), Ok)?)
}

fn baselines(exam: &Exam, teacher: &Teacher, train: &Split) -> Result<Baselines, TrainError> {
    let blind = Blind::new(teacher, train, SEED);
    let constant = exam.judge(teacher, vec![blind.constant.clone(); exam.truth.len()])?;
    let told = exam.judge(teacher, exam.truth.iter().map(|&label| blind.of_label[label].clone()).collect())?;
    let (blind, told_label) =
        (Baseline::new(exam.name, &constant, Some(blind.constant)), Baseline::new(exam.name, &told, None));
    Ok(Baselines { blind, told_label })
}

impl Baseline {
    fn new(split: &str, judged: &Judged, caption: Option<String>) -> Self {
        Self { caption, accuracy: judged.evaluation.tally.accuracy(), scores: Scores::new(split, judged) }
    }
}

impl Scores {
    fn new(split: &str, judged: &Judged) -> Self {
        let value = |what: &str| judged.values.get(&format!("{split}/{what}")).copied();
        Self {
            slot_truth: value("slot_truth"),
            slot_coverage: value("slot_coverage"),
            facts_a_caption: value("facts_a_caption"),
            bleu4: value("bleu4"),
            cider: value("cider"),
            rouge_l: value("rouge_l"),
        }
    }
}

impl Figures {
    /// For people; `accuracy` is the label word's.
    pub(super) fn print(&self, accuracy: f64) {
        let percent = |share: Option<f64>| share.map_or("-".to_owned(), |share| format!("{:.2} %", 100.0 * share));
        let number = |number: Option<f64>| number.map_or("-".to_owned(), |number| format!("{number:.3}"));
        let by =
            if self.beams > 1 { format!("{} beams", self.beams) } else { "the likeliest token each time".to_owned() };
        println!("captions by {by}; no label, or several: {}", percent(self.none));
        println!("perplexity {}, next token right {}", number(self.perplexity), percent(self.token_accuracy));
        for (slot, [truth, coverage]) in &self.slots {
            println!(
                "  {slot:14} {:>9} of what is said is true, {:>9} of what is clear is said",
                percent(*truth),
                percent(*coverage)
            );
        }
        println!(
            "{:18}{:>9}{:>9}{:>9}{:>8}{:>9}{:>8}{:>9}",
            "", "label", "truth", "coverage", "facts", "BLEU-4", "CIDEr", "ROUGE-L"
        );
        let Baselines { blind, told_label } = &self.baselines;
        let rows = [
            ("this model", accuracy, self.scores),
            ("sees no picture", blind.accuracy, blind.scores),
            ("is told the label", told_label.accuracy, told_label.scores),
        ];
        for (name, label, Scores { slot_truth, slot_coverage, facts_a_caption, bleu4, cider, rouge_l }) in rows {
            let [label, truth, coverage, bleu, rouge] =
                [Some(label), slot_truth, slot_coverage, bleu4, rouge_l].map(percent);
            let [facts, cider] = [facts_a_caption, cider].map(number);
            println!("{name:18}{label:>9}{truth:>9}{coverage:>9}{facts:>8}{bleu:>9}{cider:>8}{rouge:>9}");
        }
        println!(
            "BLEU, CIDEr and ROUGE-L of the first {} images, every label alike; captions are measured, not human.",
            self.compared
        );
    }
}

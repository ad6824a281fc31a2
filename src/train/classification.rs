//! How well labels are told: loss, accuracy, confusion and every single answer.

use crate::run::MetricDef;
use crate::run::predictions::Prediction;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Values by metric name.
pub type Values = BTreeMap<String, f64>;

/// A metric's definition: `%` is the unit of shares, which are logged as 0..=1; no direction where none is better.
pub fn def(name: &str, unit: &str, higher_is_better: Option<bool>) -> MetricDef {
    MetricDef { name: name.to_owned(), unit: unit.to_owned(), higher_is_better }
}

/// What every model that names labels logs of held-out and test images; `loss` is the name of the cross-entropy.
pub fn metric_defs(labels: &[String], loss: &str) -> Vec<MetricDef> {
    let mut defs = Vec::new();
    for split in ["held_out", "test"] {
        defs.push(def(&format!("{split}/{loss}"), "nats", Some(false)));
        defs.push(def(&format!("{split}/accuracy"), "%", Some(true)));
    }
    defs.extend(labels.iter().map(|label| def(&format!("test/accuracy/{label}"), "%", Some(true))));
    defs
}

/// Sums over answers, in the order in which they were given.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    pub loss: f64,
    pub correct: u64,
    pub count: u64,
}

impl Tally {
    /// Takes in the answers to one batch; `loss` is their mean, in nats.
    pub fn add(&mut self, loss: f64, correct: usize, count: usize) {
        self.loss += loss * count as f64;
        self.correct += correct as u64;
        self.count += count as u64;
    }

    /// Mean loss in nats.
    pub fn mean_loss(&self) -> f64 {
        self.loss / self.count as f64
    }

    /// The share of right answers, 0..=1.
    pub fn accuracy(&self) -> f64 {
        self.correct as f64 / self.count as f64
    }

    /// For a checkpoint: exact to the bit.
    pub fn to_json(&self) -> Value {
        json!({ "loss_bits": self.loss.to_bits(), "correct": self.correct, "count": self.count })
    }

    /// From a checkpoint; what is not there counts as zero.
    pub fn from_json(value: &Value) -> Self {
        let number = |key: &str| value.get(key).and_then(Value::as_u64).unwrap_or(0);
        Self { loss: f64::from_bits(number("loss_bits")), correct: number("correct"), count: number("count") }
    }
}

/// The answers to a whole split.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// `test`, `held_out` or `train`.
    pub split: &'static str,
    pub tally: Tally,
    /// Counts; rows are the true label.
    pub confusion: Vec<Vec<u64>>,
    /// One for each image, in the split's order.
    pub predictions: Vec<Prediction>,
    /// What the log calls the cross-entropy: `loss`, where that is what the model is trained by.
    pub loss_name: &'static str,
}

/// The cross-entropy of a model that is trained by another loss.
pub const LABEL_LOSS: &str = "label_loss";

impl Evaluation {
    pub fn new(split: &'static str, labels: usize) -> Self {
        let confusion = vec![vec![0; labels]; labels];
        Self { split, tally: Tally::default(), confusion, predictions: Vec::new(), loss_name: "loss" }
    }

    /// Takes in a batch: `logits` are rows of one number a label, `truth` the labels.
    pub fn add(&mut self, logits: &[f32], truth: &[usize]) {
        let labels = self.confusion.len();
        for (row, &truth) in logits.chunks_exact(labels).zip(truth) {
            let answer = Answer::of(row);
            self.confusion[truth][answer.label] += 1;
            self.predictions.push(Prediction::new(answer.label as u8, answer.share(row[answer.label])));
            let loss = f64::from(answer.log_sum) - f64::from(row[truth]);
            self.tally.add(loss, usize::from(answer.label == truth), 1);
        }
    }

    /// Takes in one answer that did not come as logits: the label that was said, how surely, 0..=1, and the true one. Its
    /// loss is told by [`Self::set_loss`].
    pub fn say(&mut self, said: usize, confidence: f32, truth: usize) {
        self.confusion[truth][said] += 1;
        self.predictions.push(Prediction::new(said as u8, confidence));
        self.tally.add(0.0, usize::from(said == truth), 1);
    }

    /// The mean loss of all answers, in nats, where it is not that of their logits.
    pub fn set_loss(&mut self, mean: f64) {
        self.tally.loss = mean * self.tally.count as f64;
    }

    /// The loss under its name, and `split/accuracy`.
    pub fn values(&self) -> Values {
        let name = |what| format!("{}/{what}", self.split);
        BTreeMap::from([(name(self.loss_name), self.tally.mean_loss()), (name("accuracy"), self.tally.accuracy())])
    }

    /// The share of each label's images that were named right; NaN for a label without images.
    pub fn per_label(&self) -> Vec<f64> {
        let share = |(label, row): (usize, &Vec<u64>)| row[label] as f64 / row.iter().sum::<u64>() as f64;
        self.confusion.iter().enumerate().map(share).collect()
    }
}

/// The label of the largest logit and what the softmax needs.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    pub label: usize,
    /// `log sum exp` of the logits.
    pub log_sum: f32,
}

impl Answer {
    /// Of one row of logits; the first of equals.
    pub fn of(logits: &[f32]) -> Self {
        let mut label = 0;
        for (index, &logit) in logits.iter().enumerate() {
            if logit > logits[label] {
                label = index;
            }
        }
        let largest = logits[label];
        let sum: f32 = logits.iter().map(|&logit| (logit - largest).exp()).sum();
        Self { label, log_sum: largest + sum.ln() }
    }

    /// The softmax share of a logit of the same row, 0..=1.
    pub fn share(&self, logit: f32) -> f32 {
        (logit - self.log_sum).exp()
    }
}

/// How many rows of logits have their largest at the true label.
pub fn count_correct(logits: &[f32], truth: &[usize]) -> usize {
    let labels = logits.len() / truth.len().max(1);
    logits.chunks_exact(labels.max(1)).zip(truth).filter(|(row, truth)| Answer::of(row).label == **truth).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_truth_and_said_label() {
        let mut evaluation = Evaluation::new("test", 3);
        evaluation.add(&[2.0, 1.0, 0.0, 0.0, 1.0, 2.0], &[0, 1]);
        evaluation.add(&[0.0, 3.0, 0.0], &[1]);
        assert_eq!(evaluation.confusion, [[1, 0, 0], [0, 1, 1], [0, 0, 0]]);
        assert_eq!(evaluation.values()["test/accuracy"], 2.0 / 3.0);
        let per_label = evaluation.per_label();
        assert_eq!((per_label[0], per_label[1]), (1.0, 0.5));
        assert!(per_label[2].is_nan());
        // torch.nn.functional.cross_entropy(torch.tensor([[2., 1, 0], [0, 1, 2], [0, 3, 0]]), torch.tensor([0, 1, 1]))
        assert!((evaluation.tally.mean_loss() - 0.636_7).abs() < 1e-4, "{}", evaluation.tally.mean_loss());
        assert_eq!(evaluation.predictions[2].label, 1);
        assert!((evaluation.predictions[2].confidence() - 0.909_4).abs() < 0.005);
    }
}

//! Captions by those who see no picture: what a captioner must beat.

use super::teacher::{Teacher, fit_facts};
use crate::captions::{Facts, most_frequent};
use crate::data::Split;

/// What is written without a look, learned from training pictures.
pub struct Blind {
    /// The one caption that is told of every picture: the most frequent label, and of each slot the value that is clear the
    /// most often.
    pub constant: String,
    /// For each label the same of its pictures alone: what can be told by someone who is told the label.
    pub of_label: Vec<String>,
}

impl Blind {
    /// Learns from training pictures.
    pub fn new(teacher: &Teacher, train: &Split, seed: u64) -> Self {
        let (labels, facts) = fit_facts(teacher, train, seed);
        let of = |label: usize| facts.iter().zip(&labels).filter(move |(_, other)| **other == label).map(|(f, _)| f);
        let count = teacher.grammar.labels();
        let most = (0..count).rev().max_by_key(|&label| of(label).count()).unwrap_or(0);
        let of_label = (0..count).map(|label| caption(teacher, label, &mut of(label))).collect();
        Self { constant: caption(teacher, most, &mut facts.iter()), of_label }
    }
}

/// The first template's wording: each is as good, since a caption is compared with all of them.
fn caption(teacher: &Teacher, label: usize, facts: &mut dyn Iterator<Item = &Facts>) -> String {
    teacher.grammar.references(label, &most_frequent(facts)).swap_remove(0)
}

#[cfg(test)]
mod tests {
    use super::super::exam::Exam;
    use super::*;
    use crate::captions::Said;

    #[test]
    fn who_sees_nothing_names_one_label_and_who_is_told_it_names_all() {
        let sample = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/sample");
        let data = crate::data::load(Some(&sample), Some(200)).unwrap();
        let all: Vec<u32> = (0..200).collect();
        let teacher = Teacher::fit(&data, &all, 1, 300, 1.0, None).unwrap();
        let blind = Blind::new(&teacher, &data.train, 1);
        let label = |caption: &str| teacher.grammar.read(caption).label();
        assert_eq!(label(&blind.constant), Said::One(0));
        assert!(blind.of_label.iter().enumerate().all(|(number, caption)| label(caption) == Said::One(number)));
        let exam = Exam::new("test", &data.train, &teacher);
        let constant = exam.judge(&teacher, vec![blind.constant.clone(); 200]).unwrap();
        assert_eq!(constant.evaluation.tally.accuracy(), 0.1);
        let told = exam.truth.iter().map(|&label| blind.of_label[label].clone()).collect();
        let told = exam.judge(&teacher, told).unwrap();
        assert_eq!(told.evaluation.tally.accuracy(), 1.0);
        assert!(told.values["test/slot_truth"] > constant.values["test/slot_truth"]);
        assert!(told.values["test/cider"] > constant.values["test/cider"]);
    }
}

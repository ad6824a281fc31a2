//! On a hundred pictures of the sample: exact resumption, what is drawn, what is said.

use super::super::checkpoints;
use super::super::made::onlooker::SHEET_ROWS;
use super::*;
use crate::nn::{Module, Role, Scope, Visitor};
use crate::ops::host::read;
use dfdx::prelude::{Cpu, HasShape, Shape, Tensor};
use std::convert::Infallible;
use std::path::PathBuf;

fn data() -> Dataset {
    let sample = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/sample");
    crate::data::load(Some(&sample), Some(100)).unwrap()
}

fn config() -> GanConfig {
    GanConfig { batch_size: 6, epochs: 2, ..GanConfig::default() }
}

fn recipe(config: GanConfig) -> GanRecipe<Cpu> {
    GanRecipe::new(Cpu::default(), data(), config, None).unwrap()
}

fn bytes(recipe: &mut GanRecipe<Cpu>) -> Vec<u8> {
    let mut file = TensorFile::default();
    recipe.save(&mut file).unwrap();
    file.to_bytes().unwrap()
}

/// The checkpoint after `steps`, saved and taken up again by a fresh recipe after each of `stops`.
fn trained(config: &GanConfig, steps: u64, stops: &[u64], threads: usize) -> Vec<u8> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let mut learner = recipe(config.clone());
        for step in 0..steps {
            if stops.contains(&step) {
                let file = TensorFile::parse(&bytes(&mut learner)).unwrap();
                learner = recipe(config.clone());
                learner.load(&file, step).unwrap();
            }
            learner.step(step).unwrap();
        }
        bytes(&mut learner)
    })
}

#[test]
fn a_resumed_training_ends_with_the_bytes_of_an_untouched_one_on_any_number_of_threads() {
    for generator in [true, false] {
        let config = GanConfig { generator, ..config() };
        let untouched = trained(&config, 5, &[], 2);
        assert!(trained(&config, 5, &[1, 3], 2) == untouched, "resumed on two threads");
        assert!(trained(&config, 5, &[2], 1) == untouched, "resumed on one thread");
        let reseeded = GanConfig { seed: 2, ..config };
        assert!(trained(&reseeded, 5, &[], 2) != untouched, "the seed counts");
    }
}

#[test]
fn a_step_moves_both_nets_and_logs_what_was_announced() {
    let mut learner = recipe(config());
    let before = bytes(&mut learner);
    let values = learner.step(0).unwrap();
    let names: Vec<String> = learner.metric_defs().into_iter().map(|def| def.name).collect();
    assert!(values.keys().all(|name| names.contains(name)), "{values:?}");
    assert!(values.values().all(|value| value.is_finite()), "{values:?}");
    assert!(
        (values["d/loss"] - 2.0).abs() < 2.0 && values["d/gradient"] > 0.0 && values["g/gradient"] > 0.0,
        "{values:?}"
    );
    let (before, after) = (TensorFile::parse(&before).unwrap(), TensorFile::parse(&bytes(&mut learner)).unwrap());
    let other = |name: &str, net: &mut GanRecipe<Cpu>| {
        let mut weights = Vec::new();
        for file in [&before, &after] {
            match name {
                "generator" => file.apply(name, &mut net.generator).unwrap(),
                _ => file.apply(name, &mut net.discriminator).unwrap(),
            }
            let mut numbers = Numbers(Vec::new());
            match name {
                "generator" => net.generator.walk(&Scope::default(), &mut numbers).unwrap(),
                _ => net.discriminator.walk(&Scope::default(), &mut numbers).unwrap(),
            }
            weights.push(numbers.0);
        }
        weights[0] != weights[1]
    };
    assert!(other("generator", &mut learner) && other("discriminator", &mut learner));
    let means = learner.end_epoch();
    assert_eq!(means["d/epoch_loss"], values["d/loss"]);
}

/// The trained numbers of a module.
struct Numbers(Vec<f32>);

impl Visitor<Cpu> for Numbers {
    type Err = Infallible;

    fn visit<S: Shape>(&mut self, _: &str, role: Role, tensor: &mut Tensor<S, f32, Cpu>) -> Result<(), Infallible> {
        if role != Role::Buffer {
            self.0.extend(read(tensor));
        }
        Ok(())
    }
}

/// The trained numbers of the discriminator.
fn weights(learner: &mut GanRecipe<Cpu>) -> Vec<f32> {
    let mut numbers = Numbers(Vec::new());
    learner.discriminator.walk(&Scope::default(), &mut numbers).unwrap();
    numbers.0
}

/// Spoils every trained number.
struct Spoil;

impl Visitor<Cpu> for Spoil {
    type Err = Infallible;

    fn visit<S: Shape>(&mut self, _: &str, role: Role, tensor: &mut Tensor<S, f32, Cpu>) -> Result<(), Infallible> {
        if role != Role::Buffer {
            tensor.copy_from(&vec![f32::NAN; tensor.shape().num_elements()]);
        }
        Ok(())
    }
}

#[test]
fn numbers_that_are_not_finite_end_the_training_before_they_spread() {
    let mut learner = recipe(config());
    learner.generator.walk(&Scope::default(), &mut Spoil).unwrap();
    let before = weights(&mut learner);
    let error = learner.step(0).unwrap_err();
    assert!(matches!(error, TrainError::Diverged { step: 0, .. }), "{error}");
    assert!(error.to_string().contains("learning_rate_d"), "{error}");
    assert!(weights(&mut learner) == before, "the discriminator is as it was");
}

#[test]
fn the_sheet_has_a_column_for_each_label_and_is_drawn_when_due() {
    let labels = ["cat", "ship", "truck"].map(String::from).to_vec();
    let mut learner = recipe(GanConfig { labels, epochs: 5, sample_every_epochs: 3, ..config() });
    assert_eq!(learner.labels(), ["cat", "ship", "truck"]);
    let first = learner.drawing(&Subject::Same, &mut || true).unwrap().unwrap();
    assert_eq!(first.sheet.size(), (3 * 33 + 1, SHEET_ROWS * 33 + 1));
    assert_eq!(learner.drawing(&Subject::Same, &mut || true).unwrap().unwrap(), first, "the same noise every time");
    let mut fresh = |label: Option<&str>, step| {
        let subject = Subject::Fresh { label: label.map(String::from), step };
        learner.drawing(&subject, &mut || true)
    };
    let ships = fresh(Some("ship"), 1).unwrap().unwrap();
    assert_eq!((ships.sheet.size(), ships.note.asked), (first.sheet.size(), vec![1; 3 * SHEET_ROWS]));
    assert_ne!(fresh(Some("ship"), 2).unwrap().unwrap().sheet, ships.sheet, "other noise at another step");
    assert_eq!(fresh(None, 1).unwrap().unwrap().note.asked, first.note.asked);
    assert!(fresh(Some("dog"), 1).unwrap_err().to_string().contains("`dog`"));
    assert!(learner.drawing(&Subject::Same, &mut || false).unwrap().is_none());
    let due: Vec<u64> = (0..=5).filter(|&epoch| learner.draws_after(epoch)).collect();
    assert_eq!(due, [0, 3, 5]);
    let mut alone = recipe(GanConfig { generator: false, ..config() });
    assert!(
        matches!(alone.drawing(&Subject::Same, &mut || true), Err(TrainError::DrawsNothing)) && !alone.draws_after(0)
    );
}

#[test]
fn an_evaluation_measures_the_averages_and_can_be_broken_off() {
    let mut learner = recipe(config());
    let findings = learner.evaluate(&mut || true).unwrap().unwrap();
    let splits: Vec<(&str, u64)> = findings.evaluations.iter().map(|e| (e.split, e.tally.count)).collect();
    assert_eq!(splits, [("held_out", 10), ("test", 500)]);
    assert!(findings.values["diversity"] > 0.0);
    for stop_at in 0..4 {
        let mut asked = 0;
        let broken = learner.evaluate(&mut || {
            asked += 1;
            asked <= stop_at
        });
        assert!(broken.unwrap().is_none(), "broken off at {stop_at}");
    }
}

#[test]
fn other_data_and_unknown_labels_are_refused() {
    let mut learner = recipe(config());
    let mut file = TensorFile::default();
    learner.save(&mut file).unwrap();
    let more = crate::data::load(Some(&data().path), Some(120)).unwrap();
    let mut other = GanRecipe::new(Cpu::default(), more, config(), None).unwrap();
    assert!(matches!(other.load(&file, 0), Err(TrainError::OtherData { .. })));
    let unknown = GanConfig { labels: vec!["cat".into(), "unicorn".into()], ..config() };
    let error = GanRecipe::new(Cpu::default(), data(), unknown, None).err().unwrap().to_string();
    assert!(error.contains("unicorn"), "{error}");
}

#[test]
fn an_independent_cnn_tells_what_it_sees_and_the_training_does_not_notice() {
    let labels = ["cat", "ship", "truck"].map(String::from).to_vec();
    let shipped = checkpoints::pretrained(&PathBuf::from("nowhere"), ModelKind::Cnn).unwrap();
    let make = |judge| {
        GanRecipe::new(Cpu::default(), data(), GanConfig { labels: labels.clone(), ..config() }, judge).unwrap()
    };
    let (mut seen, mut alone) = (make(Some(shipped.as_path())), make(None));
    for step in 0..2 {
        seen.step(step).unwrap();
        alone.step(step).unwrap();
    }
    let drawing = seen.drawing(&Subject::Same, &mut || true).unwrap().unwrap();
    assert_eq!(drawing.note.labels, ["cat", "ship", "truck", "other"]);
    assert_eq!((drawing.note.seen.len(), drawing.note.sure.len()), (SHEET_ROWS * 3, SHEET_ROWS * 3));
    assert!(drawing.note.sure.iter().all(|sure| (0.0..=1.0).contains(sure)));
    assert_eq!(drawing.nearest.size(), drawing.sheet.size());
    assert_eq!(alone.drawing(&Subject::Same, &mut || true).unwrap().unwrap().sheet, drawing.sheet);
    let findings = seen.evaluate(&mut || true).unwrap().unwrap();
    let made: u64 = findings.confusions[0].counts.iter().flatten().sum();
    assert_eq!((findings.confusions[0].of, made), ("generated", 3 * COMPARED as u64));
    assert!(findings.values.contains_key("generated/agreement") && findings.values.contains_key("generated/diversity"));
    assert!(weights(&mut seen) == weights(&mut alone));
}

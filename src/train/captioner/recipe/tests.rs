//! On a hundred pictures of the sample: exact resumption, what is learned, what is said.

use super::super::material::spoilt;
use super::*;
use crate::config::Flip;
use dfdx::prelude::Cpu;
use std::path::PathBuf;

fn data() -> Dataset {
    let sample = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/sample");
    let data = crate::data::load(Some(&sample), Some(100)).unwrap();
    let few: Vec<u32> = data.test.first_balanced(20);
    Dataset { test: data.test.select(&few), ..data }
}

fn config() -> CaptionerConfig {
    CaptionerConfig {
        width: 16,
        layers: 1,
        heads: 2,
        decoder_layers: 1,
        vocabulary: 400,
        batch_size: 9,
        epochs: 2,
        ..CaptionerConfig::default()
    }
}

fn recipe(config: CaptionerConfig) -> CaptionerRecipe<Cpu> {
    CaptionerRecipe::new(Cpu::default(), data(), config).unwrap()
}

fn bytes(recipe: &mut CaptionerRecipe<Cpu>) -> Vec<u8> {
    let mut file = TensorFile::default();
    recipe.save(&mut file);
    file.to_bytes().unwrap()
}

/// The checkpoint after `steps`, saved and taken up again by a fresh recipe after each of `stops`.
fn trained(config: &CaptionerConfig, steps: u64, stops: &[u64], threads: usize) -> Vec<u8> {
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
    let config = CaptionerConfig { noise: 0.1, dropout: 0.1, ..config() };
    let untouched = trained(&config, 4, &[], 2);
    assert!(trained(&config, 4, &[1, 3], 2) == untouched, "resumed on two threads");
    assert!(trained(&config, 4, &[2], 1) == untouched, "resumed on one thread");
    let reseeded = CaptionerConfig { seed: 2, ..config.clone() };
    assert!(trained(&reseeded, 4, &[], 2) != untouched, "the seed counts");
    let clean = CaptionerConfig { noise: 0.0, ..config };
    assert!(trained(&clean, 4, &[], 2) != untouched, "the noise counts");
}

#[test]
fn a_few_pictures_are_learned_by_heart_and_what_is_logged_was_announced() {
    let config = CaptionerConfig {
        preset: PatchPreset::Plain,
        batch_size: 18,
        epochs: 24,
        warmup_steps: 5,
        learning_rate: 1e-2,
        flip: Flip::None,
        shift: 0,
        ..config()
    };
    let mut learner = recipe(config);
    let names: Vec<String> = learner.metric_defs().into_iter().map(|def| def.name).collect();
    let before = learner.evaluate(&mut || true).unwrap().unwrap();
    for step in 0..learner.plan().total_steps() {
        let values = learner.step(step).unwrap();
        assert!(values.keys().all(|name| names.contains(name)), "{values:?}");
        assert!(values.values().all(|value| value.is_finite()), "{values:?}");
    }
    assert!(learner.end_epoch()["train/epoch_loss"] > 0.0);
    let after = learner.evaluate(&mut || true).unwrap().unwrap();
    let loss = |findings: &Findings| findings.evaluations[0].tally.mean_loss();
    assert!(loss(&after) < 0.5 * loss(&before), "{} after {}", loss(&after), loss(&before));
    let answers = after.evaluations.iter().flat_map(|evaluation| evaluation.values().into_keys());
    let measured: Vec<String> = after.values.keys().cloned().chain(answers).collect();
    assert!(measured.iter().all(|name| names.contains(name)), "{measured:?}");
    assert!(after.values["held_out/token_accuracy"] > 0.4, "{:?}", after.values);
    assert!((after.values["test/perplexity"].ln() - after.evaluations[1].tally.mean_loss()).abs() < 1e-9);
    assert!(after.values["test/slot_truth"] > 0.1 && after.values["test/bleu4"] > 0.05, "{:?}", after.values);
}

#[test]
fn captions_without_a_label_word_are_counted_as_none() {
    let mut learner = recipe(config());
    let findings = learner.evaluate(&mut || true).unwrap().unwrap();
    let splits: Vec<_> = findings.evaluations.iter().map(|e| (e.split, e.tally.count)).collect();
    assert_eq!(splits, [("held_out", 10), ("test", 20)]);
    let labels = learner.labels();
    assert_eq!((labels.len(), labels[10].as_str()), (11, "none"));
    let test = &findings.evaluations[1];
    assert_eq!((test.confusion.len(), test.confusion[10].iter().sum::<u64>()), (11, 0));
    let none: u64 = test.confusion.iter().map(|row| row[10]).sum();
    assert_eq!(findings.values["test/none"], none as f64 / 20.0);
    let (mut asked, stop_at) = (0, 1);
    let broken = learner.evaluate(&mut || {
        asked += 1;
        asked <= stop_at
    });
    assert!(broken.unwrap().is_none());
}

#[test]
fn numbers_that_are_none_end_the_training() {
    let mut learner = recipe(config());
    spoilt::STEP.set(Some(1));
    learner.step(0).unwrap();
    let before = bytes(&mut learner);
    let error = learner.step(1).unwrap_err();
    spoilt::STEP.set(None);
    assert!(error.to_string().contains("at step 1; try a lower learning_rate"), "{error}");
    assert!(bytes(&mut learner) == before || learner.epoch.count == 9, "no weight was changed");
}

#[test]
fn a_checkpoint_of_other_data_or_sizes_is_refused() {
    let mut learner = recipe(config());
    let file = TensorFile::parse(&bytes(&mut learner)).unwrap();
    let mut wider = recipe(CaptionerConfig { width: 32, ..config() });
    assert!(wider.load(&file, 0).is_err());
    let bad = CaptionerConfig { heads: 3, ..config() };
    let error = CaptionerRecipe::new(Cpu::default(), data(), bad).err().unwrap();
    assert!(error.to_string().contains("heads"), "{error}");
}

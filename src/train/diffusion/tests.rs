//! On a hundred pictures of the sample: exact resumption, what is learned, what is drawn, what is said.

use super::super::material::spoilt;
use super::super::trained::{Net, Trained};
use super::*;
use crate::nn::{Module, Role, Scope, Visitor};
use crate::ops::host::read;
use dfdx::prelude::{Cpu, Shape, Tensor};
use std::convert::Infallible;
use std::path::PathBuf;

fn data() -> Dataset {
    let sample = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/sample");
    crate::data::load(Some(&sample), Some(100)).unwrap()
}

fn config() -> DiffusionConfig {
    DiffusionConfig {
        batch_size: 6,
        epochs: 2,
        sample_steps: 2,
        classified: 3,
        fitted: 4,
        ..DiffusionConfig::default()
    }
}

fn recipe(config: DiffusionConfig) -> DiffusionRecipe<Cpu> {
    DiffusionRecipe::new(Cpu::default(), data(), config, Path::new(""), None).unwrap()
}

fn bytes(recipe: &mut DiffusionRecipe<Cpu>) -> Vec<u8> {
    let mut file = TensorFile::default();
    recipe.save(&mut file).unwrap();
    file.to_bytes().unwrap()
}

/// The checkpoint after `steps`, saved and taken up again by a fresh recipe after each of `stops`.
fn trained(config: &DiffusionConfig, steps: u64, stops: &[u64], threads: usize) -> Vec<u8> {
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
    let config = config();
    let untouched = trained(&config, 4, &[], 2);
    assert!(trained(&config, 4, &[1, 3], 2) == untouched, "resumed on two threads");
    assert!(trained(&config, 4, &[2], 1) == untouched, "resumed on one thread");
    let reseeded = DiffusionConfig { seed: 2, ..config };
    assert!(trained(&reseeded, 4, &[], 2) != untouched, "the seed counts");
}

#[test]
fn the_loss_falls_and_what_is_logged_was_announced() {
    let config = DiffusionConfig { batch_size: 10, epochs: 8, warmup_steps: 2, ema: 0.8, ..config() };
    let mut learner = recipe(config);
    let names: Vec<String> = learner.metric_defs().into_iter().map(|def| def.name).collect();
    let before = learner.evaluate(&mut || true).unwrap().unwrap();
    let steps = learner.plan().total_steps();
    for step in 0..steps {
        let values = learner.step(step).unwrap();
        assert!(values.keys().all(|name| names.contains(name)), "{values:?}");
        assert!(values.values().all(|value| value.is_finite()), "{values:?}");
    }
    assert!(learner.end_epoch()["train/epoch_loss"] > 0.0);
    let after = learner.evaluate(&mut || true).unwrap().unwrap();
    let loss = |findings: &Findings| findings.values[learner.chosen_by()];
    assert!(loss(&after) < 0.8 * loss(&before), "{} after {}", loss(&after), loss(&before));
    let of_levels: f64 = (0..BANDS).map(|band| after.values[&level_metric(band)]).sum();
    assert!((of_levels / BANDS as f64 - loss(&after)).abs() < 1e-12);
    let answers = after.evaluations.iter().flat_map(|evaluation| evaluation.values().into_keys());
    let measured: Vec<String> = after.values.keys().cloned().chain(answers).collect();
    assert!(measured.len() > BANDS + 2 && measured.iter().all(|name| names.contains(name)), "{measured:?}");
}

#[test]
fn the_last_evaluation_fits_the_classifier_and_any_can_be_broken_off() {
    let mut learner = recipe(DiffusionConfig { epochs: 1, batch_size: 45, ..config() });
    let splits = |findings: &Findings| {
        findings.evaluations.iter().map(|e| (e.split, e.tally.count, e.loss_name)).collect::<Vec<_>>()
    };
    let early = learner.evaluate(&mut || true).unwrap().unwrap();
    assert_eq!(splits(&early), [("test", 3, LABEL_LOSS)]);
    (0..2).for_each(|step| drop(learner.step(step).unwrap()));
    let followed = learner.averaged.weights;
    let last = learner.evaluate(&mut || true).unwrap().unwrap();
    assert_eq!(splits(&last), [("held_out", 4, LABEL_LOSS), ("test", 3, LABEL_LOSS)]);
    assert!(last.values["diversity"] > 0.0);
    assert_ne!(learner.averaged.weights, followed);
    let mut asked = 0;
    let whole = learner.evaluate(&mut || {
        asked += 1;
        true
    });
    assert!(whole.unwrap().is_some());
    for stop_at in [0, 1, asked / 2, asked - 1] {
        let mut heard = 0;
        let broken = learner.evaluate(&mut || {
            heard += 1;
            heard <= stop_at
        });
        assert!(broken.unwrap().is_none(), "broken off at {stop_at} of {asked}");
    }
}

/// The trained numbers of the net.
fn numbers(learner: &mut DiffusionRecipe<Cpu>) -> Vec<f32> {
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
    let mut numbers = Numbers(Vec::new());
    learner.net.walk(&Scope::default(), &mut numbers).unwrap();
    numbers.0
}

#[test]
fn numbers_that_are_not_finite_end_the_training_before_they_spread() {
    let mut learner = recipe(config());
    learner.step(0).unwrap();
    let before = numbers(&mut learner);
    spoilt::STEP.set(Some(1));
    let error = learner.step(1).unwrap_err();
    spoilt::STEP.set(None);
    assert!(matches!(error, TrainError::Diverged { step: 1, .. }), "{error}");
    assert!(error.to_string().contains("try a lower learning_rate"), "{error}");
    assert!(numbers(&mut learner) == before, "the net is as it was");
}

#[test]
fn the_sheet_has_a_column_for_each_label_and_a_strip_beside_it() {
    let labels = ["cat", "ship", "truck"].map(String::from).to_vec();
    let mut learner = recipe(DiffusionConfig { labels, epochs: 5, sample_every_epochs: 3, ..config() });
    assert_eq!(learner.labels(), ["cat", "ship", "truck"]);
    let first = learner.drawing(&Subject::Same, &mut || true).unwrap().unwrap();
    assert_eq!(first.sheet.size(), (3 * 33 + 1, SHEET_ROWS * 33 + 1));
    let strip = first.strip.as_ref().unwrap();
    assert_eq!(strip.size(), first.sheet.size());
    let bottom = (SHEET_ROWS - 1) * 33 + 1;
    for column in 0..3 {
        for (x, y) in [(0, 0), (13, 7), (31, 31)] {
            let x = column * 33 + 1 + x;
            assert_eq!(strip.pixel(x, bottom + y), first.sheet.pixel(x, 1 + y), "it ends with the sheet's first row");
        }
    }
    assert_eq!(learner.drawing(&Subject::Same, &mut || true).unwrap().unwrap(), first, "the same noise every time");
    let fresh = Subject::Fresh { label: Some("ship".to_owned()), step: 1 };
    let ships = learner.drawing(&fresh, &mut || true).unwrap().unwrap();
    assert_eq!((ships.sheet.size(), ships.note.asked), (first.sheet.size(), vec![1; 3 * SHEET_ROWS]));
    let unknown = Subject::Fresh { label: Some("dog".to_owned()), step: 1 };
    assert!(learner.drawing(&unknown, &mut || true).unwrap_err().to_string().contains("`dog`"));
    assert!(learner.drawing(&Subject::Same, &mut || false).unwrap().is_none());
    let due: Vec<u64> = (0..=5).filter(|&epoch| learner.draws_after(epoch)).collect();
    assert_eq!(due, [0, 3, 5]);
}

#[test]
fn a_finished_model_answers_and_draws_as_it_did_in_training() {
    let mut learner = recipe(config());
    learner.step(0).unwrap();
    learner.evaluate(&mut || true).unwrap().unwrap();
    let mut file = TensorFile::default();
    learner.save_model(&mut file).unwrap();
    let file = TensorFile::parse(&file.to_bytes().unwrap()).unwrap();
    let mut model: Trained<Cpu> = Trained::from_file(Cpu::default(), &file, Path::new("model")).unwrap();
    *model.sampling().unwrap() = learner.averaged.sampling;
    let Net::Diffusion(diffuser) = &model.net else { panic!("another model") };
    assert_eq!(diffuser.weights, learner.averaged.weights);
    let draw = |painter: &dyn crate::train::made::Painter| {
        let stream = crate::ops::random::Stream::new(1, "draw", 0);
        painter.draw(&stream, &[0, 5], &[1, 2], &mut || true).unwrap().unwrap()
    };
    assert_eq!(draw(model.painter().unwrap()), draw(&learner.averaged));
    let image = data().test.image(0).to_vec();
    let shares = model.shares(&image).unwrap().remove(0);
    assert!(shares.len() == 10 && (shares.iter().sum::<f32>() - 1.0).abs() < 1e-4, "{shares:?}");
}

#[test]
fn other_data_and_unknown_labels_are_refused() {
    let mut learner = recipe(config());
    let mut file = TensorFile::default();
    learner.save(&mut file).unwrap();
    let more = crate::data::load(Some(&data().path), Some(120)).unwrap();
    let mut other = DiffusionRecipe::new(Cpu::default(), more, config(), Path::new(""), None).unwrap();
    assert!(matches!(other.load(&file, 0), Err(TrainError::OtherData { .. })));
    let unknown = DiffusionConfig { labels: vec!["cat".into(), "unicorn".into()], ..config() };
    let error = DiffusionRecipe::new(Cpu::default(), data(), unknown, Path::new(""), None).err().unwrap().to_string();
    assert!(error.contains("unicorn"), "{error}");
}

#[test]
fn a_training_may_begin_with_the_weights_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = recipe(config());
    (0..2).for_each(|step| drop(first.step(step).unwrap()));
    let mut file = TensorFile::default();
    first.save_model(&mut file).unwrap();
    let path = folder.path().join("model.safetensors");
    std::fs::write(&path, file.to_bytes().unwrap()).unwrap();
    let begun = |labels: Vec<String>| {
        let init = Some(path.display().to_string());
        let mut recipe = recipe(DiffusionConfig { init, seed: 2, labels, ..config() });
        recipe.begin().map(|()| recipe)
    };
    let mut second = begun(Vec::new()).unwrap();
    let mut again = TensorFile::default();
    second.save_model(&mut again).unwrap();
    for file in [&mut file, &mut again] {
        file.meta.clear();
    }
    assert!(file.to_bytes().unwrap() == again.to_bytes().unwrap(), "the averages are where the training begins");
    let error = begun(vec!["cat".to_owned(), "dog".to_owned()]).err().unwrap().to_string();
    assert!(error.contains("model.safetensors") && error.contains("cat, dog"), "{error}");
}

//! On a hundred pictures of the sample: exact resumption, what is learned, what is said.

use super::super::super::checkpoints;
use super::super::super::material::spoilt;
use super::super::super::trained::Trained;
use super::*;
use crate::config::{EncoderChoice, EyesKind, Flip, PatchPreset};
use crate::data::SIDE;
use dfdx::prelude::Cpu;
use image::RgbImage;

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
    CaptionerRecipe::new(Cpu::default(), data(), config, Path::new("nowhere")).unwrap()
}

fn bytes(recipe: &mut CaptionerRecipe<Cpu>) -> Vec<u8> {
    let mut file = TensorFile::default();
    recipe.save(&mut file).unwrap();
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
        width: 32,
        batch_size: 18,
        epochs: 60,
        warmup_steps: 20,
        learning_rate: 5e-3,
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
    let said = &after.captions[0].captions;
    let value = |name: &str| after.values.get(name).copied().unwrap_or(0.0);
    assert!(value("test/slot_truth") > 0.1 && value("test/bleu4") > 0.05, "{:?} {said:?}", after.values);
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
    assert_eq!((findings.captions.len(), findings.captions[0].captions.len()), (1, 20));
    let (mut asked, stop_at) = (0, 1);
    let broken = learner.evaluate(&mut || {
        asked += 1;
        asked <= stop_at
    });
    assert!(broken.unwrap().is_none());
}

#[test]
fn numbers_that_are_none_end_the_training() {
    // A stem's running moments would have seen them.
    let mut learner = recipe(CaptionerConfig { preset: PatchPreset::Plain, ..config() });
    spoilt::STEP.set(Some(1));
    learner.step(0).unwrap();
    let before = bytes(&mut learner);
    let error = learner.step(1).unwrap_err();
    spoilt::STEP.set(None);
    assert!(error.to_string().contains("at step 1; try a lower learning_rate"), "{error}");
    assert!(bytes(&mut learner) == before, "no weight was changed");
}

#[test]
fn what_cannot_begin_says_why() {
    let refused = |config| recipe(config).step(0).unwrap_err().to_string();
    assert!(refused(CaptionerConfig { heads: 3, ..config() }).contains("heads"));
    let borrowed = |text: &str| CaptionerConfig { encoder: text.parse().unwrap(), ..config() };
    assert!(refused(borrowed("cnn:no-such-run")).contains("cnn:no-such-run"));
    let gan = checkpoints::pretrained(Path::new("nowhere"), ModelKind::Gan).unwrap();
    let error = refused(borrowed(&format!("cnn:{}", gan.display())));
    assert!(error.contains("holds a gan"), "{error}");
    assert!(refused(CaptionerConfig { init: Some("no-such-run".to_owned()), ..config() }).contains("no-such-run"));
    let bytes = bytes(&mut begun(config()));
    let mut file = TensorFile::parse(&bytes).unwrap();
    file.meta.insert("data_sha256".to_owned(), "other".into());
    assert!(recipe(config()).load(&file, 1).unwrap_err().to_string().contains("data has changed"));
}

/// After one step.
fn begun(config: CaptionerConfig) -> CaptionerRecipe<Cpu> {
    let mut learner = recipe(config);
    learner.step(0).unwrap();
    learner
}

#[test]
fn every_kind_of_eyes_learns_and_what_is_saved_speaks_without_those_that_lent() {
    for kind in EyesKind::ALL {
        for frozen in [true, false] {
            if *kind == EyesKind::Vit && frozen {
                continue;
            }
            let config = CaptionerConfig { encoder: EncoderChoice::new(*kind), frozen, batch_size: 3, ..config() };
            let mut learner = begun(config.clone());
            let untouched = {
                learner.step(1).unwrap();
                bytes(&mut learner)
            };
            let file = TensorFile::parse(&bytes(&mut begun(config.clone()))).unwrap();
            let mut resumed = recipe(CaptionerConfig { encoder: lost(*kind), ..config });
            resumed.load(&file, 1).unwrap();
            resumed.step(1).unwrap();
            assert!(bytes(&mut resumed) == untouched, "{kind}, frozen: {frozen}");
            let trained = Trained::from_file(Cpu::default(), &file, Path::new("file")).unwrap();
            let picture = RgbImage::from_pixel(SIDE as u32, SIDE as u32, image::Rgb([9, 80, 200]));
            let named = trained.speaker().unwrap().name(&picture, &trained.card.labels).unwrap();
            assert!(named.shares.iter().sum::<f32>() <= 1.0 + 1e-4, "{named:?}");
        }
    }
}

/// Eyes whose run is no longer there.
fn lost(kind: EyesKind) -> EncoderChoice {
    let from = matches!(kind, EyesKind::Cnn | EyesKind::Gan | EyesKind::Diffusion).then(|| "lost".to_owned());
    EncoderChoice { kind, from }
}

#[test]
fn people_s_captions_are_learned_and_judged_by_what_people_wrote() {
    let root = written::tests::folder(30);
    let captions = Some(root.path().to_owned());
    let config =
        CaptionerConfig { captions, epochs: 30, warmup_steps: 2, learning_rate: 1e-2, flip: Flip::None, ..config() };
    let mut learner = recipe(config.clone());
    let names: Vec<String> = learner.metric_defs().into_iter().map(|def| def.name).collect();
    assert!(names.iter().any(|name| name == learner.chosen_by()));
    for step in 0..learner.plan().total_steps() {
        learner.step(step).unwrap();
    }
    let findings = learner.evaluate(&mut || true).unwrap().unwrap();
    assert!(findings.evaluations.is_empty() && findings.values.keys().all(|name| names.contains(name)));
    assert!(findings.values[learner.chosen_by()] < 2.0, "{:?}", findings.values);
    let said: Vec<&str> = findings.captions[0].captions.iter().map(|told| told.text.as_str()).collect();
    let known = ["my dog sleeps", "a sleeping dog", "some green stuff"];
    assert_eq!((findings.captions[0].split, said.len()), ("held_out", 3));
    assert!(said.iter().all(|text| known.contains(text)), "{said:?}");
    let file = TensorFile::parse(&bytes(&mut learner)).unwrap();
    recipe(config).load(&file, learner.plan().total_steps()).unwrap();
}

#[test]
fn another_captioner_is_gone_on_from() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("model.safetensors");
    // A stem's running moments move even where nothing is learned.
    let plain = CaptionerConfig { preset: PatchPreset::Plain, ..config() };
    std::fs::write(&path, bytes(&mut begun(plain.clone()))).unwrap();
    let init = Some(path.display().to_string());
    let own = begun(CaptionerConfig { init, learning_rate: 1e-12, ..plain });
    let learning = own.learning.as_ref().unwrap();
    let due = TensorFile::parse(&std::fs::read(&path).unwrap()).unwrap();
    let due = Speaker::from_file(&Cpu::default(), &due, &path).unwrap();
    let said = |speaker: &Speaker<Cpu>| {
        let pictures = &own.material.data.test.images[..4 * crate::data::IMAGE_BYTES];
        speaker.caption(super::super::Pictures::Small(pictures), &speaker.search, &[0, 1, 2, 3]).unwrap()
    };
    assert_eq!(said(&learning.student.speaker), said(&due));
    let folder = super::super::tests::reference().display().to_string();
    let mut imported = begun(CaptionerConfig { init: Some(folder), batch_size: 3, ..config() });
    let values = imported.step(1).unwrap();
    assert!(values["train/loss"].is_finite());
    imported.evaluate(&mut || true).unwrap().unwrap();
}

/// Seconds that this process has computed: others may share the core.
fn computed_s() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = text.rsplit(')').next().unwrap();
    let ticks: u64 = after_name.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum();
    ticks as f64 / 100.0
}

/// `PIXSCRIBE_DATA=data/cifar10 cargo test --release --lib captioner_speed -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn captioner_speed() {
    let data = crate::data::load(std::env::var_os("PIXSCRIBE_DATA").map(PathBuf::from).as_deref(), None).unwrap();
    let few = data.test.first_balanced(250);
    let data = Dataset { test: data.test.select(&few), ..data };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    pool.install(|| {
        let begun = computed_s();
        let mut learner =
            CaptionerRecipe::new(Cpu::default(), data, CaptionerConfig::default(), Path::new("nowhere")).unwrap();
        learner.step(0).unwrap();
        println!("the first step after {:.1} s", computed_s() - begun);
        let begun = computed_s();
        let batch = learner.material.batch(1).unwrap();
        let pictures = step::pixels(&batch.x, learner.material.stats);
        let teacher = &learner.learning().unwrap().teacher;
        let stream = crate::ops::random::Stream::new(1, "speed", 0);
        for _ in 0..4 {
            let captions = teacher.draw(&batch, &teacher.facts(&pictures), &stream);
            let decoder = crate::models::captioner::Gpt2Settings::new(teacher.tokenizer.vocabulary(), 96, 8, 1, 1);
            println!("{} tokens", teacher.taught(&captions, &decoder).unwrap().lesson.length);
        }
        println!("{:.2} ms an image for facts and tokens", 1e3 * (computed_s() - begun) / 512.0);
        let begun = computed_s();
        let steps = 10;
        (2..2 + steps).for_each(|step| drop(learner.step(step).unwrap()));
        println!("{:.0} images/s", (steps * 128) as f64 / (computed_s() - begun));
        let test = learner.material.data.test.clone();
        let learning = learner.learning().unwrap();
        let exam = Exam::new("test", &test, &learning.teacher);
        let search = greedy(&learning.teacher.ends, learning.student.speaker.search.max_length);
        let begun = computed_s();
        let judged = exam.take(&learning.student.speaker, &learning.teacher, &search, &mut || true).unwrap().unwrap();
        println!("250 images examined in {:.1} s: {:?}", computed_s() - begun, judged.values);
    });
}

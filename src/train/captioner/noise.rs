//! How captions fare under noise: the same pictures, noisier and noisier, captioned as they are, behind total variation
//! and behind a model that restores.
//!
//! To restore first and look then is denoised smoothing (Salman et al. 2020, "Denoised Smoothing: A Provable Defense for
//! Pretrained Classifiers"; with a diffusion model Carlini et al. 2022, "(Certified!!) Adversarial Robustness for Free!"),
//! here without its vote over many draws: what is measured is one caption of one noisy picture.

use super::super::error::TrainError;
use super::super::trained::EVAL_BATCH;
use crate::captions::{Facts, Grammar, Pixels, Tally, Thresholds};
use crate::data::Split;
use crate::restoration::classical::tuned_total_variation;
use crate::restoration::{Picture, RestorationError, Restorer, Task, finished};
use serde::Serialize;

/// Deviations of the noise, in units of 0..1.
pub const LEVELS: [f32; 5] = [0.0, 0.05, 0.1, 0.2, 0.3];
/// What a row is called whose pictures are captioned as they are.
const NOTHING: &str = "nothing";
/// Of all noise: the same pictures are damaged alike in every call, and by the same draws at every level.
const SEED: u64 = 1;

/// Pictures with what is true of them.
pub struct Trial<'a> {
    /// Clean pictures, and labels in the grammar's order.
    pub clean: &'a Split,
    pub grammar: &'a Grammar,
    /// Those of the captions that were learned from.
    pub thresholds: &'a Thresholds,
    /// Training pictures that the weight of total variation is chosen on, for each level.
    pub choose: &'a [Picture],
}

/// Writes a caption of each picture `(n, 32, 32, 3)` in a row (u8, channels last).
pub type Write<'a> = dyn FnMut(&[u8]) -> Result<Vec<String>, TrainError> + 'a;

/// What the captions of one level and one way are worth. Facts are those of the clean pictures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The noise's deviation, in units of 0..1.
    pub sigma: f32,
    /// What was done before the captioner looked: `nothing`, or the restorer's name.
    pub first: String,
    /// The settings that were chosen for the restorer, on training pictures.
    pub settings: String,
    pub captions: u64,
    /// Shares of the captions, 0..=1: those with the right label and no other, and those without any.
    pub label_accuracy: Option<f64>,
    pub without_label: Option<f64>,
    /// Shares, 0..=1: of what is said beside the label how much is true; of what is clear how much is said, and truly.
    pub truth: Option<f64>,
    pub coverage: Option<f64>,
}

/// Captions of all pictures at every level, first as they are, then behind total variation, then behind each of `models`. A
/// restorer is told the noise's deviation. None when `go_on`, asked now and then, said no.
///
/// # Errors
/// When there are no pictures to measure or to choose on, a restorer fails, or the captioner does.
pub fn table(
    trial: &Trial,
    models: &[&dyn Restorer],
    write: &mut Write,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Option<Vec<Row>>, TrainError> {
    if trial.clean.is_empty() {
        return Err(RestorationError::NoPictures("write captions of").into());
    }
    let clean = Picture::from_split(trial.clean, 0..trial.clean.len());
    let facts: Vec<Facts> =
        (0..clean.len()).map(|i| Facts::of(Pixels::of_image(trial.clean.image(i)), trial.thresholds)).collect();
    let mut rows = Vec::new();
    for sigma in LEVELS {
        let Some(of_level) = level(trial, sigma, &clean, &facts, models, write, go_on)? else { return Ok(None) };
        rows.extend(of_level);
    }
    Ok(Some(rows))
}

/// The rows of one level.
fn level(
    trial: &Trial,
    sigma: f32,
    clean: &[Picture],
    facts: &[Facts],
    models: &[&dyn Restorer],
    write: &mut Write,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Option<Vec<Row>>, TrainError> {
    let task = Task::Denoise { sigma };
    let damaged = task.damage_all(clean, SEED, "test damage")?;
    let Some(variation) = tuned_total_variation(&task, trial.choose, SEED, go_on)? else { return Ok(None) };
    let restorers = std::iter::once(&*variation as &dyn Restorer).chain(models.iter().copied()).map(Some);
    let mut rows = Vec::new();
    for restorer in std::iter::once(None).chain(restorers) {
        let seen = match restorer {
            Some(restorer) => {
                let Some(restored) = restorer.restore(&task, &damaged, go_on)? else { return Ok(None) };
                finished(&task, restorer.name(), &damaged, &restored)?
            }
            None => damaged.clone(),
        };
        let Some(tally) = judged(trial, &seen, facts, write, go_on)? else { return Ok(None) };
        let (first, settings) = restorer
            .map_or((NOTHING.to_owned(), String::new()), |restorer| (restorer.name().to_owned(), restorer.settings()));
        rows.push(Row::new(sigma, first, settings, &tally));
    }
    Ok(Some(rows))
}

/// Lets captions be written of what is seen, and holds them against the facts.
fn judged(
    trial: &Trial,
    seen: &[Picture],
    facts: &[Facts],
    write: &mut Write,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Option<Tally>, TrainError> {
    let mut tally = Tally::default();
    let truths = trial.clean.labels.chunks(EVAL_BATCH).zip(facts.chunks(EVAL_BATCH));
    for (seen, (labels, facts)) in seen.chunks(EVAL_BATCH).zip(truths) {
        if !go_on() {
            return Ok(None);
        }
        let pixels: Vec<u8> = seen.iter().flat_map(Picture::to_bytes).collect();
        for (caption, (&label, facts)) in write(&pixels)?.iter().zip(labels.iter().zip(facts)) {
            tally.add(&trial.grammar.read(caption), usize::from(label), facts);
        }
    }
    Ok(Some(tally))
}

impl Row {
    fn new(sigma: f32, first: String, settings: String, tally: &Tally) -> Self {
        let slots = tally.all_slots();
        let without = tally.no_labels as f64 / tally.captions as f64;
        Self {
            sigma,
            first,
            settings,
            captions: tally.captions,
            label_accuracy: tally.label_accuracy(),
            without_label: (tally.captions > 0).then_some(without),
            truth: slots.truth(),
            coverage: slots.coverage(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::captions::Thresholds;
    use crate::data::{self, Dataset, IMAGE_BYTES};
    use crate::ops::random::Stream;
    use std::collections::HashMap;
    use std::path::Path;

    /// Gives the pictures back that nobody damaged, or none at all.
    struct Knows(Vec<Picture>);

    impl Restorer for Knows {
        fn name(&self) -> &str {
            "knows"
        }

        fn restore(
            &self,
            _: &Task,
            _: &[Picture],
            go_on: &mut dyn FnMut() -> bool,
        ) -> Result<Option<Vec<Picture>>, RestorationError> {
            Ok(go_on().then(|| self.0.clone()))
        }
    }

    struct Scene {
        data: Dataset,
        clean: Split,
        grammar: Grammar,
        thresholds: Thresholds,
        choose: Vec<Picture>,
    }

    impl Scene {
        fn new() -> Self {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample");
            let data = data::load(Some(&folder), None).unwrap();
            let all: Vec<u32> = (0..data.train.len() as u32).collect();
            Self {
                clean: data.test.select(&[0, 1, 2, 3, 4, 5]),
                grammar: Grammar::new(&data.labels).unwrap(),
                thresholds: Thresholds::fit(&data.train, &all).unwrap(),
                choose: Picture::from_split(&data.train, 0..2),
                data,
            }
        }

        fn trial(&self) -> Trial<'_> {
            let Self { clean, grammar, thresholds, choose, .. } = self;
            Trial { clean, grammar, thresholds, choose }
        }

        fn pictures(&self) -> Vec<Picture> {
            Picture::from_split(&self.clean, 0..self.clean.len())
        }

        /// Says the truth of every clean picture that it knows by heart, and nothing of any other.
        fn by_heart(&self) -> impl FnMut(&[u8]) -> Result<Vec<String>, TrainError> {
            let stream = Stream::new(1, "captions", 0);
            let caption = |i: usize| {
                let facts = Facts::of(Pixels::of_image(self.clean.image(i)), &self.thresholds);
                let label = usize::from(self.clean.labels[i]);
                (self.clean.image(i).to_vec(), self.grammar.caption(label, &facts.clear(), &stream, i as u64))
            };
            let known: HashMap<Vec<u8>, String> = (0..self.clean.len()).map(caption).collect();
            move |pixels| Ok(pixels.chunks(IMAGE_BYTES).map(|x| known.get(x).cloned().unwrap_or_default()).collect())
        }
    }

    #[test]
    fn a_captioner_that_knows_clean_pictures_by_heart_needs_them_restored() {
        let scene = Scene::new();
        let knows = Knows(scene.pictures());
        let rows = table(&scene.trial(), &[&knows], &mut scene.by_heart(), &mut || true).unwrap().unwrap();
        let found: Vec<(f32, &str)> = rows.iter().map(|row| (row.sigma, row.first.as_str())).collect();
        let due = LEVELS.iter().flat_map(|&sigma| ["nothing", "total variation", "knows"].map(|first| (sigma, first)));
        assert_eq!(found, due.collect::<Vec<_>>());
        for row in &rows {
            let is_clean = row.first == "knows" || (row.sigma == 0.0 && row.first == "nothing");
            let right = f64::from(u8::from(is_clean));
            assert_eq!((row.label_accuracy, row.coverage, row.captions), (Some(right), Some(right), 6), "{row:?}");
            assert_eq!(row.truth, is_clean.then_some(1.0), "{row:?}");
            assert_eq!(row.without_label, Some(1.0 - right));
            assert_eq!(row.settings.is_empty(), row.first != "total variation");
        }
    }

    #[test]
    fn noise_is_as_large_as_its_level_and_total_variation_takes_some_away() {
        let scene = Scene::new();
        let clean: Vec<u8> = scene.clean.images.to_vec();
        let mut errors = Vec::new();
        let mut write = |pixels: &[u8]| {
            let off = |(a, b): (&u8, &u8)| (f64::from(*a) - f64::from(*b)).powi(2);
            errors.push((pixels.iter().zip(&clean).map(off).sum::<f64>() / clean.len() as f64).sqrt() / 255.0);
            Ok(vec![String::new(); pixels.len() / IMAGE_BYTES])
        };
        table(&scene.trial(), &[], &mut write, &mut || true).unwrap().unwrap();
        for (pair, sigma) in errors.chunks(2).zip(LEVELS) {
            // Clipping takes a part of large noise.
            let sigma = f64::from(sigma);
            assert!((0.75 * sigma..=1.02 * sigma).contains(&pair[0]), "{sigma}: {pair:?}");
            assert!(sigma == 0.0 || pair[1] < pair[0], "{sigma}: {pair:?}");
        }
    }

    #[test]
    fn nothing_to_measure_a_bad_restorer_and_a_stop_are_told() {
        let scene = Scene::new();
        let empty = scene.data.test.select(&[]);
        let trial = Trial { clean: &empty, ..scene.trial() };
        let error = table(&trial, &[], &mut scene.by_heart(), &mut || true).unwrap_err();
        assert_eq!(error.to_string(), "there are no pictures to write captions of");
        let short = Knows(scene.pictures()[1..].to_vec());
        let error = table(&scene.trial(), &[&short], &mut scene.by_heart(), &mut || true).unwrap_err();
        assert_eq!(error.to_string(), "`knows` gave 5 pictures back for 6");
        assert_eq!(table(&scene.trial(), &[], &mut scene.by_heart(), &mut || false).unwrap(), None);
    }
}

//! The restorers on the sample's pictures, together.

use super::*;
use crate::data::{self, Dataset};
use std::path::Path;
use std::sync::LazyLock;

static SAMPLE: LazyLock<Dataset> =
    LazyLock::new(|| data::load(Some(&Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample")), None).unwrap());

/// The first training and the first test pictures of the sample.
pub(in crate::restoration) fn sample(training: usize, test: usize) -> (Vec<Picture>, Vec<Picture>) {
    (Picture::from_split(&SAMPLE.train, 0..training), Picture::from_split(&SAMPLE.test, 0..test))
}

/// A name, its mean gain over the damaged pictures in dB, and the settings that were chosen.
fn gains(task: &Task, training: usize) -> Vec<(String, f64, String)> {
    let (training, test) = sample(training, 20);
    let (choose, fit) = training.split_at(12);
    let lessons = Lessons { fit, choose, seed: 1 };
    let damaged = task.damage_all(&test, 2, "test damage").unwrap();
    let mean = |pictures: &[Picture]| score::psnr(task, &test, pictures).unwrap().iter().sum::<f64>() / 20.0;
    let before = mean(&damaged);
    let gain = |restorer: &Classical| {
        let restored = restorer.restore(task, &damaged, &mut || true).unwrap().unwrap();
        let finished = score::finished(task, restorer.name(), &damaged, &restored).unwrap();
        (restorer.name().to_owned(), mean(&finished) - before, restorer.settings())
    };
    tuned(task, &lessons, &mut || true).unwrap().unwrap().iter().map(gain).collect()
}

fn assert_gains(found: &[(String, f64, String)], due: &[(&str, f64, f64)]) {
    let names: Vec<&str> = found.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names, due.iter().map(|(name, ..)| *name).collect::<Vec<_>>());
    for ((name, gain, settings), (_, least, most)) in found.iter().zip(due) {
        assert!((*least..=*most).contains(gain), "{name} ({settings}) gains {gain:.2} dB");
    }
}

#[test]
fn every_filter_takes_noise_away() {
    let found = gains(&Task::Denoise { sigma: 0.2 }, 500);
    let due = [
        ("Gaussian filter", 6.0, 8.0),
        ("total variation", 6.0, 8.5),
        ("non-local means", 5.5, 9.0),
        ("fitted linear filter", 7.5, 9.5),
        ("Wiener, shaped prior", 6.5, 9.0),
    ];
    assert_gains(&found, &due);
}

#[test]
fn wiener_s_filter_takes_blur_away() {
    let found = gains(&Task::Deblur { blur: 1.5, sigma: 0.01 }, 500);
    let due =
        [("Wiener, flat prior", 2.5, 4.5), ("Wiener, shaped prior", 2.8, 5.0), ("fitted linear filter", 2.5, 5.0)];
    assert_gains(&found, &due);
}

#[test]
fn a_hole_is_filled_better_than_by_a_mean() {
    let [_, _, task] = Task::standard().unwrap();
    let found = gains(&task, 500);
    assert_gains(&found, &[("harmonic fill", 2.5, 6.0), ("kriging", 2.5, 6.5), ("ring regression", 2.5, 6.5)]);
}

#[test]
fn what_was_fitted_to_one_task_refuses_another() {
    let (training, test) = sample(40, 1);
    let lessons = Lessons { fit: &training, choose: &training, seed: 1 };
    let task = Task::Denoise { sigma: 0.1 };
    let other = Task::Denoise { sigma: 0.2 };
    let hole = Task::Inpaint { mask: super::super::Mask::centre(32, 32, 4).unwrap() };
    let filter = LinearFilter::fit(&task, &lessons, 3, Colours::Apart).unwrap();
    assert!(filter.restore(&task, &test, &mut || true).unwrap().is_some());
    assert!(matches!(filter.restore(&other, &test, &mut || true), Err(RestorationError::OtherTask { .. })));
    let restorers: [&dyn Restorer; 4] = [
        &GaussianFilter::new(1.0),
        &TotalVariation::new(0.1, Colours::Apart),
        &NonLocalMeans::new(3, 0.1, 0.1),
        &filter,
    ];
    for restorer in restorers {
        assert!(restorer.restore(&hole, &test, &mut || true).is_err(), "{}", restorer.name());
    }
    assert!(Harmonic.restore(&task, &test, &mut || true).is_err());
}

#[test]
fn no_lessons_and_a_stop_are_told() {
    let (training, _) = sample(20, 0);
    let task = Task::Denoise { sigma: 0.1 };
    let none = Lessons { fit: &[], choose: &training, seed: 1 };
    assert!(tuned(&task, &none, &mut || true).is_err());
    let none = Lessons { fit: &training, choose: &[], seed: 1 };
    assert!(tuned(&task, &none, &mut || true).is_err());
    let some = Lessons { fit: &training, choose: &training, seed: 1 };
    assert!(tuned(&task, &some, &mut || false).unwrap().is_none());
}

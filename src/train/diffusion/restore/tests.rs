//! Restoring with a model whose posterior is known: independent normal numbers.

use super::super::velocity::known::Gaussian;
use super::super::velocity::{LENGTH, Velocity};
use super::*;
use crate::data::SIDE;
use crate::ops::random::Stream;
use crate::restoration::{Mask, measure};
use crate::train::made::noise;

fn go() -> bool {
    true
}

/// Pictures of the model, in 0..1.
fn pictures(model: &Gaussian, count: usize) -> Vec<Picture> {
    let drawn = noise(&Stream::new(2, "pictures", 0), LENGTH, 0..count);
    let to_pixel = |z: &f32| 0.5 * (1.0 + model.means[0] + model.deviation * z);
    let picture = |row: &[f32]| Picture::new(SIDE, SIDE, row.iter().map(to_pixel).collect()).unwrap();
    drawn.chunks(LENGTH).map(picture).collect()
}

fn mean_square(a: &[Picture], b: &[Picture]) -> f64 {
    a.iter().zip(b).map(|(a, b)| measure::squared_error(a, b).unwrap()).sum::<f64>() / a.len() as f64
}

#[test]
fn denoising_reaches_the_posterior_s_error() {
    let model = Gaussian { means: vec![0.0], deviation: 0.2 };
    let clean = pictures(&model, 6);
    for sigma in [0.02, 0.1] {
        let task = Task::Denoise { sigma };
        let damaged = task.damage_all(&clean, 1, "noise").unwrap();
        let restored = Mender::new(&model, false).restore(&task, &damaged, &mut go).unwrap().unwrap();
        let due = 1.0 / (1.0 / 0.01 + 1.0 / f64::from(sigma).powi(2));
        let error = mean_square(&restored, &clean);
        assert!((error / due - 1.0).abs() < 0.05, "{sigma}: {error} {due}");
    }
}

/// Bright pictures whose noise is cut off at white: their mean is darker than they are, and taking the cut into account
/// brings it back.
#[test]
fn clipped_noise_does_not_darken_what_is_bright() {
    let model = Gaussian { means: vec![0.7], deviation: 0.2 };
    let clean = pictures(&model, 4);
    let task = Task::Denoise { sigma: 0.2 };
    let damaged = task.damage_all(&clean, 1, "noise").unwrap();
    let restored = Mender::new(&model, false).restore(&task, &damaged, &mut go).unwrap().unwrap();
    let mean = |pictures: &[Picture]| {
        let all: Vec<f32> = pictures.iter().flat_map(|picture| picture.pixels().to_vec()).collect();
        all.iter().sum::<f32>() / all.len() as f32
    };
    let states: Vec<Picture> = damaged.iter().map(state::to_state).collect();
    let once = {
        let time = super::super::level::Level::time_of(0.4);
        let alpha = super::super::level::Level::at(time).alpha;
        let states: Vec<Picture> = states.iter().map(|picture| state::changed(picture, |x| alpha * x)).collect();
        expect::expect_both_sides(&model, &states, time, &mut go).unwrap().unwrap()
    };
    let once: Vec<Picture> = once.iter().map(state::to_picture).collect();
    assert!((mean(&restored) - mean(&clean)).abs() < 0.3 * (mean(&once) - mean(&clean)).abs());
    assert!(mean_square(&restored, &clean) < mean_square(&once, &clean));
}

#[test]
fn visible_pixels_are_kept_and_a_hole_is_filled_with_the_mean() {
    let model = Gaussian { means: vec![-0.2], deviation: 0.1 };
    let clean: Vec<Picture> = pictures(&model, 2).iter().map(Picture::rounded).collect();
    let mask = Mask::centre(SIDE, SIDE, 12).unwrap();
    let task = Task::Inpaint { mask: mask.clone() };
    let damaged = task.damage_all(&clean, 1, "hole").unwrap();
    for fills in [false, true] {
        let mender = Mender::new(&model, fills);
        let restored = mender.restore(&task, &damaged, &mut go).unwrap().unwrap();
        for (restored, clean) in restored.iter().zip(&clean) {
            let pixels = restored.pixels().chunks(3).zip(clean.pixels().chunks(3)).zip(mask.hidden());
            let mut inside = Vec::new();
            for ((restored, clean), hidden) in pixels {
                if *hidden {
                    inside.extend_from_slice(restored);
                } else {
                    assert!(restored.iter().zip(clean).all(|(a, b)| (a - b).abs() < 1e-6));
                }
            }
            let mean = inside.iter().sum::<f32>() / inside.len() as f32;
            assert!((mean - 0.4).abs() < 0.01, "{mean}");
            // Samples vary by 0.05; the mean of twelve varies by a third of that. A linear guess is smoother.
            let spread = (inside.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / inside.len() as f32).sqrt();
            assert!(spread < 0.03, "{spread}");
        }
        assert!(mender.restore(&task, &damaged, &mut || false).unwrap().is_none());
    }
}

/// A smooth picture under blur comes back: the data says nearly all, the model that numbers are near their mean.
#[test]
fn deblurring_explains_what_is_seen() {
    let model = Gaussian { means: vec![0.0], deviation: 0.1 };
    let wave = |i: usize| 0.5 + 0.2 * (0.9 * (i / 3 % SIDE) as f32).sin() * (0.7 * (i / 96) as f32).cos();
    let clean = vec![Picture::new(SIDE, SIDE, (0..LENGTH).map(wave).collect()).unwrap()];
    let task = Task::Deblur { blur: 1.0, sigma: 0.002 };
    let damaged = task.damage_all(&clean, 1, "blur").unwrap();
    let restored = Mender::new(&model, false).restore(&task, &damaged, &mut go).unwrap().unwrap();
    let gain = 10.0 * (mean_square(&damaged, &clean) / mean_square(&restored, &clean)).log10();
    assert!(gain > 6.0, "{gain} dB");
}

#[test]
fn a_picture_is_restored_alike_alone_and_among_others() {
    let model = Gaussian { means: vec![0.1], deviation: 0.2 };
    let clean = pictures(&model, 3);
    let task = Task::Denoise { sigma: 0.1 };
    let damaged = task.damage_all(&clean, 1, "noise").unwrap();
    let mender = Mender::new(&model as &dyn Velocity, false);
    let all = mender.restore(&task, &damaged, &mut go).unwrap().unwrap();
    assert_eq!(mender.restore(&task, &damaged[1..2], &mut go).unwrap().unwrap()[0], all[1]);
}

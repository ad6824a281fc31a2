//! Pictures with holes that are filled by linear guesses: the net learns to make of them what is most likely there.
//!
//! The guesses (`restoration`'s kriging) are near already; what the net adds to them is the mean of all that may be in the hole,
//! in one pass. Such a picture has no noise and yet the time of a little, which no other picture has: so the net knows what is
//! asked, and the velocity, of which a little is left at that time, tells the difference finely.

use super::super::error::TrainError;
use super::level::Level;
use super::velocity::LENGTH;
use crate::data::SIDE;
use crate::ops::random::Stream;
use crate::restoration::classical::Kriging;
use crate::restoration::task::HOLE;
use crate::restoration::{Mask, Picture, RestorationError, Restorer, Task};
use rayon::prelude::*;

/// The time of a picture whose holes are filled.
pub const TIME: f32 = 0.25;
/// Sides of the rectangles that holes are made of, in pixels: from, and how many.
const SIDES: (u64, u64) = (4, 13);
/// Rectangles of a hole, one of these.
const RECTANGLES: [u64; 4] = [1, 1, 1, 2];
/// The share of holes that are the one by which restorers are measured, as the classical ones are fitted to it.
const MEASURED: f32 = 0.5;
/// A picture counts as a whole one does, but small holes would shout.
const MOST_WEIGHT: f32 = 8.0;

/// The hole in one of a batch's pictures.
pub struct Hole {
    /// Its place in the batch.
    pub picture: usize,
    mask: Mask,
}

/// What a step asks of the net: rows of a batch `(B, 32, 32, 3)`, one time and one label each.
pub struct Asked<'a> {
    pub states: &'a mut [f32],
    /// Velocities.
    pub targets: &'a mut [f32],
    pub times: &'a mut [f32],
    pub labels: &'a mut [Option<usize>],
}

/// The holes of a step: each of `count` pictures has one with probability `share`; half of them are the standard task's, half
/// are rectangles anywhere.
///
/// # Errors
/// Never of holes that are drawn here.
pub fn draw(seed: u64, step: u64, share: f32, count: usize) -> Result<Vec<Hole>, TrainError> {
    let stream = Stream::new(seed, "diffusion.hole", step);
    let with_hole = (0..count).filter(|&picture| stream.unit(picture as u64) < share);
    let measured = Stream::new(seed, "diffusion.hole.measured", step);
    let hole = |picture: usize| {
        let mask = match measured.unit(picture as u64) < MEASURED {
            true => Mask::centre(SIDE, SIDE, HOLE)?,
            false => Mask::new(SIDE, SIDE, rectangles(seed, step, picture as u64))?,
        };
        Ok(Hole { picture, mask })
    };
    with_hole.map(hole).collect()
}

fn rectangles(seed: u64, step: u64, picture: u64) -> Vec<bool> {
    let stream = Stream::new(seed, "diffusion.rectangle", step);
    let draw = |index: u64, bound: u64| stream.below(picture * 16 + index, bound);
    let mut hidden = vec![false; SIDE * SIDE];
    for rectangle in 0..RECTANGLES[draw(0, RECTANGLES.len() as u64) as usize] {
        let [height, width] = [1, 2].map(|index| SIDES.0 + draw(4 * rectangle + index, SIDES.1));
        let top = draw(4 * rectangle + 3, SIDE as u64 - height + 1);
        let left = draw(4 * rectangle + 4, SIDE as u64 - width + 1);
        for row in top..top + height {
            let start = row as usize * SIDE + left as usize;
            hidden[start..start + width as usize].fill(true);
        }
    }
    hidden
}

/// `picture` with its hole filled: what the net is shown.
///
/// # Errors
/// When the mask has another size.
pub fn filled(picture: &Picture, mask: &Mask) -> Result<Picture, RestorationError> {
    let task = Task::Inpaint { mask: mask.clone() };
    let filled = Kriging::default().restore(&task, std::slice::from_ref(picture), &mut || true)?;
    Ok(filled.and_then(|mut filled| filled.pop()).unwrap_or_else(|| picture.clone()))
}

/// Asks for the whole `pictures` `(B, 32, 32, 3)` behind holes, without their labels: who restores a picture has none.
///
/// # Errors
/// When a picture cannot be filled.
pub fn ask(holes: &[Hole], pictures: &[f32], asked: Asked) -> Result<(), TrainError> {
    let shown = |hole: &Hole| {
        let row = &pictures[hole.picture * LENGTH..(hole.picture + 1) * LENGTH];
        filled(&Picture::new(SIDE, SIDE, row.to_vec())?, &hole.mask)
    };
    let shown: Vec<_> = holes.par_iter().map(shown).collect::<Result<_, RestorationError>>()?;
    let level = Level::at(TIME);
    for (hole, shown) in holes.iter().zip(&shown) {
        let row = hole.picture * LENGTH..(hole.picture + 1) * LENGTH;
        asked.states[row.clone()].copy_from_slice(shown.pixels());
        let numbers = asked.targets[row.clone()].iter_mut().zip(shown.pixels()).zip(&pictures[row]);
        numbers.for_each(|((target, &state), &picture)| *target = (level.alpha * state - picture) / level.sigma);
        asked.times[hole.picture] = TIME;
        asked.labels[hole.picture] = None;
    }
    Ok(())
}

/// The weight of each number's squared error, as its root: 1; of a picture with a hole such that its pixels' error counts,
/// only where they are hidden, and as much as a whole picture's. None where there are no holes.
pub fn weights(holes: &[Hole], length: usize) -> Option<Vec<f32>> {
    let mut weights = (!holes.is_empty()).then(|| vec![1.0; length])?;
    for hole in holes {
        let hidden = hole.mask.hidden();
        let share = hidden.iter().filter(|hidden| **hidden).count() as f32 / hidden.len() as f32;
        let weight = Level::at(TIME).sigma * share.recip().min(MOST_WEIGHT).sqrt();
        let row = &mut weights[hole.picture * LENGTH..(hole.picture + 1) * LENGTH];
        let pixels = row.chunks_exact_mut(LENGTH / hidden.len()).zip(hidden);
        pixels.for_each(|(pixel, &hidden)| pixel.fill(if hidden { weight } else { 0.0 }));
    }
    Some(weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(hole: &Hole) -> usize {
        hole.mask.hidden().iter().filter(|hidden| **hidden).count()
    }

    #[test]
    fn a_share_of_the_pictures_has_holes_of_many_sizes() {
        let holes = draw(1, 3, 0.25, 4_000).unwrap();
        assert!((holes.len() as f64 / 4_000.0 - 0.25).abs() < 0.03);
        assert!(holes.iter().all(|hole| (16..=2 * 256).contains(&hidden(hole))));
        assert!(holes.iter().any(|hole| hidden(hole) < 40) && holes.iter().any(|hole| hidden(hole) > 200));
        let measured = Mask::centre(SIDE, SIDE, HOLE).unwrap();
        let share = holes.iter().filter(|hole| hole.mask == measured).count() as f64 / holes.len() as f64;
        assert!((share - 0.5).abs() < 0.06, "{share}");
        assert!((0..SIDE * SIDE).all(|pixel| holes.iter().any(|hole| hole.mask.hidden()[pixel])));
        assert!(draw(1, 4, 0.0, 100).unwrap().is_empty() && draw(1, 4, 1.0, 100).unwrap().len() == 100);
    }

    #[test]
    fn the_velocity_that_is_asked_for_gives_the_picture() {
        let picture: Vec<f32> = (0..LENGTH).map(|i| (i / 96) as f32 / 32.0 - 0.5).collect();
        let pictures = [picture.clone(), picture].concat();
        let holes = draw(2, 0, 1.0, 2).unwrap();
        let (mut states, mut targets) = (vec![9.0; 2 * LENGTH], vec![9.0; 2 * LENGTH]);
        let (mut times, mut labels) = (vec![0.5; 2], vec![Some(1); 2]);
        let asked = Asked { states: &mut states, targets: &mut targets, times: &mut times, labels: &mut labels };
        ask(&holes[..1], &pictures, asked).unwrap();
        assert_eq!((times, labels), (vec![TIME, 0.5], vec![None, Some(1)]));
        assert!(states[LENGTH..].iter().chain(&targets[LENGTH..]).all(|number| *number == 9.0));
        for (number, picture) in pictures[..LENGTH].iter().enumerate() {
            assert!((Level::at(TIME).picture(states[number], targets[number]) - picture).abs() < 1e-5);
        }
        let visible = holes[0].mask.hidden().iter().position(|hidden| !hidden).unwrap();
        assert_eq!(states[3 * visible], pictures[3 * visible]);
    }

    #[test]
    fn only_what_is_hidden_counts_and_as_much_as_a_whole_picture() {
        let holes = draw(2, 0, 1.0, 3).unwrap();
        let weights = weights(&holes[..2], 3 * LENGTH).unwrap();
        for hole in &holes[..2] {
            let row = &weights[hole.picture * LENGTH..(hole.picture + 1) * LENGTH];
            assert!(row.chunks(3).zip(hole.mask.hidden()).all(|(pixel, hidden)| (pixel[0] > 0.0) == *hidden));
            let sum: f32 = row.iter().map(|weight| weight * weight).sum();
            let share = hidden(hole) as f32 / 1024.0;
            let due = Level::at(TIME).sigma.powi(2) * (8.0 * share).min(1.0);
            assert!((sum / LENGTH as f32 / due - 1.0).abs() < 1e-3);
        }
        assert!(weights[2 * LENGTH..].iter().all(|weight| *weight == 1.0));
        assert!(super::weights(&[], 5).is_none());
    }
}

//! Pictures with holes: noise in them, and all around as it is. So the net learns to fill holes in one pass (Saharia et al.
//! 2022, "Palette: Image-to-Image Diffusion Models", section 3, without a mask: the net sees where the noise is).

use super::velocity::LENGTH;
use crate::data::SIDE;
use crate::ops::random::Stream;

/// How often the noise in a hole hides everything: then the best answer is the mean of all that may be there, which is what
/// restoring asks for.
const HIDES_ALL: f32 = 0.5;
/// Sides of the rectangles that holes are made of, in pixels: from, and so many more.
const SIDES: (u64, u64) = (3, 18);
/// Rectangles of a hole, one of these.
const RECTANGLES: [u64; 4] = [1, 1, 2, 3];
/// A picture counts as a whole one does, but small holes would shout.
const MOST_WEIGHT: f32 = 8.0;

/// The hole in one of a batch's pictures.
pub struct Hole {
    /// Its place in the batch.
    pub picture: usize,
    /// One flag a pixel of 32x32.
    hidden: Vec<bool>,
}

impl Hole {
    /// The numbers of a batch `(B, 32, 32, 3)` that are this picture's, with whether each is hidden.
    fn numbers(&self) -> impl Iterator<Item = (usize, bool)> {
        let first = self.picture * LENGTH;
        self.hidden.iter().enumerate().flat_map(move |(pixel, &hidden)| {
            (0..LENGTH / (SIDE * SIDE)).map(move |colour| (first + 3 * pixel + colour, hidden))
        })
    }
}

/// The holes of a step: each of `count` pictures has one with probability `share`.
pub fn draw(seed: u64, step: u64, share: f32, count: usize) -> Vec<Hole> {
    let stream = Stream::new(seed, "diffusion.hole", step);
    let with_hole = (0..count).filter(|&picture| stream.unit(picture as u64) < share);
    with_hole.map(|picture| Hole { picture, hidden: rectangles(seed, step, picture as u64) }).collect()
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

/// Their times, where some are 1, and no label: who restores a picture does not know it.
pub fn adapt(holes: &[Hole], seed: u64, step: u64, times: &mut [f32], labels: &mut [Option<usize>]) {
    let stream = Stream::new(seed, "diffusion.hole.time", step);
    for hole in holes {
        labels[hole.picture] = None;
        if stream.unit(hole.picture as u64) < HIDES_ALL {
            times[hole.picture] = 1.0;
        }
    }
}

/// What is not hidden becomes what it is in `others`, a batch of the same shape.
pub fn show(holes: &[Hole], batch: &mut [f32], others: &[f32]) {
    let visible = holes.iter().flat_map(Hole::numbers).filter(|(_, hidden)| !hidden);
    visible.for_each(|(number, _)| batch[number] = others[number]);
}

/// The weight of each number's squared error, as its root: 1, but more in holes, so that a picture with a hole counts as a
/// whole one does. None where there are no holes.
pub fn weights(holes: &[Hole], length: usize) -> Option<Vec<f32>> {
    let mut weights = (!holes.is_empty()).then(|| vec![1.0; length])?;
    for hole in holes {
        let count = hole.hidden.iter().filter(|hidden| **hidden).count();
        let weight = (hole.hidden.len() as f32 / count as f32).min(MOST_WEIGHT).sqrt();
        hole.numbers().filter(|(_, hidden)| *hidden).for_each(|(number, _)| weights[number] = weight);
    }
    Some(weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_pictures_has_holes_of_many_sizes() {
        let holes = draw(1, 3, 0.25, 4_000);
        assert!((holes.len() as f64 / 4_000.0 - 0.25).abs() < 0.03);
        let shares: Vec<usize> =
            holes.iter().map(|hole| hole.hidden.iter().filter(|hidden| **hidden).count()).collect();
        assert!(shares.iter().all(|&count| (9..=3 * 400).contains(&count)));
        assert!(shares.iter().any(|&count| count < 40) && shares.iter().any(|&count| count > 400));
        let covered = (0..SIDE * SIDE).all(|pixel| holes.iter().any(|hole| hole.hidden[pixel]));
        assert!(covered, "every place is hidden now and then");
        assert!(draw(1, 4, 0.0, 100).is_empty() && draw(1, 4, 1.0, 100).len() == 100);
    }

    #[test]
    fn what_is_not_hidden_is_shown_and_weighs_nothing_more() {
        let holes = draw(2, 0, 1.0, 2);
        let others: Vec<f32> = (0..2 * LENGTH).map(|i| i as f32).collect();
        let mut batch = vec![-1.0; 2 * LENGTH];
        show(&holes, &mut batch, &others);
        let weights = weights(&holes, batch.len()).unwrap();
        for (number, hidden) in holes.iter().flat_map(Hole::numbers) {
            assert_eq!(batch[number], if hidden { -1.0 } else { others[number] });
            assert_eq!(weights[number] > 1.0, hidden);
        }
        assert!(super::weights(&[], 5).is_none());
    }

    #[test]
    fn holes_have_no_label_and_half_of_them_hide_everything() {
        let holes = draw(1, 0, 1.0, 2_000);
        let (mut times, mut labels) = (vec![0.5; 2_000], vec![Some(1); 2_000]);
        adapt(&holes, 1, 0, &mut times, &mut labels);
        assert!(labels.iter().all(Option::is_none));
        let all = times.iter().filter(|time| **time == 1.0).count();
        assert!((900..1_100).contains(&all), "{all}");
    }
}

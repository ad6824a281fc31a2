//! Naming pictures by the label that explains their noise best.
//!
//! Li et al. 2023, "Your Diffusion Model is Secretly a Zero-Shot Classifier": the label with the least expected error
//! (equation 5), the same noise for every label (section 3.2), and labels without hope left out early (algorithm 2).
//! Added to it: every second look is at the mirrored picture, and errors count by their level, with weights fitted on
//! images that the model did not learn from (as Clark and Jaini 2023 weigh them by a curve).

use super::super::error::TrainError;
use super::level::{BANDS, band};
use super::losses::{Question, errors};
use super::velocity::{LENGTH, TOGETHER, Velocity, mirrored};
use super::weights::{Sample, Weights};
use crate::ops::random::Stream;
use crate::train::made::noise;

/// How long the labels contend: after each round those with the least errors stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    /// New looks at the picture, each with a noise and a time of its own.
    pub looks: usize,
    /// Labels that stay.
    pub keep: usize,
}

/// What a figure is measured with: 168 passes of ten labels.
pub const THOROUGH: &[Round] =
    &[Round { looks: 8, keep: 4 }, Round { looks: 12, keep: 2 }, Round { looks: 20, keep: 1 }];
/// What a training is followed with: 64 passes of ten labels.
pub const QUICK: &[Round] = &[Round { looks: 4, keep: 3 }, Round { looks: 8, keep: 1 }];

/// Looks at every label for fitting the weights.
pub const FITTING: usize = 16;

/// Times that tell labels apart: below, every label explains the little noise; above, none does.
const FROM: f32 = 0.125;
const TO: f32 = 0.875;
/// The golden ratio's fraction: multiples of it fill the range evenly, however many are taken (Weyl's sequence).
const GOLDEN: f64 = 0.618_033_988_749_894_9;
/// The noise is fixed: the same picture gets the same answer from the same weights, alone or among others.
const SEED: u64 = 1;

/// Passes of a picture among so many labels.
pub fn passes(rounds: &[Round], labels: usize) -> usize {
    let mut left = labels;
    let round = |round: &Round| {
        let passes = round.looks * left;
        left = left.min(round.keep);
        passes
    };
    rounds.iter().map(round).sum()
}

/// The time of a look.
fn time(look: usize) -> f32 {
    FROM + (TO - FROM) * ((look as f64 + 0.5) * GOLDEN).fract() as f32
}

/// The noises of the looks that a contest needs.
struct Looks {
    noises: Vec<f32>,
}

impl Looks {
    fn new(count: usize) -> Self {
        Self { noises: noise(&Stream::new(SEED, "diffusion.look", 0), LENGTH, 0..count) }
    }

    fn question<'a>(&'a self, sides: &'a [Vec<f32>; 2], look: usize, label: usize) -> Question<'a> {
        let noise = &self.noises[look * LENGTH..(look + 1) * LENGTH];
        Question { picture: &sides[look % 2], noise, time: time(look), label: Some(label) }
    }
}

/// A picture in a contest.
struct Contender {
    /// As it is, and mirrored.
    sides: [Vec<f32>; 2],
    /// For each label, its errors summed by band.
    sums: Vec<[f64; BANDS]>,
    /// Labels that are still in, the best one first once a round is over.
    left: Vec<usize>,
    /// For each label that is out, how far behind the leader of its last round it was.
    behind: Vec<f64>,
}

impl Contender {
    fn new(picture: &[f32], labels: usize) -> Self {
        let sides = [picture.to_vec(), mirrored(picture)];
        Self { sides, sums: vec![[0.0; BANDS]; labels], left: (0..labels).collect(), behind: vec![0.0; labels] }
    }

    /// The mean errors by band after so many looks.
    fn errors(&self, looks: usize) -> Vec<[f64; BANDS]> {
        self.sums.iter().map(|sums| sums.map(|sum| sum / looks as f64)).collect()
    }

    /// Ends a round after `looks` in all.
    fn judge(&mut self, weights: &Weights, looks: usize, keep: usize) {
        let logits = weights.logits(&self.errors(looks));
        self.left.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
        let leader = logits[self.left[0]];
        self.left.iter().for_each(|&label| self.behind[label] = logits[label] - leader);
        self.left.truncate(keep.max(1));
    }
}

/// Logits `(n, labels)` in rows for pictures `(n, 32, 32, 3)` in a row, -1..1. A label that left early keeps its distance
/// to the leader of the round in which it left, so that shares tell little of how hopeless it was, and the best label has 0.
///
/// # Errors
/// When the device fails.
pub fn logits(
    model: &dyn Velocity,
    weights: &Weights,
    rounds: &[Round],
    labels: usize,
    pictures: &[f32],
) -> Result<Vec<f32>, TrainError> {
    let noises = Looks::new(rounds.iter().map(|round| round.looks).sum());
    let mut all: Vec<Contender> =
        pictures.chunks_exact(LENGTH).map(|picture| Contender::new(picture, labels)).collect();
    let mut looks = 0;
    for round in rounds {
        look(model, &noises, &mut all, looks..looks + round.looks, &mut || true)?;
        looks += round.looks;
        all.iter_mut().for_each(|contender| contender.judge(weights, looks, round.keep));
    }
    Ok(all.into_iter().flat_map(|contender| contender.behind).map(|logit| logit as f32).collect())
}

/// What the weights can be fitted on: each picture with the errors of every label over [`FITTING`] looks. None when
/// `go_on`, asked before each batch, said no.
///
/// # Errors
/// When the device fails.
pub fn samples(
    model: &dyn Velocity,
    labels: usize,
    pictures: &[f32],
    truth: &[usize],
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Option<Vec<Sample>>, TrainError> {
    let noises = Looks::new(FITTING);
    let mut all: Vec<Contender> =
        pictures.chunks_exact(LENGTH).map(|picture| Contender::new(picture, labels)).collect();
    if !look(model, &noises, &mut all, 0..FITTING, go_on)? {
        return Ok(None);
    }
    let sample = |(contender, &truth): (&Contender, _)| Sample { errors: contender.errors(FITTING), truth };
    Ok(Some(all.iter().zip(truth).map(sample).collect()))
}

/// Looks at every picture with each label that is left in it. False when `go_on` said no.
fn look(
    model: &dyn Velocity,
    noises: &Looks,
    all: &mut [Contender],
    looks: std::ops::Range<usize>,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<bool, TrainError> {
    let of_one = |(place, contender): (usize, &Contender)| {
        let labels = contender.left.clone();
        looks.clone().flat_map(move |look| labels.clone().into_iter().map(move |label| (place, look, label)))
    };
    let asked: Vec<(usize, usize, usize)> = all.iter().enumerate().flat_map(of_one).collect();
    for asked in asked.chunks(TOGETHER) {
        if !go_on() {
            return Ok(false);
        }
        let questions: Vec<Question> =
            asked.iter().map(|&(place, look, label)| noises.question(&all[place].sides, look, label)).collect();
        let found = errors(model, &questions)?;
        for (&(place, look, label), error) in asked.iter().zip(found) {
            all[place].sums[label][band(time(look))] += error;
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::super::velocity::known::Gaussian;
    use super::*;
    use crate::train::Answer;

    const LABELS: usize = 10;

    fn model() -> Gaussian {
        Gaussian { means: (0..LABELS).map(|label| -0.45 + 0.1 * label as f32).collect(), deviation: 0.3 }
    }

    /// A picture of each label.
    fn pictures() -> Vec<f32> {
        let drawn = noise(&Stream::new(5, "pictures", 0), LENGTH, 0..LABELS);
        let means = model().means;
        drawn.chunks(LENGTH).zip(means).flat_map(|(row, mean)| row.iter().map(move |z| mean + 0.3 * z)).collect()
    }

    fn named(rounds: &[Round]) -> Vec<usize> {
        let logits = logits(&model(), &Weights::default(), rounds, LABELS, &pictures()).unwrap();
        logits.chunks(LABELS).map(|row| Answer::of(row).label).collect()
    }

    #[test]
    fn the_right_label_wins_with_and_without_eliminations() {
        let due: Vec<usize> = (0..LABELS).collect();
        for rounds in [THOROUGH, QUICK, &[Round { looks: 8, keep: 1 }]] {
            assert_eq!(named(rounds), due, "{rounds:?}");
        }
    }

    #[test]
    fn a_picture_is_named_alike_alone_and_among_others() {
        let (model, weights, all) = (model(), Weights::default(), pictures());
        let together = logits(&model, &weights, QUICK, LABELS, &all).unwrap();
        for (picture, row) in all.chunks(LENGTH).zip(together.chunks(LABELS)) {
            assert_eq!(logits(&model, &weights, QUICK, LABELS, picture).unwrap(), row);
        }
        assert!(together.iter().all(|&logit| logit <= 0.0));
    }

    #[test]
    fn passes_are_counted() {
        assert_eq!((passes(THOROUGH, LABELS), passes(QUICK, LABELS)), (168, 64));
        assert_eq!(passes(THOROUGH, 3), 3 * 8 + 3 * 12 + 2 * 20);
    }

    #[test]
    fn the_times_fill_the_range_evenly() {
        let mut counts = [0; BANDS];
        (0..24).for_each(|look| counts[band(time(look))] += 1);
        assert!(counts[0] == 0 && counts[7] == 0 && counts[1..7].iter().all(|&n| (3..=5).contains(&n)), "{counts:?}");
    }

    #[test]
    fn weights_are_fitted_on_every_label_and_may_be_broken_off() {
        let truth: Vec<usize> = (0..LABELS).collect();
        let found = samples(&model(), LABELS, &pictures(), &truth, &mut || true).unwrap().unwrap();
        assert!(found.iter().all(|sample| sample.errors.len() == LABELS && sample.errors[0][3] > 0.0));
        let fitted = Weights::fit(&found);
        let logits = logits(&model(), &fitted, QUICK, LABELS, &pictures()).unwrap();
        assert!(logits.chunks(LABELS).enumerate().all(|(label, row)| Answer::of(row).label == label));
        assert!(samples(&model(), LABELS, &pictures(), &truth, &mut || false).unwrap().is_none());
    }
}

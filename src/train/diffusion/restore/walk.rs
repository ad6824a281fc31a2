//! From noise to a picture that fits what is seen of it.

use super::super::level::Level;
use super::super::velocity::Velocity;
use super::evidence::Evidence;
use super::expect::expect;
use super::failed;
use super::state::{changed, turned};
use crate::ops::random::Stream;
use crate::restoration::{Picture, RestorationError};
use rayon::prelude::*;

/// How samples are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Walk {
    /// The time that it begins at, with what is seen under noise of that level.
    pub from: f32,
    pub steps: usize,
    /// How often each step is taken: noise of the level is put back in between (Lugmayr et al. 2022, "RePaint",
    /// section 4.2), so that what was made may still fit itself to the rest.
    pub repeats: usize,
    /// The share of the noise's variance that is drawn anew at each step, 0..=1: 0 is DDIM.
    pub fresh: f32,
    /// Samples whose mean is the restored picture: one alone has the variance of all that the hole may hide.
    pub samples: usize,
}

impl Walk {
    /// How often the net sees each picture in a sample.
    pub fn passes(&self) -> usize {
        self.steps * self.repeats
    }

    /// The time before a step; after the last one it is 0.
    fn time(&self, step: usize) -> f32 {
        self.from * (self.steps - step) as f32 / self.steps as f32
    }
}

/// The mean squared error of an expected picture over that of its state's noise, which says how far a guess may be trusted
/// beside the data. Chosen on held-out training images: blur leaves most in the high frequencies, where a guess errs most,
/// and a picture that is trusted as its mean error would have it is restored less sharply than the data allows.
const UNEXPLAINED: f32 = 0.6;

/// Pictures whose samples are drawn side by side: with a few samples of each the net has enough to do.
const TOGETHER: usize = 16;

/// The mean of several samples, every second one of the mirrored pictures. None when `go_on`, asked before each step, said
/// no.
///
/// # Errors
/// When the device fails, or sizes do not fit.
pub fn mean_of_samples(
    model: &dyn Velocity,
    evidence: &Evidence,
    walk: Walk,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Option<Vec<Picture>>, RestorationError> {
    let mut means: Vec<Picture> = evidence.seen().iter().map(|seen| changed(seen, |_| 0.0)).collect();
    for (means, first) in means.chunks_mut(TOGETHER).zip((0..).step_by(TOGETHER)) {
        let count = means.len();
        let plain = evidence.part(first..first + count);
        let mirrored = plain.turned();
        for (side, evidence) in [plain, mirrored].into_iter().enumerate() {
            let numbers: Vec<u64> = (side as u64..walk.samples as u64).step_by(2).collect();
            let samples = sample(model, &evidence.repeated(numbers.len()), walk, &numbers, go_on)?;
            let Some(samples) = samples else { return Ok(None) };
            for (index, sample) in samples.iter().enumerate() {
                let sample = if side == 1 { turned(sample) } else { sample.clone() };
                let mean = &mut means[index % count];
                let pairs = mean.pixels_mut().iter_mut().zip(sample.pixels());
                pairs.for_each(|(mean, value)| *mean += value / walk.samples as f32);
            }
        }
    }
    Ok(Some(means))
}

/// Samples: at each step the expected picture is made to agree with what is seen (Zhu et al. 2023, "DiffPIR", algorithm
/// 1; for holes Wang et al. 2023, algorithm 1), and the state goes on from there,
/// `state' = alpha' picture + sigma' (sqrt(1 - f) noise + sqrt(f) fresh)`. The evidence has the same pictures once for each of
/// `numbers`, which say what noise is drawn: the same for every picture, so that one is restored alike in any batch.
fn sample(
    model: &dyn Velocity,
    evidence: &Evidence,
    walk: Walk,
    numbers: &[u64],
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Option<Vec<Picture>>, RestorationError> {
    let pictures = evidence.seen().len() / numbers.len().max(1);
    let mut draws = Draws { numbers, pictures, used: 0 };
    let begin = Level::at(walk.from);
    let mut states = draws.apply(evidence.seen(), |seen, draw| with_noise(seen, begin.alpha, begin.sigma, draw));
    let mut fitted = Vec::new();
    for step in 0..walk.steps {
        let time = walk.time(step);
        let (now, next) = (Level::at(time), Level::at(walk.time(step + 1)));
        for repeat in 0..walk.repeats {
            if !go_on() {
                return Ok(None);
            }
            let guessed = expect(model, &states, time).map_err(failed)?;
            fitted = evidence.correct(guessed, UNEXPLAINED * now.sigma * now.sigma)?;
            let pairs: Vec<(&Picture, &Picture)> = states.iter().zip(&fitted).collect();
            let moved =
                draws.apply(&pairs, |(state, picture), draw| forward(state, picture, (now, next), walk.fresh, draw));
            let is_again = repeat + 1 < walk.repeats;
            states = if is_again { draws.apply(&moved, |state, draw| back(state, (now, next), draw)) } else { moved };
        }
    }
    Ok(Some(fitted))
}

/// The state at the next level of a state whose picture is known, with a share of fresh noise.
fn forward(state: &Picture, picture: &Picture, (now, next): (Level, Level), fresh: f32, draw: &Stream) -> Picture {
    let (old, new) = ((1.0 - fresh).sqrt(), fresh.sqrt());
    let mut moved = state.clone();
    for (index, (value, &picture)) in (0..).zip(moved.pixels_mut().iter_mut().zip(picture.pixels())) {
        *value = next.mix(picture, old * now.noise(*value, picture) + new * draw.normal(index));
    }
    moved
}

/// The state of the level before: the same picture with so much more noise.
fn back(state: &Picture, (now, next): (Level, Level), draw: &Stream) -> Picture {
    let ratio = now.alpha / next.alpha;
    with_noise(state, ratio, (now.sigma.powi(2) - (ratio * next.sigma).powi(2)).max(0.0).sqrt(), draw)
}

/// `keep picture + add noise`.
fn with_noise(picture: &Picture, keep: f32, add: f32, draw: &Stream) -> Picture {
    let mut noisy = picture.clone();
    (0..).zip(noisy.pixels_mut()).for_each(|(index, value)| *value = keep * *value + add * draw.normal(index));
    noisy
}

/// The noises of samples, one after another.
struct Draws<'a> {
    numbers: &'a [u64],
    /// Pictures of each sample.
    pictures: usize,
    used: u64,
}

impl Draws<'_> {
    /// Applies something to each of all samples' pictures, with the next noise of its sample.
    fn apply<T: Sync>(&mut self, each: &[T], change: impl Fn(&T, &Stream) -> Picture + Sync) -> Vec<Picture> {
        self.used += 1;
        let stream = |index: usize| Stream::new(self.numbers[index / self.pictures], "diffusion.restore", self.used);
        each.par_iter().enumerate().map(|(index, one)| change(one, &stream(index))).collect()
    }
}

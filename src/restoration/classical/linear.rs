//! The best linear filter: each pixel a weighted sum of its neighbourhood, the weights fitted to training pictures.

use super::super::picture::{COLOURS, mirrored};
use super::super::{Picture, RestorationError, Restorer, Task, each};
use super::least_squares::{Equations, Samples};
use super::{Colours, Lessons, other_task};
use crate::ops::random::Stream;
use std::ops::Range;

/// Sides of the window that are tried.
const SIDES: [usize; 3] = [5, 7, 9];
/// Pixels of each training picture that are learnt from.
const PIXELS: u64 = 64;
/// Keeps the equations solvable; far below the power of any noise.
const RIDGE: f64 = 1e-7;
/// What is taken from every number, so that the constant has little to do.
const MIDDLE: f32 = 0.5;

/// A filter of side x side pixels and a constant, fitted by least squares to one task.
#[derive(Clone, Debug)]
pub struct LinearFilter {
    task: Task,
    side: usize,
    colours: Colours,
    /// `(side, side, colour in, colour out)`.
    weights: Vec<[f32; COLOURS]>,
    constants: [f32; COLOURS],
}

impl LinearFilter {
    /// Fits a filter of `side` pixels (odd) each way to damaged and clean training pictures, 64 pixels of each.
    ///
    /// # Errors
    /// When there are too few pictures, or the task's mask does not fit them.
    pub fn fit(task: &Task, lessons: &Lessons, side: usize, colours: Colours) -> Result<Self, RestorationError> {
        let damaged = task.damage_all(lessons.fit, lessons.seed, "fit damage")?;
        Self::fit_to(task, lessons, &damaged, side, colours)
    }

    /// Every side with colours apart and together.
    pub(super) fn grid(task: &Task, lessons: &Lessons) -> Result<Vec<Self>, RestorationError> {
        let damaged = task.damage_all(lessons.fit, lessons.seed, "fit damage")?;
        let kinds = SIDES.into_iter().flat_map(|side| [Colours::Apart, Colours::Together].map(|kind| (side, kind)));
        kinds.map(|(side, colours)| Self::fit_to(task, lessons, &damaged, side, colours)).collect()
    }

    fn fit_to(
        task: &Task,
        lessons: &Lessons,
        damaged: &[Picture],
        side: usize,
        colours: Colours,
    ) -> Result<Self, RestorationError> {
        let mut filter = Self {
            task: task.clone(),
            side,
            colours,
            weights: vec![[0.0; COLOURS]; side * side * COLOURS],
            constants: [0.0; COLOURS],
        };
        match colours {
            Colours::Together => filter.learn(lessons, damaged, 0..COLOURS)?,
            Colours::Apart => (0..COLOURS).try_for_each(|c| filter.learn(lessons, damaged, c..c + 1))?,
        }
        Ok(filter)
    }

    /// Finds the weights from some colours to the same colours.
    fn learn(&mut self, lessons: &Lessons, damaged: &[Picture], colours: Range<usize>) -> Result<(), RestorationError> {
        let (side, targets) = (self.side, colours.len());
        let features = side * side * targets + 1;
        let append = |index: usize, samples: &mut Samples| {
            let places = Stream::new(lessons.seed, "fit pixels", index as u64);
            look(&lessons.fit[index], &damaged[index], side, &colours, &places, samples);
        };
        let equations = Equations::gather((features, targets), damaged.len(), append);
        let found = equations.solve(RIDGE, "fitted linear filter")?;
        for (out, column) in colours.clone().zip(found.column_iter()) {
            for (tap, weight) in column.iter().take(features - 1).enumerate() {
                self.weights[tap / targets * COLOURS + colours.start + tap % targets][out] = *weight as f32;
            }
            self.constants[out] = column[features - 1] as f32;
        }
        Ok(())
    }

    fn filter(&self, picture: &Picture) -> Picture {
        let wide = picture.padded(self.side / 2, mirrored).map(|value| value - MIDDLE);
        let run = self.side * COLOURS;
        let mut filtered = picture.clone();
        for (i, pixel) in filtered.pixels_mut().chunks_exact_mut(COLOURS).enumerate() {
            let (y, x) = (i / picture.width(), i % picture.width());
            let mut sums = self.constants;
            for (row, weights) in self.weights.chunks_exact(run).enumerate() {
                let seen = &wide.pixels()[((y + row) * wide.width() + x) * COLOURS..][..run];
                for (value, weights) in seen.iter().zip(weights) {
                    sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += weight * value);
                }
            }
            pixel.iter_mut().zip(sums).for_each(|(value, sum)| *value = sum + MIDDLE);
        }
        filtered
    }
}

/// Appends what the filter sees at some pixels of a picture, a constant 1, and what it should say there.
fn look(
    clean: &Picture,
    damaged: &Picture,
    side: usize,
    colours: &Range<usize>,
    places: &Stream,
    samples: &mut Samples,
) {
    let wide = damaged.padded(side / 2, mirrored);
    for draw in 0..PIXELS {
        let pixel = places.below(draw, (clean.width() * clean.height()) as u64) as usize;
        let (y, x) = (pixel / clean.width(), pixel % clean.width());
        for row in y..y + side {
            let seen = (x..x + side).flat_map(|x| colours.clone().map(move |c| (x, c)));
            samples.features.extend(seen.map(|(x, c)| f64::from(wide.at(row, x, c) - MIDDLE)));
        }
        samples.features.push(1.0);
        samples.targets.extend(colours.clone().map(|c| f64::from(clean.at(y, x, c) - MIDDLE)));
    }
}

impl Restorer for LinearFilter {
    fn name(&self) -> &str {
        "fitted linear filter"
    }

    fn settings(&self) -> String {
        format!("{0}x{0}, colours {1}", self.side, self.colours)
    }

    fn restore(
        &self,
        task: &Task,
        damaged: &[Picture],
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Vec<Picture>>, RestorationError> {
        if *task != self.task {
            return Err(other_task(self, task));
        }
        each(damaged, go_on, |picture| Ok(self.filter(picture)))
    }
}

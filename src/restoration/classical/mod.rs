//! Classical restorers: what a model must beat. Every parameter is chosen on training pictures.
//!
//! | task | restorers |
//! | --- | --- |
//! | denoise | Gaussian filter, total variation, non-local means, fitted linear filter, Wiener filter |
//! | deblur | Wiener deconvolution with a flat and with a shaped prior, fitted linear filter |
//! | inpaint | harmonic filling, kriging, regression from the ring around the hole |

mod cosine;
mod gaussian;
mod harmonic;
mod kriging;
mod least_squares;
mod linear;
mod non_local;
mod ring;
mod total_variation;
mod wiener;

pub use gaussian::GaussianFilter;
pub use harmonic::Harmonic;
pub use kriging::Kriging;
pub use linear::LinearFilter;
pub use non_local::NonLocalMeans;
pub use ring::RingRegression;
pub use total_variation::TotalVariation;
pub use wiener::{Prior, Spectrum, Wiener};

use super::{Mask, Picture, RestorationError, Restorer, Task, score};
use std::fmt;

/// Whether a restorer sees each colour as a picture of its own, or all three at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    Apart,
    Together,
}

impl fmt::Display for Colours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Apart => "apart",
            Self::Together => "together",
        })
    }
}

/// A restorer that may be sent to other threads.
pub type Classical = Box<dyn Restorer + Send + Sync>;

/// Training pictures to learn a task from. No test picture belongs here.
#[derive(Clone, Copy, Debug)]
pub struct Lessons<'a> {
    /// What filters and spectra are fitted to; a few thousand are plenty.
    pub fit: &'a [Picture],
    /// What every parameter is chosen on: other pictures than those. A hundred tell the methods' best parameters apart.
    pub choose: &'a [Picture],
    /// The seed of the damage that is done to both.
    pub seed: u64,
}

/// Every classical restorer for a task, fitted and tuned. None when `go_on`, asked now and then, said no.
///
/// # Errors
/// When there are no pictures to fit or to choose on, or their sizes do not fit the task.
pub fn tuned(
    task: &Task,
    lessons: &Lessons,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Option<Vec<Classical>>, RestorationError> {
    let mut bench = Bench::new(task, lessons, go_on)?;
    match task {
        Task::Denoise { sigma } => {
            bench.tune(GaussianFilter::grid())?;
            bench.tune(TotalVariation::grid())?;
            bench.tune(NonLocalMeans::grid(*sigma))?;
            bench.tune(LinearFilter::grid(task, lessons)?)?;
            bench.tune(Wiener::shaped_grid(lessons)?)?;
        }
        Task::Deblur { .. } => {
            bench.tune(Wiener::flat_grid())?;
            bench.tune(Wiener::shaped_grid(lessons)?)?;
            bench.tune(LinearFilter::grid(task, lessons)?)?;
        }
        Task::Inpaint { mask } => {
            bench.tune(vec![Harmonic])?;
            bench.tune(Kriging::grid())?;
            bench.tune(RingRegression::grid(mask, lessons)?)?;
        }
    }
    Ok(bench.finish())
}

/// Total variation for the noise of a task, its weight chosen on training pictures. None when `go_on`, asked now and then,
/// said no.
///
/// # Errors
/// When there are no pictures to choose on, or the task is another than denoising.
pub fn tuned_total_variation(
    task: &Task,
    choose: &[Picture],
    seed: u64,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Option<Classical>, RestorationError> {
    // Nothing is fitted to anything.
    let mut bench = Bench::new(task, &Lessons { fit: choose, choose, seed }, go_on)?;
    bench.tune(TotalVariation::grid())?;
    Ok(bench.finish().and_then(|mut chosen| chosen.pop()))
}

/// Where candidates are compared: damaged training pictures, and the best of each kind so far.
struct Bench<'a> {
    task: &'a Task,
    clean: &'a [Picture],
    damaged: Vec<Picture>,
    go_on: &'a mut dyn FnMut() -> bool,
    stopped: bool,
    chosen: Vec<Classical>,
}

impl<'a> Bench<'a> {
    fn new(
        task: &'a Task,
        lessons: &Lessons<'a>,
        go_on: &'a mut dyn FnMut() -> bool,
    ) -> Result<Self, RestorationError> {
        if lessons.fit.is_empty() {
            return Err(RestorationError::NoPictures("fit the restorers to"));
        }
        if lessons.choose.is_empty() {
            return Err(RestorationError::NoPictures("choose parameters on"));
        }
        let damaged = task.damage_all(lessons.choose, lessons.seed, "choice damage")?;
        Ok(Self { task, clean: lessons.choose, damaged, go_on, stopped: false, chosen: Vec::new() })
    }

    /// Keeps the candidate with the highest mean PSNR, the first of equals.
    fn tune<R: Restorer + Send + Sync + 'static>(&mut self, candidates: Vec<R>) -> Result<(), RestorationError> {
        let mut best: Option<(f64, R)> = None;
        for candidate in candidates {
            let Some(score) = self.score(&candidate)? else {
                self.stopped = true;
                return Ok(());
            };
            if best.as_ref().is_none_or(|(highest, _)| score > *highest) {
                best = Some((score, candidate));
            }
        }
        self.chosen.extend(best.map(|(_, restorer)| Box::new(restorer) as Classical));
        Ok(())
    }

    /// Mean PSNR in dB.
    fn score(&mut self, restorer: &dyn Restorer) -> Result<Option<f64>, RestorationError> {
        if self.stopped {
            return Ok(None);
        }
        let Some(restored) = restorer.restore(self.task, &self.damaged, self.go_on)? else {
            return Ok(None);
        };
        let finished = score::finished(self.task, restorer.name(), &self.damaged, &restored)?;
        let psnr = score::psnr(self.task, self.clean, &finished)?;
        Ok(Some(psnr.iter().sum::<f64>() / psnr.len() as f64))
    }

    fn finish(self) -> Option<Vec<Classical>> {
        (!self.stopped).then_some(self.chosen)
    }
}

/// The picture with its hole filled as [`Harmonic`] does it.
///
/// # Errors
/// When it has another size than the mask.
pub(super) fn fill_harmonically(mask: &Mask, picture: &Picture) -> Result<Picture, RestorationError> {
    harmonic::Laplace::new(mask).fill(picture)
}

/// That `restorer` is asked for something else than it was made for.
fn other_task(restorer: &dyn Restorer, task: &Task) -> RestorationError {
    RestorationError::OtherTask { restorer: restorer.name().to_owned(), task: task.to_string() }
}

#[cfg(test)]
pub(super) mod tests;

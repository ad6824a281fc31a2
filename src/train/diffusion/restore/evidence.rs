//! What is seen of damaged pictures, and how a guess is made to agree with it.

use super::state::{turned, turned_mask};
use crate::restoration::classical::{Prior, Wiener};
use crate::restoration::{Blur, Mask, Picture, RestorationError, Restorer, Task};
use std::ops::Range;

/// Variance of rounding to 8 bits, in -1..1.
const ROUNDING: f32 = 1.0 / (3.0 * 255.0 * 255.0);

/// Damaged pictures in -1..1, all damaged alike.
pub enum Evidence {
    /// Without what the mask hides; the mean of the visible pixels stands there.
    Visible { seen: Vec<Picture>, mask: Mask },
    /// Blurred by a Gaussian of deviation `blur` pixels, then noise of deviation `sigma` in units of 0..1.
    Blurred { seen: Vec<Picture>, blur: f32, sigma: f32 },
}

impl Evidence {
    pub fn seen(&self) -> &[Picture] {
        match self {
            Self::Visible { seen, .. } | Self::Blurred { seen, .. } => seen,
        }
    }

    /// Some of the pictures.
    pub fn part(&self, range: Range<usize>) -> Self {
        self.with(self.seen()[range].to_vec())
    }

    /// All pictures so many times, one row of them after another.
    pub fn repeated(&self, times: usize) -> Self {
        self.with(std::iter::repeat_n(self.seen(), times).flatten().cloned().collect())
    }

    /// Other pictures, damaged alike.
    fn with(&self, seen: Vec<Picture>) -> Self {
        match self {
            Self::Visible { mask, .. } => Self::Visible { seen, mask: mask.clone() },
            Self::Blurred { blur, sigma, .. } => Self::Blurred { seen, blur: *blur, sigma: *sigma },
        }
    }

    /// The same, turned left to right.
    pub fn turned(&self) -> Self {
        match self.with(self.seen().iter().map(turned).collect()) {
            Self::Visible { seen, mask } => Self::Visible { seen, mask: turned_mask(&mask) },
            blurred @ Self::Blurred { .. } => blurred,
        }
    }

    /// The pictures that fit what is seen and are nearest to `guessed`, whose numbers are wrong by the variance `spread`.
    ///
    /// Visible numbers are put back (Wang et al. 2023, "Zero-Shot Image Restoration Using Denoising Diffusion Null-Space
    /// Model", equation 13). Blur `H` with noise of deviation `n`: the least
    /// `|seen - H x|^2 / n^2 + |x - guessed|^2 / spread` (Zhu et al. 2023, "DiffPIR", equation 12b), which is `guessed` and
    /// a Wiener filter's view of what it leaves unexplained, noise to signal `n^2 / spread` everywhere.
    ///
    /// # Errors
    /// When sizes do not fit.
    pub fn correct(&self, guessed: Vec<Picture>, spread: f32) -> Result<Vec<Picture>, RestorationError> {
        match self {
            Self::Visible { seen, mask } => {
                Ok(guessed.into_iter().zip(seen).map(|(guessed, seen)| visible(mask, seen, guessed)).collect())
            }
            Self::Blurred { seen, blur, sigma } => {
                let noise = 4.0 * sigma * sigma + ROUNDING;
                let blurred = Blur::gaussian(*blur).apply_all(&guessed);
                let left: Vec<Picture> = seen.iter().zip(blurred).map(|(seen, b)| sum(seen, &b, -1.0)).collect();
                let filter = Wiener::new(Prior::Flat { ratio: f64::from(noise / spread) });
                let task = Task::Deblur { blur: *blur, sigma: *sigma };
                let missing = filter.restore(&task, &left, &mut || true)?.unwrap_or_default();
                Ok(guessed.iter().zip(&missing).map(|(guessed, missing)| sum(guessed, missing, 1.0)).collect())
            }
        }
    }
}

fn visible(mask: &Mask, seen: &Picture, mut guessed: Picture) -> Picture {
    let pixels = guessed.pixels_mut().chunks_exact_mut(3).zip(seen.pixels().chunks_exact(3));
    for ((pixel, seen), _) in pixels.zip(mask.hidden()).filter(|(_, hidden)| !**hidden) {
        pixel.copy_from_slice(seen);
    }
    guessed
}

/// `a + factor b`.
fn sum(a: &Picture, b: &Picture, factor: f32) -> Picture {
    let mut sum = a.clone();
    sum.pixels_mut().iter_mut().zip(b.pixels()).for_each(|(a, b)| *a += factor * b);
    sum
}

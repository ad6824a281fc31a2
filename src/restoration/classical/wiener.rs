//! Wiener's filter: each frequency is divided by what the blur left of it, as far as noise allows.

use super::super::picture::COLOURS;
use super::super::{Blur, Picture, RestorationError, Restorer, Task, each};
use super::cosine::Cosine;
use super::{Lessons, other_task};
use std::sync::Arc;

/// Variance of rounding to 8 bits.
const ROUNDING: f64 = 1.0 / (12.0 * 255.0 * 255.0);
/// Factors of the measured power that are tried.
const SCALES: [f64; 9] = [0.125, 0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 4.0];

/// What is known of the clean picture's frequencies.
#[derive(Clone, Debug)]
pub enum Prior {
    /// All alike: noise over signal is this ratio everywhere.
    Flat { ratio: f64 },
    /// Measured on training pictures, times a factor.
    Shaped { spectrum: Arc<Spectrum>, scale: f64 },
}

/// Wiener 1949: `x_k = a_k s_k / (a_k^2 s_k + n) y_k`, with `a` what the blur multiplies wave `k` by, `s` the power of the
/// signal and `n` that of the noise. The mean is left as it is.
///
/// The waves are cosines (DCT-II), in which a symmetric blur over mirrored borders is diagonal: where a Fourier transform
/// would wrap the picture around, there is no border to err at. `a` is 1 for noise alone.
#[derive(Clone, Debug)]
pub struct Wiener {
    prior: Prior,
}

impl Wiener {
    pub fn new(prior: Prior) -> Self {
        Self { prior }
    }

    /// Ratios from 0.0001 to 0.1, six a decade.
    pub(super) fn flat_grid() -> Vec<Self> {
        (-24..=-6).map(|step| Self::new(Prior::Flat { ratio: 10f64.powf(f64::from(step) / 6.0) })).collect()
    }

    /// # Errors
    /// When the training pictures have several sizes.
    pub(super) fn shaped_grid(lessons: &Lessons) -> Result<Vec<Self>, RestorationError> {
        let spectrum = Arc::new(Spectrum::measure(lessons.fit)?);
        Ok(SCALES.map(|scale| Self::new(Prior::Shaped { spectrum: spectrum.clone(), scale })).to_vec())
    }

    /// The factor of a wave that the blur multiplied by `blur`; `noise` is the noise's variance.
    fn gain(&self, wave: Wave, blur: f64, noise: f64) -> f64 {
        match &self.prior {
            Prior::Flat { ratio } => blur / (blur * blur + ratio),
            Prior::Shaped { spectrum, scale } => {
                let signal = scale * spectrum.power(wave);
                blur * signal / (blur * blur * signal + noise)
            }
        }
    }

    fn filter(&self, picture: &Picture, blur: &Blur, sigma: f32) -> Picture {
        let (width, height) = (picture.width(), picture.height());
        let noise = f64::from(sigma) * f64::from(sigma) + ROUNDING;
        let (across, down) = (blur.eigenvalues(width), blur.eigenvalues(height));
        let cosine = Cosine::new(width, height);
        let mut planes = Vec::with_capacity(COLOURS);
        for colour in 0..COLOURS {
            let mut plane: Vec<f64> = picture.plane(colour).into_iter().map(f64::from).collect();
            cosine.forward(&mut plane);
            for (i, value) in plane.iter_mut().enumerate().skip(1) {
                let (y, x) = (i / width, i % width);
                let wave = Wave { down: y as f64 / height as f64, across: x as f64 / width as f64, colour };
                *value *= self.gain(wave, down[y] * across[x], noise);
            }
            cosine.inverse(&mut plane);
            planes.push(plane);
        }
        picture.like(|y, x, colour| planes[colour][y * width + x] as f32)
    }
}

/// A wave of one colour: half-periods a pixel, 0 to 1, along both axes.
#[derive(Clone, Copy, Debug)]
struct Wave {
    down: f64,
    across: f64,
    colour: usize,
}

/// The mean power of each cosine wave in training pictures, by colour.
#[derive(Clone, Debug)]
pub struct Spectrum {
    width: usize,
    height: usize,
    /// `(colour, height, width)`.
    power: Vec<Vec<f64>>,
}

impl Spectrum {
    /// Of pictures of one size.
    ///
    /// # Errors
    /// When there are none, or of several sizes.
    pub fn measure(pictures: &[Picture]) -> Result<Self, RestorationError> {
        let first = pictures.first().ok_or(RestorationError::NoPictures("measure a spectrum of"))?;
        let (width, height) = (first.width(), first.height());
        let cosine = Cosine::new(width, height);
        let mut power = vec![vec![0.0; width * height]; COLOURS];
        for picture in pictures {
            first.check_size("a training picture", picture)?;
            for (colour, sums) in power.iter_mut().enumerate() {
                let mut plane: Vec<f64> = picture.plane(colour).into_iter().map(f64::from).collect();
                cosine.forward(&mut plane);
                sums.iter_mut().zip(plane).for_each(|(sum, value)| *sum += value * value);
            }
        }
        power.iter_mut().flatten().for_each(|sum| *sum /= pictures.len() as f64);
        Ok(Self { width, height, power })
    }

    /// The power of a wave, between those that were measured in proportion to its distances.
    fn power(&self, wave: Wave) -> f64 {
        let place = |share: f64, length: usize| {
            let at = (share * length as f64).min((length - 1) as f64);
            let below = at.floor();
            (below as usize, (below as usize + 1).min(length - 1), at - below)
        };
        let (top, bottom, down) = place(wave.down, self.height);
        let (left, right, across) = place(wave.across, self.width);
        let at = |y: usize, x: usize| self.power[wave.colour][y * self.width + x];
        let row = |y: usize| at(y, left) * (1.0 - across) + at(y, right) * across;
        row(top) * (1.0 - down) + row(bottom) * down
    }
}

impl Restorer for Wiener {
    fn name(&self) -> &str {
        match self.prior {
            Prior::Flat { .. } => "Wiener, flat prior",
            Prior::Shaped { .. } => "Wiener, shaped prior",
        }
    }

    fn settings(&self) -> String {
        match self.prior {
            Prior::Flat { ratio } => format!("ratio {ratio:.5}"),
            Prior::Shaped { scale, .. } => format!("power x {scale}"),
        }
    }

    fn restore(
        &self,
        task: &Task,
        damaged: &[Picture],
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Vec<Picture>>, RestorationError> {
        let (blur, sigma) = match task {
            Task::Denoise { sigma } => (Blur::gaussian(0.0), *sigma),
            Task::Deblur { blur, sigma } => (Blur::gaussian(*blur), *sigma),
            Task::Inpaint { .. } => return Err(other_task(self, task)),
        };
        each(damaged, go_on, |picture| Ok(self.filter(picture, &blur, sigma)))
    }
}

//! What was done to a picture, and how to do it.

use super::blur::Blur;
use super::error::RestorationError;
use super::mask::Mask;
use super::picture::Picture;
use crate::data::SIDE;
use crate::ops::random::Stream;
use rayon::prelude::*;
use std::fmt;

/// Deviation of the noise of the standard tasks.
pub const NOISE: f32 = 0.2;
/// Deviation of the Gaussian blur of the standard task, in pixels.
pub const BLUR: f32 = 1.5;
/// Deviation of the noise after the blur.
pub const BLUR_NOISE: f32 = 0.01;
/// Side of the hole of the standard task, in pixels.
pub const HOLE: usize = 12;

/// A kind of damage with its parameters, which a restorer is told. Deviations of noise count in units of 0..1.
#[derive(Clone, Debug, PartialEq)]
pub enum Task {
    /// Normal noise of deviation `sigma` on every colour of every pixel.
    Denoise { sigma: f32 },
    /// Gaussian blur of deviation `blur` pixels (see [`Blur::gaussian`]), then noise of deviation `sigma`.
    Deblur { blur: f32, sigma: f32 },
    /// Pixels that are lost; a damaged picture has the mean of its visible pixels there.
    Inpaint { mask: Mask },
}

impl Task {
    /// The three tasks that are reported: noise 0.2; blur 1.5 with noise 0.01; a 12x12 hole in the centre of 32x32.
    ///
    /// # Errors
    /// Never: the hole fits.
    pub fn standard() -> Result<[Self; 3], RestorationError> {
        let mask = Mask::centre(SIDE, SIDE, HOLE)?;
        let deblur = Self::Deblur { blur: BLUR, sigma: BLUR_NOISE };
        Ok([Self::Denoise { sigma: NOISE }, deblur, Self::Inpaint { mask }])
    }

    /// The task's name: `denoise`, `deblur` or `inpaint`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Denoise { .. } => "denoise",
            Self::Deblur { .. } => "deblur",
            Self::Inpaint { .. } => "inpaint",
        }
    }

    /// The mask of lost pixels, if some are.
    pub fn mask(&self) -> Option<&Mask> {
        match self {
            Self::Inpaint { mask } => Some(mask),
            Self::Denoise { .. } | Self::Deblur { .. } => None,
        }
    }

    /// The damaged picture, clipped to 0..1 and rounded to 8 bits. Number `i` of `stream` is the noise of number `i` of
    /// the picture.
    ///
    /// # Errors
    /// When the mask has another size than the picture.
    pub fn damage(&self, clean: &Picture, stream: &Stream) -> Result<Picture, RestorationError> {
        let damaged = match self {
            Self::Denoise { sigma } => noisy(clean, *sigma, stream),
            Self::Deblur { blur, sigma } => noisy(&Blur::gaussian(*blur).apply(clean), *sigma, stream),
            Self::Inpaint { mask } => mask.mean_filled(clean)?,
        };
        Ok(damaged.rounded())
    }

    /// The damaged pictures; picture `i` draws from the stream `(seed, purpose, i)`, so it is damaged alike in any set
    /// that has it in that place.
    ///
    /// # Errors
    /// As [`Task::damage`].
    pub fn damage_all(&self, clean: &[Picture], seed: u64, purpose: &str) -> Result<Vec<Picture>, RestorationError> {
        let damage = |(index, picture)| self.damage(picture, &Stream::new(seed, purpose, index as u64));
        clean.par_iter().enumerate().map(damage).collect()
    }

    /// A restored picture as it is measured and saved: clipped, rounded to 8 bits, and where pixels were lost with the
    /// visible ones as they were given.
    ///
    /// # Errors
    /// When the sizes differ.
    pub fn finish(&self, damaged: &Picture, restored: &Picture) -> Result<Picture, RestorationError> {
        damaged.check_size("the restored picture", restored)?;
        let restored = restored.rounded();
        match self {
            Self::Inpaint { mask } => {
                mask.check(damaged)?;
                Ok(mask.filled(damaged, &restored))
            }
            Self::Denoise { .. } | Self::Deblur { .. } => Ok(restored),
        }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denoise { sigma } => write!(f, "denoise: noise {sigma}"),
            Self::Deblur { blur, sigma } => write!(f, "deblur: Gaussian blur {blur} px, noise {sigma}"),
            Self::Inpaint { mask } => write!(f, "inpaint: {} pixels lost", mask.hidden_pixels().len()),
        }
    }
}

fn noisy(picture: &Picture, sigma: f32, stream: &Stream) -> Picture {
    let mut noisy = picture.clone();
    for (index, value) in noisy.pixels_mut().iter_mut().enumerate() {
        *value += sigma * stream.normal(index as u64);
    }
    noisy
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(value: f32) -> Picture {
        Picture::of_size(SIDE, SIDE, |_, _, _| value)
    }

    #[test]
    fn noise_has_its_deviation_and_belongs_to_its_picture() {
        let task = Task::Denoise { sigma: 0.1 };
        let damaged = task.damage_all(&[grey(0.5), grey(0.5)], 3, "noise").unwrap();
        let off: Vec<f64> = damaged[0].pixels().iter().map(|&value| f64::from(value) - 0.5).collect();
        let deviation = (off.iter().map(|x| x * x).sum::<f64>() / off.len() as f64).sqrt();
        assert!((deviation - 0.1).abs() < 0.005, "{deviation}");
        assert!((off.iter().sum::<f64>() / off.len() as f64).abs() < 0.01);
        assert_ne!(damaged[0], damaged[1]);
        assert_eq!(damaged[1], task.damage(&grey(0.5), &Stream::new(3, "noise", 1)).unwrap());
        assert_eq!(damaged[0], damaged[0].rounded(), "8 bits");
    }

    #[test]
    fn blur_takes_a_line_apart_and_keeps_its_sum() {
        let task = Task::Deblur { blur: 1.5, sigma: 0.0 };
        let line = Picture::of_size(SIDE, SIDE, |_, x, _| f32::from(u8::from(x == 16)));
        let blurred = task.damage(&line, &Stream::new(0, "blur", 0)).unwrap();
        let sum: f32 = (0..SIDE).map(|x| blurred.at(7, x, 1)).sum();
        assert!((sum - 1.0).abs() < 0.02, "{sum}");
        assert!((blurred.at(7, 16, 0) - 0.266).abs() < 0.003, "{}", blurred.at(7, 16, 0));
    }

    #[test]
    fn what_is_visible_stays_as_it_was_given() {
        let [_, _, task] = Task::standard().unwrap();
        let clean = Picture::of_size(SIDE, SIDE, |y, x, _| (y * SIDE + x) as f32 / 1024.0).rounded();
        let damaged = task.damage(&clean, &Stream::new(0, "hole", 0)).unwrap();
        let finished = task.finish(&damaged, &grey(7.0)).unwrap();
        let hidden = task.mask().unwrap().hidden();
        for (pixel, &hidden) in hidden.iter().enumerate() {
            let (y, x) = (pixel / SIDE, pixel % SIDE);
            assert_eq!(finished.at(y, x, 0), if hidden { 1.0 } else { clean.at(y, x, 0) });
        }
        assert!(task.finish(&damaged, &Picture::of_size(8, 8, |_, _, _| 0.0)).is_err());
        assert!(task.damage(&Picture::of_size(8, 8, |_, _, _| 0.0), &Stream::new(0, "hole", 0)).is_err());
    }
}

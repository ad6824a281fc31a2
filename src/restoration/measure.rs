//! How alike two pictures are: PSNR and SSIM. The range of the numbers is 1.

use super::error::RestorationError;
use super::mask::Mask;
use super::picture::{COLOURS, Picture};

/// Side of SSIM's window.
const WINDOW: usize = 7;
/// `(K1 L)^2` and `(K2 L)^2` of Wang et al. 2004, `L` = 1.
const C1: f64 = 0.01 * 0.01;
const C2: f64 = 0.03 * 0.03;

/// The mean of the squared differences over all pixels and colours.
///
/// # Errors
/// When the sizes differ.
pub fn squared_error(clean: &Picture, other: &Picture) -> Result<f64, RestorationError> {
    clean.check_size("the compared picture", other)?;
    Ok(mean_square(clean.pixels().iter().zip(other.pixels())))
}

/// The same over the hidden pixels of a mask alone.
///
/// # Errors
/// When the sizes differ.
pub fn squared_error_inside(mask: &Mask, clean: &Picture, other: &Picture) -> Result<f64, RestorationError> {
    clean.check_size("the compared picture", other)?;
    mask.check(clean)?;
    let pixels = clean.pixels().chunks_exact(COLOURS).zip(other.pixels().chunks_exact(COLOURS));
    let inside = pixels.zip(mask.hidden()).filter(|(_, hidden)| **hidden);
    Ok(mean_square(inside.flat_map(|((a, b), _)| a.iter().zip(b))))
}

fn mean_square<'a>(pairs: impl Iterator<Item = (&'a f32, &'a f32)>) -> f64 {
    let (sum, count) = pairs.fold((0.0, 0.0), |(sum, count), (&a, &b)| {
        let off = f64::from(a) - f64::from(b);
        (sum + off * off, count + 1.0)
    });
    sum / count
}

/// Peak signal-to-noise ratio in dB, `-10 log10(mean squared difference)`: infinite for equal pictures.
///
/// # Errors
/// When the sizes differ.
pub fn psnr(clean: &Picture, other: &Picture) -> Result<f64, RestorationError> {
    Ok(decibels(squared_error(clean, other)?))
}

/// The same over the hidden pixels of a mask alone.
///
/// # Errors
/// When the sizes differ.
pub fn psnr_inside(mask: &Mask, clean: &Picture, other: &Picture) -> Result<f64, RestorationError> {
    Ok(decibels(squared_error_inside(mask, clean, other)?))
}

/// A mean squared difference of numbers in 0..1, in dB.
pub(super) fn decibels(squared_error: f64) -> f64 {
    -10.0 * squared_error.log10()
}

/// Structural similarity (Wang, Bovik, Sheikh and Simoncelli 2004, eq. 13), -1 to 1, 1 for equal pictures:
/// `(2 ma mb + C1)(2 sab + C2) / ((ma^2 + mb^2 + C1)(sa^2 + sb^2 + C2))` of every 7x7 window that lies inside of the
/// picture, the mean over windows and colours.
///
/// As scikit-image's `structural_similarity(channel_axis=2, data_range=1)`: the window is uniform, not the paper's
/// Gaussian, and variances are divided by 48.
///
/// # Errors
/// When the sizes differ, or a side is below 7 pixels.
pub fn ssim(clean: &Picture, other: &Picture) -> Result<f64, RestorationError> {
    clean.check_size("the compared picture", other)?;
    let (width, height) = (clean.width(), clean.height());
    if width.min(height) < WINDOW {
        return Err(RestorationError::TooSmall { what: "SSIM", width, height, least: WINDOW });
    }
    let mut sum = 0.0;
    for colour in 0..COLOURS {
        let planes = [clean, other].map(|picture| picture.plane(colour));
        let value = |picture: usize, i: usize| f64::from(planes[picture][i]);
        let moments = [(0, None), (1, None), (0, Some(0)), (1, Some(1)), (0, Some(1))].map(|(a, b)| {
            let product = |i| value(a, i) * b.map_or(1.0, |b| value(b, i));
            window_means(&(0..width * height).map(product).collect::<Vec<_>>(), width)
        });
        sum += (0..moments[0].len()).map(|i| similarity(moments.each_ref().map(|moment| moment[i]))).sum::<f64>();
    }
    Ok(sum / ((width - WINDOW + 1) * (height - WINDOW + 1) * COLOURS) as f64)
}

/// SSIM of one window from the means of `a`, `b`, `a^2`, `b^2` and `a b`.
fn similarity([a, b, aa, bb, ab]: [f64; 5]) -> f64 {
    const SAMPLE: f64 = (WINDOW * WINDOW) as f64 / (WINDOW * WINDOW - 1) as f64;
    let [va, vb, vab] = [aa - a * a, bb - b * b, ab - a * b].map(|moment| SAMPLE * moment);
    (2.0 * a * b + C1) * (2.0 * vab + C2) / ((a * a + b * b + C1) * (va + vb + C2))
}

/// The means of all windows that lie inside of a plane `(height, width)`, row by row.
fn window_means(plane: &[f64], width: usize) -> Vec<f64> {
    let sums: Vec<Vec<f64>> =
        plane.chunks_exact(width).map(|row| row.windows(WINDOW).map(|window| window.iter().sum()).collect()).collect();
    let area = (WINDOW * WINDOW) as f64;
    let column = |rows: &[Vec<f64>], x: usize| rows.iter().map(|row| row[x]).sum::<f64>() / area;
    sums.windows(WINDOW).flat_map(|rows| (0..rows[0].len()).map(move |x| column(rows, x))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Numbers that Python can make as well: `((i * 37 + 11 * (i // 7)) % 101) / 101`.
    fn pattern(width: usize, height: usize) -> Picture {
        let value = |i: usize| ((i * 37 + 11 * (i / 7)) % 101) as f32 / 101.0;
        Picture::new(width, height, (0..width * height * 3).map(value).collect()).unwrap()
    }

    fn other(picture: &Picture) -> Picture {
        let mut other = picture.clone();
        let shift = |i: usize| ((i * 13) % 17) as f32 / 17.0;
        other.pixels_mut().iter_mut().enumerate().for_each(|(i, value)| *value = 0.7 * *value + 0.3 * shift(i));
        other
    }

    /// ```python
    /// import numpy as np
    /// from skimage.metrics import peak_signal_noise_ratio, structural_similarity
    /// for h, w in [(9, 12), (32, 32)]:
    ///     i = np.arange(h * w * 3)
    ///     a = (((i * 37 + 11 * (i // 7)) % 101) / 101).reshape(h, w, 3)
    ///     b = 0.7 * a + 0.3 * (((i * 13) % 17) / 17).reshape(h, w, 3)
    ///     print(peak_signal_noise_ratio(a, b, data_range=1), structural_similarity(a, b, channel_axis=2, data_range=1))
    /// ```
    #[test]
    fn both_measures_are_those_of_scikit_image() {
        for (width, height, psnr_due, ssim_due) in [(12, 9, 17.959_758, 0.868_910_6), (32, 32, 18.206_614, 0.885_781_0)]
        {
            let a = pattern(width, height);
            let b = other(&a);
            assert!((psnr(&a, &b).unwrap() - psnr_due).abs() < 1e-4, "{}", psnr(&a, &b).unwrap());
            assert!((ssim(&a, &b).unwrap() - ssim_due).abs() < 1e-5, "{}", ssim(&a, &b).unwrap());
        }
    }

    #[test]
    fn only_the_inside_of_a_mask_counts_there() {
        let clean = pattern(8, 8);
        let mask = Mask::centre(8, 8, 2).unwrap();
        let brighter = mask.filled(&clean, &clean.map(|value| value + 0.1));
        assert!((psnr_inside(&mask, &clean, &brighter).unwrap() - 20.0).abs() < 1e-4);
        let share: f64 = 4.0 / 64.0;
        assert!((psnr(&clean, &brighter).unwrap() - (20.0 - 10.0 * share.log10())).abs() < 1e-4);
        assert_eq!(psnr(&clean, &clean).unwrap(), f64::INFINITY);
    }

    #[test]
    fn other_sizes_and_small_pictures_are_refused() {
        let (small, wide) = (pattern(6, 9), pattern(9, 6));
        assert!(psnr(&small, &wide).is_err());
        assert!(ssim(&small, &wide).is_err());
        assert!(matches!(ssim(&small, &small), Err(RestorationError::TooSmall { .. })));
        assert!(psnr_inside(&Mask::centre(9, 9, 3).unwrap(), &small, &small).is_err());
    }

    proptest! {
        #[test]
        fn ssim_is_symmetric_at_most_one_and_one_for_equals(
            a in prop::collection::vec(0.0f32..1.0, 7 * 8 * 3),
            b in prop::collection::vec(0.0f32..1.0, 7 * 8 * 3),
        ) {
            let (a, b) = (Picture::new(7, 8, a).unwrap(), Picture::new(7, 8, b).unwrap());
            let there = ssim(&a, &b).unwrap();
            prop_assert!((there - ssim(&b, &a).unwrap()).abs() < 1e-12);
            prop_assert!((-1.0..1.0).contains(&there));
            prop_assert!((ssim(&a, &a).unwrap() - 1.0).abs() < 1e-12);
        }
    }
}

//! How noisy a picture of unknown noise is.

use super::error::RestorationError;
use super::picture::{COLOURS, Picture};

/// The difference of two Laplacians, which plane and linear pictures do not pass (Immerkaer 1996, eq. 2).
const KERNEL: [[f32; 3]; 3] = [[1.0, -2.0, 1.0], [-2.0, 4.0, -2.0], [1.0, -2.0, 1.0]];
/// What white noise of deviation 1 leaves behind it: the root of the sum of the squared weights.
const GAIN: f32 = 6.0;
/// The median of a standard normal number's absolute value.
const MEDIAN: f32 = 0.674_49;
/// Of all windows, those that count: one in three.
const SHARE: usize = 3;

/// An estimate of the deviation of white noise in a picture, in units of 0..1.
///
/// `median |I * N| / (6 * 0.6745)`, `N` the kernel of Immerkaer 1996 ("Fast Noise Variance Estimation"). There the mean of
/// `|I * N|` is taken; the median (Donoho and Johnstone 1994) is not moved by the few windows that have edges. It is taken
/// over the third of the 3x3 windows whose mean is nearest to 1/2, since noise is clipped near black and white: on 32x32
/// photographs, noise of 0.2 is told as 0.20, by all windows as 0.18. A clean photograph's texture passes for noise of
/// 0.01 to 0.02.
///
/// # Errors
/// When a side is below 3 pixels.
pub fn estimate(picture: &Picture) -> Result<f32, RestorationError> {
    let (width, height) = (picture.width(), picture.height());
    if width.min(height) < KERNEL.len() {
        return Err(RestorationError::TooSmall { what: "an estimate of noise", width, height, least: KERNEL.len() });
    }
    let corners = (0..height - 2).flat_map(|y| (0..width - 2).map(move |x| (y, x)));
    let mut windows: Vec<(f32, f32)> =
        corners.flat_map(|(y, x)| (0..COLOURS).map(move |colour| response(picture, y, x, colour))).collect();
    let kept = windows.len().div_ceil(SHARE);
    windows.select_nth_unstable_by(kept - 1, |a, b| a.0.total_cmp(&b.0));
    let mut responses: Vec<f32> = windows[..kept].iter().map(|window| window.1).collect();
    let (_, median, _) = responses.select_nth_unstable_by(kept / 2, f32::total_cmp);
    Ok(*median / (GAIN * MEDIAN))
}

/// Of the window whose upper left corner is (`y`, `x`): how far its mean is from 1/2, and `|I * N|`.
fn response(picture: &Picture, y: usize, x: usize, colour: usize) -> (f32, f32) {
    let (mut sum, mut passed) = (0.0, 0.0);
    for (row, weights) in KERNEL.iter().enumerate() {
        for (column, weight) in weights.iter().enumerate() {
            let value = picture.at(y + row, x + column, colour);
            sum += value;
            passed += weight * value;
        }
    }
    ((sum / 9.0 - 0.5).abs(), passed.abs())
}

#[cfg(test)]
mod tests {
    use super::super::Task;
    use super::super::classical::tests::sample;
    use super::*;

    #[test]
    fn noise_on_photographs_is_told_to_a_few_hundredths() {
        let (_, clean) = sample(0, 60);
        for (sigma, tolerance) in [(0.05, 0.015), (0.1, 0.012), (0.2, 0.015), (0.3, 0.03)] {
            let noisy = Task::Denoise { sigma }.damage_all(&clean, 1, "noise").unwrap();
            let estimates: Vec<f32> = noisy.iter().map(|picture| estimate(picture).unwrap()).collect();
            let mean = estimates.iter().sum::<f32>() / estimates.len() as f32;
            assert!((mean - sigma).abs() < tolerance, "{sigma}: {mean}");
            let near = estimates.iter().filter(|found| (**found - sigma).abs() < 0.2 * sigma + 0.01).count();
            assert!(near * 10 >= estimates.len() * 9, "{sigma}: {estimates:?}");
        }
    }

    #[test]
    fn a_clean_picture_has_little_and_a_flat_or_linear_one_none() {
        let (_, clean) = sample(0, 20);
        let mean = clean.iter().map(|picture| estimate(picture).unwrap()).sum::<f32>() / 20.0;
        assert!(mean < 0.03, "{mean}");
        assert!(estimate(&Picture::of_size(5, 9, |_, _, _| 0.3)).unwrap() < 1e-6);
        assert!(estimate(&Picture::of_size(9, 5, |y, x, _| (y + 2 * x) as f32 / 30.0)).unwrap() < 1e-6);
        assert!(estimate(&Picture::of_size(2, 9, |_, _, _| 0.3)).is_err());
    }
}

//! Pictures on their way out of noise, stage by stage.

use super::super::error::TrainError;
use super::sampler::{Sampling, sample};
use super::velocity::{LENGTH, Velocity};
use crate::data::SIDE;
use crate::train::made::sheet::{Sheet, to_bytes};

/// The pictures of `noise`, one label each, on their way: `rows` stages from the top, a column each. The first stage is
/// the noise, the others are what the model expects behind the state, the last is the picture. None when `go_on`, asked
/// before each step, said no. At most as many pictures as a net sees together.
///
/// # Errors
/// When the device fails.
pub fn strip(
    model: &dyn Velocity,
    sampling: Sampling,
    noise: &[f32],
    labels: &[usize],
    rows: usize,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Option<Sheet>, TrainError> {
    let mut seen: Vec<Vec<f32>> = Vec::new();
    let mut watch = |_: usize, pictures: &[f32]| seen.push(pictures.to_vec());
    if sample(model, sampling, noise, labels, &mut watch, go_on)?.is_none() {
        return Ok(None);
    }
    let stages = (1..rows).map(|row| &seen[(row * sampling.steps).div_ceil(rows - 1) - 1]);
    let pictures: Vec<f32> = std::iter::once(noise).chain(stages.map(Vec::as_slice)).flatten().copied().collect();
    debug_assert_eq!(pictures.len(), rows * labels.len() * LENGTH);
    Ok(Some(Sheet::new(&to_bytes(&pictures), SIDE, labels.len())))
}

#[cfg(test)]
mod tests {
    use super::super::velocity::known::Gaussian;
    use super::*;
    use crate::ops::random::Stream;
    use crate::train::made::noise;

    #[test]
    fn a_strip_begins_with_noise_and_ends_with_the_picture_in_any_number_of_steps() {
        let model = Gaussian { means: vec![-0.2, 0.4], deviation: 0.1 };
        let start = noise(&Stream::new(1, "start", 0), LENGTH, 0..2);
        for steps in [1, 3, 8, 20] {
            let sampling = Sampling { steps, guidance: 1.0 };
            let sheet = strip(&model, sampling, &start, &[0, 1], 5, &mut || true).unwrap().unwrap();
            assert_eq!(sheet.size(), (2 * 33 + 1, 5 * 33 + 1));
            let made = sample(&model, sampling, &start, &[0, 1], &mut |_, _| {}, &mut || true).unwrap().unwrap();
            let (first, last) = (to_bytes(&start), to_bytes(&made));
            assert_eq!(sheet.pixel(1, 1), first[..3], "{steps}");
            assert_eq!(sheet.pixel(34, 1 + 4 * 33), last[LENGTH..LENGTH + 3], "{steps}");
        }
        assert!(strip(&model, Sampling::default(), &start, &[0, 1], 5, &mut || false).unwrap().is_none());
    }
}

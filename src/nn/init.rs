//! First weights, drawn by hash: the same seed and name give the same numbers on any machine.

use crate::ops::random::Stream;

/// Uniform in `+-1 / sqrt(fan_in)`: PyTorch's default for convolutions and linear layers.
pub fn uniform_fan_in(seed: u64, name: &str, count: usize, fan_in: usize) -> Vec<f32> {
    let bound = 1.0 / (fan_in as f32).sqrt();
    let stream = Stream::new(seed, name, 0);
    (0..count as u64).map(|i| (2.0 * stream.unit(i) - 1.0) * bound).collect()
}

/// Standard normal.
pub fn normal(seed: u64, name: &str, count: usize) -> Vec<f32> {
    let stream = Stream::new(seed, name, 0);
    (0..count as u64).map(|i| stream.normal(i)).collect()
}

/// Normal with deviation `sqrt(1 / fan_in)`: what passes keeps its size (LeCun et al. 1998, section 4.6).
pub fn lecun_normal(seed: u64, name: &str, count: usize, fan_in: usize) -> Vec<f32> {
    let deviation = (1.0 / fan_in as f32).sqrt();
    normal(seed, name, count).into_iter().map(|x| x * deviation).collect()
}

/// Normal with deviation `sqrt(2 / fan_in)`, for layers before a ReLU (He et al. 2015, equation 10).
pub fn he_normal(seed: u64, name: &str, count: usize, fan_in: usize) -> Vec<f32> {
    let deviation = (2.0 / fan_in as f32).sqrt();
    normal(seed, name, count).into_iter().map(|x| x * deviation).collect()
}

/// Makes the first `channels` filters of `weights (O, k, k, C)` pass their channel through unchanged
/// (`torch.nn.init.dirac_` on the first filters, as in cifar10-airbench).
pub fn pass_through(weights: &mut [f32], kernel: usize, channels: usize) {
    let window = kernel * kernel * channels;
    for (channel, filter) in weights.chunks_exact_mut(window).enumerate().take(channels) {
        filter.fill(0.0);
        filter[(kernel / 2 * kernel + kernel / 2) * channels + channel] = 1.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::{Conv2d, Conv2dOp, host::read};
    use dfdx::prelude::*;

    #[test]
    fn passed_through_channels_come_out_as_they_went_in() {
        let device = Cpu::default();
        let mut weights = uniform_fan_in(1, "w", 5 * 9 * 3, 27);
        pass_through(&mut weights, 3, 3);
        let w = device.tensor_from_vec(weights, (5, 3, 3, 3));
        let x: Vec<f32> = (0..2 * 4 * 4 * 3).map(|i| i as f32).collect();
        let image = device.tensor_from_vec(x.clone(), (2, 4, 4, 3));
        let y = Cpu::conv2d(image, &w, None, Conv2d { pad: 1, ..Conv2d::default() }).unwrap();
        for (x, y) in x.chunks(3).zip(read(&y).chunks(5)) {
            assert_eq!(x, &y[..3]);
        }
    }

    #[test]
    fn draws_stay_in_bounds_and_differ_by_name() {
        let a = uniform_fan_in(1, "a", 1000, 4);
        assert!(a.iter().all(|x| x.abs() <= 0.5));
        assert_ne!(a, uniform_fan_in(1, "b", 1000, 4));
        for (numbers, due) in [(he_normal(1, "a", 10_000, 8), 0.5), (lecun_normal(1, "a", 10_000, 16), 0.25)] {
            let deviation = (numbers.iter().map(|x| x * x).sum::<f32>() / 10_000.0).sqrt();
            assert!((deviation - due).abs() < 0.01);
        }
    }
}

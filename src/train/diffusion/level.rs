//! How much noise is in a picture: the schedule, and what one knows of a noisy picture once one of its parts is known.

use std::f64::consts::FRAC_PI_2;

/// Noise levels that are told apart where something is measured by level: eighths of the time.
pub const BANDS: usize = 8;

/// A noise level: `state = alpha picture + sigma noise`, pictures in -1..1, noise standard normal.
///
/// The cosine schedule in continuous time, `alpha = cos(pi t / 2)` and `sigma = sin(pi t / 2)` (Nichol and Dhariwal 2021,
/// equation 17, without its offset): time 0 is the picture, time 1 pure noise, and `alpha^2 + sigma^2 = 1`. What a net
/// predicts is `v = alpha noise - sigma picture` (Salimans and Ho 2022, section 4 and appendix D), the state's slope along
/// the quarter circle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    pub alpha: f32,
    pub sigma: f32,
}

impl Level {
    /// The level of a time, 0..=1.
    pub fn at(time: f32) -> Self {
        let angle = FRAC_PI_2 * f64::from(time);
        // In floating point the cosine of a quarter turn is not quite zero.
        let alpha = if time >= 1.0 { 0.0 } else { angle.cos() };
        Self { alpha: alpha as f32, sigma: angle.sin() as f32 }
    }

    /// The time at which noise stands to picture as `ratio` to 1: `tan(pi t / 2) = ratio`.
    pub fn time_of(ratio: f64) -> f32 {
        (ratio.atan() / FRAC_PI_2) as f32
    }

    /// The noisy state.
    #[inline]
    pub fn mix(self, picture: f32, noise: f32) -> f32 {
        self.alpha * picture + self.sigma * noise
    }

    /// The velocity of a state of known parts.
    #[inline]
    pub fn velocity(self, picture: f32, noise: f32) -> f32 {
        self.alpha * noise - self.sigma * picture
    }

    /// The picture in a state of known velocity.
    #[inline]
    pub fn picture(self, state: f32, velocity: f32) -> f32 {
        self.alpha * state - self.sigma * velocity
    }

    /// The noise in a state whose picture is known; at level 0 there is none.
    #[inline]
    pub fn noise(self, state: f32, picture: f32) -> f32 {
        if self.sigma == 0.0 { 0.0 } else { (state - self.alpha * picture) / self.sigma }
    }
}

/// The band of a time.
pub fn band(time: f32) -> usize {
    ((time * BANDS as f32) as usize).min(BANDS - 1)
}

/// The middle of a band.
pub fn middle(band: usize) -> f32 {
    (band as f32 + 0.5) / BANDS as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_state_give_one_another() {
        for time in [0.01, 0.2, 0.5, 0.9, 1.0] {
            let level = Level::at(time);
            let (picture, noise) = (0.7, -1.3);
            let (state, velocity) = (level.mix(picture, noise), level.velocity(picture, noise));
            assert!((level.picture(state, velocity) - picture).abs() < 1e-6, "{time}");
            assert!((level.noise(state, picture) - noise).abs() < 1e-4, "{time}");
            assert!((level.alpha.powi(2) + level.sigma.powi(2) - 1.0).abs() < 1e-6);
        }
        assert_eq!((Level::at(0.0), Level::at(1.0).alpha), (Level { alpha: 1.0, sigma: 0.0 }, 0.0));
    }

    #[test]
    fn a_time_is_found_by_its_share_of_noise() {
        for time in [0.0, 0.1, 0.37, 0.99] {
            let Level { alpha, sigma } = Level::at(time);
            assert!((Level::time_of(f64::from(sigma) / f64::from(alpha)) - time).abs() < 1e-6, "{time}");
        }
    }

    #[test]
    fn bands_are_eighths() {
        assert_eq!([0.0, 0.124, 0.126, 0.99, 1.0].map(band), [0, 0, 1, 7, 7]);
        assert!((0..BANDS).all(|each| band(middle(each)) == each));
    }
}

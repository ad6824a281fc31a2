//! Learning rates by step.

/// Up in a straight line, then down to zero in a straight line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Triangle {
    pub peak: f64,
    /// The share of all steps in which the rate climbs, 0..=1.
    pub warmup_share: f64,
    /// Where the climb starts, as a share of the peak.
    pub start: f64,
    pub total_steps: u64,
}

impl Triangle {
    /// The rate for `step` (from 0).
    pub fn rate(&self, step: u64) -> f64 {
        let total = self.total_steps.max(1) as f64;
        let peak_at = self.warmup_share * total;
        let step = step as f64;
        if step < peak_at {
            self.peak * (self.start + (1.0 - self.start) * step / peak_at)
        } else {
            // The last step still moves: the rate would be zero one step later.
            self.peak * ((total - step) / (total - peak_at).max(1.0)).clamp(0.0, 1.0)
        }
    }
}

/// Even, then down to zero in a straight line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plateau {
    pub height: f64,
    /// The share of all steps after which it falls, 0..=1.
    pub decay_from: f64,
    pub total_steps: u64,
}

impl Plateau {
    /// The rate for `step` (from 0).
    pub fn rate(&self, step: u64) -> f64 {
        let total = self.total_steps.max(1) as f64;
        let falling = (1.0 - self.decay_from) * total;
        self.height * ((total - step as f64) / falling.max(1.0)).clamp(0.0, 1.0)
    }
}

/// Up in a straight line, then down to zero along half a cosine (Loshchilov and Hutter 2017, "SGDR", equation 5, once).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cosine {
    pub peak: f64,
    /// Steps of the climb; of a short training a tenth of all.
    pub warmup_steps: u64,
    pub total_steps: u64,
}

impl Cosine {
    /// The rate for `step` (from 0).
    pub fn rate(&self, step: u64) -> f64 {
        let climb = self.warmup_steps.min(self.total_steps / 10);
        if step < climb {
            return self.peak * (step + 1) as f64 / climb as f64;
        }
        let falling = (self.total_steps - climb).max(1) as f64;
        let share = ((step - climb) as f64 / falling).min(1.0);
        self.peak * 0.5 * (1.0 + (std::f64::consts::PI * share).cos())
    }
}

#[cfg(test)]
mod tests {
    use super::{Cosine, Plateau, Triangle};

    #[test]
    fn a_cosine_climbs_to_its_peak_and_falls_by_half_in_the_middle() {
        let cosine = Cosine { peak: 2.0, warmup_steps: 20, total_steps: 220 };
        let due = [(0, 0.1), (19, 2.0), (20, 2.0), (120, 1.0), (220, 0.0)];
        due.iter().for_each(|&(step, due)| assert!((cosine.rate(step) - due).abs() < 1e-12, "{step}"));
        let short = Cosine { total_steps: 30, ..cosine };
        assert_eq!([short.rate(2), short.rate(3)], [2.0, 2.0]);
        let none = Cosine { warmup_steps: 0, total_steps: 1, ..cosine };
        assert_eq!(none.rate(0), 2.0);
    }

    #[test]
    fn a_plateau_ends_where_the_fall_begins() {
        let plateau = Plateau { height: 4.0, decay_from: 0.5, total_steps: 100 };
        assert_eq!([0, 50, 75, 100].map(|step| plateau.rate(step)), [4.0, 4.0, 2.0, 0.0]);
        let even = Plateau { decay_from: 1.0, ..plateau };
        assert_eq!([0, 50, 99].map(|step| even.rate(step)), [4.0; 3]);
    }

    #[test]
    fn it_climbs_to_the_peak_and_falls_to_nearly_nothing() {
        let triangle = Triangle { peak: 2.0, warmup_share: 0.2, start: 0.1, total_steps: 100 };
        assert_eq!(triangle.rate(0), 0.2);
        assert_eq!(triangle.rate(20), 2.0);
        assert_eq!(triangle.rate(60), 1.0);
        assert!(triangle.rate(99) > 0.0 && triangle.rate(99) < 0.03);
        assert_eq!(triangle.rate(100), 0.0);
    }
}

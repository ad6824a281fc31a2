//! Round numbers for an axis: multiples of 1, 2 or 5 times a power of ten.

/// The round values within `low..=high`, about `wanted` of them, and their spacing.
pub fn ticks(low: f64, high: f64, wanted: usize) -> (Vec<f64>, f64) {
    let span = high - low;
    if !span.is_finite() || span <= 0.0 || wanted == 0 {
        return (Vec::new(), 1.0);
    }
    let spacing = round_up(span / wanted as f64);
    let first = (low / spacing).ceil() as i64;
    let last = (high / spacing + 1e-9).floor() as i64;
    // A span that f64 cannot divide (1e300 and the like) has no useful ticks.
    if last.saturating_sub(first) > 4 * wanted as i64 + 4 {
        return (Vec::new(), spacing);
    }
    ((first..=last).map(|i| i as f64 * spacing).collect(), spacing)
}

/// Powers of ten for a logarithmic axis; where there are few, 2 and 5 times those too, and within a decade plain round
/// values.
pub fn log_ticks(low: f64, high: f64, wanted: usize) -> Vec<f64> {
    let (first, last) = (low.log10().ceil() as i32, high.log10().floor() as i32);
    if last < first || (last == first && high / low < 4.0) {
        return ticks(low, high, wanted).0;
    }
    let decades = (last - first + 1) as usize;
    if 3 * decades <= wanted {
        let between = (first - 1..=last).flat_map(|power| [1.0, 2.0, 5.0].map(|factor| factor * 10f64.powi(power)));
        return between.filter(|tick| (low..=high).contains(tick)).collect();
    }
    let stride = decades.div_ceil(wanted.max(1)).max(1);
    (first..=last).step_by(stride).map(|power| 10f64.powi(power)).collect()
}

fn round_up(raw: f64) -> f64 {
    let power = 10f64.powf(raw.log10().floor());
    let factor = raw / power;
    let round = [1.0, 2.0, 5.0].into_iter().find(|r| factor <= *r + 1e-9).unwrap_or(10.0);
    round * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(ticks(0.0, 10.0, 5).0, [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(ticks(0.31, 2.42, 4).0, [1.0, 2.0]);
        assert_eq!(ticks(-1.0, 1.0, 4).0, [-1.0, -0.5, 0.0, 0.5, 1.0]);
    }

    #[test]
    fn nonsense_has_no_ticks() {
        for (low, high) in [(1.0, 1.0), (f64::NAN, 1.0), (0.0, f64::INFINITY), (1e300, 1e300 + 1.0)] {
            assert!(ticks(low, high, 5).0.is_empty());
        }
    }

    #[test]
    fn log_ticks_are_decades() {
        let expected = [1e-3, 1e-2, 1e-1, 1.0];
        let found = log_ticks(0.0005, 3.0, 6);
        assert!(found.iter().zip(expected).all(|(a, b)| (a / b - 1.0).abs() < 1e-9), "{found:?}");
        assert_eq!(log_ticks(1.0, 3.0, 2), [1.0, 2.0, 3.0]);
        assert_eq!(log_ticks(3.0, 300.0, 6), [5.0, 10.0, 20.0, 50.0, 100.0, 200.0]);
    }
}

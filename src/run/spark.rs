//! A whole history in 64 points.

/// How many points a sparkline has at most.
pub const SPARK_POINTS: usize = 64;

/// At most [`SPARK_POINTS`] values that show the shape of all: each of 32 equal stretches gives
/// its lowest and its highest value in the order in which they occurred, so that a spike is never
/// lost. A stretch with a value that is not finite gives that value.
pub fn spark(values: &[f64]) -> Vec<f32> {
    if values.len() <= SPARK_POINTS {
        return values.iter().map(|&value| value as f32).collect();
    }
    let stretches = SPARK_POINTS / 2;
    let mut points = Vec::with_capacity(SPARK_POINTS);
    for i in 0..stretches {
        let from = i * values.len() / stretches;
        let to = (i + 1) * values.len() / stretches;
        points.extend(ends(&values[from..to]).map(|value| value as f32));
    }
    points
}

fn ends(stretch: &[f64]) -> [f64; 2] {
    if let Some(&odd) = stretch.iter().find(|value| !value.is_finite()) {
        return [odd, odd];
    }
    let by_value = |a: &(usize, &f64), b: &(usize, &f64)| a.1.total_cmp(b.1);
    let lowest = stretch.iter().enumerate().min_by(by_value).map_or((0, 0.0), |(i, v)| (i, *v));
    let highest = stretch.iter().enumerate().max_by(by_value).map_or((0, 0.0), |(i, v)| (i, *v));
    match lowest.0 <= highest.0 {
        true => [lowest.1, highest.1],
        false => [highest.1, lowest.1],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_history_is_itself() {
        assert_eq!(spark(&[]), [] as [f32; 0]);
        assert_eq!(spark(&[1.0, 0.5]), [1.0, 0.5]);
        assert_eq!(spark(&[2.0; 64]).len(), 64);
    }

    #[test]
    fn a_spike_survives_wherever_it_is() {
        for n in [65, 1000, 50_000] {
            for at in [0, 1, n / 3, n - 1] {
                let mut values: Vec<f64> = (0..n).map(|i| 1.0 / (1.0 + i as f64)).collect();
                values[at] = 99.0;
                let points = spark(&values);
                assert_eq!(points.len(), SPARK_POINTS);
                assert!(points.contains(&99.0), "{n} {at}");
                values[at] = f64::NAN;
                assert!(spark(&values).iter().any(|p| p.is_nan()));
            }
        }
    }
}

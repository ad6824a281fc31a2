//! Numbers as people read them: short, with their unit, never jumping in width without need.

use std::time::Duration;

use crate::jobs::Axis;

/// `1234567` → `1,234,567`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// At most five characters: `999`, `1,034`, `12.3k`, `4.5M`.
pub fn short_count(n: f64) -> String {
    match n {
        n if !n.is_finite() => "-".to_owned(),
        n if n < 9_999.5 => count(n.round().max(0.0) as u64),
        n if n < 99_950.0 => format!("{:.1}k", n / 1e3),
        n if n < 999_500.0 => format!("{:.0}k", n / 1e3),
        n if n < 99_950_000.0 => format!("{:.1}M", n / 1e6),
        n => format!("{:.0}M", n / 1e6),
    }
}

/// At most six characters: `45s`, `2m10s`, `1h05m`, `3d04h`.
pub fn duration(elapsed: Duration) -> String {
    let s = elapsed.as_secs();
    match s {
        0..60 => format!("{s}s"),
        60..3600 => format!("{}m{:02}s", s / 60, s % 60),
        3600..86_400 => format!("{}h{:02}m", s / 3600, s % 3600 / 60),
        86_400..8_640_000 => format!("{}d{:02}h", s / 86_400, s % 86_400 / 3600),
        _ => ">99d".to_owned(),
    }
}

pub fn seconds(s: f64) -> String {
    match s {
        s if s.is_finite() && s >= 0.0 => duration(Duration::from_secs_f64(s.min(1e9))),
        _ => "-".to_owned(),
    }
}

/// `3.1 MB`, decimal as disks are sold.
pub fn bytes(n: u64) -> String {
    let n = n as f64;
    match n {
        n if n < 1e3 => format!("{n:.0} B"),
        n if n < 99.95e3 => format!("{:.1} kB", n / 1e3),
        n if n < 1e6 => format!("{:.0} kB", n / 1e3),
        n if n < 99.95e6 => format!("{:.1} MB", n / 1e6),
        n if n < 1e9 => format!("{:.0} MB", n / 1e6),
        n => format!("{:.1} GB", n / 1e9),
    }
}

/// A share of 0..1 as a percentage: `71.2 %`.
pub fn share(value: f64) -> String {
    if value.is_finite() { format!("{:.1} %", value * 100.0) } else { non_finite(value) }
}

/// A metric in its own unit: shares as per cent, the rest with about four significant digits.
pub fn metric(value: f64, is_share: bool) -> String {
    if !value.is_finite() {
        return non_finite(value);
    }
    if is_share {
        return share(value);
    }
    let size = value.abs();
    match size {
        0.0 => "0".to_owned(),
        s if !(1e-3..1e7).contains(&s) => format!("{value:.2e}"),
        s if s < 1.0 => format!("{value:.4}"),
        s if s < 100.0 => format!("{value:.3}"),
        s if s < 10_000.0 => format!("{value:.1}"),
        _ => short_count(value),
    }
}

/// A place on an axis: `3,060`, `2.46`, `1h05m`.
pub fn place(axis: Axis, at: f64) -> String {
    match axis {
        Axis::Step => count(at.round().max(0.0) as u64),
        Axis::Epoch => format!("{at:.2}"),
        Axis::RunTime | Axis::WallTime => seconds(at),
    }
}

fn non_finite(value: f64) -> String {
    match value {
        v if v.is_nan() => "nan".to_owned(),
        v if v > 0.0 => "inf".to_owned(),
        _ => "-inf".to_owned(),
    }
}

/// The label of an axis tick, with as many decimals as tell `spacing` apart.
pub fn tick(value: f64, spacing: f64) -> String {
    let size = value.abs().max(spacing);
    if size >= 1e6 || (size > 0.0 && size < 1e-4) {
        return format!("{value:.1e}");
    }
    if size >= 10_000.0 {
        let text = format!("{:.1}k", value / 1e3);
        return text.replace(".0k", "k");
    }
    let decimals = (-spacing.log10().floor()).clamp(0.0, 6.0) as usize;
    let value = if value == 0.0 { 0.0 } else { value };
    format!("{value:.decimals$}")
}

/// `1st`, `2nd`, `3rd`, `11th`.
pub fn ordinal(n: usize) -> String {
    let suffix = match (n % 10, n % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{n}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_sizes() {
        assert_eq!([count(0), count(999), count(1_000), count(1_234_567)], ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([short_count(1034.4), short_count(12_345.0), short_count(f64::NAN)], ["1,034", "12.3k", "-"]);
        assert_eq!([bytes(12), bytes(20_480), bytes(3_140_000)], ["12 B", "20.5 kB", "3.1 MB"]);
    }

    #[test]
    fn short_counts_keep_to_five_characters() {
        let mut n = 0.0;
        while n < 9e8 {
            assert!(short_count(n).len() <= 5, "{n}");
            n = n * 1.01 + 1.0;
        }
    }

    #[test]
    fn durations_keep_to_six_characters() {
        for s in [0, 59, 60, 3599, 3600, 86_399, 86_400, 8_639_999, 1 << 40] {
            assert!(duration(Duration::from_secs(s)).len() <= 6, "{s}");
        }
        assert_eq!(seconds(-1.0), "-");
    }

    #[test]
    fn metrics_show_what_went_wrong() {
        assert_eq!(metric(f64::NAN, true), "nan");
        assert_eq!(metric(f64::NEG_INFINITY, false), "-inf");
        assert_eq!(metric(0.7124, true), "71.2 %");
        assert_eq!(metric(1.23456, false), "1.235");
        assert_eq!(metric(0.0005, false), "5.00e-4");
    }

    #[test]
    fn ticks_tell_their_neighbours_apart() {
        assert_eq!([tick(0.5, 0.5), tick(20_000.0, 10_000.0), tick(-0.0, 1.0)], ["0.5", "20k", "0"]);
    }

    #[test]
    fn places_are_told_in_the_units_of_their_axis() {
        assert_eq!(
            [place(Axis::Step, 3060.0), place(Axis::Epoch, 2.456), place(Axis::WallTime, 3900.0)],
            ["3,060", "2.46", "1h05m"]
        );
    }

    #[test]
    fn ordinals() {
        let all: Vec<String> = [1, 2, 3, 4, 11, 12, 13, 21].map(ordinal).to_vec();
        assert_eq!(all, ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st"]);
    }
}

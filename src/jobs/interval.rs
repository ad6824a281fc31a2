//! How surely a share is known.

/// The 95 % interval of a share `p` of `n` (Wilson 1927).
pub fn wilson(p: f64, n: f64) -> (f64, f64) {
    const Z: f64 = 1.959_964;
    let centre = p + Z * Z / (2.0 * n);
    let reach = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    ((centre - reach) / scale, (centre + reach) / scale)
}

#[cfg(test)]
mod tests {
    /// ```python
    /// from statsmodels.stats.proportion import proportion_confint
    /// proportion_confint(9, 10, method="wilson")  # 0.5958, 0.9821
    /// ```
    #[test]
    fn the_interval_is_wilson_s() {
        let (low, high) = super::wilson(0.9, 10.0);
        assert!((low - 0.5958).abs() < 1e-4 && (high - 0.9821).abs() < 1e-4, "{low} {high}");
    }
}

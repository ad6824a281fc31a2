//! Printable ASCII by lightness, for terminals and fonts without block characters.

/// From dark to light on a dark background, evenly inked in common fonts.
pub(super) const RAMP: [&str; 10] = [" ", ".", ":", "-", "=", "+", "*", "#", "%", "@"];

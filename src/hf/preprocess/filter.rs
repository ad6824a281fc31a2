//! PIL's resampling filters and the weights that they give.

/// A filter, by PIL's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    Nearest,
    Box,
    Bilinear,
    Hamming,
    Bicubic,
    Lanczos,
}

/// The weights that one pixel of the output gives to consecutive pixels of the input, as fixed-point numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// The first pixel of the input.
    pub(super) start: usize,
    /// Weights in units of 2^-[`PRECISION`]; together about 1.
    pub(super) weights: Vec<i32>,
}

/// Bits of a weight's fraction: what a 32-bit sum has left beside 8 bits of a pixel and 2 of overshoot.
pub(super) const PRECISION: u32 = 32 - 8 - 2;

impl Filter {
    const ALL: [(u64, Self); 6] = [
        (0, Self::Nearest),
        (1, Self::Lanczos),
        (2, Self::Bilinear),
        (3, Self::Bicubic),
        (4, Self::Box),
        (5, Self::Hamming),
    ];

    /// The filter of PIL's number, as files of settings have it.
    pub fn numbered(number: u64) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == number).map(|(_, filter)| *filter)
    }

    /// PIL's number for it.
    pub fn number(self) -> u64 {
        Self::ALL.iter().find(|(_, filter)| *filter == self).map_or(0, |(number, _)| *number)
    }

    /// How far from its centre it reaches, in pixels of the coarser grid.
    fn support(self) -> f64 {
        match self {
            Self::Nearest => 0.0,
            Self::Box => 0.5,
            Self::Bilinear | Self::Hamming => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    /// Its weight at distance `x`.
    fn at(self, x: f64) -> f64 {
        let inside = x.abs() < self.support();
        match self {
            Self::Nearest => 0.0,
            Self::Box if x > -0.5 && x <= 0.5 => 1.0,
            Self::Bilinear if inside => 1.0 - x.abs(),
            Self::Hamming if x == 0.0 => 1.0,
            Self::Hamming if inside => {
                let x = x.abs() * std::f64::consts::PI;
                x.sin() / x * (0.54 + 0.46 * x.cos())
            }
            Self::Bicubic if inside => bicubic(x.abs()),
            Self::Lanczos if inside => sinc(x) * sinc(x / 3.0),
            _ => 0.0,
        }
    }

    /// The windows of each of `output` pixels on `input` pixels. When the picture shrinks, the filter is widened by the
    /// same factor, so that every pixel of the input is seen (antialiasing).
    pub(super) fn windows(self, input: usize, output: usize) -> Vec<Window> {
        let scale = input as f64 / output as f64;
        let widening = scale.max(1.0);
        let support = self.support() * widening;
        let inverse = 1.0 / widening;
        let window = |place: usize| {
            let centre = (place as f64 + 0.5) * scale;
            // Truncation and the halves are PIL's.
            let start = ((centre - support + 0.5) as i64).max(0) as usize;
            let end = ((centre + support + 0.5) as usize).min(input);
            let weights: Vec<f64> = (start..end).map(|x| self.at((x as f64 - centre + 0.5) * inverse)).collect();
            let sum: f64 = weights.iter().sum();
            let sum = if sum == 0.0 { 1.0 } else { sum };
            Window { start, weights: weights.iter().map(|weight| fixed(weight / sum)).collect() }
        };
        (0..output).map(window).collect()
    }
}

/// A weight in fixed point, rounded half away from zero.
fn fixed(weight: f64) -> i32 {
    let scaled = weight * f64::from(1 << PRECISION);
    (if weight < 0.0 { scaled - 0.5 } else { scaled + 0.5 }) as i32
}

/// Keys' cubic (1981, "Cubic convolution interpolation for digital image processing") with a = -1/2, for `x` in 0 to 2.
fn bicubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    if x < 1.0 { ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0 } else { (((x - 5.0) * x + 8.0) * x - 4.0) * A }
}

fn sinc(x: f64) -> f64 {
    let x = x * std::f64::consts::PI;
    if x == 0.0 { 1.0 } else { x.sin() / x }
}

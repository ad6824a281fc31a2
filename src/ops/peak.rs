//! The rate at which this machine multiplies matrices: what a training step's own rate is held against.

use super::conv2d::Geometry;
use super::conv2d::forward::convolve;
use super::host::Matrix;
use dfdx::prelude::*;
use std::time::{Duration, Instant};

/// Sides of the squares that dfdx multiplies.
const SIDES: [usize; 3] = [256, 512, 768];
/// Products of the tiles: rows, depth and columns of which all lie in a core's second cache, and how often a thread
/// multiplies them at a time.
const ROWS: usize = 192;
const DEPTH: usize = 384;
const COLUMNS: usize = 96;
const REPEATS: usize = 4;
/// How long each contender multiplies in a round.
const ROUND: Duration = Duration::from_millis(8);

/// The highest rate of single-precision products that was seen, on the threads of the current pool.
///
/// Two ways contend: dfdx's own product, which all threads share, and the tiles of our kernels, on matrices that suit them, on
/// every thread by itself.
#[derive(Debug)]
pub struct Peak {
    squares: Vec<Matrix<Cpu>>,
    tiles: Tiles,
    /// Multiply-adds a second.
    best: f64,
}

impl Default for Peak {
    fn default() -> Self {
        let device = Cpu::default();
        let square = |side: usize| device.tensor_from_vec(numbers(side * side), (side, side));
        Self { squares: SIDES.map(square).into(), tiles: Tiles::new(), best: 0.0 }
    }
}

impl Peak {
    /// One more round of every contender. Rounds between steps of a training meet the same disturbances as these.
    pub fn measure(&mut self) {
        let Self { squares, tiles, best } = self;
        for square in squares {
            let side = square.shape().0;
            *best = best.max(rate(side.pow(3), || drop(square.clone().matmul(square.clone()))));
        }
        let threads = rayon::current_num_threads();
        *best = best.max(rate(threads * REPEATS * ROWS * DEPTH * COLUMNS, || {
            rayon::broadcast(|_| tiles.multiply());
        }));
    }

    /// Billions of floating-point operations a second, a multiply-add being two; 0 before the first round.
    pub fn gflops(&self) -> f64 {
        2e-9 * self.best
    }
}

/// The best of one or more calls of `work`, in multiply-adds a second.
fn rate(macs: usize, mut work: impl FnMut()) -> f64 {
    let (begun, mut best) = (Instant::now(), 0.0);
    while best == 0.0 || begun.elapsed() < ROUND {
        let call = Instant::now();
        work();
        best = f64::max(best, macs as f64 / call.elapsed().as_secs_f64());
    }
    best
}

/// A linear layer without anything around its kernel.
#[derive(Debug)]
struct Tiles {
    g: Geometry,
    x: Vec<f32>,
    starts: Vec<usize>,
    panels: Vec<f32>,
}

impl Tiles {
    fn new() -> Self {
        let (batch, channels, filters) = (ROWS, DEPTH, COLUMNS);
        let g = Geometry { batch, height: 1, width: 1, channels, filters, kernel: 1, pad: 0, squares: false };
        Self { g, x: numbers(ROWS * DEPTH), starts: g.window_starts(ROWS), panels: numbers(DEPTH * COLUMNS) }
    }

    fn multiply(&self) {
        let mut y = vec![0.0; ROWS * COLUMNS];
        for _ in 0..REPEATS {
            convolve(&self.g, &self.x, &self.starts, &self.panels, None, false, &mut y);
            std::hint::black_box(&mut y);
        }
    }
}

/// Varied numbers around zero.
fn numbers(len: usize) -> Vec<f32> {
    (0..len).map(|i| (i * 7919 % 1013) as f32 / 506.0 - 1.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::conv2d::kernel::LANES;

    #[test]
    fn the_peak_never_falls_from_round_to_round() {
        let mut peak = Peak::default();
        assert_eq!(peak.gflops(), 0.0);
        let mut last = 0.0;
        for _ in 0..2 {
            peak.measure();
            assert!(peak.gflops() > 0.0 && peak.gflops() >= last);
            last = peak.gflops();
        }
    }

    /// What is timed is the whole product: each number of it is the sum on paper.
    #[test]
    fn the_tiles_multiply_what_is_counted() {
        let tiles = Tiles::new();
        let mut y = vec![0.0; ROWS * COLUMNS];
        convolve(&tiles.g, &tiles.x, &tiles.starts, &tiles.panels, None, false, &mut y);
        for (row, column) in [(0, 0), (7, 95), (191, 16)] {
            let panel = &tiles.panels[column / LANES * DEPTH * LANES..];
            let terms =
                (0..DEPTH).map(|k| f64::from(tiles.x[row * DEPTH + k]) * f64::from(panel[k * LANES + column % LANES]));
            let due: f64 = terms.sum();
            assert!((f64::from(y[row * COLUMNS + column]) - due).abs() < 1e-3, "row {row}, column {column}");
        }
    }
}

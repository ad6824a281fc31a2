//! The two inner loops of convolution: a tile of outputs, and a tile of weight gradients.
//!
//! Channels come last, so a window row is one contiguous run of `kw * channels` floats: the kernels read the picture
//! in place (no im2col) and broadcast it against weights packed into panels of [`LANES`] output channels.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

use crate::ops::simd::{self, Level};

/// Output channels in a panel: two registers of AVX2, one of AVX-512.
pub const LANES: usize = 16;
/// Rows of a tile.
pub const ROWS: usize = 12;

/// Panels that are best taken at once: AVX-512 has the registers for two, and so each number of a picture is read for
/// twice as many products.
pub fn panels_at_once() -> usize {
    if simd::level() == Level::Avx512 { 2 } else { 1 }
}

/// Where the tiles of `P` panels lie: row `m` of panel `p` from `m * row + p * panel` on.
pub struct Target<'a> {
    pub numbers: &'a mut [f32],
    /// Distance of two rows of a tile.
    pub row: usize,
    /// Distance of two panels' tiles.
    pub panel: usize,
    /// Numbers of the last panel's rows that are there, 1 to [`LANES`]; those before it have all.
    pub lanes: usize,
}

impl Target<'_> {
    /// How many lanes each of `P` panels has.
    fn lanes<const P: usize>(&self) -> [usize; P] {
        std::array::from_fn(|p| if p + 1 < P { LANES } else { self.lanes })
    }

    /// # Panics
    /// When a row ends outside.
    fn check<const P: usize>(&self, rows: usize) {
        assert!((1..=ROWS).contains(&rows), "a tile has other rows");
        assert!((1..=LANES).contains(&self.lanes), "a panel has other lanes");
        let last = (rows - 1) * self.row;
        let reach = self.lanes::<P>().iter().enumerate().map(|(p, lanes)| last + p * self.panel + lanes).max();
        assert!(reach.is_some_and(|reach| reach <= self.numbers.len()), "a tile is too short");
    }

    /// The rows of one panel, worked on in one piece and brought back.
    fn by_tile(&mut self, rows: usize, p: usize, lanes: usize, work: impl FnOnce(&mut Tile)) {
        let mut tile = [[0.0; LANES]; ROWS];
        for (row, sums) in tile[..rows].iter_mut().enumerate() {
            sums[..lanes].copy_from_slice(&self.numbers[row * self.row + p * self.panel..][..lanes]);
        }
        work(&mut tile);
        for (row, sums) in tile[..rows].iter().enumerate() {
            self.numbers[row * self.row + p * self.panel..][..lanes].copy_from_slice(&sums[..lanes]);
        }
    }
}

/// A tile in one piece, as the code without AVX-512 has it.
type Tile = [[f32; LANES]; ROWS];

/// What the sums of `P` tiles begin with.
#[derive(Clone, Copy)]
pub struct Begin<const P: usize> {
    /// Numbers for each panel's rows.
    pub first: [[f32; LANES]; P],
    /// Add what is there.
    pub onto: bool,
}

impl<const P: usize> Begin<P> {
    /// Zeros, or what is there.
    pub fn new(onto: bool) -> Self {
        Self { first: [[0.0; LANES]; P], onto }
    }
}

/// Where the windows of any number of rows lie, none of them outside.
#[derive(Clone, Copy)]
pub struct Windows<'a> {
    x: &'a [f32],
    starts: &'a [usize],
    row_stride: usize,
    window_rows: usize,
    run: usize,
}

impl<'a> Windows<'a> {
    /// Windows of the padded pictures `x`, channels last: each begins at one of `starts`, has `window_rows` rows (the kernel's
    /// height) of `run` numbers (`kw * channels`), and `row_stride` numbers from one row to the next.
    ///
    /// # Panics
    /// When a window leaves `x`.
    pub fn new(x: &'a [f32], starts: &'a [usize], row_stride: usize, window_rows: usize, run: usize) -> Self {
        let reach = (window_rows - 1) * row_stride + run;
        let last = starts.iter().fold(0, |last, &start| if start > last { start } else { last });
        assert!(last + reach <= x.len(), "a window leaves the picture");
        Self { x, starts, row_stride, window_rows, run }
    }

    /// Tile by tile.
    pub fn tiles(self) -> impl Iterator<Item = Self> {
        self.starts.chunks(ROWS).map(move |starts| Self { starts, ..self })
    }
}

/// `target[m, l] = begin[l] + sum_k x[window m, k] * panel[k][l]` for the rows of `windows` (1 to [`ROWS`]), in
/// each of `P` tiles by its own panel.
///
/// # Panics
/// When a panel or a tile ends outside its slice, or a tile has no rows or more than [`ROWS`].
#[inline]
pub fn forward_tiles<const P: usize>(windows: &Windows, panels: [&[f32]; P], begin: &Begin<P>, target: Target) {
    forward_by(simd::level(), windows, panels, begin, target);
}

#[inline]
fn forward_by<const P: usize>(
    level: Level,
    windows: &Windows,
    panels: [&[f32]; P],
    begin: &Begin<P>,
    mut target: Target,
) {
    let weights = windows.window_rows * windows.run * LANES;
    assert!(panels.iter().all(|panel| weights <= panel.len()), "a panel is too short");
    let rows = windows.starts.len();
    target.check::<P>(rows);
    #[cfg(target_arch = "x86_64")]
    if level == Level::Avx512 {
        // SAFETY: the level was found; the windows were checked when they were made, the asserts above bound the panels and
        // the tiles.
        return unsafe { avx512::forward(windows, panels, begin, target) };
    }
    for (p, (panel, lanes)) in panels.into_iter().zip(target.lanes::<P>()).enumerate() {
        target.by_tile(rows, p, lanes, |tile| {
            for sums in tile[..rows].iter_mut() {
                let first = begin.first[p];
                let all = sums.iter_mut().zip(first);
                all.for_each(|(sum, first)| *sum = if begin.onto { first + *sum } else { first });
            }
            match level {
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                Level::Avx2 => unsafe { avx2::forward(windows, panel, tile) },
                _ => portable::forward(windows, panel, tile),
            }
        });
    }
}

/// A stretch of picture rows over which weight gradients are summed.
#[derive(Clone, Copy)]
pub struct Stretch<'a> {
    /// The padded picture from the first window element of the tile on.
    pub x: &'a [f32],
    /// Number of pictures, of output rows in each and of outputs in a row.
    pub images: usize,
    pub rows: usize,
    pub cols: usize,
    /// Distance of two pictures in `x` and in `dy`.
    pub image_stride: usize,
    pub dy_image_stride: usize,
    /// Distance in `x` of two output rows and of two outputs in a row.
    pub row_stride: usize,
    pub col_stride: usize,
}

/// `target[m, l] = sum_(row, col) x[row, col, m] * dy[row, col, l]`, added to what is there if `onto` is set, for the first
/// `height` rows of a tile, in each of `P` tiles by the output gradients of its own panel, [`LANES`] for each position.
///
/// # Panics
/// When the stretch reaches outside `x` or a `dy`, or a tile outside its slice.
#[inline]
pub fn weight_tiles<const P: usize>(stretch: &Stretch, dy: [&[f32]; P], height: usize, onto: bool, target: Target) {
    weight_by(simd::level(), stretch, dy, height, onto, target);
}

#[inline]
fn weight_by<const P: usize>(
    level: Level,
    stretch: &Stretch,
    dy: [&[f32]; P],
    height: usize,
    onto: bool,
    mut target: Target,
) {
    let row_reach = (stretch.rows - 1) * stretch.row_stride + (stretch.cols - 1) * stretch.col_stride + height;
    let reach = (stretch.images - 1) * stretch.image_stride + row_reach;
    assert!(reach <= stretch.x.len(), "the stretch leaves the picture");
    let dy_reach = (stretch.images - 1) * stretch.dy_image_stride + stretch.rows * stretch.cols * LANES;
    assert!(dy.iter().all(|dy| dy_reach <= dy.len()), "too few output gradients");
    target.check::<P>(height);
    #[cfg(target_arch = "x86_64")]
    if level == Level::Avx512 {
        // SAFETY: the level was found; the asserts above bound every read and write.
        return unsafe { avx512::weight(stretch, dy, height, onto, target) };
    }
    for (p, (dy, lanes)) in dy.into_iter().zip(target.lanes::<P>()).enumerate() {
        target.by_tile(height, p, lanes, |tile| {
            if !onto {
                tile.as_flattened_mut().fill(0.0);
            }
            match level {
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                Level::Avx2 => unsafe { avx2::weight(stretch, dy, height, tile.as_flattened_mut()) },
                _ => portable::weight(stretch, dy, height, tile.as_flattened_mut()),
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{assert_close, noise};

    /// All that this processor offers above the portable code; where there is nothing, the tests say nothing.
    fn levels() -> impl Iterator<Item = Level> {
        [Level::Avx2, Level::Avx512].into_iter().filter(|level| *level <= simd::level())
    }

    const GAP: usize = 5;

    /// Room for two panels' tiles, the rows `GAP` numbers apart; all numbers are 0.25.
    fn room() -> Vec<f32> {
        vec![0.25; ROWS * (2 * LANES + GAP)]
    }

    fn target(numbers: &mut [f32], lanes: usize) -> Target<'_> {
        Target { numbers, row: 2 * LANES + GAP, panel: LANES, lanes }
    }

    /// Row, panel and lane of a number of [`room`]; none in a gap.
    fn place(at: usize) -> Option<[usize; 3]> {
        let (row, column) = (at / (2 * LANES + GAP), at % (2 * LANES + GAP));
        (column < 2 * LANES).then_some([row, column / LANES, column % LANES])
    }

    #[test]
    fn forward_tile_is_the_portable_one() {
        let (x, panels) = (noise("x", 400), [noise("panel", 3 * 21 * LANES), noise("other", 3 * 21 * LANES)]);
        let first: [[f32; LANES]; 2] =
            [noise("first", LANES), noise("second", LANES)].map(|all| all.try_into().unwrap_or([0.0; LANES]));
        for (rows, lanes, onto) in (1..=ROWS).flat_map(|rows| [(rows, LANES, false), (rows, rows, true)]) {
            let starts: Vec<usize> = (0..rows).map(|row| row * 37 % 101).collect();
            let windows = Windows::new(&x, &starts, 60, 3, 21);
            let of = |level| {
                let (mut both, mut one) = (room(), room());
                let begin = Begin { first, onto };
                forward_by(level, &windows, [&panels[0], &panels[1]], &begin, target(&mut both, lanes));
                let begin = Begin { first: [first[1]], onto };
                forward_by(level, &windows, [&panels[1]], &begin, target(&mut one[LANES..], lanes));
                for (at, (both, one)) in both.iter().zip(&one).enumerate() {
                    let untouched =
                        place(at).is_none_or(|[row, panel, lane]| row >= rows || panel == 1 && lane >= lanes);
                    assert!(!untouched || *both == 0.25, "number {at} of {rows} rows by {lanes} was touched");
                    let is_second = place(at).is_some_and(|[_, panel, _]| panel == 1);
                    assert!(!is_second || both == one, "a panel by itself is the same");
                }
                both
            };
            let due = of(Level::Portable);
            let all: Vec<Vec<f32>> = levels().map(of).collect();
            all.iter().for_each(|got| assert_close(&format!("{rows} rows by {lanes}"), got, &due, 1e-6));
            assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "wider registers sum in another order");
        }
    }

    #[test]
    fn weight_tile_is_the_portable_one() {
        let (x, dy) = (noise("x", 3 * 200), [noise("dy", 3 * 30 * LANES), noise("other", 3 * 30 * LANES)]);
        for (height, lanes, onto) in (1..=ROWS).flat_map(|height| [(height, LANES, true), (height, height, false)]) {
            let stretch = Stretch {
                x: &x,
                images: 3,
                rows: 4,
                cols: 5,
                image_stride: 200,
                dy_image_stride: 30 * LANES,
                row_stride: 30,
                col_stride: 7,
            };
            let of = |level| {
                let (mut both, mut one) = (room(), room());
                weight_by(level, &stretch, [&dy[0], &dy[1]], height, onto, target(&mut both, lanes));
                weight_by(level, &stretch, [&dy[1]], height, onto, target(&mut one[LANES..], lanes));
                for (at, (both, one)) in both.iter().zip(&one).enumerate() {
                    let untouched =
                        place(at).is_none_or(|[row, panel, lane]| row >= height || panel == 1 && lane >= lanes);
                    assert!(!untouched || *both == 0.25, "number {at} of height {height} by {lanes} was touched");
                    let is_second = place(at).is_some_and(|[_, panel, _]| panel == 1);
                    assert!(!is_second || both == one, "a panel by itself is the same");
                }
                both
            };
            let due = of(Level::Portable);
            let all: Vec<Vec<f32>> = levels().map(of).collect();
            all.iter().for_each(|got| assert_close(&format!("height {height} by {lanes}"), got, &due, 1e-6));
            assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "wider registers sum in another order");
        }
    }

    #[test]
    #[should_panic(expected = "a tile is too short")]
    fn a_tile_that_ends_early_is_refused() {
        let windows = Windows::new(&[0.0; 10], &[0, 3], 4, 1, 4);
        let target = Target { numbers: &mut [0.0; 2 * LANES - 1], row: LANES, panel: LANES, lanes: LANES };
        forward_tiles(&windows, [&[0.0; 8 * LANES]], &Begin::new(false), target);
    }

    #[test]
    #[should_panic(expected = "a window leaves the picture")]
    fn a_window_beyond_the_picture_is_refused() {
        Windows::new(&[0.0; 10], &[0, 3], 4, 2, 4);
    }

    #[test]
    #[should_panic(expected = "too few output gradients")]
    fn gradients_that_end_early_are_refused() {
        let stretch = Stretch {
            x: &[0.0; 100],
            images: 1,
            rows: 2,
            cols: 2,
            image_stride: 0,
            dy_image_stride: 0,
            row_stride: 5,
            col_stride: 1,
        };
        let target = Target { numbers: &mut [0.0; LANES], row: LANES, panel: LANES, lanes: LANES };
        weight_tiles(&stretch, [&[0.0; 3 * LANES]], 1, true, target);
    }
}

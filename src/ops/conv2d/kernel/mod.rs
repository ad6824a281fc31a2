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

/// A tile of results: up to [`ROWS`] rows of [`LANES`] channels.
pub type Tile = [[f32; LANES]; ROWS];

/// Panels that are best taken at once: AVX-512 has the registers for two, and so each number of a picture is read for
/// twice as many products.
pub fn panels_at_once() -> usize {
    if simd::level() == Level::Avx512 { 2 } else { 1 }
}

/// Writes the first `lanes` numbers of a tile's row to the beginning of `to`.
#[inline(always)]
pub fn put(row: &[f32; LANES], lanes: usize, to: &mut [f32]) {
    match to.first_chunk_mut() {
        // A whole row is one move of a register, a part of it a call.
        Some(to) if lanes == LANES => *to = *row,
        _ => to[..lanes].copy_from_slice(&row[..lanes]),
    }
}

/// Adds the first `lanes` numbers of a tile's row to the beginning of `to`.
#[inline(always)]
pub fn put_more(row: &[f32; LANES], lanes: usize, to: &mut [f32]) {
    match to.first_chunk_mut::<LANES>() {
        Some(to) if lanes == LANES => to.iter_mut().zip(row).for_each(|(to, x)| *to += x),
        _ => to[..lanes].iter_mut().zip(row).for_each(|(to, x)| *to += x),
    }
}

/// Where the windows of a tile lie and which slice of the panel meets them.
#[derive(Clone, Copy)]
pub struct Windows<'a> {
    /// The padded pictures, channels last.
    pub x: &'a [f32],
    /// Start of each row's window in `x`.
    pub starts: &'a [usize],
    /// Distance of a window's rows in `x`.
    pub row_stride: usize,
    /// Number of window rows (the kernel's height).
    pub window_rows: usize,
    /// Length of a window row (`kw * channels`).
    pub run: usize,
}

/// `tile[m][l] += sum_k x[window m, k] * panel[k][l]` for the rows that `windows.starts` names (1 to [`ROWS`]), in each of `P`
/// tiles by its own panel.
///
/// # Panics
/// When a window or a panel ends outside its slice.
#[inline]
pub fn forward_tiles<const P: usize>(windows: &Windows, panels: [&[f32]; P], tiles: &mut [Tile; P]) {
    forward_by(simd::level(), windows, panels, tiles);
}

#[inline]
fn forward_by<const P: usize>(level: Level, windows: &Windows, panels: [&[f32]; P], tiles: &mut [Tile; P]) {
    let reach = (windows.window_rows - 1) * windows.row_stride + windows.run;
    let last = windows.starts.iter().copied().max().unwrap_or(0);
    assert!(last + reach <= windows.x.len(), "a window leaves the picture");
    let weights = windows.window_rows * windows.run * LANES;
    assert!(panels.iter().all(|panel| weights <= panel.len()), "a panel is too short");
    assert!(windows.starts.len() <= ROWS, "more rows than a tile has");
    // SAFETY of both: the level was found here; the asserts above bound every window and the panels.
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { avx512::forward(windows, panels, tiles) },
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => {
            tiles.iter_mut().zip(panels).for_each(|(tile, panel)| unsafe { avx2::forward(windows, panel, tile) })
        }
        _ => tiles.iter_mut().zip(panels).for_each(|(tile, panel)| portable::forward(windows, panel, tile)),
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

/// `tile[m][l] += sum_(row, col) x[row, col, m] * dy[row, col, l]` for the first `height` rows of a tile, in each of `P` tiles
/// by the output gradients of its own panel, [`LANES`] for each position.
///
/// # Panics
/// When the stretch reaches outside `x` or a `dy`.
#[inline]
pub fn weight_tiles<const P: usize>(stretch: &Stretch, dy: [&[f32]; P], height: usize, tiles: [&mut [f32]; P]) {
    weight_by(simd::level(), stretch, dy, height, tiles);
}

#[inline]
fn weight_by<const P: usize>(level: Level, stretch: &Stretch, dy: [&[f32]; P], height: usize, tiles: [&mut [f32]; P]) {
    let row_reach = (stretch.rows - 1) * stretch.row_stride + (stretch.cols - 1) * stretch.col_stride + height;
    let reach = (stretch.images - 1) * stretch.image_stride + row_reach;
    assert!(reach <= stretch.x.len(), "the stretch leaves the picture");
    let dy_reach = (stretch.images - 1) * stretch.dy_image_stride + stretch.rows * stretch.cols * LANES;
    assert!(dy.iter().all(|dy| dy_reach <= dy.len()), "too few output gradients");
    assert!((1..=ROWS).contains(&height), "a tile has other rows");
    assert!(tiles.iter().all(|tile| height * LANES <= tile.len()), "a tile is too short");
    // SAFETY of both: the level was found here; the asserts above bound every read and write.
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { avx512::weight(stretch, dy, height, tiles) },
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => {
            tiles.into_iter().zip(dy).for_each(|(tile, dy)| unsafe { avx2::weight(stretch, dy, height, tile) });
        }
        _ => tiles.into_iter().zip(dy).for_each(|(tile, dy)| portable::weight(stretch, dy, height, tile)),
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

    #[test]
    fn forward_tile_is_the_portable_one() {
        let (x, panels) = (noise("x", 400), [noise("panel", 3 * 21 * LANES), noise("other", 3 * 21 * LANES)]);
        for rows in 1..=ROWS {
            let starts: Vec<usize> = (0..rows).map(|row| row * 37 % 101).collect();
            let windows = Windows { x: &x, starts: &starts, row_stride: 60, window_rows: 3, run: 21 };
            let of = |level| {
                let mut both = [[[0.25; LANES]; ROWS]; 2];
                forward_by(level, &windows, [&panels[0], &panels[1]], &mut both);
                let mut one = [[[0.25; LANES]; ROWS]; 1];
                forward_by(level, &windows, [&panels[1]], &mut one);
                assert_eq!(one[0], both[1], "a panel by itself is the same");
                both
            };
            let due = of(Level::Portable);
            let all: Vec<[Tile; 2]> = levels().map(of).collect();
            for (got, due) in all.iter().flatten().zip(due.iter().cycle()) {
                assert_close(&format!("{rows} rows"), got.as_flattened(), due.as_flattened(), 1e-6);
                assert!(got[rows..].iter().flatten().all(|&y| y == 0.25), "rows beyond {rows} were touched");
            }
            assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "wider registers sum in another order");
        }
    }

    #[test]
    fn weight_tile_is_the_portable_one() {
        let (x, dy) = (noise("x", 3 * 200), [noise("dy", 3 * 30 * LANES), noise("other", 3 * 30 * LANES)]);
        for height in 1..=ROWS {
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
                let mut both = [[0.25; ROWS * LANES]; 2];
                let [first, second] = &mut both;
                weight_by(level, &stretch, [&dy[0], &dy[1]], height, [first, second]);
                let mut one = [0.25; ROWS * LANES];
                weight_by(level, &stretch, [&dy[1]], height, [&mut one]);
                assert_eq!(one, both[1], "a panel by itself is the same");
                both
            };
            let due = of(Level::Portable);
            let all: Vec<_> = levels().map(of).collect();
            for (got, due) in all.iter().flatten().zip(due.iter().cycle()) {
                assert_close(&format!("height {height}"), got, due, 1e-6);
                assert!(got[height * LANES..].iter().all(|&w| w == 0.25), "rows beyond {height} were touched");
            }
            assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "wider registers sum in another order");
        }
    }

    #[test]
    #[should_panic(expected = "a window leaves the picture")]
    fn a_window_beyond_the_picture_is_refused() {
        let windows = Windows { x: &[0.0; 10], starts: &[0, 3], row_stride: 4, window_rows: 2, run: 4 };
        forward_tiles(&windows, [&[0.0; 8 * LANES]], &mut [[[0.0; LANES]; ROWS]]);
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
        weight_tiles(&stretch, [&[0.0; 3 * LANES]], 1, [&mut [0.0; LANES]]);
    }
}

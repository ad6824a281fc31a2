//! The two inner loops of convolution: a tile of outputs, and a tile of weight gradients.
//!
//! Channels come last, so a window row is one contiguous run of `kw * channels` floats: the kernels read the picture
//! in place (no im2col) and broadcast it against weights packed into panels of [`LANES`] output channels.

/// Output channels in a panel: two AVX registers.
pub const LANES: usize = 16;
/// Rows of a tile: six rows of two registers leave four of AVX's sixteen for operands.
pub const ROWS: usize = 6;

/// A tile of results: up to [`ROWS`] rows of [`LANES`] channels.
pub type Tile = [[f32; LANES]; ROWS];

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

/// `tile[m][l] += sum_k x[window m, k] * panel[k][l]` for the rows that `windows.starts` names (1 to [`ROWS`]).
///
/// # Panics
/// When a window or the panel ends outside its slice.
#[inline]
pub fn forward_tile(windows: &Windows, panel: &[f32], tile: &mut Tile) {
    let reach = (windows.window_rows - 1) * windows.row_stride + windows.run;
    let last = windows.starts.iter().copied().max().unwrap_or(0);
    assert!(last + reach <= windows.x.len(), "a window leaves the picture");
    assert!(windows.window_rows * windows.run * LANES <= panel.len(), "the panel is too short");
    #[cfg(target_arch = "x86_64")]
    if crate::ops::simd::has_avx2() {
        // SAFETY: AVX2 and FMA were found; the asserts above bound every window and the panel.
        unsafe {
            match windows.starts.len() {
                6 => avx2::forward::<6>(windows, panel, tile),
                5 => avx2::forward::<5>(windows, panel, tile),
                4 => avx2::forward::<4>(windows, panel, tile),
                3 => avx2::forward::<3>(windows, panel, tile),
                2 => avx2::forward::<2>(windows, panel, tile),
                _ => avx2::forward::<1>(windows, panel, tile),
            }
        }
        return;
    }
    portable::forward(windows, panel, tile);
}

/// A stretch of picture rows over which weight gradients are summed.
#[derive(Clone, Copy)]
pub struct Stretch<'a> {
    /// The padded picture from the first window element of the tile on.
    pub x: &'a [f32],
    /// The output gradients of one panel, [`LANES`] for each position.
    pub dy: &'a [f32],
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

/// `tile[m][l] += sum_(row, col) x[row, col, m] * dy[row, col, l]` for the first `height` rows of the tile.
///
/// # Panics
/// When the stretch reaches outside `x` or `dy`.
#[inline]
pub fn weight_tile(stretch: &Stretch, height: usize, tile: &mut [f32]) {
    let row_reach = (stretch.rows - 1) * stretch.row_stride + (stretch.cols - 1) * stretch.col_stride + height;
    let reach = (stretch.images - 1) * stretch.image_stride + row_reach;
    assert!(reach <= stretch.x.len(), "the stretch leaves the picture");
    let dy_reach = (stretch.images - 1) * stretch.dy_image_stride + stretch.rows * stretch.cols * LANES;
    assert!(dy_reach <= stretch.dy.len(), "too few output gradients");
    assert!(height * LANES <= tile.len() && (1..=ROWS).contains(&height), "the tile is too short");
    #[cfg(target_arch = "x86_64")]
    if crate::ops::simd::has_avx2() {
        // SAFETY: AVX2 and FMA were found; the asserts above bound every read and write.
        unsafe {
            match height {
                6 => avx2::weight::<6>(stretch, tile),
                5 => avx2::weight::<5>(stretch, tile),
                4 => avx2::weight::<4>(stretch, tile),
                3 => avx2::weight::<3>(stretch, tile),
                2 => avx2::weight::<2>(stretch, tile),
                _ => avx2::weight::<1>(stretch, tile),
            }
        }
        return;
    }
    portable::weight(stretch, height, tile);
}

/// For every processor, in plain Rust.
mod portable {
    use super::{LANES, Stretch, Tile, Windows};

    pub fn forward(windows: &Windows, panel: &[f32], tile: &mut Tile) {
        for (row, &start) in tile.iter_mut().zip(windows.starts) {
            for y in 0..windows.window_rows {
                let window = &windows.x[start + y * windows.row_stride..][..windows.run];
                let weights = panel[y * windows.run * LANES..].chunks_exact(LANES);
                for (&x, weights) in window.iter().zip(weights) {
                    for (sum, &w) in row.iter_mut().zip(weights) {
                        *sum += x * w;
                    }
                }
            }
        }
    }

    pub fn weight(stretch: &Stretch, height: usize, tile: &mut [f32]) {
        for image in 0..stretch.images {
            let dy = stretch.dy[image * stretch.dy_image_stride..].chunks_exact(LANES);
            for (position, dy) in dy.take(stretch.rows * stretch.cols).enumerate() {
                let (row, col) = (position / stretch.cols, position % stretch.cols);
                let start = image * stretch.image_stride + row * stretch.row_stride + col * stretch.col_stride;
                for (&x, sums) in stretch.x[start..start + height].iter().zip(tile.chunks_exact_mut(LANES)) {
                    for (sum, &dy) in sums.iter_mut().zip(dy) {
                        *sum += x * dy;
                    }
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::{LANES, Stretch, Tile, Windows};
    use std::arch::x86_64::*;

    /// SAFETY: needs AVX2 and FMA, `M` window starts, and windows and panel inside their slices.
    #[target_feature(enable = "avx2,fma")]
    pub unsafe fn forward<const M: usize>(windows: &Windows, panel: &[f32], tile: &mut Tile) {
        // SAFETY: the caller has bounded every window and the panel.
        unsafe {
            let mut sums = [[_mm256_setzero_ps(); 2]; M];
            for (sum, row) in sums.iter_mut().zip(tile.iter()) {
                *sum = [_mm256_loadu_ps(row.as_ptr()), _mm256_loadu_ps(row.as_ptr().add(8))];
            }
            let mut weights = panel.as_ptr();
            for y in 0..windows.window_rows {
                let mut rows = [windows.x.as_ptr(); M];
                for (row, &start) in rows.iter_mut().zip(windows.starts) {
                    *row = row.add(start + y * windows.row_stride);
                }
                for k in 0..windows.run {
                    let low = _mm256_loadu_ps(weights);
                    let high = _mm256_loadu_ps(weights.add(8));
                    weights = weights.add(LANES);
                    for m in 0..M {
                        let x = _mm256_broadcast_ss(&*rows[m].add(k));
                        sums[m][0] = _mm256_fmadd_ps(x, low, sums[m][0]);
                        sums[m][1] = _mm256_fmadd_ps(x, high, sums[m][1]);
                    }
                }
            }
            for (sum, row) in sums.iter().zip(tile.iter_mut()) {
                _mm256_storeu_ps(row.as_mut_ptr(), sum[0]);
                _mm256_storeu_ps(row.as_mut_ptr().add(8), sum[1]);
            }
        }
    }

    /// SAFETY: needs AVX2 and FMA, and a stretch and tile that hold all that is read and written.
    #[target_feature(enable = "avx2,fma")]
    pub unsafe fn weight<const M: usize>(stretch: &Stretch, tile: &mut [f32]) {
        // SAFETY: the caller has bounded every read and write.
        unsafe {
            let mut sums = [[_mm256_setzero_ps(); 2]; M];
            let out = tile.as_mut_ptr();
            for (m, sum) in sums.iter_mut().enumerate() {
                *sum = [_mm256_loadu_ps(out.add(m * LANES)), _mm256_loadu_ps(out.add(m * LANES + 8))];
            }
            for image in 0..stretch.images {
                let mut dy = stretch.dy.as_ptr().add(image * stretch.dy_image_stride);
                for row in 0..stretch.rows {
                    let mut x = stretch.x.as_ptr().add(image * stretch.image_stride + row * stretch.row_stride);
                    for _ in 0..stretch.cols {
                        let low = _mm256_loadu_ps(dy);
                        let high = _mm256_loadu_ps(dy.add(8));
                        dy = dy.wrapping_add(LANES);
                        for (m, sum) in sums.iter_mut().enumerate() {
                            let x = _mm256_broadcast_ss(&*x.add(m));
                            sum[0] = _mm256_fmadd_ps(x, low, sum[0]);
                            sum[1] = _mm256_fmadd_ps(x, high, sum[1]);
                        }
                        // The last step may pass the end by less than a stride; it is not read then.
                        x = x.wrapping_add(stretch.col_stride);
                    }
                }
            }
            for (m, sum) in sums.iter().enumerate() {
                _mm256_storeu_ps(out.add(m * LANES), sum[0]);
                _mm256_storeu_ps(out.add(m * LANES + 8), sum[1]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{assert_close, noise};

    /// Without AVX2 both sides are the portable code and this says nothing.
    #[test]
    fn forward_tile_is_the_portable_one() {
        let (x, panel) = (noise("x", 400), noise("panel", 3 * 21 * LANES));
        for rows in 1..=ROWS {
            let starts: Vec<usize> = (0..rows).map(|row| row * 37 % 101).collect();
            let windows = Windows { x: &x, starts: &starts, row_stride: 60, window_rows: 3, run: 21 };
            let mut due = [[0.25; LANES]; ROWS];
            let mut got = due;
            forward_tile(&windows, &panel, &mut got);
            portable::forward(&windows, &panel, &mut due);
            assert_close(&format!("{rows} rows"), got.as_flattened(), due.as_flattened(), 1e-6);
            assert!(got[rows..].iter().flatten().all(|&y| y == 0.25), "rows beyond {rows} were touched");
        }
    }

    #[test]
    fn weight_tile_is_the_portable_one() {
        let (x, dy) = (noise("x", 3 * 200), noise("dy", 3 * 30 * LANES));
        for height in 1..=ROWS {
            let stretch = Stretch {
                x: &x,
                dy: &dy,
                images: 3,
                rows: 4,
                cols: 5,
                image_stride: 200,
                dy_image_stride: 30 * LANES,
                row_stride: 40,
                col_stride: 7,
            };
            let mut due = [0.25; ROWS * LANES];
            let mut got = due;
            weight_tile(&stretch, height, &mut got);
            portable::weight(&stretch, height, &mut due);
            assert_close(&format!("height {height}"), &got, &due, 1e-6);
            assert!(got[height * LANES..].iter().all(|&w| w == 0.25), "rows beyond {height} were touched");
        }
    }

    #[test]
    #[should_panic(expected = "a window leaves the picture")]
    fn a_window_beyond_the_picture_is_refused() {
        let windows = Windows { x: &[0.0; 10], starts: &[0, 3], row_stride: 4, window_rows: 2, run: 4 };
        forward_tile(&windows, &[0.0; 8 * LANES], &mut [[0.0; LANES]; ROWS]);
    }

    #[test]
    #[should_panic(expected = "too few output gradients")]
    fn gradients_that_end_early_are_refused() {
        let stretch = Stretch {
            x: &[0.0; 100],
            dy: &[0.0; 3 * LANES],
            images: 1,
            rows: 2,
            cols: 2,
            image_stride: 0,
            dy_image_stride: 0,
            row_stride: 5,
            col_stride: 1,
        };
        weight_tile(&stretch, 1, &mut [0.0; LANES]);
    }
}

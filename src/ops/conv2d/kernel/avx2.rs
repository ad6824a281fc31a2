//! The tiles by AVX2: six rows of two registers leave four of the sixteen for operands.

use super::{LANES, Stretch, Tile, Windows};
use std::arch::x86_64::*;

/// Rows that are taken at a time.
const ROWS: usize = 6;

/// SAFETY: needs AVX2 and FMA, and windows and panel inside their slices.
pub unsafe fn forward(windows: &Windows, panel: &[f32], tile: &mut Tile) {
    for (starts, tile) in windows.starts.chunks(ROWS).zip(tile.chunks_mut(ROWS)) {
        let windows = Windows { starts, ..*windows };
        // SAFETY: as the caller says.
        unsafe {
            match starts.len() {
                6 => forward_rows::<6>(&windows, panel, tile),
                5 => forward_rows::<5>(&windows, panel, tile),
                4 => forward_rows::<4>(&windows, panel, tile),
                3 => forward_rows::<3>(&windows, panel, tile),
                2 => forward_rows::<2>(&windows, panel, tile),
                _ => forward_rows::<1>(&windows, panel, tile),
            }
        }
    }
}

/// SAFETY: needs AVX2 and FMA, and a stretch and tile that hold all that is read and written.
pub unsafe fn weight(stretch: &Stretch, dy: &[f32], height: usize, tile: &mut [f32]) {
    for (first, tile) in (0..height).step_by(ROWS).zip(tile.chunks_mut(ROWS * LANES)) {
        let stretch = Stretch { x: &stretch.x[first..], ..*stretch };
        // SAFETY: as the caller says.
        unsafe {
            match height - first {
                6.. => weight_rows::<6>(&stretch, dy, tile),
                5 => weight_rows::<5>(&stretch, dy, tile),
                4 => weight_rows::<4>(&stretch, dy, tile),
                3 => weight_rows::<3>(&stretch, dy, tile),
                2 => weight_rows::<2>(&stretch, dy, tile),
                _ => weight_rows::<1>(&stretch, dy, tile),
            }
        }
    }
}

/// SAFETY: needs AVX2 and FMA, `M` window starts, and windows and panel inside their slices.
#[target_feature(enable = "avx2,fma")]
unsafe fn forward_rows<const M: usize>(windows: &Windows, panel: &[f32], tile: &mut [[f32; LANES]]) {
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
unsafe fn weight_rows<const M: usize>(stretch: &Stretch, dy: &[f32], tile: &mut [f32]) {
    // SAFETY: the caller has bounded every read and write.
    unsafe {
        let mut sums = [[_mm256_setzero_ps(); 2]; M];
        let out = tile.as_mut_ptr();
        for (m, sum) in sums.iter_mut().enumerate() {
            *sum = [_mm256_loadu_ps(out.add(m * LANES)), _mm256_loadu_ps(out.add(m * LANES + 8))];
        }
        for image in 0..stretch.images {
            let mut dy = dy.as_ptr().add(image * stretch.dy_image_stride);
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

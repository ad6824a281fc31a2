//! The tiles by AVX-512: twelve rows of one register each, so that the sums of a row wait for each other unseen.

use super::{LANES, Stretch, Tile, Windows};
use std::arch::x86_64::*;

/// `$function::<M>` for `M` rows, 1 to 12.
macro_rules! for_rows {
    ($rows:expr, $function:ident($($arg:expr),*)) => {
        match $rows {
            12 => $function::<12>($($arg),*),
            11 => $function::<11>($($arg),*),
            10 => $function::<10>($($arg),*),
            9 => $function::<9>($($arg),*),
            8 => $function::<8>($($arg),*),
            7 => $function::<7>($($arg),*),
            6 => $function::<6>($($arg),*),
            5 => $function::<5>($($arg),*),
            4 => $function::<4>($($arg),*),
            3 => $function::<3>($($arg),*),
            2 => $function::<2>($($arg),*),
            _ => $function::<1>($($arg),*),
        }
    };
}

/// SAFETY: needs AVX-512F, and windows and panel inside their slices.
pub unsafe fn forward(windows: &Windows, panel: &[f32], tile: &mut Tile) {
    // SAFETY: as the caller says.
    unsafe { for_rows!(windows.starts.len(), forward_rows(windows, panel, tile)) }
}

/// SAFETY: needs AVX-512F, and a stretch and tile that hold all that is read and written.
pub unsafe fn weight(stretch: &Stretch, height: usize, tile: &mut [f32]) {
    // SAFETY: as the caller says.
    unsafe { for_rows!(height, weight_rows(stretch, tile)) }
}

/// SAFETY: needs AVX-512F, `M` window starts, and windows and panel inside their slices.
#[target_feature(enable = "avx512f")]
unsafe fn forward_rows<const M: usize>(windows: &Windows, panel: &[f32], tile: &mut Tile) {
    // SAFETY: the caller has bounded every window and the panel.
    unsafe {
        let mut sums = [_mm512_setzero_ps(); M];
        for (sum, row) in sums.iter_mut().zip(tile.iter()) {
            *sum = _mm512_loadu_ps(row.as_ptr());
        }
        let mut weights = panel.as_ptr();
        for y in 0..windows.window_rows {
            let mut rows = [windows.x.as_ptr(); M];
            for (row, &start) in rows.iter_mut().zip(windows.starts) {
                *row = row.add(start + y * windows.row_stride);
            }
            for k in 0..windows.run {
                let weight = _mm512_loadu_ps(weights);
                weights = weights.add(LANES);
                for (sum, row) in sums.iter_mut().zip(rows) {
                    *sum = _mm512_fmadd_ps(_mm512_set1_ps(*row.add(k)), weight, *sum);
                }
            }
        }
        for (sum, row) in sums.iter().zip(tile.iter_mut()) {
            _mm512_storeu_ps(row.as_mut_ptr(), *sum);
        }
    }
}

/// SAFETY: needs AVX-512F, and a stretch and tile that hold all that is read and written.
#[target_feature(enable = "avx512f")]
unsafe fn weight_rows<const M: usize>(stretch: &Stretch, tile: &mut [f32]) {
    // SAFETY: the caller has bounded every read and write.
    unsafe {
        let mut sums = [_mm512_setzero_ps(); M];
        let out = tile.as_mut_ptr();
        for (m, sum) in sums.iter_mut().enumerate() {
            *sum = _mm512_loadu_ps(out.add(m * LANES));
        }
        for image in 0..stretch.images {
            let mut dy = stretch.dy.as_ptr().add(image * stretch.dy_image_stride);
            for row in 0..stretch.rows {
                let mut x = stretch.x.as_ptr().add(image * stretch.image_stride + row * stretch.row_stride);
                for _ in 0..stretch.cols {
                    let gradient = _mm512_loadu_ps(dy);
                    dy = dy.wrapping_add(LANES);
                    for (m, sum) in sums.iter_mut().enumerate() {
                        *sum = _mm512_fmadd_ps(_mm512_set1_ps(*x.add(m)), gradient, *sum);
                    }
                    // The last step may pass the end by less than a stride; it is not read then.
                    x = x.wrapping_add(stretch.col_stride);
                }
            }
        }
        for (m, sum) in sums.iter().enumerate() {
            _mm512_storeu_ps(out.add(m * LANES), *sum);
        }
    }
}

//! The tiles by AVX-512: twelve rows of one register each, in one tile or in two at once. By one alone, reading a picture's
//! numbers takes longer than their products.

use super::{LANES, Stretch, Tile, Windows};
use std::arch::x86_64::*;

/// `$function::<M, P>` for `M` rows, 1 to 12.
macro_rules! for_rows {
    ($rows:expr, $function:ident($($arg:expr),*)) => {
        match $rows {
            12 => $function::<12, P>($($arg),*),
            11 => $function::<11, P>($($arg),*),
            10 => $function::<10, P>($($arg),*),
            9 => $function::<9, P>($($arg),*),
            8 => $function::<8, P>($($arg),*),
            7 => $function::<7, P>($($arg),*),
            6 => $function::<6, P>($($arg),*),
            5 => $function::<5, P>($($arg),*),
            4 => $function::<4, P>($($arg),*),
            3 => $function::<3, P>($($arg),*),
            2 => $function::<2, P>($($arg),*),
            _ => $function::<1, P>($($arg),*),
        }
    };
}

/// SAFETY: needs AVX-512F, and windows and panels inside their slices.
pub unsafe fn forward<const P: usize>(windows: &Windows, panels: [&[f32]; P], tiles: &mut [Tile; P]) {
    // SAFETY: as the caller says.
    unsafe { for_rows!(windows.starts.len(), forward_rows(windows, panels, tiles)) }
}

/// SAFETY: needs AVX-512F, and a stretch, gradients and tiles that hold all that is read and written.
pub unsafe fn weight<const P: usize>(stretch: &Stretch, dy: [&[f32]; P], height: usize, tiles: [&mut [f32]; P]) {
    // SAFETY: as the caller says.
    unsafe { for_rows!(height, weight_rows(stretch, dy, tiles)) }
}

/// SAFETY: needs AVX-512F, `M` window starts, and windows and panels inside their slices.
#[target_feature(enable = "avx512f")]
unsafe fn forward_rows<const M: usize, const P: usize>(windows: &Windows, panels: [&[f32]; P], tiles: &mut [Tile; P]) {
    // SAFETY: the caller has bounded every window and the panels.
    unsafe {
        let mut sums = [[_mm512_setzero_ps(); P]; M];
        for (m, sums) in sums.iter_mut().enumerate() {
            for (sum, tile) in sums.iter_mut().zip(tiles.iter()) {
                *sum = _mm512_loadu_ps(tile[m].as_ptr());
            }
        }
        let mut weights = panels.map(<[f32]>::as_ptr);
        for y in 0..windows.window_rows {
            let mut rows = [windows.x.as_ptr(); M];
            for (row, &start) in rows.iter_mut().zip(windows.starts) {
                *row = row.add(start + y * windows.row_stride);
            }
            for k in 0..windows.run {
                let weight = weights.map(|weights| _mm512_loadu_ps(weights));
                weights = weights.map(|weights| weights.add(LANES));
                for (sums, row) in sums.iter_mut().zip(rows) {
                    let x = _mm512_set1_ps(*row.add(k));
                    for (sum, weight) in sums.iter_mut().zip(weight) {
                        *sum = _mm512_fmadd_ps(x, weight, *sum);
                    }
                }
            }
        }
        for (m, sums) in sums.iter().enumerate() {
            for (sum, tile) in sums.iter().zip(tiles.iter_mut()) {
                _mm512_storeu_ps(tile[m].as_mut_ptr(), *sum);
            }
        }
    }
}

/// SAFETY: needs AVX-512F, and a stretch, gradients and tiles that hold all that is read and written.
#[target_feature(enable = "avx512f")]
unsafe fn weight_rows<const M: usize, const P: usize>(stretch: &Stretch, dy: [&[f32]; P], tiles: [&mut [f32]; P]) {
    // SAFETY: the caller has bounded every read and write.
    unsafe {
        let mut sums = [[_mm512_setzero_ps(); P]; M];
        let tiles = tiles.map(<[f32]>::as_mut_ptr);
        for (m, sums) in sums.iter_mut().enumerate() {
            for (sum, tile) in sums.iter_mut().zip(tiles) {
                *sum = _mm512_loadu_ps(tile.add(m * LANES));
            }
        }
        for image in 0..stretch.images {
            let mut dy = dy.map(|dy| dy.as_ptr().add(image * stretch.dy_image_stride));
            for row in 0..stretch.rows {
                let mut x = stretch.x.as_ptr().add(image * stretch.image_stride + row * stretch.row_stride);
                for _ in 0..stretch.cols {
                    let gradient = dy.map(|dy| _mm512_loadu_ps(dy));
                    dy = dy.map(|dy| dy.wrapping_add(LANES));
                    for (m, sums) in sums.iter_mut().enumerate() {
                        let x = _mm512_set1_ps(*x.add(m));
                        for (sum, gradient) in sums.iter_mut().zip(gradient) {
                            *sum = _mm512_fmadd_ps(x, gradient, *sum);
                        }
                    }
                    // The last step may pass the end by less than a stride; it is not read then.
                    x = x.wrapping_add(stretch.col_stride);
                }
            }
        }
        for (m, sums) in sums.iter().enumerate() {
            for (sum, tile) in sums.iter().zip(tiles) {
                _mm512_storeu_ps(tile.add(m * LANES), *sum);
            }
        }
    }
}

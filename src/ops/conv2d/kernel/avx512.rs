//! The tiles by AVX-512: twelve rows of one register each, in one tile or in two at once. By one alone, reading a picture's
//! numbers takes longer than their products.

use super::{Begin, LANES, Stretch, Target, Windows};
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
pub unsafe fn forward<const P: usize>(windows: &Windows, panels: [&[f32]; P], begin: &Begin<P>, target: Target) {
    // SAFETY: as the caller says.
    unsafe { for_rows!(windows.starts.len(), forward_rows(windows, panels, begin, target)) }
}

/// SAFETY: needs AVX-512F, and a stretch, gradients and tiles that hold all that is read and written.
pub unsafe fn weight<const P: usize>(stretch: &Stretch, dy: [&[f32]; P], height: usize, onto: bool, target: Target) {
    // SAFETY: as the caller says.
    unsafe { for_rows!(height, weight_rows(stretch, dy, onto, target)) }
}

/// Where the tiles lie, and the lanes of each that are there.
struct Place<const P: usize> {
    numbers: *mut f32,
    row: usize,
    panel: usize,
    masks: [__mmask16; P],
}

impl<const P: usize> Place<P> {
    fn new(target: Target) -> Self {
        let masks = target.lanes::<P>().map(|lanes| __mmask16::MAX >> (LANES - lanes));
        Self { numbers: target.numbers.as_mut_ptr(), row: target.row, panel: target.panel, masks }
    }

    /// SAFETY: needs AVX-512F, and a row that lies inside.
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn load(&self, row: usize) -> [__m512; P] {
        // SAFETY: as the caller says; what the mask leaves out is not touched.
        std::array::from_fn(|p| unsafe { _mm512_maskz_loadu_ps(self.masks[p], self.at(row, p)) })
    }

    /// SAFETY: as for [`Self::load`].
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn store(&self, row: usize, sums: [__m512; P]) {
        for (p, sums) in sums.into_iter().enumerate() {
            // SAFETY: as the caller says; what the mask leaves out is not touched.
            unsafe { _mm512_mask_storeu_ps(self.at(row, p), self.masks[p], sums) };
        }
    }

    #[inline]
    fn at(&self, row: usize, p: usize) -> *mut f32 {
        self.numbers.wrapping_add(row * self.row + p * self.panel)
    }
}

/// SAFETY: needs AVX-512F, `M` window starts, and windows, panels and tiles inside their slices.
#[target_feature(enable = "avx512f")]
unsafe fn forward_rows<const M: usize, const P: usize>(
    windows: &Windows,
    panels: [&[f32]; P],
    begin: &Begin<P>,
    target: Target,
) {
    // SAFETY: the caller has bounded every window, the panels and the tiles.
    unsafe {
        let place = Place::new(target);
        let mut sums = [begin.first.each_ref().map(|first| _mm512_loadu_ps(first.as_ptr())); M];
        if begin.onto {
            for (m, sums) in sums.iter_mut().enumerate() {
                let there = place.load(m);
                sums.iter_mut().zip(there).for_each(|(sum, there)| *sum = _mm512_add_ps(*sum, there));
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
        sums.into_iter().enumerate().for_each(|(m, sums)| place.store(m, sums));
    }
}

/// SAFETY: needs AVX-512F, and a stretch, gradients and tiles that hold all that is read and written.
#[target_feature(enable = "avx512f")]
unsafe fn weight_rows<const M: usize, const P: usize>(stretch: &Stretch, dy: [&[f32]; P], onto: bool, target: Target) {
    // SAFETY: the caller has bounded every read and write.
    unsafe {
        let place = Place::new(target);
        let mut sums = [[_mm512_setzero_ps(); P]; M];
        if onto {
            sums.iter_mut().enumerate().for_each(|(m, sums)| *sums = place.load(m));
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
        sums.into_iter().enumerate().for_each(|(m, sums)| place.store(m, sums));
    }
}

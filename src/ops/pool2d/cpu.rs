//! Pooling on the CPU, channels last.

use crate::ops::simd::simd_fn;

/// Channels that are compared at a time: their winners stay in registers.
const CHUNK: usize = 16;

simd_fn! {
    /// 2x2 max pooling of one picture `(H, W, C)` into `(H / 2, W / 2, C)`; an odd last row or column is left out.
    ///
    /// `select` says which of the four was taken (row by row; the first of equals; a NaN wins), as PyTorch's indices do.
    pub fn max_pool_image(size: [usize; 3], x: &[f32], y: &mut [f32], select: &mut [u8]) {
        let [height, width, channels] = size;
        for row in 0..height / 2 {
            for col in 0..width / 2 {
                let corner = (2 * row * width + 2 * col) * channels;
                let out = (row * (width / 2) + col) * channels;
                for c in (0..channels).step_by(CHUNK) {
                    let n = CHUNK.min(channels - c);
                    let mut best = [0.0f32; CHUNK];
                    let mut place = [0u32; CHUNK];
                    best[..n].copy_from_slice(&x[corner + c..][..n]);
                    for (index, step) in [(1u32, channels), (2, width * channels), (3, (width + 1) * channels)] {
                        let candidates = &x[corner + step + c..][..n];
                        for ((best, place), &candidate) in best.iter_mut().zip(&mut place).zip(candidates) {
                            let better = candidate > *best || candidate.is_nan();
                            *best = if better { candidate } else { *best };
                            *place = if better { index } else { *place };
                        }
                    }
                    y[out + c..][..n].copy_from_slice(&best[..n]);
                    for (select, &place) in select[out + c..][..n].iter_mut().zip(&place) {
                        *select = place as u8;
                    }
                }
            }
        }
    }
}

simd_fn! {
    /// The gradient of [`max_pool_image`]: overwrites all of `dx (H, W, C)`; a `select` above 3 passes nothing.
    pub fn max_unpool_image(size: [usize; 3], dy: &[f32], select: &[u8], dx: &mut [f32]) {
        let [height, width, channels] = size;
        if height % 2 == 1 || width % 2 == 1 {
            dx.fill(0.0);
        }
        for row in 0..height / 2 {
            for col in 0..width / 2 {
                let corner = (2 * row * width + 2 * col) * channels;
                let from = (row * (width / 2) + col) * channels;
                let dy = &dy[from..from + channels];
                let select = &select[from..from + channels];
                let steps = [0, channels, width * channels, (width + 1) * channels];
                for (index, step) in steps.into_iter().enumerate() {
                    let dx = &mut dx[corner + step..][..channels];
                    for ((dx, &dy), &select) in dx.iter_mut().zip(dy).zip(select) {
                        *dx = if select == index as u8 { dy } else { 0.0 };
                    }
                }
            }
        }
    }
}

simd_fn! {
    /// The largest over all positions of one picture `(positions, C)`, and the position that it was `taken` from.
    ///
    /// The first of equals is taken; a NaN wins.
    pub fn global_max_image(x: &[f32], y: &mut [f32], taken: &mut [u32]) {
        y.copy_from_slice(&x[..y.len()]);
        taken.fill(0);
        for (position, row) in x.chunks_exact(y.len()).enumerate().skip(1) {
            for ((best, taken), &candidate) in y.iter_mut().zip(taken.iter_mut()).zip(row) {
                let better = candidate > *best || candidate.is_nan();
                *best = if better { candidate } else { *best };
                *taken = if better { position as u32 } else { *taken };
            }
        }
    }
}

simd_fn! {
    /// The sum over all positions of one picture `(positions, C)` times `share`.
    pub fn mean_image(x: &[f32], share: f32, y: &mut [f32]) {
        y.fill(0.0);
        for row in x.chunks_exact(y.len()) {
            for (sum, &x) in y.iter_mut().zip(row) {
                *sum += x;
            }
        }
        for y in y {
            *y *= share;
        }
    }
}

simd_fn! {
    /// The gradient of [`mean_image`]: adds `dy * share` to every position of `dx (positions, C)`.
    pub fn spread_image(dy: &[f32], share: f32, dx: &mut [f32]) {
        for row in dx.chunks_exact_mut(dy.len()) {
            for (dx, &dy) in row.iter_mut().zip(dy) {
                *dx += dy * share;
            }
        }
    }
}

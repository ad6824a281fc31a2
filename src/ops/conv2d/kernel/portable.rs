//! The tiles for every processor, in plain Rust.

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

pub fn weight(stretch: &Stretch, dy: &[f32], height: usize, tile: &mut [f32]) {
    for image in 0..stretch.images {
        let rows = dy[image * stretch.dy_image_stride..].chunks_exact(LANES);
        for (position, dy) in rows.take(stretch.rows * stretch.cols).enumerate() {
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

//! The products of one head, by the tiles of the convolutions.

use crate::ops::conv2d::kernel::{LANES, ROWS, Stretch, Windows, forward_tiles, weight_tiles};
use std::ops::Range;

/// A matrix as panels `(columns / LANES, depth, LANES)`, the last one filled up with zeros.
pub struct Panels {
    numbers: Vec<f32>,
    depth: usize,
    columns: usize,
}

impl Panels {
    /// The channels `own` of each token, as they are: `tokens (M, channels)` to depth `M`.
    pub fn of_channels(tokens: &[f32], channels: usize, own: Range<usize>) -> Self {
        let (depth, columns) = (tokens.len() / channels, own.len());
        let mut numbers = vec![0.0; columns.div_ceil(LANES) * depth * LANES];
        for (index, panel) in numbers.chunks_exact_mut(depth * LANES).enumerate() {
            let first = own.start + index * LANES;
            let of_panel = first..(first + LANES).min(own.end);
            for (panel, token) in panel.chunks_exact_mut(LANES).zip(tokens.chunks_exact(channels)) {
                panel[..of_panel.len()].copy_from_slice(&token[of_panel.clone()]);
            }
        }
        Self { numbers, depth, columns }
    }

    /// The channels `own` of each token, turned: `tokens (M, channels)` to `M` columns.
    pub fn of_tokens(tokens: &[f32], channels: usize, own: Range<usize>) -> Self {
        let (depth, columns) = (own.len(), tokens.len() / channels);
        let mut numbers = vec![0.0; columns.div_ceil(LANES) * depth * LANES];
        let panels = numbers.chunks_exact_mut(depth * LANES).zip(tokens.chunks(LANES * channels));
        for (panel, tokens) in panels {
            for (lane, token) in tokens.chunks_exact(channels).enumerate() {
                let each = panel.chunks_exact_mut(LANES).zip(&token[own.clone()]);
                each.for_each(|(panel, &x)| panel[lane] = x);
            }
        }
        Self { numbers, depth, columns }
    }

    /// `sum_k x[starts[row] + k] self[k, column]` over the first `depth` numbers, for up to [`ROWS`] rows and the first
    /// `columns` columns. `give` gets row, first column, the numbers from there on and how many of them count.
    pub fn multiply(
        &self,
        x: &[f32],
        starts: &[usize],
        depth: usize,
        columns: usize,
        mut give: impl FnMut(usize, usize, &[f32; LANES], usize),
    ) {
        let windows = Windows { x, starts, row_stride: 0, window_rows: 1, run: depth };
        for (first, panel) in self.panels(columns) {
            let mut tile = [[[0.0; LANES]; ROWS]];
            forward_tiles(&windows, [panel], &mut tile);
            let lanes = LANES.min(columns - first);
            tile[0].iter().take(starts.len()).enumerate().for_each(|(row, sums)| give(row, first, sums, lanes));
        }
    }

    /// `sum_k x[k, rows] self[k, column]` from `k = from` on, `x` having `stride` numbers a row, for up to [`ROWS`]
    /// rows and all columns. `give` is as in [`Self::multiply`], rows counted from `rows.start`.
    pub fn multiply_turned(
        &self,
        x: &[f32],
        stride: usize,
        from: usize,
        rows: Range<usize>,
        mut give: impl FnMut(usize, usize, &[f32; LANES], usize),
    ) {
        for (first, panel) in self.panels(self.columns) {
            let stretch = Stretch {
                x: &x[from * stride + rows.start..],
                images: 1,
                rows: 1,
                cols: self.depth - from,
                image_stride: 0,
                dy_image_stride: 0,
                row_stride: 0,
                col_stride: stride,
            };
            let mut tile = [0.0; ROWS * LANES];
            weight_tiles(&stretch, [&panel[from * LANES..]], rows.len(), [&mut tile]);
            let lanes = LANES.min(self.columns - first);
            let sums = tile.as_chunks().0.iter().take(rows.len()).enumerate();
            sums.for_each(|(row, sums)| give(row, first, sums, lanes));
        }
    }

    /// The first column and the numbers of each panel that has any of the first `columns`.
    fn panels(&self, columns: usize) -> impl Iterator<Item = (usize, &[f32])> {
        let panels = self.numbers.chunks_exact(self.depth * LANES).enumerate();
        panels.map(|(index, panel)| (index * LANES, panel)).take_while(move |&(first, _)| first < columns)
    }
}

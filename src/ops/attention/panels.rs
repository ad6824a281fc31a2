//! The products of one head, by the tiles of the convolutions.

use crate::ops::conv2d::kernel::{Begin, LANES, Stretch, Target, Windows, forward_tiles, panels_at_once, weight_tiles};
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

    /// `sum_k x[starts[row] + k] self[k, column]` over the first `depth` numbers, for as many rows as a tile has and the first
    /// `columns` columns, to `y[row * stride + column]`: in the place of what is there, or added to it if `onto` is set.
    pub fn multiply(&self, x: &[f32], starts: &[usize], depth: usize, columns: usize, onto: bool, to: Rows) {
        let windows = Windows::new(x, starts, 0, 1, depth);
        let Rows { y, stride } = to;
        self.by_panels(columns, |first, panels, lanes| {
            let target = Target { numbers: &mut y[first..], row: stride, panel: LANES, lanes };
            match panels {
                (one, Some(other)) => forward_tiles(&windows, [one, other], &Begin::new(onto), target),
                (one, None) => forward_tiles(&windows, [one], &Begin::new(onto), target),
            }
        });
    }

    /// `sum_k x[k, rows] self[k, column]` from `k = from` on, `x` having `width` numbers a row, for as many rows as a tile has and
    /// all columns, to `y[(row - rows.start) * stride + column]`.
    pub fn multiply_turned(&self, x: &[f32], width: usize, from: usize, rows: Range<usize>, to: Rows) {
        let stretch = Stretch {
            x: &x[from * width + rows.start..],
            images: 1,
            rows: 1,
            cols: self.depth - from,
            image_stride: 0,
            dy_image_stride: 0,
            row_stride: 0,
            col_stride: width,
        };
        let Rows { y, stride } = to;
        self.by_panels(self.columns, |first, panels, lanes| {
            let target = Target { numbers: &mut y[first..], row: stride, panel: LANES, lanes };
            let skip = from * LANES;
            match panels {
                (one, Some(other)) => weight_tiles(&stretch, [&one[skip..], &other[skip..]], rows.len(), false, target),
                (one, None) => weight_tiles(&stretch, [&one[skip..]], rows.len(), false, target),
            }
        });
    }

    /// Calls `work` for as many panels as are best taken at once, until the first `columns` are done: with the first column,
    /// the numbers of one panel or two, and how many lanes of the last one count.
    fn by_panels(&self, columns: usize, mut work: impl FnMut(usize, (&[f32], Option<&[f32]>), usize)) {
        let (at_once, panel_len) = (panels_at_once(), self.depth * LANES);
        let used = &self.numbers[..columns.div_ceil(LANES) * panel_len];
        for (index, numbers) in used.chunks(at_once * panel_len).enumerate() {
            let first = index * at_once * LANES;
            let (one, other) = numbers.split_at(panel_len);
            let before_last = first + other.len() / self.depth;
            let other = (!other.is_empty()).then_some(other);
            work(first, (one, other), LANES.min(columns - before_last));
        }
    }
}

/// Rows to write to, `stride` numbers from one to the next.
pub struct Rows<'a> {
    pub y: &'a mut [f32],
    pub stride: usize,
}

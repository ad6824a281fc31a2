//! Convolution on the CPU: direct, channels last, with bias, ReLU and 2x2 max pooling done while the outputs are warm.

use super::geometry::{Geometry, parts};
use super::kernel::{LANES, ROWS, Stretch, Tile, Windows, forward_tile, weight_tile};
use crate::ops::pool2d::cpu::{max_pool_image, max_unpool_image};
use rayon::prelude::*;

/// In [`Outputs::select`]: the output was cut off by ReLU and passes no gradient.
pub const DEAD: u8 = u8::MAX;

/// A panel this long (in floats) stays in the first cache beside the pictures; a longer one is taken row by row.
const PANEL_IN_CACHE: usize = 6 * 1024;

/// What is done to a convolution's sums before they are written.
#[derive(Clone, Copy, Debug)]
pub struct Epilogue<'a> {
    pub bias: Option<&'a [f32]>,
    pub relu: bool,
    pub pool: bool,
}

impl Epilogue<'_> {
    fn is_plain(&self) -> bool {
        !self.relu && !self.pool
    }
}

/// A convolution's outputs, and for each which input of the pool it is (0 to 3) or that it is [`DEAD`]; `select` is
/// empty when there is neither ReLU nor pool.
pub struct Outputs {
    pub y: Vec<f32>,
    pub select: Vec<u8>,
}

/// Gradients of one convolution.
pub struct Gradients {
    /// `(filters, window)`, as the weights lie.
    pub weights: Vec<f32>,
    /// `(filters)`; empty without a bias.
    pub bias: Vec<f32>,
}

/// Floats of one picture after the epilogue.
fn pooled_len(g: &Geometry, pool: bool) -> usize {
    let by = if pool { 2 } else { 1 };
    (g.out_height() / by) * (g.out_width() / by) * g.filters
}

/// `y = pool(relu(conv(x, w) + bias))`; `x (B, H, W, C)`, `w (O, k, k, C)`, `y (B, H', W', O)`.
pub fn forward(g: &Geometry, x: &[f32], w: &[f32], epilogue: &Epilogue) -> Outputs {
    let panels = pack(g, w);
    let image = pooled_len(g, epilogue.pool);
    let mut y = vec![0.0; g.batch * image];
    let mut select = vec![0; if epilogue.is_plain() { 0 } else { y.len() }];
    let selected = if epilogue.is_plain() { 0 } else { image };
    let mut work = Vec::new();
    let (mut rest_y, mut rest_select) = (y.as_mut_slice(), select.as_mut_slice());
    for range in parts(g.batch) {
        let (part_y, tail_y) = rest_y.split_at_mut(range.len() * image);
        let (part_select, tail_select) = rest_select.split_at_mut(range.len() * selected);
        (rest_y, rest_select) = (tail_y, tail_select);
        let part_x = &x[range.start * g.image_len()..range.end * g.image_len()];
        work.push((part_x, part_y, part_select));
    }
    work.into_par_iter().for_each(|(x, y, select)| forward_part(g, x, &panels, epilogue, y, select));
    Outputs { y, select }
}

fn forward_part(g: &Geometry, x: &[f32], panels: &[f32], epilogue: &Epilogue, y: &mut [f32], select: &mut [u8]) {
    let mut pictures = Padded::new(g);
    let image = pooled_len(g, epilogue.pool);
    let mut sums = vec![0.0; if epilogue.pool { g.group() * g.out_len() } else { 0 }];
    let starts = g.window_starts(g.group());
    for (group, x) in x.chunks(g.group() * g.image_len()).enumerate() {
        let images = x.len() / g.image_len();
        let first = group * g.group() * image;
        let y = &mut y[first..first + images * image];
        let starts = &starts[..images * g.positions()];
        let x = pictures.fill(g, x);
        if epilogue.pool {
            let sums = &mut sums[..images * g.out_len()];
            convolve(g, x, starts, panels, epilogue.bias, false, sums);
            let select = &mut select[first..first + images * image];
            let each = sums.chunks(g.out_len()).zip(y.chunks_mut(image)).zip(select.chunks_mut(image));
            for ((sums, y), select) in each {
                max_pool_image([g.out_height(), g.out_width(), g.filters], sums, y, select);
            }
        } else {
            convolve(g, x, starts, panels, epilogue.bias, false, y);
        }
        if epilogue.relu {
            cut_off(y, &mut select[first..first + images * image]);
        }
    }
}

crate::ops::simd::simd_fn! {
    /// ReLU in place; what it cuts off is marked [`DEAD`]. A NaN passes, so that divergence stays visible.
    fn cut_off(y: &mut [f32], select: &mut [u8]) {
        for (y, select) in y.iter_mut().zip(select) {
            let dead = *y <= 0.0;
            *y = if dead { 0.0 } else { *y };
            *select = if dead { DEAD } else { *select };
        }
    }
}

/// The gradients of [`forward`]: those of weights and bias are returned, that of the input is added to `dx`.
pub fn backward(
    g: &Geometry,
    x: &[f32],
    w: &[f32],
    epilogue: &Epilogue,
    select: &[u8],
    dy: &[f32],
    dx: Option<&mut [f32]>,
) -> Gradients {
    let rotated = if dx.is_some() { pack(&g.transposed(), &rotate(g, w)) } else { Vec::new() };
    let image = pooled_len(g, epilogue.pool);
    let mut rest_dx = dx;
    let work: Vec<_> = parts(g.batch)
        .into_iter()
        .map(|range| {
            let part_dx = rest_dx.take().map(|dx| {
                let (part, tail) = dx.split_at_mut(range.len() * g.image_len());
                rest_dx = Some(tail);
                part
            });
            let outputs = range.start * image..range.end * image;
            Part {
                x: &x[range.start * g.image_len()..range.end * g.image_len()],
                dy: &dy[outputs.clone()],
                select: if epilogue.is_plain() { &[] } else { &select[outputs] },
                dx: part_dx,
            }
        })
        .collect();
    let sums: Vec<PartSums> = work.into_par_iter().map(|part| backward_part(g, part, &rotated, epilogue)).collect();
    total(g, &sums)
}

struct Part<'a> {
    x: &'a [f32],
    dy: &'a [f32],
    select: &'a [u8],
    dx: Option<&'a mut [f32]>,
}

struct PartSums {
    /// `(panel, window, LANES)`.
    weights: Vec<f32>,
    bias: Vec<f32>,
}

fn backward_part(g: &Geometry, mut part: Part, rotated: &[f32], epilogue: &Epilogue) -> PartSums {
    let back = g.transposed();
    let image = pooled_len(g, epilogue.pool);
    let (mut pictures, mut gradients) = (Padded::new(g), Padded::new(&back));
    let back_starts = back.window_starts(g.group());
    let mut spread = vec![0.0; if epilogue.is_plain() { 0 } else { g.group() * g.out_len() }];
    let mut packed = vec![0.0; panel_count(g.filters) * g.group() * g.positions() * LANES];
    let mut sums = PartSums {
        weights: vec![0.0; panel_count(g.filters) * g.window_len() * LANES],
        bias: vec![0.0; if epilogue.bias.is_some() { g.filters } else { 0 }],
    };
    for (group, x) in part.x.chunks(g.group() * g.image_len()).enumerate() {
        let images = x.len() / g.image_len();
        let outputs = group * g.group() * image..(group * g.group() + images) * image;
        let dy = if epilogue.is_plain() {
            &part.dy[outputs]
        } else {
            let spread = &mut spread[..images * g.out_len()];
            undo_epilogue(g, epilogue, &part.dy[outputs.clone()], &part.select[outputs], spread);
            spread
        };
        if epilogue.bias.is_some() {
            add_columns(dy, &mut sums.bias);
        }
        pack_gradients(g, dy, &mut packed);
        weight_sums(g, pictures.fill(g, x), images, &packed, &mut sums.weights);
        if let Some(dx) = part.dx.as_deref_mut() {
            let start = group * g.group() * g.image_len();
            let dx = &mut dx[start..start + images * g.image_len()];
            let starts = &back_starts[..images * back.positions()];
            convolve(&back, gradients.fill(&back, dy), starts, rotated, None, true, dx);
        }
    }
    sums
}

/// Gradients of the sums before pool and ReLU: each output's gradient at the place that it was taken from.
fn undo_epilogue(g: &Geometry, epilogue: &Epilogue, dy: &[f32], select: &[u8], spread: &mut [f32]) {
    if !epilogue.pool {
        for ((spread, &dy), &select) in spread.iter_mut().zip(dy).zip(select) {
            *spread = if select == DEAD { 0.0 } else { dy };
        }
        return;
    }
    let image = pooled_len(g, true);
    let each = dy.chunks(image).zip(select.chunks(image)).zip(spread.chunks_mut(g.out_len()));
    for ((dy, select), spread) in each {
        max_unpool_image([g.out_height(), g.out_width(), g.filters], dy, select, spread);
    }
}

crate::ops::simd::simd_fn! {
    fn add_columns(rows: &[f32], sums: &mut [f32]) {
        for row in rows.chunks_exact(sums.len()) {
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += value;
            }
        }
    }
}

/// Sums over `positions` of `window * gradient`, added to `sums (panel, window, LANES)`.
fn weight_sums(g: &Geometry, x: &[f32], images: usize, packed: &[f32], sums: &mut [f32]) {
    let panel_len = images * g.positions() * LANES;
    let row_block = g.row_block();
    for first_row in (0..g.out_height()).step_by(row_block) {
        let rows = row_block.min(g.out_height() - first_row);
        for panel in 0..panel_count(g.filters) {
            let dy = &packed[panel * panel_len..(panel + 1) * panel_len];
            let sums = &mut sums[panel * g.window_len() * LANES..(panel + 1) * g.window_len() * LANES];
            let tiles = (0..g.kernel).flat_map(|y| (0..g.run()).step_by(ROWS).map(move |offset| (y, offset)));
            for (y, offset) in tiles {
                let height = ROWS.min(g.run() - offset);
                let element = y * g.run() + offset;
                let stretch = Stretch {
                    x: &x[(first_row + y) * g.row_stride() + offset..],
                    dy: &dy[first_row * g.out_width() * LANES..],
                    images,
                    rows,
                    cols: g.out_width(),
                    image_stride: g.padded_len(),
                    dy_image_stride: g.positions() * LANES,
                    row_stride: g.row_stride(),
                    col_stride: g.channels,
                };
                weight_tile(&stretch, height, &mut sums[element * LANES..(element + height) * LANES]);
            }
        }
    }
}

/// Convolves a group of padded pictures with packed panels; `y` is overwritten, or added to when `add` is set.
fn convolve(g: &Geometry, x: &[f32], starts: &[usize], panels: &[f32], bias: Option<&[f32]>, add: bool, y: &mut [f32]) {
    let panel_len = g.window_len() * LANES;
    // A pass takes as many window rows as keep the panel in the first cache.
    let rows = if panel_len > PANEL_IN_CACHE { 1 } else { g.kernel };
    for (panel, weights) in panels.chunks_exact(panel_len).enumerate() {
        let channel = panel * LANES;
        let lanes = LANES.min(g.filters - channel);
        for (pass, weights) in weights.chunks_exact(rows * g.run() * LANES).enumerate() {
            let x = &x[pass * rows * g.row_stride()..];
            for (block, starts) in starts.chunks(ROWS).enumerate() {
                let y = &mut y[block * ROWS * g.filters + channel..];
                let mut tile: Tile = [[0.0; LANES]; ROWS];
                if pass > 0 || add {
                    for (m, row) in tile.iter_mut().enumerate().take(starts.len()) {
                        row[..lanes].copy_from_slice(&y[m * g.filters..m * g.filters + lanes]);
                    }
                } else if let Some(bias) = bias {
                    tile.iter_mut().for_each(|row| row[..lanes].copy_from_slice(&bias[channel..channel + lanes]));
                }
                let windows = Windows { x, starts, row_stride: g.row_stride(), window_rows: rows, run: g.run() };
                forward_tile(&windows, weights, &mut tile);
                for (m, row) in tile.iter().enumerate().take(starts.len()) {
                    y[m * g.filters..m * g.filters + lanes].copy_from_slice(&row[..lanes]);
                }
            }
        }
    }
}

/// A group of pictures with a border of zeros, reused from group to group; without padding, the pictures themselves.
struct Padded(Vec<f32>);

impl Padded {
    fn new(g: &Geometry) -> Self {
        Self(vec![0.0; if g.pad == 0 { 0 } else { g.group() * g.padded_len() }])
    }

    fn fill<'a>(&'a mut self, g: &Geometry, x: &'a [f32]) -> &'a [f32] {
        if g.pad == 0 {
            return x;
        }
        let row_len = g.width * g.channels;
        for (padded, image) in self.0.chunks_exact_mut(g.padded_len()).zip(x.chunks_exact(g.image_len())) {
            let rows = padded.chunks_exact_mut(g.row_stride()).skip(g.pad);
            for (padded_row, row) in rows.zip(image.chunks_exact(row_len)) {
                padded_row[g.pad * g.channels..][..row_len].copy_from_slice(row);
            }
        }
        &self.0[..x.len() / g.image_len() * g.padded_len()]
    }
}

fn panel_count(filters: usize) -> usize {
    filters.div_ceil(LANES)
}

/// Weights `(O, window)` as panels `(O / LANES, window, LANES)`, the last filled up with zeros.
fn pack(g: &Geometry, w: &[f32]) -> Vec<f32> {
    let mut panels = vec![0.0; panel_count(g.filters) * g.window_len() * LANES];
    for (filter, weights) in w.chunks_exact(g.window_len()).enumerate() {
        let panel = &mut panels[filter / LANES * g.window_len() * LANES..];
        for (element, &weight) in weights.iter().enumerate() {
            panel[element * LANES + filter % LANES] = weight;
        }
    }
    panels
}

/// Weights `(O, k, k, C)` as the transposed convolution's `(C, k, k, O)`, turned by half a circle.
fn rotate(g: &Geometry, w: &[f32]) -> Vec<f32> {
    let (k, c, o) = (g.kernel, g.channels, g.filters);
    let mut rotated = vec![0.0; w.len()];
    for (filter, weights) in w.chunks_exact(g.window_len()).enumerate() {
        for (place, weights) in weights.chunks_exact(c).enumerate() {
            let turned = k * k - 1 - place;
            for (channel, &weight) in weights.iter().enumerate() {
                rotated[(channel * k * k + turned) * o + filter] = weight;
            }
        }
    }
    rotated
}

/// Output gradients `(position, O)` as panels `(O / LANES, position, LANES)`.
fn pack_gradients(g: &Geometry, dy: &[f32], packed: &mut [f32]) {
    let positions = dy.len() / g.filters;
    for (panel, packed) in packed.chunks_exact_mut(positions * LANES).enumerate().take(panel_count(g.filters)) {
        let channel = panel * LANES;
        let lanes = LANES.min(g.filters - channel);
        for (packed, row) in packed.chunks_exact_mut(LANES).zip(dy.chunks_exact(g.filters)) {
            packed[..lanes].copy_from_slice(&row[channel..channel + lanes]);
            packed[lanes..].fill(0.0);
        }
    }
}

/// The parts' sums added up in their order, weights brought back to `(O, window)`.
fn total(g: &Geometry, parts: &[PartSums]) -> Gradients {
    let mut weights = vec![0.0; g.filters * g.window_len()];
    let mut bias = vec![0.0; parts.first().map_or(0, |part| part.bias.len())];
    for part in parts {
        for (filter, weights) in weights.chunks_exact_mut(g.window_len()).enumerate() {
            let panel = &part.weights[filter / LANES * g.window_len() * LANES..];
            for (element, weight) in weights.iter_mut().enumerate() {
                *weight += panel[element * LANES + filter % LANES];
            }
        }
        bias.iter_mut().zip(&part.bias).for_each(|(sum, &value)| *sum += value);
    }
    Gradients { weights, bias }
}

//! Convolution on the CPU: direct, channels last, with bias, ReLU and 2x2 max pooling done while the outputs are warm.

use super::geometry::{Geometry, parts};
use super::kernel::{Begin, LANES, ROWS, Target, Windows, forward_tiles, panels_at_once};
use super::panels::{pack, panel_count};
use super::winograd::{self, Plan};
use crate::ops::activation::LEAK;
use crate::ops::host::{Room, written_in_parts};
use crate::ops::macs;
use crate::ops::pool2d::cpu::max_pool_image;
use crate::ops::scratch::Scratch;
use rayon::prelude::*;
use std::ops::Range;

/// In [`Outputs::select`]: the output was cut off by ReLU and passes no gradient, or was dampened by leaky ReLU.
pub const DEAD: u8 = u8::MAX;

/// A panel this long (in floats) stays in the first cache beside the pictures; a longer one is taken row by row.
const PANEL_IN_CACHE: usize = 6 * 1024;

/// What is done to a convolution's sums before they are written.
#[derive(Clone, Copy, Debug)]
pub struct Epilogue<'a> {
    pub bias: Option<&'a [f32]>,
    pub relu: bool,
    /// Instead of ReLU, and not with the pool.
    pub leaky: bool,
    pub pool: bool,
}

impl Epilogue<'_> {
    pub fn is_plain(&self) -> bool {
        !self.relu && !self.leaky && !self.pool
    }

    /// Floats of one picture after the epilogue.
    pub fn image_len(&self, g: &Geometry) -> usize {
        let by = if self.pool { 2 } else { 1 };
        (g.out_height() / by) * (g.out_width() / by) * g.filters
    }

    /// What comes after the sums of any number of pictures, with their bias: they are in `y`, or in `sums` before the pool.
    pub fn finish(&self, g: &Geometry, sums: &[f32], y: &mut [f32], select: &mut [u8]) {
        if self.pool {
            let image = self.image_len(g);
            let each = sums.chunks(g.out_len()).zip(y.chunks_mut(image)).zip(select.chunks_mut(image));
            for ((sums, y), select) in each {
                max_pool_image([g.out_height(), g.out_width(), g.filters], sums, y, select);
            }
        }
        if self.relu {
            cut_off(y, select);
        } else if self.leaky {
            dampen(y, select);
        }
    }
}

/// A convolution's outputs, and for each which input of the pool it is (0 to 3) or that it is [`DEAD`]; `select` is
/// empty when there is neither ReLU nor pool.
pub struct Outputs {
    pub y: Vec<f32>,
    pub select: Vec<u8>,
}

/// `y = pool(relu(conv(x, w) + bias))`; `x (B, H, W, C)`, `w (O, k, k, C)`, `y (B, H', W', O)`.
pub fn forward(g: &Geometry, x: &[f32], w: &[f32], epilogue: &Epilogue) -> Outputs {
    macs::count(g.macs());
    if let Some(plan) = Plan::of(g) {
        return winograd::forward(&plan, x, w, epilogue, None);
    }
    direct(g, x, w, epilogue)
}

/// The same by direct sums.
pub fn direct(g: &Geometry, x: &[f32], w: &[f32], epilogue: &Epilogue) -> Outputs {
    run(g, x, w, epilogue, None)
}

/// `onto + conv(x, w) + bias`, in the place of `onto`; for an epilogue that is plain.
pub fn forward_onto(g: &Geometry, x: &[f32], w: &[f32], epilogue: &Epilogue, onto: Vec<f32>) -> Outputs {
    macs::count(g.macs());
    match Plan::of(g) {
        Some(plan) => winograd::forward(&plan, x, w, epilogue, Some(onto)),
        None => run(g, x, w, epilogue, Some(onto)),
    }
}

fn run(g: &Geometry, x: &[f32], w: &[f32], epilogue: &Epilogue, onto: Option<Vec<f32>>) -> Outputs {
    let panels = pack(g, w);
    let add = onto.is_some();
    by_part(g, x, epilogue, parts(g.batch), onto, |x, y, select| forward_part(g, x, &panels, epilogue, add, y, select))
}

/// Calls `work` for each of some `ranges` of the batch, with its inputs and with where its outputs and their `select` go.
pub fn by_part(
    g: &Geometry,
    x: &[f32],
    epilogue: &Epilogue,
    ranges: Vec<Range<usize>>,
    onto: Option<Vec<f32>>,
    work: impl Fn(&[f32], Outlet, &mut [u8]) + Sync,
) -> Outputs {
    let image = epilogue.image_len(g);
    let selected = if epilogue.is_plain() { 0 } else { image };
    let mut select = vec![0; g.batch * selected];
    let mut rest_select = select.as_mut_slice();
    let mut each = Vec::new();
    for range in ranges {
        let (part_select, tail) = rest_select.split_at_mut(range.len() * selected);
        rest_select = tail;
        let part_x = &x[range.start * g.source_len()..range.end * g.source_len()];
        each.push((range.len() * image, (part_x, part_select)));
    }
    let y = match onto {
        None => written_in_parts(each, |(x, select), room| work(x, Outlet::New(room), select)),
        Some(mut y) => {
            let mut rest = y.as_mut_slice();
            let mut parts = Vec::new();
            for (len, (x, select)) in each {
                let (own, tail) = rest.split_at_mut(len);
                rest = tail;
                parts.push((x, own, select));
            }
            parts.into_par_iter().for_each(|(x, y, select)| work(x, Outlet::Onto(y), select));
            y
        }
    };
    Outputs { y, select }
}

/// Where outputs go, in their order.
pub enum Outlet<'a, 'b> {
    /// Nothing is there yet.
    New(&'a mut Room<'b>),
    /// They are added to what is there.
    Onto(&'b mut [f32]),
}

impl<'b> Outlet<'_, 'b> {
    /// The next `len` numbers: zeros, or what is added to.
    pub fn next(&mut self, len: usize) -> &'b mut [f32] {
        match self {
            Self::New(room) => room.next(len),
            Self::Onto(rest) => {
                let (own, tail) = std::mem::take(rest).split_at_mut(len);
                *rest = tail;
                own
            }
        }
    }
}

fn forward_part(
    g: &Geometry,
    x: &[f32],
    panels: &[f32],
    epilogue: &Epilogue,
    add: bool,
    mut y: Outlet,
    select: &mut [u8],
) {
    let mut pictures = Padded::new(g, g.group());
    let image = epilogue.image_len(g);
    let mut sums = Scratch::new(if epilogue.pool { g.group() * g.out_len() } else { 0 });
    let starts = g.window_starts(g.group());
    for (group, x) in x.chunks(g.group() * g.source_len()).enumerate() {
        let images = x.len() / g.source_len();
        let first = group * g.group() * image;
        let y = y.next(images * image);
        let starts = &starts[..images * g.positions()];
        let x = pictures.fill(g, x);
        if epilogue.pool {
            convolve(g, x, starts, panels, epilogue.bias, false, &mut sums[..images * g.out_len()]);
        } else {
            convolve(g, x, starts, panels, epilogue.bias, add, y);
        }
        let select = if epilogue.is_plain() { &mut [] } else { &mut select[first..first + images * image] };
        epilogue.finish(g, &sums, y, select);
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

crate::ops::simd::simd_fn! {
    /// Leaky ReLU in place; what it dampens is marked [`DEAD`].
    fn dampen(y: &mut [f32], select: &mut [u8]) {
        for (y, select) in y.iter_mut().zip(select) {
            let dead = *y <= 0.0;
            *y = if dead { LEAK * *y } else { *y };
            *select = if dead { DEAD } else { 0 };
        }
    }
}

/// Convolves a group of padded pictures with packed panels; `y` is overwritten, or added to when `add` is set.
pub fn convolve(
    g: &Geometry,
    x: &[f32],
    starts: &[usize],
    panels: &[f32],
    bias: Option<&[f32]>,
    add: bool,
    y: &mut [f32],
) {
    let count = panel_count(g.filters);
    let paired = if panels_at_once() == 2 { count - count % 2 } else { 0 };
    let layer = Convolved { g, panels, bias, add };
    // A pass takes as many window rows as keep a panel in the first cache. Two are read rarely enough to come from the
    // second one.
    let passes = |rows: usize| -> Vec<Windows> {
        let pass = |pass| Windows::new(&x[pass * rows * g.row_stride()..], starts, g.row_stride(), rows, g.run());
        (0..g.kernel / rows).map(pass).collect()
    };
    if paired > 0 {
        let passes = passes(g.kernel);
        (0..paired).step_by(2).for_each(|panel| layer.by_panels::<2>(panel, &passes, y));
    }
    if paired < count {
        let passes = passes(if g.window_len() * LANES > PANEL_IN_CACHE { 1 } else { g.kernel });
        (paired..count).for_each(|panel| layer.by_panels::<1>(panel, &passes, y));
    }
}

/// The panels that a group of padded pictures is convolved with.
struct Convolved<'a> {
    g: &'a Geometry,
    panels: &'a [f32],
    bias: Option<&'a [f32]>,
    add: bool,
}

impl Convolved<'_> {
    /// The channels of `P` panels, from the one with number `first` on, pass by pass.
    fn by_panels<const P: usize>(&self, first: usize, passes: &[Windows], y: &mut [f32]) {
        let &Self { g, panels, bias, add } = self;
        let panel_len = g.window_len() * LANES;
        let channel = first * LANES;
        let lanes = LANES.min(g.filters - channel - (P - 1) * LANES);
        let mut start = Begin::<P>::new(add);
        if let Some(bias) = bias {
            let shifts = &bias[channel..][..(P - 1) * LANES + lanes];
            start.first.as_flattened_mut()[..shifts.len()].copy_from_slice(shifts);
        }
        let pass_len = panel_len / passes.len();
        for (pass, windows) in passes.iter().enumerate() {
            let weights: [&[f32]; P] =
                std::array::from_fn(|p| &panels[(first + p) * panel_len + pass * pass_len..][..pass_len]);
            let begin = if pass == 0 { start } else { Begin::new(true) };
            for (block, windows) in windows.tiles().enumerate() {
                let numbers = &mut y[block * ROWS * g.filters + channel..];
                forward_tiles(&windows, weights, &begin, Target { numbers, row: g.filters, panel: LANES, lanes });
            }
        }
    }
}

/// Pictures with a border of zeros, or laid in squares, reused from group to group; else the pictures themselves.
pub struct Padded(Vec<f32>);

impl Padded {
    /// Room for up to `images` pictures.
    pub fn new(g: &Geometry, images: usize) -> Self {
        Self(vec![0.0; if g.pad == 0 && !g.squares { 0 } else { images * g.padded_len() }])
    }

    pub fn fill<'a>(&'a mut self, g: &Geometry, x: &'a [f32]) -> &'a [f32] {
        let each = self.0.chunks_exact_mut(g.padded_len()).zip(x.chunks_exact(g.source_len()));
        if g.squares {
            let layout = g.layout();
            for (padded, image) in each {
                layout.runs(|pixel, square, len| {
                    padded[square..square + len].copy_from_slice(&image[pixel..pixel + len])
                });
            }
        } else if g.pad > 0 {
            let row_len = g.width * g.channels;
            for (padded, image) in each {
                let rows = padded.chunks_exact_mut(g.row_stride()).skip(g.pad);
                for (padded_row, row) in rows.zip(image.chunks_exact(row_len)) {
                    padded_row[g.pad * g.channels..][..row_len].copy_from_slice(row);
                }
            }
        } else {
            return x;
        }
        &self.0[..x.len() / g.source_len() * g.padded_len()]
    }
}

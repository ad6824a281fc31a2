//! The gradients of a convolution on the CPU.
//!
//! Gradients of the input are a convolution too, with the kernels turned. Those of the weights are sums over all
//! positions of the batch, taken in one of two ways. Many positions: part by part of the batch, the pictures warm from
//! what else is done to them, the parts' sums added up in their order. Few: panel by panel of the weights, over the
//! whole batch, since sums for every part would move more memory than they save. Either way the order of every sum is
//! fixed by the sizes alone.

use super::forward::{DEAD, Epilogue, Padded};
use super::geometry::{Geometry, parts};
use super::inputs::{InputGradients, input_gradients};
use super::kernel::{LANES, ROWS, Stretch, Target, panels_at_once, weight_tiles};
use super::panels::{pack_columns, pack_turned, panel_count, unpack};
use super::winograd::{self, Plan};
use crate::ops::activation::LEAK;
use crate::ops::macs;
use crate::ops::pool2d::cpu::max_unpool_image;
use crate::ops::scratch::Scratch;
use rayon::prelude::*;
use std::ops::Range;

/// Up to so many positions in a batch, weight gradients are summed panel by panel.
pub const FEW_POSITIONS: usize = 2048;

/// Positions that are summed over at a time there: their pictures stay in the second cache from tile to tile.
const BLOCK_POSITIONS: usize = 64;

/// Gradients of one convolution.
pub struct Gradients {
    /// `(filters, window)`, as the weights lie.
    pub weights: Vec<f32>,
    /// `(filters)`; empty without a bias.
    pub bias: Vec<f32>,
}

/// The gradients of [`super::forward::forward`]: those of weights and bias are returned, that of the input is added to
/// `dx`.
pub fn backward(
    g: &Geometry,
    x: &[f32],
    w: &[f32],
    epilogue: &Epilogue,
    select: &[u8],
    dy: &[f32],
    dx: Option<&mut [f32]>,
) -> Gradients {
    macs::count(g.macs() * if dx.is_some() { 2 } else { 1 });
    if let Some(plan) = Plan::of(g) {
        return winograd::backward(&plan, Part { x, dy, select, dx }, w, epilogue, true);
    }
    let turned = if dx.is_some() { pack_turned(g, w) } else { Vec::new() };
    let parts = Part { x, dy, select, dx }.cut(g, epilogue);
    if g.batch * g.positions() <= FEW_POSITIONS {
        return by_panel(g, x, epilogue, parts, &turned);
    }
    let sums: Vec<PartSums> = parts.into_par_iter().map(|part| backward_part(g, part, &turned, epilogue)).collect();
    total(g, &sums)
}

/// The input's gradient alone, added to `dx`.
pub fn backward_input(g: &Geometry, w: &[f32], epilogue: &Epilogue, select: &[u8], dy: &[f32], dx: &mut [f32]) {
    macs::count(g.macs());
    if let Some(plan) = Plan::of(g) {
        winograd::backward(&plan, Part { x: &[], dy, select, dx: Some(dx) }, w, epilogue, false);
        return;
    }
    let turned = pack_turned(g, w);
    Part { x: &[], dy, select, dx: Some(dx) }.cut(g, epilogue).into_par_iter().for_each(|part| {
        let images = part.dy.len() / epilogue.image_len(g);
        let mut spread = Scratch::new(if epilogue.is_plain() { 0 } else { images * g.out_len() });
        let dy = undo_epilogue(g, epilogue, part.dy, part.select, &mut spread);
        if let Some(dx) = part.dx {
            input_gradients(g, dy, &turned, dx);
        }
    });
}

/// A part of the batch, or the whole of it.
pub struct Part<'a> {
    pub x: &'a [f32],
    pub dy: &'a [f32],
    pub select: &'a [u8],
    pub dx: Option<&'a mut [f32]>,
}

impl Part<'_> {
    /// The parts of a whole batch.
    pub fn cut(self, g: &Geometry, epilogue: &Epilogue) -> Vec<Self> {
        let Self { x, dy, select, dx: mut rest_dx } = self;
        let image = epilogue.image_len(g);
        let part = |range: Range<usize>| {
            let dx = rest_dx.take().map(|dx| {
                let (part, tail) = dx.split_at_mut(range.len() * g.source_len());
                rest_dx = Some(tail);
                part
            });
            let outputs = range.start * image..range.end * image;
            let select = if epilogue.is_plain() { &[] } else { &select[outputs.clone()] };
            let x = if x.is_empty() { x } else { &x[range.start * g.source_len()..range.end * g.source_len()] };
            Self { x, dy: &dy[outputs], select, dx }
        };
        parts(g.batch).into_iter().map(part).collect()
    }
}

/// The sums of a part of the batch.
pub struct PartSums {
    /// `(panel, window, LANES)`; anything until the first group is there.
    pub weights: Scratch,
    /// Empty without a bias.
    pub bias: Vec<f32>,
}

impl PartSums {
    pub fn new(g: &Geometry, bias: bool) -> Self {
        Self {
            weights: Scratch::new(panel_count(g.filters) * g.window_len() * LANES),
            bias: vec![0.0; if bias { g.filters } else { 0 }],
        }
    }
}

fn backward_part(g: &Geometry, mut part: Part, turned: &[f32], epilogue: &Epilogue) -> PartSums {
    let image = epilogue.image_len(g);
    let (mut pictures, mut inputs) = (Padded::new(g, g.group()), InputGradients::new(g, turned));
    let mut spread = Scratch::new(if epilogue.is_plain() { 0 } else { g.group() * g.out_len() });
    let mut packed = Scratch::new(panel_count(g.filters) * g.group() * g.positions() * LANES);
    let mut sums = PartSums::new(g, epilogue.bias.is_some());
    for (group, x) in part.x.chunks(g.group() * g.source_len()).enumerate() {
        let images = x.len() / g.source_len();
        let outputs = group * g.group() * image..(group * g.group() + images) * image;
        let select = if epilogue.is_plain() { &[] } else { &part.select[outputs.clone()] };
        let spread_len = spread.len().min(images * g.out_len());
        let dy = undo_epilogue(g, epilogue, &part.dy[outputs], select, &mut spread[..spread_len]);
        if epilogue.bias.is_some() {
            add_columns(dy, &mut sums.bias);
        }
        group_sums(g, pictures.fill(g, x), images, dy, &mut packed, group > 0, &mut sums.weights);
        if let Some(dx) = part.dx.as_deref_mut() {
            let start = group * g.group() * g.source_len();
            inputs.add(dy, &mut dx[start..start + images * g.source_len()]);
        }
    }
    sums
}

/// Weight gradients of a group of padded pictures, to `sums (panel, window, LANES)`; added to what is there if `onto` is set.
pub fn group_sums(
    g: &Geometry,
    x: &[f32],
    images: usize,
    dy: &[f32],
    packed: &mut [f32],
    onto: bool,
    sums: &mut [f32],
) {
    let panel_len = images * g.positions() * LANES;
    // The last group may be smaller than the room.
    let packed = &mut packed[..panel_count(g.filters) * panel_len];
    for (panel, packed) in packed.chunks_exact_mut(panel_len).enumerate() {
        pack_columns(dy, g.filters, panel, packed);
    }
    for first in (0..g.out_height()).step_by(g.row_block()) {
        let rows = first..g.out_height().min(first + g.row_block());
        let at_once = panels_at_once();
        let each = packed.chunks(at_once * panel_len).zip(sums.chunks_mut(at_once * g.window_len() * LANES));
        each.for_each(|(packed, sums)| panel_sums(g, x, packed, images, rows.clone(), onto || first > 0, sums));
    }
}

/// Sums of `window * gradient` over some rows of every picture, to `sums (panel, window, LANES)`, added to what is there if `onto`
/// is set; one panel, or two.
fn panel_sums(
    g: &Geometry,
    x: &[f32],
    packed: &[f32],
    images: usize,
    rows: Range<usize>,
    onto: bool,
    sums: &mut [f32],
) {
    let panel_len = images * g.positions() * LANES;
    let tiles = (0..g.kernel).flat_map(|y| (0..g.run()).step_by(ROWS).map(move |offset| (y, offset)));
    for (y, offset) in tiles {
        let height = ROWS.min(g.run() - offset);
        let element = y * g.run() + offset;
        // Pictures with one output each follow one another as the outputs of a row do.
        let (images, cols, col_stride) =
            if g.positions() == 1 { (1, images, g.padded_len()) } else { (images, g.out_width(), g.channels) };
        let stretch = Stretch {
            x: &x[(rows.start + y) * g.row_stride() + offset..],
            images,
            rows: rows.len(),
            cols,
            image_stride: g.padded_len(),
            dy_image_stride: g.positions() * LANES,
            row_stride: g.row_stride(),
            col_stride,
        };
        let dy = &packed[rows.start * g.out_width() * LANES..];
        let numbers = &mut sums[element * LANES..];
        let target = Target { numbers, row: LANES, panel: g.window_len() * LANES, lanes: LANES };
        if packed.len() > panel_len {
            weight_tiles(&stretch, [dy, &dy[panel_len..]], height, onto, target);
        } else {
            weight_tiles(&stretch, [dy], height, onto, target);
        }
    }
}

/// The parts' sums added up in their order, weights brought back to `(O, window)`.
pub fn total(g: &Geometry, parts: &[PartSums]) -> Gradients {
    let panel_len = g.window_len() * LANES;
    let mut weights = vec![0.0; g.filters * g.window_len()];
    weights.par_chunks_mut(LANES * g.window_len()).enumerate().for_each(|(panel, weights)| {
        let mut sums = Scratch::new(panel_len);
        sums.fill(0.0);
        for part in parts {
            add(&part.weights[panel * panel_len..][..panel_len], &mut sums);
        }
        unpack(&sums, g.window_len(), weights);
    });
    let mut bias = vec![0.0; parts.first().map_or(0, |part| part.bias.len())];
    parts.iter().for_each(|part| add(&part.bias, &mut bias));
    Gradients { weights, bias }
}

/// The whole backward pass of a batch of few positions.
fn by_panel(g: &Geometry, x: &[f32], epilogue: &Epilogue, parts: Vec<Part>, turned: &[f32]) -> Gradients {
    let mut spread = Scratch::new(g.batch * g.out_len());
    let mut rest = &mut spread[..];
    let mut work = Vec::new();
    for part in parts {
        let (spread, tail) = rest.split_at_mut(part.x.len() / g.source_len() * g.out_len());
        rest = tail;
        work.push((part, spread));
    }
    work.into_par_iter().for_each(|(part, spread)| {
        if epilogue.is_plain() {
            spread.copy_from_slice(part.dy);
        } else {
            undo_epilogue(g, epilogue, part.dy, part.select, spread);
        }
        if let Some(dx) = part.dx {
            input_gradients(g, spread, turned, dx);
        }
    });
    let mut bias = vec![0.0; if epilogue.bias.is_some() { g.filters } else { 0 }];
    if epilogue.bias.is_some() {
        add_columns(&spread, &mut bias);
    }
    let mut pictures = Padded::new(g, g.batch);
    let x = pictures.fill(g, x);
    let mut weights = vec![0.0; g.filters * g.window_len()];
    let (at_once, of_panel) = (panels_at_once(), LANES * g.window_len());
    weights.par_chunks_mut(at_once * of_panel).enumerate().for_each(|(index, weights)| {
        let panels = weights.len().div_ceil(of_panel);
        let sums = batch_sums(g, x, &spread, index * at_once..index * at_once + panels);
        let each = sums.chunks(of_panel).zip(weights.chunks_mut(of_panel));
        each.for_each(|(sums, weights)| unpack(sums, g.window_len(), weights));
    });
    Gradients { weights, bias }
}

/// The weight gradients of one panel or two over the whole batch.
fn batch_sums(g: &Geometry, x: &[f32], dy: &[f32], panels: Range<usize>) -> Scratch {
    let images = BLOCK_POSITIONS.div_ceil(g.positions());
    let mut packed = Scratch::new(panels.len() * images * g.positions() * LANES);
    let mut sums = Scratch::new(panels.len() * g.window_len() * LANES);
    let blocks = x.chunks(images * g.padded_len()).zip(dy.chunks(images * g.out_len()));
    for (block, (x, dy)) in blocks.enumerate() {
        let images = x.len() / g.padded_len();
        let panel_len = images * g.positions() * LANES;
        let packed = &mut packed[..panels.len() * panel_len];
        for (panel, packed) in panels.clone().zip(packed.chunks_exact_mut(panel_len)) {
            pack_columns(dy, g.filters, panel, packed);
        }
        panel_sums(g, x, packed, images, 0..g.out_height(), block > 0, &mut sums);
    }
    sums
}

/// Gradients of the sums before pool and ReLU: each output's gradient at the place that it was taken from. `spread` is
/// not needed where there is neither.
pub fn undo_epilogue<'a>(
    g: &Geometry,
    epilogue: &Epilogue,
    dy: &'a [f32],
    select: &[u8],
    spread: &'a mut [f32],
) -> &'a [f32] {
    if epilogue.is_plain() {
        return dy;
    }
    if epilogue.pool {
        let image = epilogue.image_len(g);
        let each = dy.chunks(image).zip(select.chunks(image)).zip(spread.chunks_mut(g.out_len()));
        for ((dy, select), spread) in each {
            max_unpool_image([g.out_height(), g.out_width(), g.filters], dy, select, spread);
        }
    } else {
        revive(epilogue.leaky, dy, select, spread);
    }
    spread
}

crate::ops::simd::simd_fn! {
    /// The gradient of ReLU, or of a leaky one.
    fn revive(leaky: bool, dy: &[f32], select: &[u8], spread: &mut [f32]) {
        for ((spread, &dy), &select) in spread.iter_mut().zip(dy).zip(select) {
            let held_back = if leaky { LEAK * dy } else { 0.0 };
            *spread = if select == DEAD { held_back } else { dy };
        }
    }
}

crate::ops::simd::simd_fn! {
    pub fn add_columns(rows: &[f32], sums: &mut [f32]) {
        for row in rows.chunks_exact(sums.len()) {
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += value;
            }
        }
    }
}

crate::ops::simd::simd_fn! {
    pub fn add(values: &[f32], sums: &mut [f32]) {
        for (sum, &value) in sums.iter_mut().zip(values) {
            *sum += value;
        }
    }
}

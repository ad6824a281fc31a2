//! The gradients by tiles.

use super::filters::Filters;
use super::forward::{one_pixel, row};
use super::{Cut, Order, Plan, pieces};
use crate::ops::conv2d::backward::{Gradients, Part, add, add_columns, undo_epilogue};
use crate::ops::conv2d::forward::{Epilogue, convolve};
use crate::ops::conv2d::geometry::Geometry;
use crate::ops::conv2d::kernel::{LANES, ROWS, Stretch, Target, panels_at_once, weight_tiles};
use crate::ops::host::add_to;
use crate::ops::scratch::Scratch;
use rayon::prelude::*;

/// The gradients of a batch: those of weights and bias where `wanted` (zeros elsewhere), the inputs' added to theirs.
pub fn backward(plan: &Plan, batch: Part, w: &[f32], epilogue: &Epilogue, wanted: bool) -> Gradients {
    let filters = batch.dx.is_some().then(|| plan.filters_back(w));
    let pass = Pass { plan, filters: filters.as_ref(), epilogue, wanted };
    let cut = plan.cut();
    let work = if cut == Cut::Parts { batch.cut(&plan.g, epilogue) } else { vec![batch] };
    let sums: Vec<Gradients> = work.into_par_iter().map(|part| pass.gradients(cut, part)).collect();
    let mut total = Gradients {
        weights: vec![0.0; if wanted { w.len() } else { 0 }],
        bias: vec![0.0; if wanted && epilogue.bias.is_some() { plan.g.filters } else { 0 }],
    };
    for part in sums {
        add_to(&mut total.weights, &part.weights);
        add(&part.bias, &mut total.bias);
    }
    total
}

struct Pass<'a> {
    plan: &'a Plan,
    /// Where the gradients of inputs are wanted.
    filters: Option<&'a Filters>,
    epilogue: &'a Epilogue<'a>,
    /// The gradients of weights are.
    wanted: bool,
}

struct Sums {
    /// `(points, channel blocks, O, LANES)`.
    points: Scratch,
    bias: Vec<f32>,
}

/// What a chunk of pictures needs beside its numbers at the points.
struct Chunk {
    /// Gradients of the sums before the epilogue.
    spread: Scratch,
    bias: Vec<f32>,
}

impl Pass<'_> {
    fn gradients(&self, cut: Cut, part: Part) -> Gradients {
        let sums = self.images(cut, part);
        let mut weights = vec![0.0; if self.wanted { self.plan.g.filters * self.plan.g.window_len() } else { 0 }];
        self.plan.gather_filters(&sums.points, cut == Cut::Points, &mut weights);
        Gradients { weights, bias: sums.bias }
    }

    /// Any number of pictures, group by group.
    fn images(&self, cut: Cut, part: Part) -> Sums {
        let &Self { plan, filters, epilogue, wanted } = self;
        let g = &plan.g;
        let (tiles, image, points) = (plan.tiles(), epilogue.image_len(g), plan.points());
        let Part { x, dy, select, mut dx } = part;
        let numbers = row(g.channels) * (usize::from(wanted) + usize::from(filters.is_some())) + row(g.filters);
        let (group, each) = plan.group(cut, dy.len() / image, numbers);
        let at_once = if cut == Cut::Points { 1 } else { usize::MAX };
        let count = group.div_ceil(each);
        let sums_at = Order::by_tile(points, each * tiles, plan.filter_blocks());
        let pixels_at = Order::by_block(points, each * tiles, plan.channel_blocks());
        let back_at = Order::by_tile(points, group * tiles, plan.channel_blocks());
        let mut sums_room = sums_at.room(count);
        let mut pixels_room = pixels_at.room(if wanted { count } else { 0 });
        let mut back_room = back_at.room(usize::from(filters.is_some()));
        let block = g.filters * LANES;
        let mut total = Sums {
            points: Scratch::new(if wanted { points * plan.channel_blocks() * block } else { 0 }),
            bias: vec![0.0; if wanted && epilogue.bias.is_some() { g.filters } else { 0 }],
        };
        let mut chunks: Vec<Chunk> = (0..count)
            .map(|_| Chunk {
                spread: Scratch::new(if epilogue.is_plain() { 0 } else { each * g.out_len() }),
                bias: vec![0.0; total.bias.len()],
            })
            .collect();
        let starts = sums_at.starts(group * tiles);
        let rows = Geometry { channels: g.filters, filters: row(g.channels), ..one_pixel() };
        for (index, dy) in dy.chunks(group * image).enumerate() {
            let images = dy.len() / image;
            let first = index * group;
            let select = if select.is_empty() { select } else { &select[first * image..][..images * image] };
            let x = if wanted { &x[first * g.source_len()..][..images * g.source_len()] } else { x };
            let pixels = pieces(&mut pixels_room, pixels_at.chunk, count).into_par_iter();
            let work = dy.par_chunks(each * image).zip(sums_room.par_chunks_mut(sums_at.chunk)).zip(pixels);
            work.zip(&mut chunks).enumerate().with_min_len(at_once).for_each(
                |(index, (((dy, sums), pixels), chunk))| {
                    let images = dy.len() / image;
                    let first = index * each;
                    let select = if select.is_empty() { select } else { &select[first * image..][..images * image] };
                    let spread_len = chunk.spread.len().min(images * g.out_len());
                    let dy = undo_epilogue(g, epilogue, dy, select, &mut chunk.spread[..spread_len]);
                    if !chunk.bias.is_empty() {
                        chunk.bias.fill(0.0);
                        add_columns(dy, &mut chunk.bias);
                    }
                    for at in 0..images {
                        plan.spread_outputs(&dy[at * g.out_len()..], &mut sums_at.points(sums, at * tiles));
                    }
                    if wanted {
                        let x = &x[first * g.source_len()..][..images * g.source_len()];
                        for at in 0..images {
                            let to = &mut pixels_at.points(pixels, at * tiles);
                            plan.spread_inputs(&x[at * g.source_len()..], to);
                        }
                    }
                },
            );
            if !total.bias.is_empty() {
                chunks.iter().take(images.div_ceil(each)).for_each(|chunk| add(&chunk.bias, &mut total.bias));
            }
            let sums = pieces(&mut total.points, plan.channel_blocks() * block, points);
            let back = pieces(&mut back_room, back_at.point, points);
            let work = sums.into_par_iter().zip(back).enumerate().with_min_len(at_once);
            work.for_each(|(point, (total, back))| {
                let sums = &sums_room[point * sums_at.point..];
                if wanted {
                    let pixels = &pixels_room[point * pixels_at.point..];
                    self.weight_sums(images * tiles, (sums, &sums_at), (pixels, &pixels_at), index > 0, total);
                }
                if let Some(filters) = filters {
                    let panels = &filters.panels[point * filters.len..][..filters.len];
                    convolve(&rows, sums, &starts[..images * tiles], panels, None, false, back);
                }
            });
            let Some(dx) = &mut dx else { continue };
            let dx = &mut dx[first * g.source_len()..][..images * g.source_len()];
            let work = dx.par_chunks_mut(each * g.source_len()).enumerate().with_min_len(at_once);
            work.for_each(|(index, dx)| {
                for (at, dx) in dx.chunks_exact_mut(g.source_len()).enumerate() {
                    plan.gather_inputs(&back_at.read(&back_room, (index * each + at) * tiles), dx);
                }
            });
        }
        total
    }

    /// Products of one point's pixels and sums, summed over `tiles` of any number of chunks, to `total (channel blocks, O,
    /// LANES)`; added to what is there if `onto` is set.
    fn weight_sums(
        &self,
        tiles: usize,
        (sums, sums_at): (&[f32], &Order),
        (pixels, pixels_at): (&[f32], &Order),
        onto: bool,
        total: &mut [f32],
    ) {
        let (block, filters) = (self.plan.g.filters * LANES, self.plan.g.filters);
        let whole = tiles / sums_at.tiles;
        // Whole chunks, then what the last one has.
        let stretches = [(0, whole, sums_at.tiles), (whole, 1, tiles % sums_at.tiles)];
        for (pair, total) in total.chunks_mut(panels_at_once() * block).enumerate() {
            for offset in (0..filters).step_by(ROWS) {
                for (first, chunks, each) in stretches.into_iter().filter(|&(_, chunks, each)| chunks * each > 0) {
                    let stretch = Stretch {
                        x: &sums[first * sums_at.chunk + offset..],
                        images: chunks,
                        rows: 1,
                        cols: each,
                        image_stride: sums_at.chunk,
                        dy_image_stride: pixels_at.chunk,
                        row_stride: 0,
                        col_stride: sums_at.tile,
                    };
                    let pixels = &pixels[first * pixels_at.chunk + pair * panels_at_once() * pixels_at.block..];
                    let height = ROWS.min(filters - offset);
                    let (two, onto) = (total.len() > block, onto || first > 0);
                    let target =
                        Target { numbers: &mut total[offset * LANES..], row: LANES, panel: block, lanes: LANES };
                    if two {
                        weight_tiles(&stretch, [pixels, &pixels[pixels_at.block..]], height, onto, target);
                    } else {
                        weight_tiles(&stretch, [pixels], height, onto, target);
                    }
                }
            }
        }
    }
}

//! The forward pass by tiles.

use super::filters::Filters;
use super::{Cut, Order, Plan, pieces};
use crate::ops::conv2d::forward::{Epilogue, Outlet, Outputs, by_part, convolve};
use crate::ops::conv2d::geometry::{Geometry, parts};
use crate::ops::conv2d::kernel::LANES;
use crate::ops::scratch::Scratch;
use rayon::prelude::*;

/// `pool(relu(conv(x, w) + bias))`, added to `onto` where there is something; sizes as in the direct pass.
pub fn forward(plan: &Plan, x: &[f32], w: &[f32], epilogue: &Epilogue, onto: Option<Vec<f32>>) -> Outputs {
    let (filters, cut) = (plan.filters(w), plan.cut());
    let pass = Pass { plan, filters: &filters, epilogue, add: onto.is_some() };
    let ranges = if cut == Cut::Parts { parts(plan.g.batch) } else { std::iter::once(0..plan.g.batch).collect() };
    by_part(&plan.g, x, epilogue, ranges, onto, |x, y, select| pass.images(cut, x, y, select))
}

struct Pass<'a> {
    plan: &'a Plan,
    filters: &'a Filters,
    epilogue: &'a Epilogue<'a>,
    add: bool,
}

impl Pass<'_> {
    /// Any number of pictures, group by group.
    fn images(&self, cut: Cut, x: &[f32], mut y: Outlet, select: &mut [u8]) {
        let &Self { plan, filters, epilogue, add } = self;
        let g = &plan.g;
        let (tiles, image) = (plan.tiles(), epilogue.image_len(g));
        let (group, each) = plan.group(cut, x.len() / g.source_len(), row(g.channels) + row(g.filters));
        let at_once = if cut == Cut::Points { 1 } else { usize::MAX };
        let spread = Order::by_tile(plan.points(), each * tiles, plan.channel_blocks());
        let products = Order::by_tile(plan.points(), group * tiles, plan.filter_blocks());
        let count = group.div_ceil(each);
        // Before the pool.
        let unpooled = || Scratch::new(if epilogue.pool { each * g.out_len() } else { 0 });
        let mut unpooled: Vec<Scratch> = (0..count).map(|_| unpooled()).collect();
        let mut at_points = spread.room(count);
        let mut sums = products.room(1);
        let starts = spread.starts(group * tiles);
        let rows = Geometry { channels: g.channels, filters: row(g.filters), ..one_pixel() };
        let groups = x.chunks(group * g.source_len());
        let selects = pieces(select, group * image, groups.len());
        for (x, select) in groups.zip(selects) {
            let images = x.len() / g.source_len();
            let starts = &starts[..images * tiles];
            let chunks = x.par_chunks(each * g.source_len()).zip(at_points.par_chunks_mut(spread.chunk));
            chunks.with_min_len(at_once).for_each(|(x, at_points)| {
                for image in 0..x.len() / g.source_len() {
                    let to = &mut spread.points(at_points, image * tiles);
                    plan.spread_inputs(&x[image * g.source_len()..], to);
                }
            });
            let points = sums.par_chunks_exact_mut(products.point).zip(filters.panels.par_chunks_exact(filters.len));
            points.enumerate().with_min_len(at_once).for_each(|(point, (sums, panels))| {
                convolve(&rows, &at_points[point * spread.point..], starts, panels, None, false, sums);
            });
            let y = y.next(images * image);
            let select = pieces(select, each * image, count);
            let outputs = y.par_chunks_mut(each * image).zip(select.into_par_iter()).zip(&mut unpooled);
            outputs.enumerate().with_min_len(at_once).for_each(|(index, ((y, select), unpooled))| {
                let images = y.len() / image;
                let out = if epilogue.pool { &mut unpooled[..images * g.out_len()] } else { &mut *y };
                for (at, out) in out.chunks_exact_mut(g.out_len()).enumerate() {
                    let from = products.read(&sums, (index * each + at) * tiles);
                    plan.gather_outputs(&from, epilogue.bias.unwrap_or_default(), add, out);
                }
                epilogue.finish(g, unpooled, y, select);
            });
        }
    }
}

/// Channels filled up to whole blocks.
pub fn row(channels: usize) -> usize {
    channels.next_multiple_of(LANES)
}

/// A matrix product as a convolution of pictures of one pixel.
pub fn one_pixel() -> Geometry {
    Geometry { batch: 1, height: 1, width: 1, channels: 1, filters: 1, kernel: 1, pad: 0, squares: false }
}

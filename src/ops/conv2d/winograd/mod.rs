//! Convolutions by minimal filtering: tiles of 4x4 sums from 6x6 products instead of 144 (3x3 weights), or from 5x5 instead
//! of 64 (2x2 weights).
//!
//! Source: Lavin and Gray 2016, "Fast Algorithms for Convolutional Neural Networks", section 4. Pictures and weights are
//! taken to the [`transform`]'s points; at each point, the products of all tiles are one matrix product over the channels.
//! Gradients pass the same steps turned round: those of the weights are products over all tiles, those of the input are taken
//! back to overlapping pixels and added up there. Both read the output gradients at the points once.
//!
//! A convolution that makes pictures larger (`pad` as wide as its kernel allows) is the turned one of a convolution that
//! makes them smaller by as much, and done as that: its tiles lie on its inputs, whose sides are the rounder ones.
//!
//! Errors of single precision are about twice those of direct sums. Each picture is by itself, so that its outputs are the
//! same alone and in any batch.

mod backward;
mod filters;
mod forward;
mod lanes;
mod tiles;
mod transform;

pub use backward::backward;
pub use forward::forward;

use super::geometry::Geometry;
use crate::ops::scratch::Scratch;
use crate::ops::simd::{self, Level};
use crate::ops::space_depth::Layout;
use lanes::LANES;
use tiles::Points;

/// Sums in a row of a tile.
const TILE: usize = 4;

/// Numbers at the points of what a thread works on at a time: they stay in its second cache.
const OWN_NUMBERS: usize = 192 * 1024;

/// Numbers at the points of what all threads work on at a time.
const SHARED_NUMBERS: usize = 2 * 1024 * 1024;

/// Weights at the points that a thread can read again for each of its groups.
const OWN_WEIGHTS: usize = 384 * 1024;

/// Tiles that a thread must have of its part of the batch to work by itself.
const OWN_TILES: usize = 24;

/// Chunks that a block's pictures are cut into.
const CHUNKS: usize = 16;

/// A convolution that is done by tiles.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    g: Geometry,
    /// The outputs are what windows are read from, and the inputs have one number a window.
    turned: bool,
    /// Where windows are read from, and what has one number a window.
    outer: Side,
    inner: Side,
    /// Tiles below one another and beside one another.
    tall: usize,
    wide: usize,
}

/// One side of a convolution: pictures `(height, width, channels)`.
#[derive(Clone, Copy, Debug)]
struct Side {
    height: usize,
    width: usize,
    channels: usize,
    /// Rows and columns of zeros around it.
    pad: usize,
    /// Squares of 2x2 pixels are what windows are read from, their channels those of four pixels.
    squares: bool,
}

impl Side {
    /// Pixels whose channels a window meets at one place.
    fn pixels(&self) -> usize {
        if self.squares { 4 } else { 1 }
    }

    /// Blocks of [`LANES`] channels, of one of those pixels.
    fn blocks(&self) -> usize {
        self.channels.div_ceil(LANES)
    }
}

/// How the batch is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// Each part of the batch is one thread's, which works on groups of it.
    Parts,
    /// All threads work on the same block, first on its pictures, then on the points: wide layers with few positions, whose
    /// weights every thread would have to read otherwise.
    Points,
}

impl Plan {
    /// `None` where direct sums are better: other kernels, few channels, sides that tiles fit badly.
    pub fn of(g: &Geometry) -> Option<Self> {
        let plans = [Self::upright(g)].into_iter().chain(Self::turned(g));
        let plan = plans.min_by_key(Self::products)?;
        let saves = 10 * plan.products() <= 7 * g.kernel * g.kernel * g.positions();
        // Without an instruction for `a + b c`, rounded once, the transforms would take longer than they save.
        let fused = cfg!(not(target_arch = "x86_64")) || simd::level() > Level::Portable;
        let wide_enough = g.channels.min(g.filters) >= LANES / 2;
        // A block of channels is one pixel's.
        let blocks = !g.squares || plan.outer.channels.is_multiple_of(LANES);
        (matches!(g.kernel, 2 | 3) && wide_enough && blocks && saves && fused).then_some(plan)
    }

    fn upright(g: &Geometry) -> Self {
        let (inputs, outputs) = Self::sides(g);
        Self::new(g, false, inputs, outputs)
    }

    fn turned(g: &Geometry) -> Option<Self> {
        let (inputs, outputs) = Self::sides(g);
        let widens = g.pad > 0 && g.pad == g.kernel - 1;
        widens.then(|| Self::new(g, true, outputs, Side { pad: 0, ..inputs }))
    }

    /// Inputs and outputs.
    fn sides(g: &Geometry) -> (Side, Side) {
        let inputs = if g.squares {
            let Layout { height, width, channels, border } = g.layout();
            Side { height, width, channels, pad: border, squares: true }
        } else {
            Side { height: g.height, width: g.width, channels: g.channels, pad: g.pad, squares: false }
        };
        let (height, width) = (g.out_height(), g.out_width());
        (inputs, Side { height, width, channels: g.filters, pad: 0, squares: false })
    }

    fn new(g: &Geometry, turned: bool, outer: Side, inner: Side) -> Self {
        let (tall, wide) = (inner.height.div_ceil(TILE), inner.width.div_ceil(TILE));
        Self { g: *g, turned, outer, inner, tall, wide }
    }

    /// Products of a picture for each pair of channels.
    fn products(&self) -> usize {
        self.points() * self.tiles()
    }

    /// Products of a tile.
    fn points(&self) -> usize {
        (TILE + self.g.kernel - 1).pow(2)
    }

    /// Tiles of one picture.
    fn tiles(&self) -> usize {
        self.tall * self.wide
    }

    /// Blocks of [`LANES`] input channels, and of filters.
    fn channel_blocks(&self) -> usize {
        self.g.channels.div_ceil(LANES)
    }

    fn filter_blocks(&self) -> usize {
        self.g.filters.div_ceil(LANES)
    }

    fn cut(&self) -> Cut {
        let weights = self.points() * self.channel_blocks() * LANES * self.filter_blocks() * LANES;
        let own_tiles = self.g.batch.div_ceil(super::PARTS) * self.tiles();
        if weights <= OWN_WEIGHTS && own_tiles >= OWN_TILES { Cut::Parts } else { Cut::Points }
    }

    /// Pictures that are worked on at a time where each tile has `numbers` at a point, and how many of them make a chunk.
    fn group(&self, cut: Cut, images: usize, numbers: usize) -> (usize, usize) {
        let room = if cut == Cut::Parts { OWN_NUMBERS } else { SHARED_NUMBERS };
        let group = (room / (self.points() * self.tiles() * numbers)).clamp(1, images.max(1));
        (group, if cut == Cut::Parts { group } else { group.div_ceil(CHUNKS) })
    }
}

/// How numbers at the points lie: chunk after chunk, in each point after point, in each tile by tile or block of channels by
/// block of channels.
#[derive(Clone, Copy, Debug)]
struct Order {
    /// Tiles of a whole chunk.
    tiles: usize,
    chunk: usize,
    point: usize,
    tile: usize,
    block: usize,
}

/// Between two points, so that they do not meet in the same lines of the first cache.
const GAP: usize = LANES;

impl Order {
    /// All channels of a tile side by side.
    fn by_tile(points: usize, tiles: usize, blocks: usize) -> Self {
        let point = tiles * blocks * LANES + GAP;
        Self { tiles, chunk: points * point, point, tile: blocks * LANES, block: LANES }
    }

    /// A block of channels of all tiles side by side.
    fn by_block(points: usize, tiles: usize, blocks: usize) -> Self {
        Self { tile: LANES, block: tiles * LANES, ..Self::by_tile(points, tiles, blocks) }
    }

    fn room(&self, chunks: usize) -> Scratch {
        Scratch::new(chunks * self.chunk)
    }

    /// Where the tiles of a block lie, from the point's first number on.
    fn starts(&self, tiles: usize) -> Vec<usize> {
        (0..tiles).map(|tile| tile / self.tiles * self.chunk + tile % self.tiles * self.tile).collect()
    }

    /// The place of a chunk's tiles from `first` on, to read.
    fn read<'a>(&self, chunk: &'a [f32], first: usize) -> Points<&'a [f32]> {
        Points { numbers: &chunk[first * self.tile..], point: self.point, tile: self.tile, block: self.block }
    }

    /// The same, to write.
    fn points<'a>(&self, chunk: &'a mut [f32], first: usize) -> Points<&'a mut [f32]> {
        Points { numbers: &mut chunk[first * self.tile..], point: self.point, tile: self.tile, block: self.block }
    }
}

/// Pieces of `len`, the last one perhaps shorter; `count` empty ones where nothing is there.
fn pieces<T>(all: &mut [T], len: usize, count: usize) -> Vec<&mut [T]> {
    let mut pieces: Vec<&mut [T]> = all.chunks_mut(len.max(1)).collect();
    pieces.resize_with(count.max(pieces.len()), Default::default);
    pieces
}

#[cfg(test)]
mod tests;

//! Pictures to their numbers at the points and back, tile by tile and sixteen channels at a time.

use super::lanes::{LANES, Lanes, for_level};
use super::transform::{FourOfThree, FourOfTwo, Minimal};
use super::{Plan, Side, TILE};
use crate::ops::conv2d::backward;

/// Numbers at the points of one picture's tiles: those of point `p`, tile `t` and block of channels `b` lie from
/// `p * point + t * tile + b * block` on.
pub struct Points<N> {
    pub numbers: N,
    pub point: usize,
    pub tile: usize,
    pub block: usize,
}

impl<N: AsRef<[f32]>> Points<N> {
    /// # Panics
    /// When numbers of these tiles and blocks at `A * A` points lie outside.
    fn check<const A: usize>(&self, tiles: usize, blocks: usize) {
        let reach = (A * A - 1) * self.point + (tiles - 1) * self.tile + (blocks - 1) * self.block + LANES;
        assert!(reach <= self.numbers.as_ref().len(), "numbers at the points are missing");
    }
}

impl Points<&[f32]> {
    /// The numbers of a row of points.
    ///
    /// SAFETY: needs a tile and a block that were checked, and the level of `L`.
    #[inline(always)]
    unsafe fn row<L: Lanes, const A: usize>(&self, tile: usize, block: usize, row: usize) -> [L; A] {
        let first = tile * self.tile + block * self.block + row * A * self.point;
        // SAFETY: as the caller says.
        unsafe {
            let mut lanes = [L::zero(); A];
            for (j, lanes) in lanes.iter_mut().enumerate() {
                *lanes = L::load(self.numbers.as_ptr().add(first + j * self.point));
            }
            lanes
        }
    }
}

impl Points<&mut [f32]> {
    /// SAFETY: needs a tile and a block that were checked.
    #[inline(always)]
    unsafe fn set_row<L: Lanes, const A: usize>(&mut self, tile: usize, block: usize, row: usize, lanes: [L; A]) {
        let first = tile * self.tile + block * self.block + row * A * self.point;
        for (j, lanes) in lanes.into_iter().enumerate() {
            // SAFETY: as the caller says.
            unsafe { lanes.store(self.numbers.as_mut_ptr().add(first + j * self.point)) };
        }
    }
}

/// Nothing lies here: the border of zeros, or what a tile has beyond the picture.
const NOWHERE: usize = usize::MAX;

/// [`LANES`] numbers of a picture from `place + channel` on; zeros where nothing lies, anything in the place of channels beyond
/// the last one.
///
/// SAFETY: needs the level of `L`.
#[inline(always)]
unsafe fn load<L: Lanes>(picture: &[f32], place: usize, channel: usize) -> L {
    // SAFETY: as the caller says; a slice of that length has been taken.
    unsafe {
        if place == NOWHERE {
            return L::zero();
        }
        match picture.get(place + channel..place + channel + LANES) {
            Some(numbers) => L::load(numbers.as_ptr()),
            None => L::load(rest(&picture[place + channel..]).as_ptr()),
        }
    }
}

/// The end of the last picture.
#[cold]
#[inline(never)]
fn rest(numbers: &[f32]) -> [f32; LANES] {
    let mut lanes = [0.0; LANES];
    lanes.iter_mut().zip(numbers).for_each(|(lane, &x)| *lane = x);
    lanes
}

/// The first `lanes` channels of a pixel, from `place + channel` on: set, or added to. Nothing where nothing lies.
#[inline(always)]
fn store<L: Lanes>(picture: &mut [f32], place: usize, channel: usize, lanes: usize, add: bool, numbers: L) {
    if place == NOWHERE {
        return;
    }
    let to = &mut picture[place + channel..][..lanes];
    if lanes < LANES {
        return store_some(to, add, &numbers.array());
    }
    // SAFETY: a slice of that length has been taken.
    unsafe { if add { L::load(to.as_ptr()).add(numbers) } else { numbers }.store(to.as_mut_ptr()) };
}

#[inline(never)]
fn store_some(to: &mut [f32], add: bool, numbers: &[f32]) {
    let each = to.iter_mut().zip(numbers);
    each.for_each(|(to, &x)| *to = if add { *to + x } else { x });
}

/// Places of a grid of `A x A` from a row and a column on, of one pixel of each square; the border counts.
#[inline(always)]
fn places<const A: usize>(side: &Side, [row, column]: [usize; 2], pixel: usize) -> [[usize; A]; A] {
    let &Side { height, width, channels, pad, squares } = side;
    let step = if squares { 2 } else { 1 };
    let (down, right) = (pixel / 2, pixel % 2);
    let mut places = [[NOWHERE; A]; A];
    for (i, places) in places.iter_mut().enumerate() {
        for (j, place) in places.iter_mut().enumerate() {
            let row = (step * (row + i) + down).wrapping_sub(pad);
            let column = (step * (column + j) + right).wrapping_sub(pad);
            if row < height && column < width {
                *place = (row * width + column) * channels;
            }
        }
    }
    places
}

/// The pixels of column `j` of a grid of places.
///
/// SAFETY: needs the level of `L`.
#[inline(always)]
unsafe fn pixel_column<L: Lanes, const A: usize>(
    picture: &[f32],
    places: &[[usize; A]; A],
    j: usize,
    channel: usize,
) -> [L; A] {
    // SAFETY: as the caller says.
    unsafe {
        let mut lanes = [L::zero(); A];
        for (lanes, places) in lanes.iter_mut().zip(places) {
            *lanes = load(picture, places[j], channel);
        }
        lanes
    }
}

/// Column `j` of a grid of numbers.
///
/// SAFETY: needs the level of `L`.
#[inline(always)]
unsafe fn column<L: Lanes, const N: usize, const M: usize>(grid: &[[L; M]; N], j: usize) -> [L; N] {
    // SAFETY: as the caller says.
    let mut lanes = [unsafe { L::zero() }; N];
    for (lanes, row) in lanes.iter_mut().zip(grid) {
        *lanes = row[j];
    }
    lanes
}

/// The tiles of a picture, each by its first row and column.
#[inline(always)]
fn tiles(plan: &Plan) -> impl Iterator<Item = (usize, [usize; 2])> {
    let wide = plan.wide;
    (0..plan.tiles()).map(move |tile| (tile, [tile / wide * TILE, tile % wide * TILE]))
}

/// `B^T d B`: the pixels of each tile, to the points.
///
/// SAFETY: this and the next three need the level of `L`.
#[inline(always)]
unsafe fn pixels<L: Lanes, F: Minimal<TILE, R, A>, const R: usize, const A: usize>(
    plan: &Plan,
    picture: &[f32],
    to: &mut Points<&mut [f32]>,
) {
    to.check::<A>(plan.tiles(), plan.outer.pixels() * plan.outer.blocks());
    // SAFETY: as the caller says; all tiles and blocks were checked.
    unsafe {
        let mut half = [[L::zero(); A]; A];
        for (tile, corner) in tiles(plan) {
            for pixel in 0..plan.outer.pixels() {
                let places = places::<A>(&plan.outer, corner, pixel);
                for block in 0..plan.outer.blocks() {
                    for j in 0..A {
                        let column = F::pixels(pixel_column(picture, &places, j, block * LANES));
                        half.iter_mut().zip(column).for_each(|(half, lanes)| half[j] = lanes);
                    }
                    let block = pixel * plan.outer.blocks() + block;
                    for (i, &row) in half.iter().enumerate() {
                        to.set_row(tile, block, i, F::pixels(row));
                    }
                }
            }
        }
    }
}

/// `B v B^T`: gradients at the points, added to the pixels that they came from.
#[inline(always)]
unsafe fn pixels_back<L: Lanes, F: Minimal<TILE, R, A>, const R: usize, const A: usize>(
    plan: &Plan,
    from: &Points<&[f32]>,
    picture: &mut [f32],
) {
    from.check::<A>(plan.tiles(), plan.outer.pixels() * plan.outer.blocks());
    // SAFETY: as the caller says; all tiles and blocks were checked.
    unsafe {
        let mut half = [[L::zero(); A]; A];
        for (tile, corner) in tiles(plan) {
            for pixel in 0..plan.outer.pixels() {
                let places = places::<A>(&plan.outer, corner, pixel);
                for block in 0..plan.outer.blocks() {
                    let (channel, lanes) = (block * LANES, LANES.min(plan.outer.channels - block * LANES));
                    let block = pixel * plan.outer.blocks() + block;
                    for (i, half) in half.iter_mut().enumerate() {
                        *half = F::pixels_back(from.row::<L, A>(tile, block, i));
                    }
                    for j in 0..A {
                        for (places, numbers) in places.iter().zip(F::pixels_back(column(&half, j))) {
                            store(picture, places[j], channel, lanes, true, numbers);
                        }
                    }
                }
            }
        }
    }
}

/// `A^T m A`: products to the sums of each tile, with `shifts` for each filter, in the place of what is there or added to it.
#[inline(always)]
unsafe fn sums<L: Lanes, F: Minimal<TILE, R, A>, const R: usize, const A: usize>(
    plan: &Plan,
    from: &Points<&[f32]>,
    shifts: &[f32],
    add: bool,
    picture: &mut [f32],
) {
    from.check::<A>(plan.tiles(), plan.inner.blocks());
    // SAFETY: as the caller says; all tiles and blocks were checked.
    unsafe {
        let mut half = [[L::zero(); TILE]; A];
        for (tile, corner) in tiles(plan) {
            let places = places::<TILE>(&plan.inner, corner, 0);
            for block in 0..plan.inner.blocks() {
                let (channel, lanes) = (block * LANES, LANES.min(plan.inner.channels - block * LANES));
                let shift: L = load(shifts, if shifts.is_empty() { NOWHERE } else { 0 }, channel);
                for (i, half) in half.iter_mut().enumerate() {
                    *half = F::sums(from.row::<L, A>(tile, block, i));
                }
                for j in 0..TILE {
                    for (places, numbers) in places.iter().zip(F::sums(column(&half, j))) {
                        store(picture, places[j], channel, lanes, add, numbers.add(shift));
                    }
                }
            }
        }
    }
}

/// `A y A^T`: the gradients of each tile's sums, to the points.
#[inline(always)]
unsafe fn sums_back<L: Lanes, F: Minimal<TILE, R, A>, const R: usize, const A: usize>(
    plan: &Plan,
    picture: &[f32],
    to: &mut Points<&mut [f32]>,
) {
    to.check::<A>(plan.tiles(), plan.inner.blocks());
    // SAFETY: as the caller says; all tiles and blocks were checked.
    unsafe {
        let mut half = [[L::zero(); TILE]; A];
        for (tile, corner) in tiles(plan) {
            let places = places::<TILE>(&plan.inner, corner, 0);
            for block in 0..plan.inner.blocks() {
                for j in 0..TILE {
                    let column = F::sums_back(pixel_column(picture, &places, j, block * LANES));
                    half.iter_mut().zip(column).for_each(|(half, lanes)| half[j] = lanes);
                }
                for (i, &row) in half.iter().enumerate() {
                    to.set_row(tile, block, i, F::sums_back(row));
                }
            }
        }
    }
}

/// The four steps for one size of kernel, compiled for every level of the processor.
macro_rules! steps {
    ($module:ident, $filter:ty, $kernel:literal, $side:literal) => {
        mod $module {
            use super::*;
            use super::{pixels as p, pixels_back as pb, sums as s, sums_back as sb};

            for_level! {
                pub fn pixels(plan: &Plan, picture: &[f32], to: &mut Points<&mut [f32]>) = p[$filter, $kernel, $side];
                pub fn pixels_back(plan: &Plan, from: &Points<&[f32]>, picture: &mut [f32]) = pb[$filter, $kernel, $side];
                pub fn sums(plan: &Plan, from: &Points<&[f32]>, shifts: &[f32], add: bool, picture: &mut [f32])
                    = s[$filter, $kernel, $side];
                pub fn sums_back(plan: &Plan, picture: &[f32], to: &mut Points<&mut [f32]>) = sb[$filter, $kernel, $side];
            }
        }
    };
}

steps!(three, FourOfThree, 3, 6);
steps!(two, FourOfTwo, 2, 5);

impl Plan {
    /// A picture of the inputs as it is given, at the points. Channels beyond the last one are anything. What follows the
    /// picture may be read.
    pub fn spread_inputs(&self, picture: &[f32], to: &mut Points<&mut [f32]>) {
        if self.turned { self.sums_back(picture, to) } else { self.pixels(picture, to) }
    }

    /// Gradients at the points, added to a picture of the inputs' gradients.
    pub fn gather_inputs(&self, from: &Points<&[f32]>, picture: &mut [f32]) {
        if self.turned { self.sums(from, &[], true, picture) } else { self.pixels_back(from, picture) }
    }

    /// Products at the points to a picture of the outputs `(H', W', O)`, with `shifts (O)` or none; `add`: added to what is
    /// there.
    pub fn gather_outputs(&self, from: &Points<&[f32]>, shifts: &[f32], add: bool, picture: &mut [f32]) {
        if !self.turned {
            return self.sums(from, shifts, add, picture);
        }
        if !add {
            picture.fill(0.0);
        }
        if !shifts.is_empty() {
            picture.chunks_exact_mut(shifts.len()).for_each(|sums| backward::add(shifts, sums));
        }
        self.pixels_back(from, picture);
    }

    /// A picture of the outputs' gradients `(H', W', O)`, at the points; as [`Self::spread_inputs`].
    pub fn spread_outputs(&self, picture: &[f32], to: &mut Points<&mut [f32]>) {
        if self.turned { self.pixels(picture, to) } else { self.sums_back(picture, to) }
    }

    fn pixels(&self, picture: &[f32], to: &mut Points<&mut [f32]>) {
        match self.g.kernel {
            3 => three::pixels(self, picture, to),
            _ => two::pixels(self, picture, to),
        }
    }

    fn pixels_back(&self, from: &Points<&[f32]>, picture: &mut [f32]) {
        match self.g.kernel {
            3 => three::pixels_back(self, from, picture),
            _ => two::pixels_back(self, from, picture),
        }
    }

    fn sums(&self, from: &Points<&[f32]>, shifts: &[f32], add: bool, picture: &mut [f32]) {
        match self.g.kernel {
            3 => three::sums(self, from, shifts, add, picture),
            _ => two::sums(self, from, shifts, add, picture),
        }
    }

    fn sums_back(&self, picture: &[f32], to: &mut Points<&mut [f32]>) {
        match self.g.kernel {
            3 => three::sums_back(self, picture, to),
            _ => two::sums_back(self, picture, to),
        }
    }
}

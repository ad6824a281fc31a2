//! The gradient of a convolution's input: a convolution too, with the kernels turned.

use super::backward::add;
use super::forward::{Padded, convolve};
use super::geometry::Geometry;
use crate::ops::scratch::Scratch;

/// The input gradients of any number of pictures, added to `dx`; `turned` are the weights' turned panels.
pub fn input_gradients(g: &Geometry, dy: &[f32], turned: &[f32], dx: &mut [f32]) {
    let mut inputs = InputGradients::new(g, turned);
    let groups = dy.chunks(g.group() * g.out_len()).zip(dx.chunks_mut(g.group() * g.source_len()));
    groups.for_each(|(dy, dx)| inputs.add(dy, dx));
}

/// What takes a group's output gradients back to its pictures.
pub struct InputGradients<'a> {
    g: &'a Geometry,
    back: Geometry,
    turned: &'a [f32],
    starts: Vec<usize>,
    padded: Padded,
    /// A group's gradients laid in squares, where its pictures are.
    squares: Scratch,
}

impl<'a> InputGradients<'a> {
    pub fn new(g: &'a Geometry, turned: &'a [f32]) -> Self {
        let back = g.transposed();
        // Without weights to go back through, nobody asks.
        let images = if turned.is_empty() { 0 } else { g.group() };
        let squares = Scratch::new(if g.squares { images * g.image_len() } else { 0 });
        Self { g, back, turned, starts: back.window_starts(images), padded: Padded::new(&back, images), squares }
    }

    /// Adds to `dx`.
    pub fn add(&mut self, dy: &[f32], dx: &mut [f32]) {
        let Self { g, back, turned, starts, padded, squares } = self;
        let images = dx.len() / g.source_len();
        let starts = &starts[..images * back.positions()];
        let dy = padded.fill(back, dy);
        if !g.squares {
            return convolve(back, dy, starts, turned, None, true, dx);
        }
        let squares = &mut squares[..images * g.image_len()];
        convolve(back, dy, starts, turned, None, false, squares);
        let layout = g.layout();
        for (dx, squares) in dx.chunks_exact_mut(g.source_len()).zip(squares.chunks_exact(g.image_len())) {
            layout.runs(|pixel, square, len| add(&squares[square..square + len], &mut dx[pixel..pixel + len]));
        }
    }
}

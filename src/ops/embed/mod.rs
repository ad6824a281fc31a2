//! Tokens by number: rows of a table, and positions added to them.

mod cpu;

use super::host::{Held, Matrix, Tokens, copy};
use super::rows;
use dfdx::prelude::*;

/// Embeddings on a device.
pub trait EmbedOp: Device<f32> {
    /// `y[b, n] = table[ids[b N + n]]`.
    ///
    /// Shapes: `table (V, C)`, `ids (B N)` in `0..V`, `y (B, N, C)`. Matches `torch.nn.functional.embedding`. On the
    /// CPU the gradients of a row that is taken more than once add up in the order of its tokens.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When there are not `B N` ids, or one is not below `V`.
    fn embed<T: Tape<f32, Self>>(
        table: Matrix<Self, T>,
        ids: &[usize],
        sizes: (usize, usize),
    ) -> Result<Tokens<Self, T>, Self::Err> {
        composed(table, ids, sizes)
    }

    /// `y[b, n] = x[b, n] + positions[first + n]`.
    ///
    /// Shapes: `x (B, N, C)`, `positions (P, C)` with `first + N <= P`, `y` as `x`; gradients flow to both.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When the widths differ, or there are too few positions.
    fn add_positions<T: Tape<f32, Self>>(
        x: Tokens<Self, T>,
        positions: &Matrix<Self>,
        first: usize,
    ) -> Result<Tokens<Self, T>, Self::Err> {
        composed_positions(x, positions, first)
    }
}

fn check(count: usize, ids: &[usize], (batch, tokens): (usize, usize)) {
    assert!(ids.len() == batch * tokens, "embed: one id a token");
    assert!(ids.iter().all(|&id| id < count), "embed: an id is not in the table");
}

fn check_positions(x: &(usize, usize, usize), positions: &(usize, usize), first: usize) {
    assert!(x.2 == positions.1, "add_positions: tokens and positions of two widths");
    assert!(first + x.1 <= positions.0, "add_positions: more tokens than positions");
}

/// A table of so many times as many rows as are taken is not worth a copy.
const SPARSE: usize = 16;

impl EmbedOp for Cpu {
    fn embed<T: Tape<f32, Self>>(
        table: Matrix<Self, T>,
        ids: &[usize],
        (batch, tokens): (usize, usize),
    ) -> Result<Tokens<Self, T>, Self::Err> {
        let &(count, channels) = table.shape();
        check(count, ids, (batch, tokens));
        let (table, mut tape) = table.split_tape();
        let (shape, ghost) = ((batch, tokens, channels), table.ghost());
        let y = if ids.len() * SPARSE < count {
            rows(table, ids)?.try_reshape_like(&shape)?
        } else {
            table.device().try_tensor_from_vec(cpu::take(&Held::new(&table), channels, ids), shape)?
        };
        let (y_ghost, ids) = (y.ghost(), if T::OWNS_TAPE { ids.to_vec() } else { Vec::new() });
        tape.add_backward_op(move |grads| {
            let dy = std::mem::take(&mut **grads.get_or_alloc_mut(&y_ghost)?);
            cpu::give_back(&dy, channels, &ids, grads.get_or_alloc_mut(&ghost)?);
            Ok(())
        });
        Ok(y.put_tape(tape))
    }

    fn add_positions<T: Tape<f32, Self>>(
        x: Tokens<Self, T>,
        positions: &Matrix<Self>,
        first: usize,
    ) -> Result<Tokens<Self, T>, Self::Err> {
        let shape = *x.shape();
        check_positions(&shape, positions.shape(), first);
        let (from, floats) = (first * shape.2, shape.1 * shape.2);
        let (x, mut tape) = x.split_tape();
        let mut y = copy(&Held::new(&x));
        cpu::add_to_each(&Held::new(positions)[from..from + floats], &mut y);
        let y = x.device().try_tensor_from_vec(y, shape)?;
        let (x_ghost, y_ghost, positions) = (x.ghost(), y.ghost(), positions.clone());
        tape.add_backward_op(move |grads| {
            let dy = std::mem::take(&mut **grads.get_or_alloc_mut(&y_ghost)?);
            super::host::add_to(grads.get_or_alloc_mut(&x_ghost)?, &dy);
            cpu::add_each_to(&dy, &mut grads.get_or_alloc_mut(&positions)?[from..from + floats]);
            Ok(())
        });
        Ok(y.put_tape(tape))
    }
}

#[cfg(feature = "cuda")]
impl EmbedOp for Cuda {}

/// [`EmbedOp::embed`] composed of dfdx's own ops.
pub fn composed<D: Device<f32>, T: Tape<f32, D>>(
    table: Matrix<D, T>,
    ids: &[usize],
    (batch, tokens): (usize, usize),
) -> Result<Tokens<D, T>, D::Err> {
    let &(count, channels) = table.shape();
    check(count, ids, (batch, tokens));
    rows(table, ids)?.try_reshape_like(&(batch, tokens, channels))
}

/// [`EmbedOp::add_positions`] composed of dfdx's own ops.
pub fn composed_positions<D: Device<f32>, T: Tape<f32, D>>(
    x: Tokens<D, T>,
    positions: &Matrix<D>,
    first: usize,
) -> Result<Tokens<D, T>, D::Err> {
    let shape = *x.shape();
    check_positions(&shape, positions.shape(), first);
    let own: Matrix<D, T> = positions.retaped::<T>().try_slice((first..first + shape.1, 0..shape.2))?;
    x.try_add(own.try_broadcast_like::<_, Axis<0>>(&shape)?)
}

#[cfg(test)]
mod tests;

//! Spectral normalisation: a weight matrix divided by its largest singular value.

mod cpu;

use super::host::{Matrix, Vector, read};
use dfdx::prelude::*;

/// Spectral normalisation on a device (Miyato et al. 2018, algorithm 1).
///
/// `w` is taken as a matrix `(O, K)` by its first axis, whatever its shape; `u (O)` and `v (K)` are the estimates of its
/// first singular vectors.
pub trait SpectralOp: Device<f32> {
    /// One power iteration: `v` gives a new `u = normalise(w v)`, and that a new `v = normalise(w^T u)`, with
    /// `normalise(x) = x / max(|x|, 1e-12)`; the order of `torch.nn.utils.parametrizations.spectral_norm`.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When the sizes do not fit each other.
    fn power_iteration<S: Shape>(
        w: &Tensor<S, f32, Self>,
        u: &mut Vector<Self>,
        v: &mut Vector<Self>,
    ) -> Result<(), Self::Err> {
        composed_iteration(w, u, v)
    }

    /// `w / sigma` with `sigma = u^T w v`; the gradient flows through `sigma` too, `u` and `v` being constants.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When the sizes do not fit each other.
    fn spectral_norm<S: Shape, T: Tape<f32, Self>>(
        w: Tensor<S, f32, Self, T>,
        u: &Vector<Self>,
        v: &Vector<Self>,
    ) -> Result<Tensor<S, f32, Self, T>, Self::Err> {
        composed(w, u, v)
    }
}

impl SpectralOp for Cpu {
    fn power_iteration<S: Shape>(
        w: &Tensor<S, f32, Self>,
        u: &mut Vector<Self>,
        v: &mut Vector<Self>,
    ) -> Result<(), Self::Err> {
        check(w.shape(), u, v);
        let (weights, mut left, mut right) = (read(w), read(u), read(v));
        cpu::times(&weights, &right, &mut left);
        cpu::normalise(&mut left);
        cpu::times_transposed(&weights, &left, &mut right);
        cpu::normalise(&mut right);
        u.copy_from(&left);
        v.copy_from(&right);
        Ok(())
    }

    fn spectral_norm<S: Shape, T: Tape<f32, Self>>(
        w: Tensor<S, f32, Self, T>,
        u: &Vector<Self>,
        v: &Vector<Self>,
    ) -> Result<Tensor<S, f32, Self, T>, Self::Err> {
        check(w.shape(), u, v);
        let (w, mut tape) = w.split_tape();
        let (mut y, left, right) = (read(&w), read(u), read(v));
        let mut product = vec![0.0; left.len()];
        cpu::times(&y, &right, &mut product);
        let sigma = cpu::dot(&left, &product);
        cpu::scale(&mut y, 1.0 / sigma);
        let normal = if T::OWNS_TAPE { y.clone() } else { Vec::new() };
        let y = w.device().try_tensor_from_vec(y, *w.shape())?;
        let (w_ghost, y_ghost) = (w.ghost(), y.ghost());
        tape.add_backward_op(move |grads| {
            let dy = std::mem::take(&mut **grads.get_or_alloc_mut(&y_ghost)?);
            let dw = grads.get_or_alloc_mut(&w_ghost)?;
            // d(w / sigma) = dw / sigma - (w / sigma) u^T dw v / sigma
            let along = cpu::dot(&dy, &normal);
            for ((dw, dy), &u) in dw.chunks_exact_mut(right.len()).zip(dy.chunks_exact(right.len())).zip(&left) {
                cpu::add_gradient(dy, &right, along * u, 1.0 / sigma, dw);
            }
            Ok(())
        });
        Ok(y.put_tape(tape))
    }
}

#[cfg(feature = "cuda")]
impl SpectralOp for Cuda {}

/// Smallest norm that a vector is divided by.
const SMALLEST: f32 = 1e-12;

fn check<S: Shape, D: Storage<f32>>(w: &S, u: &Vector<D>, v: &Vector<D>) -> (usize, usize) {
    let (&(rows,), &(cols,)) = (u.shape(), v.shape());
    assert!(w.concrete()[0] == rows && w.num_elements() == rows * cols, "spectral_norm: vectors of other sizes");
    (rows, cols)
}

/// [`SpectralOp::power_iteration`] composed of dfdx's own ops.
pub fn composed_iteration<S: Shape, D: Device<f32>>(
    w: &Tensor<S, f32, D>,
    u: &mut Vector<D>,
    v: &mut Vector<D>,
) -> Result<(), D::Err> {
    let (rows, cols) = check(w.shape(), u, v);
    let w: Matrix<D> = w.clone().try_reshape_like(&(rows, cols))?;
    let transposed: Matrix<D> = w.clone().try_permute::<_, Axes2<1, 0>>()?;
    let left = normalised(v.clone().try_reshape_like(&(1, cols))?.try_matmul(transposed)?)?;
    let right = normalised(left.clone().try_matmul(w)?)?;
    u.copy_from(&read(&left));
    v.copy_from(&read(&right));
    Ok(())
}

/// A row `(1, N)` of length 1.
fn normalised<D: Device<f32>>(row: Matrix<D>) -> Result<Matrix<D>, D::Err> {
    let shape = *row.shape();
    let norm = row.clone().try_square()?.try_sum::<Rank0, _>()?.try_sqrt()?;
    row.try_div(norm.try_clamp(SMALLEST, f32::INFINITY)?.try_broadcast_like(&shape)?)
}

/// [`SpectralOp::spectral_norm`] composed of dfdx's own ops.
pub fn composed<S: Shape, D: Device<f32>, T: Tape<f32, D>>(
    w: Tensor<S, f32, D, T>,
    u: &Vector<D>,
    v: &Vector<D>,
) -> Result<Tensor<S, f32, D, T>, D::Err> {
    let (rows, cols) = check(w.shape(), u, v);
    let shape = *w.shape();
    let flat: Matrix<D, T> = w.try_reshape_like(&(rows, cols))?;
    let (flat, tape) = flat.split_tape();
    let outer = u.clone().try_broadcast_like::<_, Axis<1>>(&(rows, cols))?;
    let outer = outer.try_mul(v.clone().try_broadcast_like::<_, Axis<0>>(&(rows, cols))?)?;
    let sigma = flat.retaped::<T>().try_mul(outer)?.try_sum::<Rank0, _>()?;
    flat.put_tape(tape).try_div(sigma.try_broadcast_like(&(rows, cols))?)?.try_reshape_like(&shape)
}

#[cfg(test)]
mod tests;

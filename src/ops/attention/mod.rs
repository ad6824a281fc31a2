//! Multi-head attention, softmax included, in one op.

pub(super) mod cpu;
mod panels;

use super::host::{Held, Tokens, add_to, read};
use dfdx::prelude::*;
use std::ops::Range;

/// How tokens attend to each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attention {
    /// Equal runs of channels that attend each by itself.
    pub heads: usize,
    /// Each query attends to the keys up to its own place only, the last query's being the last key.
    pub causal: bool,
    /// What scores are multiplied by; `1 / sqrt(d)` where none is given, `d` being the channels of a head.
    pub scale: Option<f32>,
}

/// Scaled dot-product attention on a device (Vaswani et al. 2017, equation 1 and section 3.2.2).
pub trait AttentionOp: Device<f32> {
    /// For each picture and head, `y = softmax(scale q k^T) v`, the scale being `1 / sqrt(d)` for `d` channels of a
    /// head unless `spec` has another.
    ///
    /// Shapes: `q (B, N, C)`, `k (B, M, C)`, `v (B, M, C)`, `y (B, N, C)`; a head has `C / heads` channels that follow
    /// one another. It matches `torch.nn.functional.scaled_dot_product_attention` on `(B, heads, N, d)`. The softmax is
    /// taken around each row's largest score; the CPU kernel computes the weights anew on the way back, so that no
    /// `N` by `M` matrix is kept.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When the shapes do not fit each other, the heads are not equal, or a causal query has no key.
    fn attention<T: Tape<f32, Self>>(
        q: Tokens<Self, T>,
        k: Tokens<Self, T>,
        v: Tokens<Self, T>,
        spec: Attention,
    ) -> Result<Tokens<Self, T>, Self::Err> {
        composed(q, k, v, spec)
    }

    /// The weights `softmax(scale q k^T)` of [`Self::attention`] on the host, `(B, heads, N, M)`: what each query looks
    /// at, to be shown. A row adds up to 1; a causal query has zeros behind its place.
    ///
    /// # Panics
    /// As [`Self::attention`].
    fn attention_weights(q: &Tokens<Self>, k: &Tokens<Self>, spec: Attention) -> Vec<f32> {
        cpu::weights(&Sizes::new(q.shape(), k.shape(), k.shape(), spec), &read(q), &read(k))
    }
}

/// The sizes of one attention.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sizes {
    pub batch: usize,
    pub queries: usize,
    pub keys: usize,
    pub heads: usize,
    /// Channels of a head.
    pub width: usize,
    pub causal: bool,
    /// What scores are multiplied by.
    pub scale: f32,
}

type Shape3 = (usize, usize, usize);

fn inputs([q, k, v]: &[Held<Shape3>; 3]) -> cpu::Inputs<'_> {
    cpu::Inputs { q, k, v }
}

impl Sizes {
    pub fn new(&(batch, queries, channels): &Shape3, k: &Shape3, v: &Shape3, spec: Attention) -> Self {
        let Attention { heads, causal, scale } = spec;
        assert!(heads > 0 && channels.is_multiple_of(heads), "attention: {heads} heads of {channels} channels");
        assert!(k == v && (k.0, k.2) == (batch, channels), "attention: shapes that do not fit");
        assert!(k.1 >= if causal { queries } else { 1 }, "attention: a query without a key");
        let width = channels / heads;
        let scale = scale.unwrap_or_else(|| 1.0 / (width as f32).sqrt());
        Self { batch, queries, keys: k.1, heads, width, causal, scale }
    }

    /// Channels of a token.
    pub fn channels(&self) -> usize {
        self.heads * self.width
    }

    /// The channels of a head.
    pub fn own(&self, head: usize) -> Range<usize> {
        head * self.width..(head + 1) * self.width
    }

    /// Multiply-adds of one product of all heads, such as that of queries and keys, over the pairs that see each other.
    pub fn product_macs(&self) -> usize {
        let pairs: usize = (0..self.queries).map(|query| self.seen(query)).sum();
        self.batch * pairs * self.channels()
    }

    /// Keys that a query attends to: the first so many.
    #[inline(always)]
    pub fn seen(&self, query: usize) -> usize {
        if self.causal { self.keys - self.queries + query + 1 } else { self.keys }
    }
}

impl AttentionOp for Cpu {
    fn attention<T: Tape<f32, Self>>(
        q: Tokens<Self, T>,
        k: Tokens<Self, T>,
        v: Tokens<Self, T>,
        spec: Attention,
    ) -> Result<Tokens<Self, T>, Self::Err> {
        let sizes = Sizes::new(q.shape(), k.shape(), v.shape(), spec);
        let ((q, q_tape), (k, k_tape), (v, v_tape)) = (q.split_tape(), k.split_tape(), v.split_tape());
        let mut tape = q_tape.merge(k_tape).merge(v_tape);
        let held = [Held::new(&q), Held::new(&k), Held::new(&v)];
        let y = q.device().try_tensor_from_vec(cpu::forward(&sizes, &inputs(&held)), *q.shape())?;
        let (q_ghost, k_ghost, v_ghost, y_ghost) = (q.ghost(), k.ghost(), v.ghost(), y.ghost());
        tape.add_backward_op(move |grads| {
            let dy = std::mem::take(&mut **grads.get_or_alloc_mut(&y_ghost)?);
            // Sums of their own: two of the three may be one tensor.
            let sums = cpu::backward(&sizes, &inputs(&held), &dy);
            add_to(grads.get_or_alloc_mut(&q_ghost)?, &sums.q);
            add_to(grads.get_or_alloc_mut(&k_ghost)?, &sums.k);
            add_to(grads.get_or_alloc_mut(&v_ghost)?, &sums.v);
            Ok(())
        });
        Ok(y.put_tape(tape))
    }
}

#[cfg(feature = "cuda")]
impl AttentionOp for Cuda {}

/// `(B, heads, rows, columns)`.
type Heads<D, T> = Tensor<(usize, usize, usize, usize), f32, D, T>;

/// [`AttentionOp::attention`] composed of dfdx's own ops.
pub fn composed<D: Device<f32>, T: Tape<f32, D>>(
    q: Tokens<D, T>,
    k: Tokens<D, T>,
    v: Tokens<D, T>,
    spec: Attention,
) -> Result<Tokens<D, T>, D::Err> {
    let sizes = Sizes::new(q.shape(), k.shape(), v.shape(), spec);
    let Sizes { batch, queries, keys, heads, width, .. } = sizes;
    let device = q.device().clone();
    let q: Heads<D, T> = q.try_reshape_like(&(batch, queries, heads, width))?.try_permute::<_, Axes4<0, 2, 1, 3>>()?;
    let k: Heads<D, T> = k.try_reshape_like(&(batch, keys, heads, width))?.try_permute::<_, Axes4<0, 2, 3, 1>>()?;
    let v: Heads<D, T> = v.try_reshape_like(&(batch, keys, heads, width))?.try_permute::<_, Axes4<0, 2, 1, 3>>()?;
    let mut scores = q.try_matmul(k)?.try_mul(sizes.scale)?;
    if sizes.causal {
        let shape = *scores.shape();
        let unseen = |(query, key): (usize, usize)| if key < sizes.seen(query) { 0.0 } else { MASKED };
        let mask = (0..queries).flat_map(|query| (0..keys).map(move |key| (query, key))).map(unseen).collect();
        let mask = device.try_tensor_from_vec(mask, (queries, keys))?;
        scores = scores.try_add(mask.retaped::<T>().try_broadcast_like::<_, Axes2<0, 1>>(&shape)?)?;
    }
    let y: Heads<D, T> = scores.try_softmax::<Axis<3>>()?.try_matmul(v)?.try_permute::<_, Axes4<0, 2, 1, 3>>()?;
    y.try_reshape_like(&(batch, queries, heads * width))
}

/// A score that no softmax counts.
const MASKED: f32 = -1e30;

#[cfg(test)]
mod tests;

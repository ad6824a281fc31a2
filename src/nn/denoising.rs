//! The layers of denoisers.

use super::layers::Conv;
use super::parameter::{Module, Role, Scope, Visitor};
use crate::ops::{Activation, Attention, Backend, Image, Matrix, Vector};
use dfdx::prelude::*;

/// Group normalisation with its activation; what is normalised may have a scale and shift of each picture's own.
#[derive(Clone, Debug)]
pub struct GroupNorm<D: Backend> {
    pub gamma: Vector<D>,
    pub beta: Vector<D>,
    groups: usize,
    activation: Activation,
}

impl<D: Backend> GroupNorm<D> {
    /// A layer of `channels` that starts as the plain normalisation.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn new(device: &D, channels: usize, groups: usize, activation: Activation) -> Result<Self, D::Err> {
        let (gamma, beta) = (device.try_ones_like(&(channels,))?, device.try_zeros_like(&(channels,))?);
        Ok(Self { gamma, beta, groups, activation })
    }

    /// `x (B, H, W, C)` with `modulation (B, 2 C)`; see [`crate::ops::GroupNormOp`].
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When the channels are not those of the layer.
    pub fn forward<T: Tape<f32, D>>(
        &self,
        x: Image<D, T>,
        modulation: Option<Matrix<D, T>>,
    ) -> Result<Image<D, T>, D::Err> {
        D::group_norm(x, &self.gamma, &self.beta, modulation, self.groups, self.activation)
    }
}

impl<D: Backend> Module<D> for GroupNorm<D> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        visitor.visit(scope.child("weight").name(), Role::Bias, &mut self.gamma)?;
        visitor.visit(scope.child("bias").name(), Role::NormBias, &mut self.beta)
    }
}

/// A residual layer in which the pixels of a picture attend to each other (Ho et al. 2020, appendix B).
///
/// All its convolutions are 1x1. The keys have no bias: one would add the same to all scores of a query, which no softmax
/// shows.
#[derive(Clone, Debug)]
pub struct SelfAttention<D: Backend> {
    pub norm: GroupNorm<D>,
    pub queries: Conv<D>,
    pub keys: Conv<D>,
    pub values: Conv<D>,
    pub out: Conv<D>,
    pub heads: usize,
}

impl<D: Backend> SelfAttention<D> {
    /// `x + out(attention(norm(x)))`, `x (B, H, W, C)`.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn forward<T: Tape<f32, D>>(&self, x: Image<D, T>) -> Result<Image<D, T>, D::Err> {
        let shape = *x.shape();
        let tokens = (shape.0, shape.1 * shape.2, shape.3);
        let (onto, tape) = x.split_tape();
        let (normal, tape) = self.norm.forward(onto.clone().put_tape(tape), None)?.split_tape();
        let queries = self.queries.forward(normal.retaped::<T>())?.try_reshape_like(&tokens)?;
        let keys = self.keys.forward(normal.retaped::<T>())?.try_reshape_like(&tokens)?;
        let values = self.values.forward(normal.put_tape(tape))?.try_reshape_like(&tokens)?;
        let y = D::attention(queries, keys, values, Attention { heads: self.heads, causal: false, scale: None })?;
        self.out.forward_onto(onto.retaped::<T>(), y.try_reshape_like(&shape)?)
    }
}

impl<D: Backend> Module<D> for SelfAttention<D> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        self.norm.walk(&scope.child("norm"), visitor)?;
        self.queries.walk(&scope.child("queries"), visitor)?;
        self.keys.walk(&scope.child("keys"), visitor)?;
        self.values.walk(&scope.child("values"), visitor)?;
        self.out.walk(&scope.child("out"), visitor)
    }
}

/// The steepest of [`waves`], in radians a unit of time.
const STEEPEST: f32 = 256.0;

/// Times in 0..1 as `(B, width)` numbers in -1..1: first `sin(f_i t)`, then `cos(f_i t)`, for `width / 2` frequencies in
/// equal ratios from 1 to 256.
///
/// Vaswani et al. 2017, section 3.5, for continuous times: whole steps up to 1,000 bear frequencies from 0.0001 to 1 a
/// step, which is 1,000 a unit of time; times that are drawn anew for every picture need none as steep.
///
/// # Panics
/// When `width` is not an even number of at least 4.
pub fn waves(times: &[f32], width: usize) -> Vec<f32> {
    assert!(width >= 4 && width.is_multiple_of(2), "waves: {width} numbers are no pairs");
    let half = width / 2;
    let frequencies: Vec<f32> = (0..half).map(|i| STEEPEST.powf(i as f32 / (half - 1) as f32)).collect();
    let mut numbers = Vec::with_capacity(times.len() * width);
    for time in times {
        numbers.extend(frequencies.iter().map(|f| (f * time).sin()));
        numbers.extend(frequencies.iter().map(|f| (f * time).cos()));
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::host::read;
    use crate::ops::testing::{assert_close, noise, tensor};
    use crate::ops::{Conv2d, Tokens};

    #[test]
    fn waves_start_at_one_and_end_at_the_steepest() {
        let numbers = waves(&[0.0, 0.5], 6);
        let at = |f: f32| (f * 0.5).sin_cos();
        let [(a, d), (b, e), (c, f)] = [at(1.0), at(16.0), at(256.0)];
        assert_close("waves", &numbers, &[0.0, 0.0, 0.0, 1.0, 1.0, 1.0, a, b, c, d, e, f], 1e-4);
    }

    /// Neighbouring times stay apart, far ones do not fall together.
    #[test]
    fn every_time_has_waves_of_its_own() {
        let times: Vec<f32> = (0..=200).map(|i| i as f32 / 200.0).collect();
        let numbers = waves(&times, 64);
        let rows: Vec<&[f32]> = numbers.chunks(64).collect();
        for (i, a) in rows.iter().enumerate() {
            for b in &rows[..i] {
                let apart = a.iter().zip(*b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>().sqrt();
                assert!(apart > 0.5, "{apart}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "no pairs")]
    fn an_odd_width_is_refused() {
        waves(&[0.0], 7);
    }

    fn conv(name: &str) -> Conv<Cpu> {
        let weight = tensor(&noise(name, 16), (4, 1, 1, 4));
        Conv { weight, bias: Some(tensor(&noise(&format!("{name} bias"), 4), (4,))), spec: Conv2d::default() }
    }

    /// The layer by hand: each of its parts is tested as an op, here it is which goes where.
    #[test]
    fn attention_goes_from_values_by_queries_and_keys() {
        let device = Cpu::default();
        let [queries, keys, values, out] = ["q", "k", "v", "o"].map(conv);
        let norm = GroupNorm::new(&device, 4, 2, Activation::Identity).unwrap();
        let layer = SelfAttention { norm, queries, keys, values, out, heads: 2 };
        let x: Image<Cpu> = tensor(&noise("x", 2 * 6 * 4), (2, 2, 3, 4));
        let normal = layer.norm.forward(x.clone(), None).unwrap();
        let tokens =
            |conv: &Conv<Cpu>| -> Tokens<Cpu> { conv.forward(normal.clone()).unwrap().reshape_like(&(2, 6, 4)) };
        let spec = Attention { heads: 2, causal: false, scale: None };
        let mixed = <Cpu as crate::ops::AttentionOp>::attention(
            tokens(&layer.queries),
            tokens(&layer.keys),
            tokens(&layer.values),
            spec,
        );
        let due = x.clone() + layer.out.forward(mixed.unwrap().reshape_like(&(2, 2, 3, 4))).unwrap();
        assert_close("y", &read(&layer.forward(x).unwrap()), &read(&due), 1e-5);
    }
}

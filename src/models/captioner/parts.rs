//! What encoder and decoder are built of.

use crate::nn::init::normal;
use crate::nn::{LayerNorm, Linear, Module, Scope, Visitor};
use crate::ops::random::Stream;
use crate::ops::{Activation, Attention, Backend, Matrix, Projections, Tokens};
use dfdx::prelude::*;

/// Makes layers with their first weights, drawn by seed and name; without a seed they are zero, for weights to be read
/// into.
pub struct Maker<'a, D: Backend> {
    pub device: &'a D,
    pub seed: Option<u64>,
}

impl<D: Backend> Maker<'_, D> {
    /// Normal numbers of a deviation.
    pub fn draw(&self, name: &str, count: usize, deviation: f32) -> Vec<f32> {
        let drawn =
            |seed| normal(seed, &format!("captioner.{name}"), count).into_iter().map(|x| x * deviation).collect();
        self.seed.map_or_else(|| vec![0.0; count], drawn)
    }

    /// A layer whose outputs are as large as its inputs, times `gain`.
    pub fn linear(&self, name: &str, sizes: (usize, usize), bias: bool, gain: f32) -> Result<Linear<D>, D::Err> {
        let (inputs, outputs) = sizes;
        let weight = self.draw(name, outputs * inputs, gain / (inputs as f32).sqrt());
        let bias = bias.then(|| self.device.try_zeros_like(&(outputs,)));
        Ok(Linear {
            weight: self.device.try_tensor_from_vec(weight, (outputs, inputs))?,
            bias: bias.transpose()?,
            relu: false,
        })
    }

    /// A table of vectors that are small beside what is learned (deviation 0.02, as in GPT-2 and ViT).
    pub fn table(&self, name: &str, rows: usize, width: usize) -> Result<Matrix<D>, D::Err> {
        self.device.try_tensor_from_vec(self.draw(name, rows * width, 0.02), (rows, width))
    }

    /// What the last layer of each part of a block is made with, for all parts together to add as much as the embedding is
    /// large (Radford et al. 2019, section 2.3).
    pub fn residual_gain(parts: usize) -> f32 {
        1.0 / (parts as f32).sqrt()
    }
}

/// Which numbers are dropped in one training step: a hash of seed, step, place in the net and index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drops {
    pub seed: u64,
    pub step: u64,
}

/// Zeroes a share of the numbers and scales the others up (Srivastava et al. 2014); `None` drops nothing.
pub fn dropped<D: Backend, T: Tape<f32, D>>(
    x: Tokens<D, T>,
    share: f32,
    drops: Option<Drops>,
    place: &str,
) -> Result<Tokens<D, T>, D::Err> {
    match drops {
        Some(Drops { seed, step }) if share > 0.0 => {
            D::dropout(x, share, Stream::new(seed, &format!("dropout.{place}"), step))
        }
        _ => Ok(x),
    }
}

/// `x + part(x)`.
pub fn residual<D: Backend, T: Tape<f32, D>>(
    x: Tokens<D, T>,
    part: impl FnOnce(Tokens<D, T>) -> Result<Tokens<D, T>, D::Err>,
) -> Result<Tokens<D, T>, D::Err> {
    let (onto, tape) = x.split_tape();
    D::plus(part(onto.clone().put_tape(tape))?, onto)
}

/// Multi-head attention with its four linear layers (Vaswani et al. 2017, section 3.2.2).
#[derive(Clone, Debug)]
pub struct Attend<D: Backend> {
    query: Linear<D>,
    key: Linear<D>,
    value: Linear<D>,
    out: Linear<D>,
    pub spec: Attention,
}

/// What attention looks at: keys and values, `(B, M, C)` both.
#[derive(Clone, Debug)]
pub struct KeysAndValues<D: Backend> {
    pub keys: Tokens<D>,
    pub values: Tokens<D>,
}

impl<D: Backend> Attend<D> {
    /// `bias` is about the three layers before the attention; `gain` as in [`Maker::residual_gain`].
    pub fn new(
        make: &Maker<D>,
        name: &str,
        width: usize,
        spec: Attention,
        bias: bool,
        gain: f32,
    ) -> Result<Self, D::Err> {
        let linear = |part, bias, gain| make.linear(&format!("{name}.{part}"), (width, width), bias, gain);
        Ok(Self {
            query: linear("query", bias, 1.0)?,
            key: linear("key", bias, 1.0)?,
            value: linear("value", bias, 1.0)?,
            out: linear("out", true, gain)?,
            spec,
        })
    }

    /// Tokens `x (B, N, C)` attend to each other.
    pub fn to_self<T: Tape<f32, D>>(&self, x: Tokens<D, T>) -> Result<Tokens<D, T>, D::Err> {
        D::attend(x, None, self.projections(), self.spec)
    }

    /// `x (B, N, C)` attends to `memory (B, M, C)`, whose tape must be in that of `x`.
    pub fn to_memory<T: Tape<f32, D>>(&self, x: Tokens<D, T>, memory: &Tokens<D>) -> Result<Tokens<D, T>, D::Err> {
        D::attend(x, Some(memory), self.projections(), self.spec)
    }

    fn projections(&self) -> Projections<'_, D> {
        let [query, key, value, out] = [&self.query, &self.key, &self.value, &self.out].map(Linear::affine);
        Projections { query, key, value, out }
    }

    /// What `x` is attended by, for many queries to come.
    pub fn keys_and_values(&self, x: &Tokens<D>) -> Result<KeysAndValues<D>, D::Err> {
        Ok(KeysAndValues { keys: self.key.forward_tokens(x.clone())?, values: self.value.forward_tokens(x.clone())? })
    }

    /// `x (B, N, C)` attends to keys and values that are there.
    pub fn to_known<T: Tape<f32, D>>(&self, x: Tokens<D, T>, known: &KeysAndValues<D>) -> Result<Tokens<D, T>, D::Err> {
        self.by_queries(x, known.keys.retaped::<T>(), known.values.retaped::<T>())
    }

    /// How much each token of `x (B, N, C)` looks at each of the known ones: `(B, heads, N, M)` shares in a row.
    pub fn weights(&self, x: &Tokens<D>, known: &KeysAndValues<D>) -> Result<Vec<f32>, D::Err> {
        Ok(D::attention_weights(&self.query.forward_tokens(x.clone())?, &known.keys, self.spec))
    }

    fn by_queries<T: Tape<f32, D>>(
        &self,
        x: Tokens<D, T>,
        keys: Tokens<D, T>,
        values: Tokens<D, T>,
    ) -> Result<Tokens<D, T>, D::Err> {
        let queries = self.query.forward_tokens(x)?;
        self.out.forward_tokens(D::attention(queries, keys, values, self.spec)?)
    }
}

impl<D: Backend> Module<D> for Attend<D> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        self.query.walk(&scope.child("query"), visitor)?;
        self.key.walk(&scope.child("key"), visitor)?;
        self.value.walk(&scope.child("value"), visitor)?;
        self.out.walk(&scope.child("out"), visitor)
    }
}

/// Two linear layers with an activation between them.
#[derive(Clone, Debug)]
pub struct Mlp<D: Backend> {
    fc: Linear<D>,
    proj: Linear<D>,
    activation: Activation,
}

impl<D: Backend> Mlp<D> {
    /// `sizes` are the width and the inner width; `gain` as in [`Maker::residual_gain`].
    pub fn new(
        make: &Maker<D>,
        name: &str,
        sizes: (usize, usize),
        activation: Activation,
        gain: f32,
    ) -> Result<Self, D::Err> {
        let (width, inner) = sizes;
        Ok(Self {
            fc: make.linear(&format!("{name}.fc"), (width, inner), true, 1.0)?,
            proj: make.linear(&format!("{name}.proj"), (inner, width), true, gain)?,
            activation,
        })
    }

    pub fn forward<T: Tape<f32, D>>(&self, x: Tokens<D, T>) -> Result<Tokens<D, T>, D::Err> {
        D::perceptron(x, self.fc.affine(), self.activation, self.proj.affine())
    }
}

impl<D: Backend> Module<D> for Mlp<D> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        self.fc.walk(&scope.child("fc"), visitor)?;
        self.proj.walk(&scope.child("proj"), visitor)
    }
}

/// A block that looks at itself: normalised attention and perceptron, each added to what it came from.
#[derive(Clone, Debug)]
pub struct SelfBlock<D: Backend> {
    norm1: LayerNorm<D>,
    attention: Attend<D>,
    norm2: LayerNorm<D>,
    mlp: Mlp<D>,
}

impl<D: Backend> SelfBlock<D> {
    pub fn new(norms: [LayerNorm<D>; 2], attention: Attend<D>, mlp: Mlp<D>) -> Self {
        let [norm1, norm2] = norms;
        Self { norm1, attention, norm2, mlp }
    }

    /// `x (B, N, C)`; `share` is dropped behind each part, by `place`.
    pub fn forward<T: Tape<f32, D>>(
        &self,
        x: Tokens<D, T>,
        share: f32,
        drops: Option<Drops>,
        place: &str,
    ) -> Result<Tokens<D, T>, D::Err> {
        let x = residual(x, |x| {
            let y = self.attention.to_self(self.norm1.forward(x)?)?;
            dropped(y, share, drops, &format!("{place}.attention"))
        })?;
        residual(x, |x| dropped(self.mlp.forward(self.norm2.forward(x)?)?, share, drops, &format!("{place}.mlp")))
    }
}

impl<D: Backend> Module<D> for SelfBlock<D> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        self.norm1.walk(&scope.child("norm1"), visitor)?;
        self.attention.walk(&scope.child("attention"), visitor)?;
        self.norm2.walk(&scope.child("norm2"), visitor)?;
        self.mlp.walk(&scope.child("mlp"), visitor)
    }
}

//! GPT-2 with cross-attention: what stands so far and image tokens to what comes next.
//!
//! Sources: Radford et al. 2019 ("Language Models are Unsupervised Multitask Learners", section 2.3); transformers'
//! `GPT2LMHeadModel` with `add_cross_attention`, whose numbers it matches.

use super::parts::{Attend, Drops, KeysAndValues, Maker, Mlp, dropped, residual};
use super::settings::Gpt2Settings;
use crate::nn::{LayerNorm, Linear, Module, Role, Scope, Visitor};
use crate::ops::{Attention, Backend, Matrix, Tokens};
use dfdx::prelude::*;

/// Tokens of text `(B, N)`, and image tokens `(B, M, width)`, to logits of the token that follows each, `(B N, vocabulary)`.
#[derive(Clone, Debug)]
pub struct Gpt2<D: Backend> {
    pub(super) settings: Gpt2Settings,
    words: Matrix<D>,
    positions: Matrix<D>,
    pub(super) layers: Vec<Block<D>>,
    norm: LayerNorm<D>,
    /// Where the head is not the table of words.
    head: Option<Linear<D>>,
}

impl<D: Backend> Gpt2<D> {
    /// # Errors
    /// When the device is out of memory.
    pub(super) fn new(make: &Maker<D>, settings: &Gpt2Settings) -> Result<Self, D::Err> {
        let &Gpt2Settings { vocabulary, positions, width, tied, eps, .. } = settings;
        let head = (!tied).then(|| make.linear("decoder.head", (width, vocabulary), false, 1.0));
        let layers = (0..settings.layers).map(|index| Block::new(make, settings, index));
        Ok(Self {
            words: make.table("decoder.words", vocabulary, width)?,
            positions: make.table("decoder.positions", positions, width)?,
            layers: layers.collect::<Result<_, _>>()?,
            norm: LayerNorm::new(make.device, width, eps)?,
            head: head.transpose()?,
            settings: settings.clone(),
        })
    }

    /// The logits behind every token of `ids`, `batch` sequences of equal length one after the other. A token sees those
    /// before it, and all of its picture's `memory (B, M, width)`.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When a token or a position is unknown.
    pub fn forward<T: Tape<f32, D>>(
        &self,
        memory: Tokens<D, T>,
        ids: &[usize],
        drops: Option<Drops>,
    ) -> Result<Matrix<D, T>, D::Err> {
        let (memory, tape) = memory.split_tape();
        let (x, x_tape) = self.embed::<T>(ids, memory.shape().0, drops)?.split_tape();
        let mut x = x.put_tape(tape.merge(x_tape));
        for layer in &self.layers {
            x = layer.forward(x, &memory, drops)?;
        }
        self.logits(x)
    }

    /// Tokens with their places.
    pub(super) fn embed<T: Tape<f32, D>>(
        &self,
        ids: &[usize],
        batch: usize,
        drops: Option<Drops>,
    ) -> Result<Tokens<D, T>, D::Err> {
        let words = D::embed(self.words.retaped::<T>(), ids, (batch, ids.len() / batch))?;
        let x = D::add_positions(words, &self.positions, 0)?;
        dropped(x, self.settings.embedding_dropout, drops, "decoder.embedding")
    }

    /// Tokens `(rows, 1, width)` that all stand at one place.
    pub(super) fn embed_at(&self, ids: &[usize], place: usize) -> Result<Tokens<D>, D::Err> {
        D::add_positions(D::embed(self.words.clone(), ids, (ids.len(), 1))?, &self.positions, place)
    }

    /// The final norm.
    pub(super) fn normal<T: Tape<f32, D>>(&self, x: Tokens<D, T>) -> Result<Tokens<D, T>, D::Err> {
        self.norm.forward(x)
    }

    /// The final norm and the head: `x (B, N, width)` to `(B N, vocabulary)`.
    pub(super) fn logits<T: Tape<f32, D>>(&self, x: Tokens<D, T>) -> Result<Matrix<D, T>, D::Err> {
        let &(batch, count, width) = x.shape();
        let x = self.normal(x)?.try_reshape_like(&(batch * count, width))?;
        match &self.head {
            Some(head) => head.forward(x),
            None => D::linear(x, &self.words, None, false),
        }
    }
}

impl<D: Backend> Module<D> for Gpt2<D> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        // The table decays where it is the head's weight too; a row that is only looked up would decay unseen.
        let role = if self.head.is_none() { Role::Weight } else { Role::Bias };
        visitor.visit(scope.child("words").name(), role, &mut self.words)?;
        visitor.visit(scope.child("positions").name(), Role::Bias, &mut self.positions)?;
        for (index, layer) in self.layers.iter_mut().enumerate() {
            layer.walk(&scope.child("layer").child(&index.to_string()), visitor)?;
        }
        self.norm.walk(&scope.child("norm"), visitor)?;
        self.head.as_mut().map_or(Ok(()), |head| head.walk(&scope.child("head"), visitor))
    }
}

/// One block: normalised self-attention, cross-attention and perceptron, each added to what it came from.
#[derive(Clone, Debug)]
pub(super) struct Block<D: Backend> {
    norm1: LayerNorm<D>,
    attention: Attend<D>,
    norm_cross: LayerNorm<D>,
    cross: Attend<D>,
    norm2: LayerNorm<D>,
    mlp: Mlp<D>,
    share: f32,
    name: String,
}

impl<D: Backend> Block<D> {
    fn new(make: &Maker<D>, settings: &Gpt2Settings, index: usize) -> Result<Self, D::Err> {
        let &Gpt2Settings { width, heads, inner, activation, eps, layers, .. } = settings;
        let (name, gain) = (format!("decoder.layer.{index}"), Maker::<D>::residual_gain(3 * layers));
        let spec = |causal| Attention { heads, causal, scale: Some(settings.scale(index)) };
        let attend = |part, causal| Attend::new(make, &format!("{name}.{part}"), width, spec(causal), true, gain);
        let norm = || LayerNorm::new(make.device, width, eps);
        Ok(Self {
            norm1: norm()?,
            attention: attend("attention", true)?,
            norm_cross: norm()?,
            cross: attend("cross", false)?,
            norm2: norm()?,
            mlp: Mlp::new(make, &format!("{name}.mlp"), (width, inner), activation, gain)?,
            share: settings.residual_dropout,
            name,
        })
    }

    /// `x (B, N, C)`; the tape of `memory (B, M, C)` must be in that of `x`.
    pub(super) fn forward<T: Tape<f32, D>>(
        &self,
        x: Tokens<D, T>,
        memory: &Tokens<D>,
        drops: Option<Drops>,
    ) -> Result<Tokens<D, T>, D::Err> {
        let x = residual(x, |x| self.dropped(self.attention.to_self(self.norm1.forward(x)?)?, drops, "attention"))?;
        let x =
            residual(x, |x| self.dropped(self.cross.to_memory(self.norm_cross.forward(x)?, memory)?, drops, "cross"))?;
        residual(x, |x| self.dropped(self.perceive(x)?, drops, "mlp"))
    }

    /// Self-attention of tokens `x (rows, 1, C)`, each behind the sequence of `past` that the second part names; returns what is
    /// known with these tokens behind, too.
    pub(super) fn recall(
        &self,
        x: Tokens<D>,
        past: Option<(KeysAndValues<D>, &[usize])>,
    ) -> Result<(Tokens<D>, KeysAndValues<D>), D::Err> {
        let normal = self.norm1.forward(x.clone())?;
        let mut known = self.attention.keys_and_values(&normal)?;
        if let Some((past, parents)) = past {
            known.keys = D::extend_texts(&past.keys, parents, known.keys)?;
            known.values = D::extend_texts(&past.values, parents, known.values)?;
        }
        Ok((D::plus(self.attention.to_known(normal, &known)?, x)?, known))
    }

    /// What image tokens `(B, M, C)` are attended by.
    pub(super) fn seen(&self, memory: &Tokens<D>) -> Result<KeysAndValues<D>, D::Err> {
        self.cross.keys_and_values(memory)
    }

    /// Cross-attention of `x (B, N, C)` to what is seen.
    pub(super) fn look(&self, x: Tokens<D>, seen: &KeysAndValues<D>) -> Result<Tokens<D>, D::Err> {
        D::plus(self.cross.to_known(self.norm_cross.forward(x.clone())?, seen)?, x)
    }

    /// How much each token of `x (B, N, C)` looks at each image token: `(B, heads, N, M)` shares in a row.
    pub(super) fn gaze(&self, x: &Tokens<D>, seen: &KeysAndValues<D>) -> Result<Vec<f32>, D::Err> {
        self.cross.weights(&self.norm_cross.forward(x.clone())?, seen)
    }

    /// The perceptron, added to `x`.
    pub(super) fn think(&self, x: Tokens<D>) -> Result<Tokens<D>, D::Err> {
        residual(x, |x| self.perceive(x))
    }

    /// Causal self-attention added to whole sequences `x (B, N, C)`.
    pub(super) fn read(&self, x: Tokens<D>) -> Result<Tokens<D>, D::Err> {
        residual(x, |x| self.attention.to_self(self.norm1.forward(x)?))
    }

    fn perceive<T: Tape<f32, D>>(&self, x: Tokens<D, T>) -> Result<Tokens<D, T>, D::Err> {
        self.mlp.forward(self.norm2.forward(x)?)
    }

    fn dropped<T: Tape<f32, D>>(
        &self,
        x: Tokens<D, T>,
        drops: Option<Drops>,
        part: &str,
    ) -> Result<Tokens<D, T>, D::Err> {
        dropped(x, self.share, drops, &format!("{}.{part}", self.name))
    }
}

impl<D: Backend> Module<D> for Block<D> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        self.norm1.walk(&scope.child("norm1"), visitor)?;
        self.attention.walk(&scope.child("attention"), visitor)?;
        self.norm_cross.walk(&scope.child("norm_cross"), visitor)?;
        self.cross.walk(&scope.child("cross"), visitor)?;
        self.norm2.walk(&scope.child("norm2"), visitor)?;
        self.mlp.walk(&scope.child("mlp"), visitor)
    }
}

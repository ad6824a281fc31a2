//! Where a captioner looks, word by word.

use super::Captioner;
use super::teller::Memory;
use crate::ops::Backend;

/// The cross-attention of one caption: for each layer, head and word the share that each image token has, which add up to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Gaze {
    pub layers: usize,
    pub heads: usize,
    /// Tokens behind the start.
    pub words: usize,
    /// Image tokens, a class token in front where the encoder has one.
    pub tokens: usize,
    /// `(layers, heads, words, tokens)` in a row.
    pub shares: Vec<f32>,
}

impl Gaze {
    /// The mean share of each image token over all layers and heads as the word is chosen; zeros for an unknown word.
    pub fn of_word(&self, word: usize) -> Vec<f32> {
        let mut mean = vec![0.0; self.tokens];
        if word < self.words {
            let maps = self.shares.chunks_exact(self.words * self.tokens);
            for map in maps {
                let row = &map[word * self.tokens..][..self.tokens];
                mean.iter_mut().zip(row).for_each(|(mean, share)| *mean += share / (self.layers * self.heads) as f32);
            }
        }
        mean
    }
}

impl<D: Backend> Captioner<D> {
    /// Where each word of a caption, start and all, was looked for in the one picture of `memory`: the attention of the
    /// tokens before it.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When the memory is not of one picture, or a token or position is unknown.
    pub fn gaze(&self, memory: &Memory<D>, caption: &[u32]) -> Result<Gaze, D::Err> {
        assert_eq!(memory.len(), 1, "gaze: one picture");
        let words = caption.len().saturating_sub(1);
        let (heads, tokens) = (self.settings.decoder.heads, memory.tokens());
        let mut gaze = Gaze { layers: self.decoder.layers.len(), heads, words, tokens, shares: Vec::new() };
        if words == 0 {
            return Ok(gaze);
        }
        let ids: Vec<usize> = caption[..words].iter().map(|&token| token as usize).collect();
        let mut x = self.decoder.embed::<dfdx::prelude::NoneTape>(&ids, 1, None)?;
        for (layer, seen) in self.decoder.layers.iter().zip(memory.layers()) {
            x = layer.read(x)?;
            gaze.shares.extend(layer.gaze(&x, seen)?);
            x = layer.think(layer.look(x, seen)?)?;
        }
        Ok(gaze)
    }
}

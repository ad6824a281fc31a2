//! Convolutional classifiers of 32x32 pictures: the article's kind of net, and a modern small one.
//!
//! Sources: the plain net is the conv-pool-dense stack of introductory texts; the modern one follows
//! K. Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU" (2024) and its code, cifar10-airbench, at about a
//! tenth of its width: a frozen whitening layer, three blocks of two convolutions, no biases but the norms'.

mod modern;
mod plain;

use super::whitening;
use crate::nn::{Module, Scope, Visitor};
use crate::ops::{Backend, Image, Matrix};
use dfdx::prelude::*;
use modern::Modern;
use plain::Plain;

/// Which net.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CnnKind {
    Plain,
    Modern,
}

/// A classifier: pictures `(B, 32, 32, 3)`, normalised a channel, to logits `(B, labels)`.
#[derive(Clone, Debug)]
pub enum Cnn<D: Backend> {
    Plain(Box<Plain<D>>),
    Modern(Box<Modern<D>>),
}

impl<D: Backend> Cnn<D> {
    /// A net with the first weights of `seed`. Its whitening filters are zero until [`Self::whiten`] or a checkpoint
    /// sets them.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn new(device: &D, kind: CnnKind, labels: usize, seed: u64) -> Result<Self, D::Err> {
        Ok(match kind {
            CnnKind::Plain => Self::Plain(Box::new(Plain::new(device, labels, seed)?)),
            CnnKind::Modern => Self::Modern(Box::new(Modern::new(device, labels, seed)?)),
        })
    }

    /// A net of the modern kind that nobody will train: its first weights, and drawn filters in the place of the whitening
    /// ones, as large as keeps the size of what passes them. Its norms have moments 0 and 1 and change nothing.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn untrained(device: &D, labels: usize, seed: u64) -> Result<Self, D::Err> {
        Ok(Self::Modern(Box::new(Modern::untrained(device, labels, seed)?)))
    }

    /// Sets the frozen first layer from training pictures `(n, 32, 32, 3)` in a row, where the net has one.
    pub fn whiten(&mut self, pictures: &[f32]) {
        if let Self::Modern(net) = self {
            net.set_filters(&whitening::filters(pictures, SIDE));
        }
    }

    /// The training pass: batch norms use the batch's moments and learn the running ones.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn train<T: Tape<f32, D>>(&mut self, x: Image<D, T>) -> Result<Matrix<D, T>, D::Err> {
        match self {
            Self::Plain(net) => net.forward(x),
            Self::Modern(net) => net.train(x),
        }
    }

    /// The inference pass: every picture by itself.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn infer(&self, x: Image<D>) -> Result<Matrix<D>, D::Err> {
        match self {
            Self::Plain(net) => net.forward(x),
            Self::Modern(net) => net.infer(x),
        }
    }

    /// The inference pass with what the head reads: features `(B, F)` and logits `(B, labels)`. F is 256 in the plain
    /// net, 128 in the modern one.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn look(&self, x: Image<D>) -> Result<(Matrix<D>, Matrix<D>), D::Err> {
        let (features, logits) = match self {
            Self::Plain(net) => {
                let features = net.features(x)?;
                (features.clone(), net.logits(features)?)
            }
            Self::Modern(net) => {
                let features = net.features(x)?;
                (features.clone(), net.logits(features)?)
            }
        };
        Ok((features, logits))
    }

    /// The parts of the net that [`Self::maps`] do not pass.
    pub const BEYOND_MAPS: &[&str] = &["hidden", "head"];

    /// The inference pass as far as the last feature map, `(B, 3, 3, 128)` in the modern net and `(B, 4, 4, 128)` in the
    /// plain one, and a shallow map that knows colours: the whitened picture `(B, 16, 16, 25)`, or what the first
    /// convolution gives, `(B, 16, 16, 32)`. Every picture is by itself.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn maps(&self, x: Image<D>) -> Result<[Image<D>; 2], D::Err> {
        match self {
            Self::Plain(net) => net.maps(x),
            Self::Modern(net) => net.maps(x),
        }
    }

    /// The maps of the training pass, the tape on the first of them; see [`Self::train`].
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn train_maps<T: Tape<f32, D>>(&mut self, x: Image<D, T>) -> Result<[Image<D, T>; 2], D::Err> {
        match self {
            Self::Plain(net) => net.maps(x),
            Self::Modern(net) => net.train_maps(x),
        }
    }
}

impl<D: Backend> Module<D> for Cnn<D> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        match self {
            Self::Plain(net) => net.walk(scope, visitor),
            Self::Modern(net) => net.walk(scope, visitor),
        }
    }
}

/// The side of the pictures that both nets take.
pub const SIDE: usize = 32;
const COLOURS: usize = 3;

#[cfg(test)]
mod tests;

//! A net that lends a captioner its eyes: the feature maps of a trained CNN, of a GAN's discriminator or of a diffusion
//! model's U-Net, or those of a CNN that nobody trained.
//!
//! Each net lends a deep map, which knows labels, and a shallow one, which still knows colours and places: behind a
//! classifier's last layers hardly any colour is left. Maps of more than 8x8 pixels give a token for each square of 2x2, with
//! the channels of all four.

use super::super::diffusion::Level;
use super::super::error::TrainError;
use super::super::trained::{Card, Net, Trained};
use crate::config::{ModelKind, Preset};
use crate::data::{ChannelStats, SIDE};
use crate::models::captioner::Group;
use crate::models::{Cnn, Discriminator, UNet};
use crate::nn::checkpoint::{CheckpointError, TensorFile};
use crate::nn::{Module, Scope, Visitor, Without};
use crate::ops::{Backend, Image, Tokens, host::read};
use dfdx::prelude::*;
use std::path::Path;

/// Under what a file of weights has the net, and its note what that net is.
const KEY: &str = "lender";
/// The most tokens on a side of a map.
const MOST_ON_A_SIDE: usize = 8;
/// How noisy the diffusion model takes pictures to be. Of the times 0.05, 0.1 and 0.2, with the noise of the time and without,
/// this one without told the most: a ridge regression from 2,000 training images of CIFAR-10 named 45.8 % of 667 others by
/// the deep map (41.9 to 45.5 % at the other times), and the colours of their middle and border had an R² of at least 0.94.
const TIME: f32 = 0.2;
/// What pixels are normalised by for the net that nobody trained: about the statistics of photographs.
const STATS: ChannelStats = ChannelStats { mean: [0.5; 3], std: [0.25; 3] };
/// Of a captioner that sees by itself.
const OWN_EYES: &str = "it is a captioner with a ViT of its own; borrow the eyes of a CNN, a GAN or a diffusion model";
/// Labels are told by a byte: a card with more is none of a data set.
const MOST_LABELS: usize = 256;

/// Feature maps as tokens, the deep map first: `(B, N, C)` each.
pub type Maps<D, T = NoneTape> = Vec<Tokens<D, T>>;

/// A net that sees for a captioner. As a [`Module`] it has the weights that its maps depend on, and no others.
#[derive(Clone, Debug)]
pub struct Lender<D: Backend> {
    net: Lent<D>,
    note: Note,
    groups: Vec<Group>,
}

#[derive(Clone, Debug)]
enum Lent<D: Backend> {
    Cnn(Box<Cnn<D>>),
    Gan(Box<Discriminator<D>>),
    Diffusion(Box<UNet<D>>),
}

/// What a file says of a net that was borrowed.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Note {
    card: Card,
    /// Its weights are the first ones of its seed.
    untrained: bool,
}

impl<D: Backend> Lender<D> {
    /// The eyes in a file of weights: those of a trained model, or those that a captioner's file holds. `path` is told in
    /// errors.
    ///
    /// # Errors
    /// When the model has no eyes to lend, or the file does not hold all of it.
    pub fn from_file(device: &D, file: &TensorFile, path: &Path) -> Result<Self, TrainError> {
        match file.meta.get(KEY) {
            Some(note) => Self::held(device, file, note, path),
            None if Card::read(file).is_ok_and(|card| card.model == ModelKind::Captioner) => {
                Err(TrainError::NoEyes { path: path.into(), why: OWN_EYES })
            }
            None => Self::of_model(Trained::from_file(device.clone(), file, path)?, path),
        }
    }

    /// A CNN as the default preset has it, with the first weights of `seed` and drawn filters in its first layer: what eyes
    /// are worth that have learned nothing.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn random(device: &D, seed: u64) -> Result<Self, TrainError> {
        let card = Card {
            model: ModelKind::Cnn,
            preset: Some(Preset::Default),
            labels: Vec::new(),
            mean: STATS.mean,
            std: STATS.std,
            data: "none".to_owned(),
            seed,
            labels_only: false,
        };
        // The head is not looked through.
        let net = Cnn::untrained(device, 1, seed).map_err(TrainError::device)?;
        Self::new(device, Lent::Cnn(Box::new(net)), Note { card, untrained: true })
    }

    /// A trained model's eyes.
    fn of_model(trained: Trained<D>, path: &Path) -> Result<Self, TrainError> {
        let Trained { net, device, card } = trained;
        if card.labels_only {
            let why = "its discriminator was trained without a generator, and is a classifier like a CNN; train the GAN with generator = true, or borrow the eyes of a CNN";
            return Err(TrainError::NoEyes { path: path.into(), why });
        }
        let net = match net {
            Net::Cnn(net) => Lent::Cnn(net),
            Net::Gan(pair) => Lent::Gan(Box::new(pair.discriminator)),
            Net::Diffusion(diffuser) => Lent::Diffusion(Box::new(diffuser.net)),
            Net::Captioner(_) => return Err(TrainError::NoEyes { path: path.into(), why: OWN_EYES }),
        };
        Self::new(&device, net, Note { card, untrained: false })
    }

    /// The eyes that a captioner's file holds.
    fn held(device: &D, file: &TensorFile, note: &serde_json::Value, path: &Path) -> Result<Self, TrainError> {
        let fault = |source| TrainError::Checkpoint { path: path.into(), source };
        let note: Note = serde_json::from_value(note.clone()).map_err(|error| fault(CheckpointError::Meta(error)))?;
        let Card { model, preset, labels, seed, .. } = &note.card;
        if labels.len() > MOST_LABELS {
            let why = "the note on its borrowed eyes names more than 256 labels";
            return Err(TrainError::NoEyes { path: path.into(), why });
        }
        let count = labels.len().max(1);
        let net = match model {
            ModelKind::Cnn => {
                let kind = super::super::cnn::kind(preset.unwrap_or(Preset::Default));
                Cnn::new(device, kind, count, *seed).map(|net| Lent::Cnn(Box::new(net)))
            }
            ModelKind::Gan => Discriminator::new(device, count, *seed).map(|net| Lent::Gan(Box::new(net))),
            ModelKind::Diffusion => UNet::new(device, count, *seed).map(|net| Lent::Diffusion(Box::new(net))),
            ModelKind::Captioner => return Err(TrainError::NoEyes { path: path.into(), why: OWN_EYES }),
        };
        let mut lender = Self::new(device, net.map_err(TrainError::device)?, note)?;
        file.apply(KEY, &mut lender).map_err(fault)?;
        Ok(lender)
    }

    fn new(device: &D, net: Lent<D>, note: Note) -> Result<Self, TrainError> {
        let mut lender = Self { net, note, groups: Vec::new() };
        let black = device.try_zeros_like(&(1, SIDE, SIDE, 3)).map_err(TrainError::device)?;
        let size = |map: &Tokens<D>| Group { tokens: map.shape().1, width: map.shape().2 };
        lender.groups = lender.infer(black)?.iter().map(size).collect();
        Ok(lender)
    }

    /// Puts the net into a captioner's file, for [`Self::from_file`] to take it out again bit for bit.
    pub fn save(&mut self, file: &mut TensorFile) {
        // A struct of plain fields always has a JSON form.
        file.meta.insert(KEY.to_owned(), serde_json::to_value(&self.note).unwrap_or_default());
        file.collect(KEY, self);
    }

    /// What the net is: `cnn`, `gan`, `diffusion` or `random`.
    pub fn kind(&self) -> &'static str {
        if self.note.untrained { "random" } else { self.note.card.model.as_str() }
    }

    /// What the net's own file said of it.
    pub fn card(&self) -> &Card {
        &self.note.card
    }

    /// The sizes of the maps.
    pub fn groups(&self) -> Vec<Group> {
        self.groups.clone()
    }

    /// The channel statistics that the net wants pixels normalised by.
    pub fn stats(&self) -> ChannelStats {
        self.note.card.stats()
    }

    /// The maps of normalised pictures `x (B, 32, 32, 3)`, every picture by itself.
    ///
    /// # Errors
    /// When the device fails.
    pub fn infer(&self, x: Image<D>) -> Result<Maps<D>, TrainError> {
        let maps = match &self.net {
            Lent::Cnn(net) => net.maps(x),
            Lent::Gan(net) => net.maps(x),
            Lent::Diffusion(net) => glimpse(net, x),
        };
        maps.and_then(in_tokens).map_err(TrainError::device)
    }

    /// The maps of the net's own training pass, with the tape that leads to its weights: batch norms use the batch's
    /// moments and learn the running ones, spectral norms take an iteration.
    ///
    /// # Errors
    /// When the device fails.
    pub fn train<T: Tape<f32, D>>(&mut self, x: Image<D, T>) -> Result<Maps<D, T>, TrainError> {
        let maps = match &mut self.net {
            Lent::Cnn(net) => net.train_maps(x),
            Lent::Gan(net) => net.train_maps(x),
            Lent::Diffusion(net) => glimpse(net, x),
        };
        maps.and_then(in_tokens).map_err(TrainError::device)
    }

    /// Due where the weights came by another way than training steps, such as averages of them: finds the norms of a
    /// spectrally normalised net anew.
    ///
    /// # Errors
    /// When the device fails.
    pub fn settle_norms(&mut self) -> Result<(), TrainError> {
        match &mut self.net {
            Lent::Gan(net) => net.settle_norms().map_err(TrainError::device),
            Lent::Cnn(_) | Lent::Diffusion(_) => Ok(()),
        }
    }
}

/// The U-Net's maps of pictures that are taken to be a little noisy, their labels not told: Xiang et al. 2023 ("Denoising
/// Diffusion Autoencoders are Unified Self-supervised Learners", section 4) find the best features halfway up, at small
/// times.
fn glimpse<D: Backend, T: Tape<f32, D>>(net: &UNet<D>, x: Image<D, T>) -> Result<[Image<D, T>; 2], D::Err> {
    let (x, tape) = x.split_tape();
    let (shape, alpha) = (*x.shape(), Level::at(TIME).alpha);
    let states = read(&x).iter().map(|x| alpha * x).collect();
    let states = x.device().try_tensor_from_vec(states, shape)?.put_tape(tape);
    net.maps(states, &vec![TIME; shape.0], &vec![None; shape.0])
}

/// The pixels of maps `(B, H, W, C)` as tokens.
fn in_tokens<D: Backend, T: Tape<f32, D>>(maps: [Image<D, T>; 2]) -> Result<Maps<D, T>, D::Err> {
    let tokens = |map: Image<D, T>| {
        let map = if map.shape().1 > MOST_ON_A_SIDE { D::space_to_depth(map, 0)? } else { map };
        let &(batch, height, width, channels) = map.shape();
        map.try_reshape_like(&(batch, height * width, channels))
    };
    maps.into_iter().map(tokens).collect()
}

impl<D: Backend> Module<D> for Lender<D> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        match &mut self.net {
            Lent::Cnn(net) => net.walk(scope, &mut Without { visitor, scope, parts: Cnn::<D>::BEYOND_MAPS }),
            Lent::Gan(net) => net.walk(scope, &mut Without { visitor, scope, parts: Discriminator::<D>::BEYOND_MAPS }),
            Lent::Diffusion(net) => net.walk(scope, &mut Without { visitor, scope, parts: UNet::<D>::BEYOND_MAPS }),
        }
    }
}

#[cfg(test)]
mod tests;

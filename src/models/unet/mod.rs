//! A class-conditional U-Net that tells the noise in 32x32 pictures.
//!
//! Sources: Ronneberger et al. 2015 for the shape; Ho et al. 2020 ("Denoising Diffusion Probabilistic Models", appendix
//! B) for residual blocks with attention; Dhariwal and Nichol 2021 ("Diffusion Models Beat GANs", section 3) for the
//! adaptive group normalisation by time and label. It is sized for two CPU cores: squares of 2x2 pixels enter and leave
//! as channels, so that the finest layers see 16x16 positions, and from there to 8x8 and to 4x4 positions squares again
//! become channels, by 1x1 convolutions.

mod blocks;
mod condition;

use crate::nn::{Conv, GroupNorm, Module, Scope, SelfAttention, Visitor};
use crate::ops::{Activation, Backend, Image};
use blocks::{Deep, Maker, ResBlock};
use condition::Condition;
use dfdx::prelude::*;

/// Noisy pictures `(B, 32, 32, 3)`, their times and labels to one prediction `(B, 32, 32, 3)`.
///
/// A fresh net predicts zeros: the last convolution, and the last one of whatever is added to what it came from, start at zero (Ho et al.
/// 2020).
#[derive(Clone, Debug)]
pub struct UNet<D: Backend> {
    condition: Condition<D>,
    stem: Conv<D>,
    fine1: ResBlock<D>,
    merge: Conv<D>,
    coarse1: ResBlock<D>,
    attention: SelfAttention<D>,
    deep: Deep<D>,
    coarse2: ResBlock<D>,
    split: Conv<D>,
    fine2: ResBlock<D>,
    norm: GroupNorm<D>,
    out: Conv<D>,
}

/// Channels of a square of 2x2 pixels.
const PIXELS: usize = 4 * 3;
/// Channels at 16x16 and at 8x8.
const FINE: usize = 48;
const COARSE: usize = 96;

impl<D: Backend> UNet<D> {
    /// A net with the first weights of `seed`.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn new(device: &D, labels: usize, seed: u64) -> Result<Self, D::Err> {
        let make = Maker::new(device, seed);
        Ok(Self {
            condition: Condition::new(&make, labels)?,
            stem: make.conv("stem", 3, PIXELS, FINE)?,
            fine1: ResBlock::new(&make, "fine1", FINE, FINE)?,
            merge: make.conv("merge", 1, 4 * FINE, COARSE)?,
            coarse1: ResBlock::new(&make, "coarse1", COARSE, COARSE)?,
            attention: make.attention("attention", COARSE)?,
            deep: Deep::new(&make, "deep", COARSE)?,
            coarse2: ResBlock::new(&make, "coarse2", COARSE, COARSE)?,
            split: make.conv("split", 1, COARSE, 4 * FINE)?,
            fine2: ResBlock::new(&make, "fine2", 2 * FINE, FINE)?,
            norm: make.norm(FINE, Activation::Silu)?,
            out: make.zero_conv(3, FINE, PIXELS)?,
        })
    }

    /// What `x (B, 32, 32, 3)`, noisy pictures in about -1..1, are taken for at `times (B)` in 0..1 and with `labels (B)`,
    /// `None` being a label that is not told: `v (B, 32, 32, 3)`. Every picture is by itself.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When there are not as many times and labels as pictures, or a label is unknown.
    pub fn forward<T: Tape<f32, D>>(
        &self,
        x: Image<D, T>,
        times: &[f32],
        labels: &[Option<usize>],
    ) -> Result<Image<D, T>, D::Err> {
        let [_, x] = self.maps(x, times, labels)?;
        D::depth_to_space(self.out.forward(self.norm.forward(x, None)?)?, 0)
    }

    /// The parts of the net that [`Self::maps`] do not pass.
    pub const BEYOND_MAPS: &[&str] = &["norm", "out"];

    /// All but the output: the last feature maps at 8x8 and at 16x16, `(B, 8, 8, 96)` and `(B, 16, 16, 48)`, of pictures,
    /// times and labels as in [`Self::forward`]. The tape is on the second.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// As [`Self::forward`].
    pub fn maps<T: Tape<f32, D>>(
        &self,
        x: Image<D, T>,
        times: &[f32],
        labels: &[Option<usize>],
    ) -> Result<[Image<D, T>; 2], D::Err> {
        let batch = x.shape().0;
        assert!(times.len() == batch && labels.len() == batch, "UNet: one time and one label a picture");
        let (condition, condition_tape) = self.condition.forward::<T>(x.device(), times, labels)?.split_tape();
        let (x, tape) = x.split_tape();
        let x = x.put_tape(tape.merge(condition_tape));

        let x = self.stem.forward(D::space_to_depth(x, 0)?)?;
        let (skip, tape) = self.fine1.forward(x, &condition)?.split_tape();
        let x = self.merge.forward(D::space_to_depth(skip.clone().put_tape(tape), 0)?)?;
        let x = self.coarse1.forward(x, &condition)?;
        let x = self.attention.forward(x)?;
        let x = self.deep.forward(x, &condition)?;
        let (coarse, tape) = self.coarse2.forward(x, &condition)?.split_tape();
        let x = D::depth_to_space(self.split.forward(coarse.clone().put_tape(tape))?, 0)?;
        let x = D::concat_channels(x, skip.retaped::<T>())?;
        Ok([coarse.retaped::<T>(), self.fine2.forward(x, &condition)?])
    }
}

impl<D: Backend> Module<D> for UNet<D> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        self.condition.walk(&scope.child("condition"), visitor)?;
        self.stem.walk(&scope.child("stem"), visitor)?;
        self.fine1.walk(&scope.child("fine1"), visitor)?;
        self.merge.walk(&scope.child("merge"), visitor)?;
        self.coarse1.walk(&scope.child("coarse1"), visitor)?;
        self.attention.walk(&scope.child("attention"), visitor)?;
        self.deep.walk(&scope.child("deep"), visitor)?;
        self.coarse2.walk(&scope.child("coarse2"), visitor)?;
        self.split.walk(&scope.child("split"), visitor)?;
        self.fine2.walk(&scope.child("fine2"), visitor)?;
        self.norm.walk(&scope.child("norm"), visitor)?;
        self.out.walk(&scope.child("out"), visitor)
    }
}

#[cfg(test)]
mod tests;

//! Pictures to captions: a vision transformer, or the feature maps of another net, and GPT-2 that looks at them.
//!
//! Sources: transformers' `VisionEncoderDecoderModel` with ViT and GPT-2, whose weights it takes (`names`) and whose numbers
//! it matches.

mod check;
mod eyes;
mod gaze;
mod gpt2;
mod lesson;
pub mod names;
mod parts;
pub mod search;
mod settings;
mod teller;
mod vit;

pub use check::{MOST_PARAMETERS, SettingsError};
pub use eyes::{Eyes, Sight};
pub use gaze::Gaze;
pub use gpt2::Gpt2;
pub use lesson::{Lesson, LessonError};
pub use parts::Drops;
pub use settings::{CaptionerSettings, EyesSettings, Gpt2Settings, Group, Patches, Stage, VitSettings};
pub use teller::{Memory, Teller};

use crate::nn::{Linear, Module, Scope, Visitor};
use crate::ops::{Backend, Matrix, Tokens};
use dfdx::prelude::*;
use parts::Maker;
use search::{Caption, SearchError, SearchSettings};

/// Eyes and a mouth.
#[derive(Clone, Debug)]
pub struct Captioner<D: Backend> {
    settings: CaptionerSettings,
    eyes: Eyes<D>,
    /// Where the eyes' tokens are not as wide as the decoder's (`enc_to_dec_proj`).
    projection: Option<Linear<D>>,
    decoder: Gpt2<D>,
}

/// Why there is no captioner.
#[derive(Debug, thiserror::Error)]
pub enum CaptionerError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error("the device has no room for the captioner: {0}")]
    Device(String),
}

impl<D: Backend> Captioner<D> {
    /// A captioner with the first weights of `seed`; without a seed its weights are zero, to be read from a file.
    ///
    /// # Errors
    /// When the settings do not fit each other, or the device is out of memory.
    pub fn new(device: &D, settings: CaptionerSettings, seed: Option<u64>) -> Result<Self, CaptionerError> {
        settings.check()?;
        Self::made(&Maker { device, seed }, settings).map_err(|error| CaptionerError::Device(error.to_string()))
    }

    fn made(make: &Maker<D>, settings: CaptionerSettings) -> Result<Self, D::Err> {
        let (from, to) = (settings.eyes_width(), settings.decoder.width);
        let projection = (from != to).then(|| make.linear("projection", (from, to), true, 1.0));
        Ok(Self {
            eyes: Eyes::new(make, &settings.eyes, to)?,
            projection: projection.transpose()?,
            decoder: Gpt2::new(make, &settings.decoder)?,
            settings,
        })
    }

    pub fn settings(&self) -> &CaptionerSettings {
        &self.settings
    }

    pub fn decoder(&self) -> &Gpt2<D> {
        &self.decoder
    }

    /// The training pass: the logits behind every input of the lesson, `(B N, vocabulary)`, in the order of its targets.
    /// `drops` drops what the settings say.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When the sight is not what the eyes are for, or has not as many pictures as the lesson has captions.
    pub fn train<T: Tape<f32, D>>(
        &mut self,
        sight: Sight<D, T>,
        lesson: &Lesson,
        drops: Option<Drops>,
    ) -> Result<Matrix<D, T>, D::Err> {
        let tokens = self.eyes.train(sight, drops)?;
        let memory = match &self.projection {
            Some(projection) => projection.forward_tokens(tokens)?,
            None => tokens,
        };
        assert_eq!(memory.shape().0, lesson.batch, "captioner: one caption a picture");
        self.decoder.forward(memory, &lesson.inputs, drops)
    }

    /// The image tokens that the decoder looks at, `(B, M, width)`; every picture by itself.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When the sight is not what the eyes are for.
    pub fn look(&self, sight: Sight<D>) -> Result<Tokens<D>, D::Err> {
        let tokens = self.eyes.infer(sight)?;
        match &self.projection {
            Some(projection) => projection.forward_tokens(tokens),
            None => Ok(tokens),
        }
    }

    /// [`Self::train`]'s logits for inference, of what was looked at.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When there are not as many pictures as captions.
    pub fn read(&self, looked: Tokens<D>, lesson: &Lesson) -> Result<Matrix<D>, D::Err> {
        assert_eq!(looked.shape().0, lesson.batch, "captioner: one caption a picture");
        self.decoder.forward(looked, &lesson.inputs, None)
    }

    /// What every layer of the decoder sees of what was looked at.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn remember(&self, looked: &Tokens<D>) -> Result<Memory<D>, D::Err> {
        Memory::new(&self.decoder, looked)
    }

    /// Captions of what is shown; see [`search::search`] about `settings` and `pictures`.
    ///
    /// # Errors
    /// When the settings do not fit the decoder, the device is out of memory, or the weights are damaged.
    /// # Panics
    /// When the sight is not what the eyes are for, or has not as many pictures as there are numbers.
    pub fn caption(
        &self,
        sight: Sight<D>,
        settings: &SearchSettings,
        pictures: &[u64],
    ) -> Result<Vec<Vec<Caption>>, SearchError> {
        let looked = self.look(sight).map_err(|error| SearchError::Decoder(error.to_string()))?;
        self.tell(&looked, settings, pictures)
    }

    /// [`Self::caption`] of what was looked at.
    ///
    /// # Errors
    /// As [`Self::caption`].
    /// # Panics
    /// When not as many pictures were looked at as there are numbers.
    pub fn tell(
        &self,
        looked: &Tokens<D>,
        settings: &SearchSettings,
        pictures: &[u64],
    ) -> Result<Vec<Vec<Caption>>, SearchError> {
        let memory = self.remember(looked).map_err(|error| SearchError::Decoder(error.to_string()))?;
        assert_eq!(memory.len(), pictures.len(), "captioner: one number a picture");
        search::search(&mut Teller::new(&self.decoder, memory), settings, pictures)
    }
}

impl<D: Backend> Module<D> for Captioner<D> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        self.eyes.walk(&scope.child("encoder"), visitor)?;
        if let Some(projection) = &mut self.projection {
            projection.walk(&scope.child("projection"), visitor)?;
        }
        self.decoder.walk(&scope.child("decoder"), visitor)
    }
}

#[cfg(test)]
mod tests;

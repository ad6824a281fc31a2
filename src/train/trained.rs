//! A trained model: what its file of weights says of itself, and its answers to pictures.

use super::captioner::Speaker;
use super::classification::{Answer, Evaluation};
use super::diffusion::{Mender, Sampling};
use super::error::TrainError;
use super::made::Painter;
use crate::config::{ModelKind, Preset};
use crate::data::augment::{Loader, Normaliser};
use crate::data::{ChannelStats, SIDE, Split};
use crate::hf;
use crate::models::{Cnn, Discriminator};
use crate::nn::checkpoint::{CheckpointError, TensorFile};
use crate::nn::{Ema, Module};
use crate::ops::{Backend, Image, Matrix, host::read};
use std::path::Path;

/// Pictures that are looked at together outside of training.
pub const EVAL_BATCH: usize = 250;

/// A net that names labels.
pub trait Classifier<D: Backend> {
    /// Normalised pictures `(B, 32, 32, 3)` to logits `(B, labels)`, every picture by itself.
    ///
    /// # Errors
    /// When the device fails.
    fn logits(&self, x: Image<D>) -> Result<Matrix<D>, TrainError>;

    /// How often the net sees a picture before it names it.
    fn passes(&self) -> usize {
        1
    }

    /// Pictures that are looked at together.
    fn batch(&self) -> usize {
        (EVAL_BATCH / self.passes()).max(1)
    }
}

impl<D: Backend> Classifier<D> for Cnn<D> {
    fn logits(&self, x: Image<D>) -> Result<Matrix<D>, TrainError> {
        self.infer(x).map_err(TrainError::device)
    }
}

impl<D: Backend> Classifier<D> for Discriminator<D> {
    fn logits(&self, x: Image<D>) -> Result<Matrix<D>, TrainError> {
        self.label(x).map_err(TrainError::device)
    }
}

/// A net's answers to a whole split, one view a picture; None when `go_on` said no between two batches.
///
/// # Errors
/// When the device fails.
pub fn evaluate<D: Backend>(
    net: &dyn Classifier<D>,
    device: &D,
    name: &'static str,
    split: &Split,
    labels: usize,
    stats: ChannelStats,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Option<Evaluation>, TrainError> {
    let mut evaluation = Evaluation::new(name, labels);
    let all: Vec<u32> = (0..split.len() as u32).collect();
    for batch in Loader::evaluate(split, &all, net.batch(), stats)? {
        if !go_on() {
            return Ok(None);
        }
        let logits = infer(net, device, batch.x)?;
        evaluation.add(&logits, &batch.y);
    }
    Ok(Some(evaluation))
}

/// [`evaluate`] on several splits with their names.
///
/// # Errors
/// When the device fails.
pub fn evaluate_all<D: Backend>(
    net: &dyn Classifier<D>,
    device: &D,
    splits: &[(&'static str, &Split)],
    labels: usize,
    stats: ChannelStats,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Option<Vec<Evaluation>>, TrainError> {
    splits.iter().map(|(name, split)| evaluate(net, device, name, split, labels, stats, go_on)).collect()
}

/// Pictures `(n, 32, 32, 3)` in a row as a tensor.
///
/// # Errors
/// When the device is out of memory.
pub fn image<D: Backend>(device: &D, pictures: Vec<f32>) -> Result<Image<D>, TrainError> {
    let count = pictures.len() / (SIDE * SIDE * 3);
    device.try_tensor_from_vec(pictures, (count, SIDE, SIDE, 3)).map_err(TrainError::device)
}

/// Logits in rows for normalised pictures `(n, 32, 32, 3)` in a row.
///
/// # Errors
/// When the device fails.
pub fn infer<D: Backend>(net: &dyn Classifier<D>, device: &D, pictures: Vec<f32>) -> Result<Vec<f32>, TrainError> {
    Ok(read(&net.logits(image(device, pictures)?)?))
}

/// Gives a module the averages that a file has for it under `name`; `path` is told in errors.
pub(super) fn take_average<D: Backend>(
    file: &TensorFile,
    name: &str,
    module: &mut impl Module<D>,
    path: &Path,
) -> Result<(), TrainError> {
    let fault = |source| TrainError::Checkpoint { path: path.into(), source };
    let mut average = Ema::new(0.0, module).map_err(TrainError::device)?;
    file.apply(name, &mut average).map_err(fault)?;
    average.copy_to(module);
    Ok(())
}

/// What a file of weights says of itself: enough to use it without the run that made it.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Card {
    pub model: ModelKind,
    /// Where the model has several nets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    pub labels: Vec<String>,
    pub mean: [f32; 3],
    pub std: [f32; 3],
    pub data: String,
    pub seed: u64,
    /// A GAN that was trained without its generator.
    #[serde(default, skip_serializing_if = "is_false")]
    pub labels_only: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde asks by reference
fn is_false(value: &bool) -> bool {
    !value
}

impl Card {
    const KEY: &str = "card";

    pub(super) fn write(&self, file: &mut TensorFile) {
        // A struct of plain fields always has a JSON form.
        file.meta.insert(Self::KEY.to_owned(), serde_json::to_value(self).unwrap_or_default());
    }

    /// Reads the card of a file of weights.
    ///
    /// # Errors
    /// When there is none, or of a model that this version does not know.
    pub fn read(file: &TensorFile) -> Result<Self, CheckpointError> {
        let card = file.meta.get(Self::KEY).cloned().unwrap_or_default();
        Ok(serde_json::from_value(card)?)
    }

    /// Refuses a file `path` whose weights another training cannot begin with.
    ///
    /// # Errors
    /// When it is another model's, or names other labels.
    pub(super) fn check(&self, model: ModelKind, labels: &[String], path: &Path) -> Result<(), TrainError> {
        if self.model == model && self.labels == labels {
            return Ok(());
        }
        let found = format!("a {} of the labels {}", self.model, self.labels.join(", "));
        let due = format!("a {model} of the labels {}", labels.join(", "));
        Err(TrainError::OtherModel { path: path.into(), found, due })
    }

    /// The channel statistics that pictures are normalised by.
    pub fn stats(&self) -> ChannelStats {
        ChannelStats { mean: self.mean, std: self.std }
    }
}

/// A trained net.
pub enum Net<D: Backend> {
    Cnn(Box<Cnn<D>>),
    Gan(Box<super::gan::Pair<D>>),
    Diffusion(Box<super::diffusion::Diffuser<D>>),
    Captioner(Box<Speaker<D>>),
}

impl<D: Backend> Net<D> {
    /// Its part that names labels.
    ///
    /// # Errors
    /// When it has none: a captioner speaks in sentences.
    pub fn classifier(&self) -> Result<&dyn Classifier<D>, TrainError> {
        match self {
            Self::Cnn(net) => Ok(net.as_ref()),
            Self::Gan(pair) => Ok(&pair.discriminator),
            Self::Diffusion(diffuser) => Ok(diffuser.as_ref()),
            Self::Captioner(_) => Err(TrainError::NamesNoLabels),
        }
    }
}

/// A trained model, ready to answer.
pub struct Trained<D: Backend> {
    pub net: Net<D>,
    pub device: D,
    pub card: Card,
}

impl<D: Backend> Trained<D> {
    /// Takes a model out of a file of weights, as the file's card says; `path` is told in errors.
    ///
    /// # Errors
    /// When the file does not hold all of the model.
    pub fn from_file(device: D, file: &TensorFile, path: &Path) -> Result<Self, TrainError> {
        let fault = |source| TrainError::Checkpoint { path: path.into(), source };
        let card = Card::read(file).map_err(fault)?;
        let net = match card.model {
            ModelKind::Cnn => {
                let kind = super::cnn::kind(card.preset.unwrap_or(Preset::Default));
                let mut net = Cnn::new(&device, kind, card.labels.len(), card.seed).map_err(TrainError::device)?;
                file.apply("model", &mut net).map_err(fault)?;
                Net::Cnn(Box::new(net))
            }
            ModelKind::Gan => Net::Gan(Box::new(super::gan::Pair::from_file(&device, file, &card, path)?)),
            ModelKind::Diffusion => {
                Net::Diffusion(Box::new(super::diffusion::Diffuser::from_file(&device, file, &card, path)?))
            }
            ModelKind::Captioner => Net::Captioner(Box::new(Speaker::from_file(&device, file, path)?)),
        };
        Ok(Self { net, device, card })
    }

    /// The captioner of a Hugging Face folder. It says of itself that it came from `name`, and knows no list of labels.
    ///
    /// # Errors
    /// When the folder asks for what is not done here, or its weights are not those that its settings tell of.
    pub fn from_folder(device: D, folder: &hf::Folder, name: &str) -> Result<Self, TrainError> {
        let speaker = Speaker::from_folder(&device, folder)?;
        let (mean, std) = speaker.preprocessing.normalise.unwrap_or(([0.0; 3], [1.0; 3]));
        let card = Card {
            model: ModelKind::Captioner,
            preset: None,
            labels: Vec::new(),
            mean,
            std,
            data: format!("imported from {name}"),
            seed: 0,
            labels_only: false,
        };
        Ok(Self { net: Net::Captioner(Box::new(speaker)), device, card })
    }

    /// Its part that writes captions; none where it has none.
    pub fn speaker(&self) -> Option<&Speaker<D>> {
        match &self.net {
            Net::Captioner(speaker) => Some(speaker),
            Net::Cnn(_) | Net::Gan(_) | Net::Diffusion(_) => None,
        }
    }

    /// Its part that makes pictures; none where it has none, or where that was not trained.
    pub fn painter(&self) -> Option<&dyn Painter> {
        match &self.net {
            Net::Gan(pair) if !self.card.labels_only => Some(pair.as_ref()),
            Net::Diffusion(diffuser) => Some(diffuser.as_ref()),
            Net::Gan(_) | Net::Cnn(_) | Net::Captioner(_) => None,
        }
    }

    /// Its part that restores damaged pictures; none where it has none.
    pub fn restorer(&self) -> Option<Mender<'_>> {
        match &self.net {
            Net::Diffusion(diffuser) => Some(diffuser.mender()),
            Net::Gan(_) | Net::Cnn(_) | Net::Captioner(_) => None,
        }
    }

    /// How it goes from noise to a picture; none of a model that does so in one step.
    pub fn sampling(&mut self) -> Option<&mut Sampling> {
        match &mut self.net {
            Net::Diffusion(diffuser) => Some(&mut diffuser.sampling),
            Net::Gan(_) | Net::Cnn(_) | Net::Captioner(_) => None,
        }
    }

    /// The deviation of the noise that it draws from in one step; none of a model that does otherwise.
    pub fn noise_scale(&mut self) -> Option<&mut f32> {
        match &mut self.net {
            Net::Gan(pair) => Some(&mut pair.noise_scale),
            Net::Cnn(_) | Net::Diffusion(_) | Net::Captioner(_) => None,
        }
    }

    /// The share of each label for pictures `(n, 32, 32, 3)` in a row (u8, channels last): rows that sum to 1.
    ///
    /// # Errors
    /// When the device fails.
    pub fn shares(&self, pixels: &[u8]) -> Result<Vec<Vec<f32>>, TrainError> {
        let pictures = Normaliser::new(self.card.stats()).apply(pixels);
        let logits = infer(self.net.classifier()?, &self.device, pictures)?;
        let shares = |row: &[f32]| {
            let answer = Answer::of(row);
            row.iter().map(|&logit| answer.share(logit)).collect()
        };
        Ok(logits.chunks_exact(self.card.labels.len()).map(shares).collect())
    }
}

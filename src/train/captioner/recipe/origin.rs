//! What a captioner begins with: fresh weights and the eyes that it borrows, or another captioner.

use super::super::super::checkpoints;
use super::super::super::error::TrainError;
use super::super::{Lender, Speaker, SpeakerError};
use super::exam::greedy;
use super::teacher::Teacher;
use crate::config::{CaptionerConfig, EncoderChoice, EyesKind, ModelKind, PatchPreset};
use crate::data::SIDE;
use crate::hf::{self, Preprocessing};
use crate::models::captioner::{Captioner, CaptionerSettings, EyesSettings, Gpt2Settings, VitSettings};
use crate::ops::Backend;
use std::path::Path;

/// Tokens of a caption at most, its end among them: far more than any caption of five facts has.
const POSITIONS: usize = 96;
/// Side of a plain patch.
const PATCH: usize = 4;

/// A captioner with first weights, whose words are the teacher's.
///
/// # Errors
/// When the eyes are not there or the sizes fit no net.
pub fn fresh<D: Backend>(
    device: &D,
    config: &CaptionerConfig,
    teacher: &Teacher,
    runs: &Path,
) -> Result<Speaker<D>, TrainError> {
    let lender = lender(device, &config.encoder, config.seed, runs)?;
    let settings = settings(config, lender.as_ref(), teacher.tokenizer.vocabulary());
    let captioner = Captioner::new(device, settings, Some(config.seed)).map_err(SpeakerError::from)?;
    let search = greedy(&teacher.ends, POSITIONS + 1);
    let preprocessing = Preprocessing::vit(SIDE as u32);
    Ok(Speaker::new(device, captioner, lender, teacher.tokenizer.clone(), preprocessing, search)?)
}

/// The captioner that `name` means: a run's, a file's or that of a Hugging Face folder.
///
/// # Errors
/// When there is none, or it cannot be used.
pub fn other<D: Backend>(device: &D, name: &str, runs: &Path) -> Result<Speaker<D>, TrainError> {
    let folder = Path::new(name);
    let mut speaker = match checkpoints::named(runs, name) {
        // A Hugging Face folder has weights too, but its settings lie beside them.
        Some(weights) if !folder.join("config.json").is_file() => {
            Speaker::from_file(device, &checkpoints::read(&weights)?, &weights)?
        }
        _ if folder.is_dir() => Speaker::from_folder(device, &hf::Folder::open(folder)?)?,
        _ => return Err(TrainError::NoWeights { name: name.to_owned() }),
    };
    // What it is taught may be longer than what it used to say.
    let room = speaker.captioner.settings().decoder.positions.min(POSITIONS) + 1;
    speaker.search.max_length = speaker.search.max_length.max(room);
    Ok(speaker)
}

/// The net that lends its eyes; none for eyes of one's own.
fn lender<D: Backend>(
    device: &D,
    choice: &EncoderChoice,
    seed: u64,
    runs: &Path,
) -> Result<Option<Lender<D>>, TrainError> {
    let kind = match choice.kind {
        EyesKind::Vit => return Ok(None),
        EyesKind::Random => return Lender::random(device, seed).map(Some),
        EyesKind::Cnn => ModelKind::Cnn,
        EyesKind::Gan => ModelKind::Gan,
        EyesKind::Diffusion => ModelKind::Diffusion,
    };
    let weights = match &choice.from {
        Some(name) => checkpoints::named(runs, name),
        None => checkpoints::pretrained(runs, kind),
    };
    let weights = weights.ok_or_else(|| TrainError::NoWeights { name: choice.to_string() })?;
    let lender = Lender::from_file(device, &checkpoints::read(&weights)?, &weights)?;
    if lender.kind() != kind.as_str() {
        return Err(TrainError::OtherEyes { path: weights, asked: kind.as_str(), found: lender.kind() });
    }
    Ok(Some(lender))
}

/// The sizes that the settings ask for.
fn settings<D: Backend>(config: &CaptionerConfig, lender: Option<&Lender<D>>, vocabulary: usize) -> CaptionerSettings {
    let &CaptionerConfig { width, layers, heads, decoder_layers, .. } = config;
    let dropout = config.dropout as f32;
    let vit = || match config.preset {
        PatchPreset::Stem => VitSettings::with_stem(width, layers, heads),
        PatchPreset::Plain => VitSettings::plain(SIDE, PATCH, width, layers, heads),
    };
    let eyes = match lender {
        Some(lender) => EyesSettings::Borrowed(lender.groups()),
        None => EyesSettings::Vit(VitSettings { dropout, ..vit() }),
    };
    let decoder = Gpt2Settings {
        embedding_dropout: dropout,
        residual_dropout: dropout,
        ..Gpt2Settings::new(vocabulary, POSITIONS, width, decoder_layers, heads)
    };
    CaptionerSettings { eyes, decoder }
}

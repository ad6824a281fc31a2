//! The trained model that a command names: a run, a folder of weights, a Hugging Face folder, or the weights that come
//! with pixscribe.

use super::args::SamplingArgs;
use super::{BadUsage, CliError, Globals};
use crate::config::{self, Config, ModelKind};
use crate::hf;
use crate::ops::Backend;
use crate::run::{RunDir, RunName, State};
use crate::train::captioner::{Speaker, SpeakerError};
use crate::train::checkpoints::weights_in;
use crate::train::diffusion::Mender;
use crate::train::trained::Trained;
use crate::train::{TrainError, checkpoints};
use std::path::{Path, PathBuf};

/// No weights where they were looked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum ModelError {
    #[error("run {run} has no weights yet: {folder} is empty; wait for its first checkpoint")]
    RunWithoutWeights { run: String, folder: PathBuf },
    #[error(
        "{path} has no weights: a folder with a .safetensors file, a Hugging Face folder, or the name of a run, is needed"
    )]
    FolderWithoutWeights { path: PathBuf },
    #[error(
        "no model is named and no weights came with pixscribe ({looked} is not there): train one with `pixscribe train {kind}`, then name its run"
    )]
    NoPretrained { looked: PathBuf, kind: ModelKind },
    #[error(
        "{weights} holds a {model}, which takes no steps to a picture: --steps and --guidance are for a diffusion model"
    )]
    NoSteps { weights: PathBuf, model: ModelKind },
    #[error("{weights} holds a {model}, whose noise has one deviation: --noise-scale is for a GAN")]
    NoNoiseScale { weights: PathBuf, model: ModelKind },
    #[error(
        "{weights} holds a {model}, which restores no pictures: name a diffusion model, or train one with `pixscribe train diffusion`"
    )]
    RestoresNothing { weights: PathBuf, model: ModelKind },
    #[error(
        "{weights} holds a {model}, which writes no captions: name a captioner, or train one with `pixscribe train captioner`"
    )]
    WritesNothing { weights: PathBuf, model: ModelKind },
}

/// Weights on disk, and the settings they are to be used with.
pub(super) struct Found {
    /// A file of weights, or a Hugging Face folder.
    pub weights: PathBuf,
    /// The run's own settings where it is one, else the user's.
    pub config: Config,
}

/// Finds what `name` means: a run's name first, then a folder; without a name, the `kind` that comes with pixscribe.
pub(super) fn find(globals: &Globals, name: Option<&str>, kind: ModelKind) -> Result<Found, CliError> {
    let Some(name) = name else {
        let config = globals.load(None)?;
        return Ok(Found { weights: pretrained(globals, kind)?, config });
    };
    if let Ok(run_name) = name.parse::<RunName>()
        && let Ok(run) = RunDir::open(&globals.runs, &run_name)
    {
        return of_run(globals, &run);
    }
    let folder = Path::new(name);
    if !folder.exists() {
        // Says which runs have a similar name.
        let run_name = name.parse::<RunName>().map_err(|error| BadUsage(error.to_string()))?;
        RunDir::open(&globals.runs, &run_name)?;
    }
    if is_hugging_face(folder) {
        return Ok(Found { weights: folder.to_owned(), config: globals.load(None)? });
    }
    let weights = if folder.is_file() { Some(folder.to_owned()) } else { weights_in(folder) };
    let weights = weights.or_else(|| weights_in(&folder.join("weights")));
    let weights = weights.ok_or_else(|| ModelError::FolderWithoutWeights { path: folder.to_owned() })?;
    Ok(Found { weights, config: globals.load(None)? })
}

/// [`find`] for a captioner: without a name the newest among the runs, else the one that comes with pixscribe.
pub(super) fn find_captioner(globals: &Globals, name: Option<&str>) -> Result<Found, CliError> {
    if name.is_none()
        && let Some(run) = newest(globals, ModelKind::Captioner)?
    {
        return of_run(globals, &run);
    }
    find(globals, name, ModelKind::Captioner)
}

/// The run of a kind of model that last said something, among those that have weights.
fn newest(globals: &Globals, kind: ModelKind) -> Result<Option<RunDir>, CliError> {
    let spoken = |run: RunDir| {
        let state = State::read(&run.state_path()).ok().filter(|state| state.model == kind.as_str())?;
        weights_in(&run.weights_dir()).map(|_| (state.heartbeat_ms, run))
    };
    let runs = RunDir::list(&globals.runs)?.into_iter().filter_map(spoken);
    Ok(runs.max_by_key(|(heartbeat_ms, _)| *heartbeat_ms).map(|(_, run)| run))
}

/// Whether a folder is a model's as Hugging Face has it: no folder of ours has this file.
fn is_hugging_face(folder: &Path) -> bool {
    folder.is_dir() && folder.join("config.json").exists()
}

fn of_run(globals: &Globals, run: &RunDir) -> Result<Found, CliError> {
    let folder = run.weights_dir();
    let weights = weights_in(&folder)
        .ok_or_else(|| ModelError::RunWithoutWeights { run: run.name().to_string(), folder: folder.clone() })?;
    let config = config::load(Some(&run.config_path()), &globals.sets, None)?;
    Ok(Found { weights, config })
}

/// The weights that come with pixscribe: beside the runs, else in the repository that the program was built in.
pub(super) fn pretrained(globals: &Globals, kind: ModelKind) -> Result<PathBuf, ModelError> {
    let looked = || globals.runs.join("pretrained").join(kind.as_str());
    checkpoints::pretrained(&globals.runs, kind).ok_or_else(|| ModelError::NoPretrained { looked: looked(), kind })
}

impl Found {
    /// Reads the weights onto a device.
    pub fn load<D: Backend>(&self, device: D) -> Result<Trained<D>, TrainError> {
        if self.weights.is_dir() {
            let folder = hf::Folder::open(&self.weights).map_err(SpeakerError::from)?;
            return Trained::from_folder(device, &folder, &self.weights.display().to_string());
        }
        Trained::from_file(device, &checkpoints::read(&self.weights)?, &self.weights)
    }

    /// The part of these weights that restores pictures.
    ///
    /// # Errors
    /// When they are those of another kind of model.
    pub fn restorer<'a, D: Backend>(&self, trained: &'a Trained<D>) -> Result<Mender<'a>, ModelError> {
        let (weights, model) = (&self.weights, trained.card.model);
        trained.restorer().ok_or_else(|| ModelError::RestoresNothing { weights: weights.clone(), model })
    }

    /// The part of these weights that writes captions.
    ///
    /// # Errors
    /// When they are those of another kind of model.
    pub fn speaker<'a, D: Backend>(&self, trained: &'a Trained<D>) -> Result<&'a Speaker<D>, ModelError> {
        let (weights, model) = (&self.weights, trained.card.model);
        trained.speaker().ok_or_else(|| ModelError::WritesNothing { weights: weights.clone(), model })
    }

    /// Lets a model go from noise to pictures as the command line asks.
    pub fn set_sampling<D: Backend>(&self, trained: &mut Trained<D>, asked: &SamplingArgs) -> Result<(), ModelError> {
        let model = trained.card.model;
        if let Some(asked) = asked.noise_scale {
            let refused = || ModelError::NoNoiseScale { weights: self.weights.clone(), model };
            *trained.noise_scale().ok_or_else(refused)? = asked;
        }
        if asked.steps.is_none() && asked.guidance.is_none() {
            return Ok(());
        }
        let refused = || ModelError::NoSteps { weights: self.weights.clone(), model };
        let sampling = trained.sampling().ok_or_else(refused)?;
        sampling.steps = asked.steps.map_or(sampling.steps, |steps| steps as usize);
        sampling.guidance = asked.guidance.unwrap_or(sampling.guidance);
        Ok(())
    }
}

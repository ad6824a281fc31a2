//! `pixscribe caption`: sentences about pictures of any size.

use super::args::{CaptionArgs, RestoreTask};
use super::restore::wanted::{Wanted, wanted};
use super::{BadUsage, CliError, CliResult, Globals, device, model};
use crate::config::ModelKind;
use crate::data::decode::{image_full, image_whole};
use crate::models::captioner::search::{BeamSettings, EarlyStopping, Method, SearchSettings};
use crate::ops::{Backend, share_work};
use crate::restoration::{Picture, Restorer};
use crate::run::plain_text;
use crate::train::captioner::{Looks, Pictures, Speaker};
use crate::train::device::Device;
use image::RgbImage;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Why nothing is captioned.
#[derive(Debug, thiserror::Error)]
enum CaptionError {
    #[error("{path} has no caption: {why}")]
    Failed { path: PathBuf, why: Box<dyn std::error::Error + Send + Sync> },
}

/// One picture's entry in the JSON of `caption`.
#[derive(Debug, Serialize)]
struct Captioned {
    path: String,
    caption: String,
    /// All tokens, the start and the end among them.
    token_ids: Vec<u32>,
    /// Where each word was looked for, if that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    attention: Option<Looks>,
}

pub fn run(args: &CaptionArgs, globals: &Globals) -> CliResult {
    if args.mask.is_some() && args.restore != Some(RestoreTask::Inpaint) {
        return Err(BadUsage("caption: --mask is for --restore inpaint".to_owned()).into());
    }
    let found = model::find_captioner(globals, args.model.as_deref())?;
    let mender = args.restore.map(|_| model::find(globals, None, ModelKind::Diffusion)).transpose()?;
    share_work(found.config.runtime.threads);
    let captioned = match device::open(found.config.runtime.device)? {
        Device::Cpu(cpu) => caption_all(cpu, args, &found, mender.as_ref())?,
        #[cfg(feature = "cuda")]
        Device::Cuda(cuda, _) => caption_all(cuda, args, &found, mender.as_ref())?,
    };
    if args.json {
        println!("{}", serde_json::to_string(&captioned)?);
    }
    Ok(())
}

fn caption_all<D: Backend>(
    device: D,
    args: &CaptionArgs,
    found: &model::Found,
    mender: Option<&model::Found>,
) -> Result<Vec<Captioned>, CliError> {
    let trained = found.load(device.clone())?;
    let speaker = found.speaker(&trained)?;
    let mending = mender.map(|found| found.load(device)).transpose()?;
    let mender = mender.zip(mending.as_ref()).map(|(found, mending)| found.restorer(mending)).transpose()?;
    let search = asked(&speaker.search, args);
    let mut captioned = Vec::new();
    for paths in args.images.chunks(speaker.batch()) {
        // Only what the eyes see of a picture is kept.
        let fitted = |path: &PathBuf| fit(speaker, path, args, mender.as_ref().map(|mender| mender as &dyn Restorer));
        let pictures: Vec<RgbImage> = paths.iter().map(fitted).collect::<Result<_, _>>()?;
        let numbers: Vec<u64> = (captioned.len() as u64..).take(paths.len()).collect();
        let said = speaker.caption(Pictures::Fitted(&pictures), &search, &numbers)?;
        for ((path, picture), said) in paths.iter().zip(&pictures).zip(said) {
            let attention = args.attention.then(|| speaker.looks(picture, &said)).transpose()?;
            let (caption, token_ids) = (said.text, said.token_ids);
            let one = Captioned { path: path.display().to_string(), caption, token_ids, attention };
            if !args.json {
                println!("{}: {}", one.path, plain_text(&one.caption));
            }
            captioned.push(one);
        }
    }
    Ok(captioned)
}

/// How captions are searched: as the model's own settings say, but for what the flags say.
fn asked(own: &SearchSettings, args: &CaptionArgs) -> SearchSettings {
    let method = match args.beams {
        None => own.method,
        Some(1) => Method::Greedy,
        Some(beams) => {
            let plain = BeamSettings { beams: 0, length_penalty: 1.0, early_stopping: EarlyStopping::Unpromising };
            let like = if let Method::Beam(own) = own.method { own } else { plain };
            Method::Beam(BeamSettings { beams: usize::from(beams), ..like })
        }
    };
    // The start token is not counted by the flag.
    let max_length = args.max_tokens.map_or(own.max_length, |tokens| tokens as usize + 1);
    SearchSettings { method, max_length, returns: 1, ..own.clone() }
}

/// What the eyes see of a picture.
fn fit<D: Backend>(
    speaker: &Speaker<D>,
    path: &Path,
    args: &CaptionArgs,
    restorer: Option<&dyn Restorer>,
) -> Result<RgbImage, CliError> {
    let picture = match (args.restore, restorer) {
        (Some(task), Some(restorer)) => restored(restorer, task, path, args.mask.as_deref())?,
        _ => image_full(path)?,
    };
    Ok(speaker.fit(&picture).map_err(|why| CaptionError::Failed { path: path.to_owned(), why: why.into() })?)
}

fn restored(
    restorer: &dyn Restorer,
    task: RestoreTask,
    path: &Path,
    mask: Option<&Path>,
) -> Result<RgbImage, CliError> {
    let given = Picture::from_rgb(&image_whole(path)?)?;
    let (task, _) = wanted(&Wanted { task, sigma: None, blur: None, mask }, &given)?;
    let result = restorer.restore(&task, std::slice::from_ref(&given), &mut || true)?;
    let picture = result.into_iter().flatten().next().unwrap_or_else(|| given.clone());
    Ok(task.finish(&given, &picture)?.to_rgb())
}

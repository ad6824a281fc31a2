//! `pixscribe restore`: noisy, blurred or incomplete pictures of any size, made whole by a diffusion model.

mod places;
pub(super) mod wanted;

use super::args::{RestoreArgs, RestoreTask};
use super::{BadUsage, CliError, CliResult, Globals, device, model};
use crate::config::ModelKind;
use crate::data::decode::image_whole;
use crate::ops::random::Stream;
use crate::ops::{Backend, share_work};
use crate::restoration::{Picture, Restorer, Task, measure, task};
use crate::train::device::Device;
use indicatif::{ProgressBar, ProgressStyle};
use places::{Place, places, save};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Duration;
use wanted::Wanted;

/// What the noise of `--damage` is drawn by.
const DAMAGE: (u64, &str) = (1, "restore.damage");

/// Why nothing is restored.
#[derive(Debug, thiserror::Error)]
enum RestoreError {
    #[error("{0} exists already and is left alone: name another folder with -o, or replace it with --overwrite")]
    Exists(PathBuf),
    #[error("{0} is not a folder: the restored pictures are put in one, under the names that they have")]
    NotAFolder(PathBuf),
    #[error("two of the pictures are called {0}: only one of them can be put in the folder")]
    SameName(String),
    #[error("{0} has no name that a picture could be saved under")]
    NoName(PathBuf),
    #[error("{path} cannot be saved as what its name says: {why}")]
    Format { path: PathBuf, why: image::ImageError },
    #[error("the reference {reference} has {found}, the picture {path} has {due}")]
    OtherSize { reference: PathBuf, path: PathBuf, found: String, due: String },
}

/// One picture's entry in the JSON of `restore`.
#[derive(Debug, Serialize)]
struct Restored {
    path: String,
    out: String,
    /// The picture as it was damaged here; none if it came so.
    damaged: Option<String>,
    task: &'static str,
    /// The noise that was assumed, 0..1; none for lost pixels.
    sigma: Option<f32>,
    sigma_was_estimated: bool,
    /// Against the reference, before and after.
    measures: Option<Measures>,
}

#[derive(Debug, Serialize)]
struct Measures {
    /// dB.
    psnr: f64,
    psnr_of_input: f64,
    ssim: f64,
    ssim_of_input: f64,
}

pub fn run(args: &RestoreArgs, globals: &Globals) -> CliResult {
    check_usage(args)?;
    let places = places(args)?;
    let found = model::find(globals, args.model.as_deref(), ModelKind::Diffusion)?;
    share_work(found.config.runtime.threads);
    let restored = match device::open(found.config.runtime.device)? {
        Device::Cpu(cpu) => restore_all(cpu, args, &found, &places)?,
        #[cfg(feature = "cuda")]
        Device::Cuda(cuda, _) => restore_all(cuda, args, &found, &places)?,
    };
    if args.json {
        println!("{}", serde_json::to_string(&restored)?);
    }
    Ok(())
}

/// Flags that do not go together.
fn check_usage(args: &RestoreArgs) -> Result<(), BadUsage> {
    let refuse = |text: &str| Err(BadUsage(format!("restore: {text}")));
    match args.task {
        RestoreTask::Inpaint if args.mask.is_none() && !args.damage => {
            refuse("--task inpaint needs --mask FILE, a picture of the same size, white where pixels are lost")
        }
        RestoreTask::Inpaint if args.sigma.is_some() => refuse("--sigma is for --task denoise and deblur"),
        RestoreTask::Denoise | RestoreTask::Deblur if args.mask.is_some() => refuse("--mask is for --task inpaint"),
        RestoreTask::Denoise | RestoreTask::Inpaint if args.blur.is_some() => refuse("--blur is for --task deblur"),
        _ => Ok(()),
    }
}

fn restore_all<D: Backend>(
    device: D,
    args: &RestoreArgs,
    found: &model::Found,
    places: &[Place],
) -> Result<Vec<Restored>, CliError> {
    let trained = found.load(device)?;
    let restorer = found.restorer(&trained)?;
    let mut restored = Vec::new();
    for (path, place) in args.images.iter().zip(places) {
        let one = restore_one(&restorer, args, path, place)?;
        if !args.json {
            one.print();
        }
        restored.push(one);
    }
    Ok(restored)
}

fn restore_one(restorer: &dyn Restorer, args: &RestoreArgs, path: &Path, place: &Place) -> Result<Restored, CliError> {
    let given = Picture::from_rgb(&image_whole(path)?)?;
    let (task, sigma_was_estimated) = asked(args, &given)?;
    let (damaged, reference) = if args.damage {
        (task.damage(&given, &Stream::new(DAMAGE.0, DAMAGE.1, 0))?, Some(given))
    } else {
        let reference =
            args.reference.as_deref().map(|reference| read_reference(reference, path, &given)).transpose()?;
        (given, reference)
    };
    let spinner = spinner(args.json, path);
    let result = restorer.restore(&task, std::slice::from_ref(&damaged), &mut || {
        spinner.inc(1);
        true
    });
    spinner.finish_and_clear();
    let picture = result?.into_iter().flatten().next().unwrap_or_else(|| damaged.clone());
    let finished = task.finish(&damaged, &picture)?;
    if let Some(place) = &place.damaged {
        save(&damaged, place)?;
    }
    save(&finished, &place.restored)?;
    Ok(Restored {
        path: path.display().to_string(),
        out: place.restored.display().to_string(),
        damaged: place.damaged.as_ref().map(|place| place.display().to_string()),
        task: task.name(),
        sigma: match task {
            Task::Denoise { sigma } | Task::Deblur { sigma, .. } => Some(sigma),
            Task::Inpaint { .. } => None,
        },
        sigma_was_estimated,
        measures: reference.map(|reference| measures(&reference, &damaged, &finished)).transpose()?,
    })
}

/// What is to be put right, and whether its noise had to be estimated.
fn asked(args: &RestoreArgs, given: &Picture) -> Result<(Task, bool), CliError> {
    let sigma = match args.task {
        RestoreTask::Denoise => args.sigma.or(args.damage.then_some(task::NOISE)),
        RestoreTask::Deblur | RestoreTask::Inpaint => args.sigma,
    };
    wanted::wanted(&Wanted { task: args.task, sigma, blur: args.blur, mask: args.mask.as_deref() }, given)
}

/// The undamaged picture: the file itself, or the one of the same name in a folder.
fn read_reference(reference: &Path, path: &Path, damaged: &Picture) -> Result<Picture, CliError> {
    let name = path.file_name().unwrap_or_default();
    let file = if reference.is_dir() { reference.join(name) } else { reference.to_owned() };
    let picture = Picture::from_rgb(&image_whole(&file)?)?;
    let size = |picture: &Picture| format!("{}x{} pixels", picture.width(), picture.height());
    if size(&picture) != size(damaged) {
        let (found, due) = (size(&picture), size(damaged));
        return Err(RestoreError::OtherSize { reference: file, path: path.to_owned(), found, due }.into());
    }
    Ok(picture)
}

fn measures(reference: &Picture, damaged: &Picture, restored: &Picture) -> Result<Measures, CliError> {
    Ok(Measures {
        psnr: measure::psnr(reference, restored)?,
        psnr_of_input: measure::psnr(reference, damaged)?,
        ssim: measure::ssim(reference, restored)?,
        ssim_of_input: measure::ssim(reference, damaged)?,
    })
}

fn spinner(json: bool, path: &Path) -> ProgressBar {
    let spinner = if json { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}  {pos} steps, {elapsed}") {
        spinner.set_style(style);
    }
    spinner.set_message(path.display().to_string());
    spinner.enable_steady_tick(Duration::from_millis(200));
    spinner
}

impl Restored {
    fn print(&self) {
        let estimated = if self.sigma_was_estimated { " (estimated)" } else { "" };
        let noise = self.sigma.map(|sigma| format!("; noise {sigma:.3}{estimated}")).unwrap_or_default();
        let measures = self.measures.as_ref().map(|m| {
            format!(
                "; PSNR {:.2} dB (before {:.2}), SSIM {:.4} (before {:.4})",
                m.psnr, m.psnr_of_input, m.ssim, m.ssim_of_input
            )
        });
        println!("{}: {}{noise}{}", self.out, self.task, measures.unwrap_or_default());
    }
}

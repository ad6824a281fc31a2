//! Damaging a picture and having a model restore it: what the dashboard shows side by side.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::RgbImage;
use serde::Deserialize;
use tokio::task::spawn_blocking;

use super::asking::{ask, save_for};
use super::order::Text;
use crate::data::decode;
use crate::run::RunName;

/// What is done to a picture before it is restored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Damage {
    #[default]
    Noise,
    Blur,
    /// A hole in the middle.
    Hole,
}

impl Damage {
    pub const ALL: [Damage; 3] = [Damage::Noise, Damage::Blur, Damage::Hole];

    /// The word of `pixscribe restore --task`.
    fn task(self) -> &'static str {
        match self {
            Damage::Noise => "denoise",
            Damage::Blur => "deblur",
            Damage::Hole => "inpaint",
        }
    }

    /// The next one, round and round.
    pub fn next(self) -> Damage {
        let at = Damage::ALL.iter().position(|damage| *damage == self).unwrap_or(0);
        Damage::ALL[(at + 1) % Damage::ALL.len()]
    }
}

/// A damaged picture and what a model made of it.
#[derive(Clone, Debug)]
pub struct Restoration {
    pub damaged: Arc<RgbImage>,
    pub restored: Arc<RgbImage>,
    /// Against the picture as it was, before and after.
    pub psnr: (f64, f64),
    pub ssim: (f64, f64),
}

/// One element of what `pixscribe restore --json` prints.
#[derive(Debug, Deserialize)]
struct Said {
    out: PathBuf,
    damaged: PathBuf,
    measures: Measures,
}

#[derive(Debug, Deserialize)]
struct Measures {
    psnr: f64,
    psnr_of_input: f64,
    ssim: f64,
    ssim_of_input: f64,
}

/// Has `program` (this very program) damage the picture and restore it. With no model, it takes the one that came with
/// it.
pub async fn restore(
    program: &Path,
    runs_root: &Path,
    picture: Arc<RgbImage>,
    damage: Damage,
    model: Option<RunName>,
) -> Result<Restoration, Text> {
    let (folder, file) = save_for(picture).await?;
    let said: Vec<Said> = ask(program, runs_root, arguments(&file, folder.path(), damage, model)).await?;
    let said = said.into_iter().next().ok_or_else(|| Text::of("it said nothing"))?;
    spawn_blocking(move || read(&said)).await.map_err(Text::of)?
}

fn arguments(file: &Path, folder: &Path, damage: Damage, model: Option<RunName>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> =
        vec!["restore".into(), "--json".into(), "--damage".into(), "--task".into(), damage.task().into()];
    if let Some(model) = model {
        arguments.extend(["--model".into(), model.as_str().into()]);
    }
    arguments.extend(["-o".into(), folder.join("restored").into(), "--".into(), file.into()]);
    arguments
}

fn read(said: &Said) -> Result<Restoration, Text> {
    let picture = |path: &Path| decode::image_any(path).map(Arc::new).map_err(Text::of);
    let Measures { psnr, psnr_of_input, ssim, ssim_of_input } = said.measures;
    Ok(Restoration {
        damaged: picture(&said.damaged)?,
        restored: picture(&said.out)?,
        psnr: (psnr_of_input, psnr),
        ssim: (ssim_of_input, ssim),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_kinds_of_damage_go_round() {
        let mut damage = Damage::default();
        let mut words = Vec::new();
        for _ in 0..4 {
            words.push(damage.task());
            damage = damage.next();
        }
        assert_eq!(words, ["denoise", "deblur", "inpaint", "denoise"]);
    }

    #[test]
    fn the_answer_of_restore_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        RgbImage::from_pixel(2, 1, image::Rgb([9; 3])).save(at("a.png")).unwrap();
        RgbImage::from_pixel(2, 1, image::Rgb([7; 3])).save(at("b.png")).unwrap();
        let text = serde_json::json!({
            "path": "p", "out": at("a.png"), "damaged": at("b.png"), "task": "denoise", "sigma": 0.2,
            "measures": {"psnr": 24.5, "psnr_of_input": 14.5, "ssim": 0.9, "ssim_of_input": 0.4},
        });
        let found = read(&serde_json::from_value(text).unwrap()).unwrap();
        assert_eq!((found.restored.as_raw()[0], found.damaged.as_raw()[0]), (9, 7));
        assert_eq!((found.psnr, found.ssim), ((14.5, 24.5), (0.4, 0.9)));
    }

    #[test]
    fn the_command_names_task_model_and_places() {
        let model = Some("d".parse().unwrap());
        let due = [
            "restore",
            "--json",
            "--damage",
            "--task",
            "inpaint",
            "--model",
            "d",
            "-o",
            "/t/restored",
            "--",
            "/t/p.png",
        ];
        assert_eq!(arguments(Path::new("/t/p.png"), Path::new("/t"), Damage::Hole, model), due.map(OsString::from));
    }
}

//! `pixscribe nearest`: the training images that are most like a picture.

use super::args::NearestArgs;
use super::{BadUsage, CliError, CliResult, Globals, ask};
use crate::config::{self, Config, ModelKind};
use crate::data::decode::image_32;
use crate::data::{self, Dataset, IMAGE_BYTES, SIDE, holdout};
use crate::ops::share_work;
use crate::run::plain_text;
use crate::train::made::nearest::{Near, nearest_few};
use crate::train::made::sheet::Sheet;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Why nothing is looked for.
#[derive(Debug, thiserror::Error)]
enum NearestError {
    #[error(
        "`{run}` learns from your own pictures, which are in {folder}: leave --run out to look among those of the data set"
    )]
    OwnPictures { run: String, folder: PathBuf },
    #[error("{path} has no training images to look among")]
    NoImages { path: PathBuf },
    #[error("{0} exists already and is left alone: name another folder with -o")]
    Exists(PathBuf),
}

/// One picture's entry in the JSON of `nearest`.
#[derive(Debug, Serialize)]
struct Found {
    path: String,
    /// What the distance is of.
    by: &'static str,
    nearest: Vec<Neighbour>,
}

#[derive(Debug, Serialize)]
struct Neighbour {
    /// Its number among the training images.
    number: u32,
    label: String,
    /// The root of the mean squared difference, 0..1.
    distance: f64,
    /// Where it was put.
    out: Option<String>,
}

pub fn run(args: &NearestArgs, globals: &Globals) -> CliResult {
    let (data, among) = images(args, globals)?;
    let mut all = Vec::new();
    for path in &args.images {
        let found = nearest_few(&*image_32(path)?, &data.train, &among, args.count.get());
        let nearest = found.into_iter().map(|near| neighbour(near, &data, args.out.as_deref())).collect();
        all.push(Found { path: path.display().to_string(), by: "pixels", nearest });
    }
    write(&all, &data)?;
    if args.json {
        println!("{}", serde_json::to_string(&all)?);
    } else {
        all.iter().for_each(print);
    }
    Ok(())
}

/// The data set, and the numbers of the training images that are looked among: all of them, or those that a run learns from.
fn images(args: &NearestArgs, globals: &Globals) -> Result<(Dataset, Vec<u32>), CliError> {
    let config = match &args.run {
        Some(name) => config::load(Some(&ask::open(globals, name)?.config_path()), &globals.sets, None)?,
        None => globals.load(None)?,
    };
    if let (Some(run), Some(folder)) = (&args.run, own_pictures(&config)) {
        return Err(NearestError::OwnPictures { run: run.clone(), folder: folder.to_owned() }.into());
    }
    share_work(config.runtime.threads);
    let data = data::load(config.data.path.as_deref(), config.data.limit)?.of_labels(config.labels())?;
    let mut among = match &args.run {
        Some(_) => holdout(&data.train.labels, config.seed()).0,
        None => (0..data.train.len() as u32).collect(),
    };
    if let Some(number) = args.except {
        let images = data.train.len();
        if number as usize >= images {
            return Err(BadUsage(format!("nearest: --except {number} is none of the {images} training images")).into());
        }
        among.retain(|&image| image != number);
    }
    if among.is_empty() {
        return Err(NearestError::NoImages { path: data.path }.into());
    }
    Ok((data, among))
}

/// The folder of a user's own pictures, where a run learns from those.
fn own_pictures(config: &Config) -> Option<&Path> {
    config.captioner.captions.as_deref().filter(|_| config.model == Some(ModelKind::Captioner))
}

fn neighbour(near: Near, data: &Dataset, folder: Option<&Path>) -> Neighbour {
    let number = near.image;
    let label = data.labels[usize::from(data.train.labels[number as usize])].clone();
    let out = folder.map(|folder| folder.join(format!("training-{number:05}.png")).display().to_string());
    Neighbour { number, label, distance: near.distance(), out }
}

/// Puts the images that were found where they are said to be; nothing that exists is overwritten.
fn write(all: &[Found], data: &Dataset) -> CliResult {
    let mut due: Vec<(&str, u32)> = all
        .iter()
        .flat_map(|found| &found.nearest)
        .filter_map(|near| Some((near.out.as_deref()?, near.number)))
        .collect();
    due.sort_unstable();
    due.dedup();
    if let Some((path, _)) = due.iter().find(|(path, _)| Path::new(path).exists()) {
        return Err(NearestError::Exists(path.into()).into());
    }
    for (path, number) in due {
        let pixels: &[u8; IMAGE_BYTES] = data.train.image(number as usize);
        Sheet::single(pixels, SIDE).write(Path::new(path))?;
    }
    Ok(())
}

fn print(found: &Found) {
    let words = |near: &Neighbour| {
        format!("{} (image {}, {:.1} % apart)", plain_text(&near.label), near.number, 100.0 * near.distance)
    };
    let all: Vec<String> = found.nearest.iter().map(words).collect();
    println!("{}: {}", found.path, all.join(", "));
}

//! `pixscribe generate`: pictures that a GAN or a diffusion model makes of the labels it knows.

use super::args::GenerateArgs;
use super::{BadUsage, CliError, CliResult, Globals, model};
use crate::config::ModelKind;
use crate::data::SIDE;
use crate::ops::random::Stream;
use crate::train::made::sheet::{Sheet, to_bytes};
use dfdx::prelude::Cpu;
use indicatif::{ProgressBar, ProgressStyle};
use std::path::{Path, PathBuf};

/// Why nothing is generated.
#[derive(Debug, thiserror::Error)]
enum GenerateError {
    #[error(
        "{weights} holds a {model}, which makes no pictures: name a GAN or a diffusion model with --model, or train one with `pixscribe train gan`"
    )]
    NoGenerator { weights: PathBuf, model: ModelKind },
    #[error("{weights} holds a discriminator that was trained without its generator: name another run with --model")]
    Untrained { weights: PathBuf },
    #[error("the model knows no label {label:?}; it knows {known}")]
    UnknownLabel { label: String, known: String },
    #[error("{0} exists already and is left alone; name another place with -o")]
    Exists(PathBuf),
    #[error("{0} is neither a .png file nor a folder: a sheet is written as PNG")]
    NotPng(PathBuf),
}

pub fn run(args: &GenerateArgs, globals: &Globals) -> CliResult {
    let place = Place::of(&args.out)?;
    let found = model::find(globals, args.model.as_deref(), ModelKind::Gan)?;
    // A few pictures are made before a GPU has woken up.
    let mut trained = found.load(Cpu::default())?;
    found.set_sampling(&mut trained, &args.sampling)?;
    if trained.card.labels_only {
        return Err(GenerateError::Untrained { weights: found.weights }.into());
    }
    let Some(painter) = trained.painter() else {
        return Err(GenerateError::NoGenerator { weights: found.weights, model: trained.card.model }.into());
    };
    let known = &trained.card.labels;
    let asked: Vec<usize> = match &args.label {
        None => (0..known.len()).collect(),
        Some(label) => vec![
            known
                .iter()
                .position(|name| name == label)
                .ok_or_else(|| GenerateError::UnknownLabel { label: label.clone(), known: known.join(", ") })?,
        ],
    };
    // A row has one noise, so that its pictures differ by their labels alone.
    let count = args.count.get() * asked.len();
    let (numbers, labels): (Vec<usize>, Vec<usize>) =
        (0..count).map(|i| (i / asked.len(), asked[i % asked.len()])).unzip();
    let stream = Stream::new(args.seed, "gan.generate", 0);
    let bar = ProgressBar::new(painter.asks(count) as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} steps  {eta} left") {
        bar.set_style(style.progress_chars("━╸─"));
    }
    let pictures = painter.draw(&stream, &numbers, &labels, &mut || {
        bar.inc(1);
        true
    });
    bar.finish_and_clear();
    let pictures = to_bytes(&pictures?.unwrap_or_default());
    match place {
        Place::File(path) => {
            let columns = if asked.len() > 1 { asked.len() } else { (count as f64).sqrt().ceil() as usize };
            Sheet::new(&pictures, SIDE, columns).write(&path)?;
            println!("{}: {count} pictures of {}", path.display(), names(known, &asked));
        }
        Place::Folder(folder) => {
            let name = |i: usize| format!("{}-{:04}.png", file_name(&known[labels[i]]), numbers[i] + 1);
            let paths: Vec<PathBuf> = (0..count).map(|i| folder.join(name(i))).collect();
            if let Some(path) = paths.iter().find(|path| path.exists()) {
                return Err(GenerateError::Exists(path.clone()).into());
            }
            for (path, picture) in paths.iter().zip(pictures.chunks_exact(crate::data::IMAGE_BYTES)) {
                Sheet::single(picture, SIDE).write(path)?;
            }
            println!("{}: {count} pictures of {}", folder.display(), names(known, &asked));
        }
    }
    Ok(())
}

fn names(known: &[String], asked: &[usize]) -> String {
    asked.iter().map(|&label| known[label].as_str()).collect::<Vec<_>>().join(", ")
}

/// A label as part of a file's name: it may come from a folder anywhere.
pub(super) fn file_name(label: &str) -> String {
    label.chars().map(|c| if c.is_alphanumeric() || c == '-' || c == '_' { c } else { '_' }).collect()
}

/// Where the pictures go.
#[derive(Debug, PartialEq)]
enum Place {
    /// One sheet.
    File(PathBuf),
    /// Single files.
    Folder(PathBuf),
}

impl Place {
    /// A folder is one that exists, or a name without an ending.
    fn of(path: &Path) -> Result<Self, CliError> {
        if path.as_os_str().is_empty() {
            return Err(BadUsage("generate: -o needs the name of a file or a folder".to_owned()).into());
        }
        let ending = path.extension().map(|ending| ending.to_ascii_lowercase());
        match ending {
            _ if path.is_dir() => Ok(Self::Folder(path.to_owned())),
            _ if path.exists() => Err(GenerateError::Exists(path.to_owned()).into()),
            None => Ok(Self::Folder(path.to_owned())),
            Some(ending) if ending == "png" => Ok(Self::File(path.to_owned())),
            Some(_) => Err(GenerateError::NotPng(path.to_owned()).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_exists_is_never_overwritten() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        assert_eq!(Place::of(&at("a.PNG")).unwrap(), Place::File(at("a.PNG")));
        assert_eq!(Place::of(&at("new")).unwrap(), Place::Folder(at("new")));
        assert_eq!(Place::of(root.path()).unwrap(), Place::Folder(root.path().to_owned()));
        std::fs::write(at("a.PNG"), "").unwrap();
        assert!(Place::of(&at("a.PNG")).unwrap_err().to_string().contains("exists already"));
        assert!(Place::of(&at("a.gif")).unwrap_err().to_string().contains("PNG"));
    }

    #[test]
    fn a_label_s_name_stays_in_its_folder() {
        assert_eq!(file_name("../x y"), "___x_y");
    }
}

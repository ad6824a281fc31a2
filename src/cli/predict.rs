//! `pixscribe predict`: what a trained model sees in pictures of any size.

use super::args::PredictArgs;
use super::model;
use super::{CliError, CliResult, Globals};
use crate::config::ModelKind;
use crate::data::decode::{image_32, image_whole};
use crate::run::plain_text;
use crate::train::captioner::Speaker;
use crate::train::captioner::recipe::exam::NONE;
use crate::train::trained::Trained;
use dfdx::prelude::Cpu;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// One picture's entry in the JSON of `predict`.
#[derive(Debug, Serialize)]
struct Prediction {
    path: String,
    label: String,
    /// The label's share, 0..1.
    confidence: f32,
    probabilities: BTreeMap<String, f32>,
    /// A classifier writes none.
    caption: Option<String>,
}

/// Some of the pictures could not be named.
#[derive(Debug, thiserror::Error)]
enum PredictError {
    #[error("{unread} of {of} pictures could not be named: their lines say why")]
    Unread { unread: usize, of: usize },
}

pub fn run(args: &PredictArgs, globals: &Globals) -> CliResult {
    // A handful of pictures is done before a GPU has woken up.
    let net = model::find(globals, args.model.as_deref(), ModelKind::Cnn)?.load(Cpu::default())?;
    let predict = |path: &Path| match net.speaker() {
        Some(speaker) => in_words(speaker, &net.card.labels, path),
        None => by_shares(&net, path),
    };
    if args.jsonl {
        return line_by_line(&args.images, predict);
    }
    let predictions: Vec<Prediction> = args.images.iter().map(|path| predict(path)).collect::<Result<_, _>>()?;
    if args.json {
        println!("{}", serde_json::to_string(&predictions)?);
    } else {
        predictions.iter().for_each(print);
    }
    Ok(())
}

/// An object a picture as soon as it is named; one that cannot be read says so in its own, and so does the command's end.
fn line_by_line(images: &[PathBuf], predict: impl Fn(&Path) -> Result<Prediction, CliError>) -> CliResult {
    let mut unread = 0;
    for path in images {
        let line = match predict(path) {
            Ok(prediction) => serde_json::to_value(prediction)?,
            Err(error) => {
                unread += 1;
                serde_json::json!({ "path": path.display().to_string(), "error": error.to_string() })
            }
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{line}")?;
        out.flush()?;
    }
    if unread > 0 {
        return Err(PredictError::Unread { unread, of: images.len() }.into());
    }
    Ok(())
}

fn by_shares(net: &Trained<Cpu>, path: &Path) -> Result<Prediction, CliError> {
    let shares = net.shares(image_32(path)?.as_slice())?.into_iter().next().unwrap_or_default();
    let labelled = || net.card.labels.iter().zip(shares.iter().copied());
    let best = labelled().max_by(|a, b| a.1.total_cmp(&b.1));
    let (label, confidence) = best.map_or((String::new(), f32::NAN), |(label, share)| (label.clone(), share));
    Ok(Prediction {
        path: path.display().to_string(),
        label,
        confidence,
        probabilities: labelled().map(|(label, share)| (label.clone(), share)).collect(),
        caption: None,
    })
}

/// The label is the one that the caption says; what is left of the probabilities is that of none of them.
fn in_words(speaker: &Speaker<Cpu>, labels: &[String], path: &Path) -> Result<Prediction, CliError> {
    let named = speaker.name(&image_whole(path)?, labels)?;
    let rest = (1.0 - named.shares.iter().sum::<f32>()).max(0.0);
    let none = (NONE.to_owned(), rest);
    let (label, confidence) = match named.label {
        Some(label) => (labels[label].clone(), named.shares[label]),
        None => none.clone(),
    };
    let probabilities = labels.iter().cloned().zip(named.shares).chain([none]).collect();
    Ok(Prediction { path: path.display().to_string(), label, confidence, probabilities, caption: Some(named.caption) })
}

/// The label and the two that come next, and the caption.
fn print(prediction: &Prediction) {
    let mut shares: Vec<(&String, &f32)> = prediction.probabilities.iter().collect();
    shares.sort_by(|a, b| b.1.total_cmp(a.1));
    let text: Vec<String> =
        shares.iter().take(3).map(|(label, share)| format!("{label} {:.1} %", 100.0 * **share)).collect();
    println!("{}: {}", prediction.path, text.join(", "));
    if let Some(caption) = &prediction.caption {
        println!("    {}", plain_text(caption));
    }
}

//! `pixscribe predict`: what a trained model sees in pictures of any size.

use super::args::PredictArgs;
use super::model;
use super::{CliResult, Globals};
use crate::config::ModelKind;
use crate::data::decode::image_32;
use dfdx::prelude::Cpu;
use serde::Serialize;
use std::collections::BTreeMap;

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

pub fn run(args: &PredictArgs, globals: &Globals) -> CliResult {
    // A handful of pictures is done before a GPU has woken up.
    let net = model::find(globals, args.model.as_deref(), ModelKind::Cnn)?.load(Cpu::default())?;
    let mut predictions = Vec::new();
    for path in &args.images {
        let shares = net.shares(image_32(path)?.as_slice())?.into_iter().next().unwrap_or_default();
        let labelled = || net.card.labels.iter().zip(shares.iter().copied());
        let best = labelled().max_by(|a, b| a.1.total_cmp(&b.1));
        let (label, confidence) = best.map_or((String::new(), f32::NAN), |(label, share)| (label.clone(), share));
        predictions.push(Prediction {
            path: path.display().to_string(),
            label,
            confidence,
            probabilities: labelled().map(|(label, share)| (label.clone(), share)).collect(),
            caption: None,
        });
    }
    if args.json {
        println!("{}", serde_json::to_string(&predictions)?);
    } else {
        predictions.iter().for_each(print);
    }
    Ok(())
}

/// The label and the two that come next.
fn print(prediction: &Prediction) {
    let mut shares: Vec<(&String, &f32)> = prediction.probabilities.iter().collect();
    shares.sort_by(|a, b| b.1.total_cmp(a.1));
    let text: Vec<String> =
        shares.iter().take(3).map(|(label, share)| format!("{label} {:.1} %", 100.0 * **share)).collect();
    println!("{}: {}", prediction.path, text.join(", "));
}

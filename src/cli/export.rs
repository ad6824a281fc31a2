//! `pixscribe export`: a model in another program's form.

use super::args::ExportArgs;
use super::{CliResult, Globals, model};
use crate::config::ModelKind;
use crate::train::trained::Net;
use dfdx::prelude::Cpu;
use std::path::PathBuf;

/// The model has no such form.
#[derive(Debug, thiserror::Error)]
#[error("{weights} holds a {model}, which has no Hugging Face form here: only a captioner has")]
struct NoForm {
    weights: PathBuf,
    model: ModelKind,
}

pub fn run(args: &ExportArgs, globals: &Globals) -> CliResult {
    let found = model::find(globals, Some(&args.model), ModelKind::Captioner)?;
    let trained = found.load(Cpu::default())?;
    let Net::Captioner(mut speaker) = trained.net else {
        return Err(NoForm { weights: found.weights, model: trained.card.model }.into());
    };
    speaker.export(&args.out)?;
    println!("{}: {} as transformers' VisionEncoderDecoderModel", args.out.display(), args.model);
    Ok(())
}

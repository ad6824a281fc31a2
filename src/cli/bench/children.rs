//! All models, each in a process of its own: the peak of memory is then that of one model.

use super::super::args::BenchArgs;
use super::super::{CliError, Globals};
use super::report::Report;
use crate::config::{ModelKind, Preset};
use crate::jobs::launch::this_program;
use std::process::{Command, Stdio};

/// A model's process ended without its figures.
#[derive(Debug, thiserror::Error)]
#[error("{model} could not be measured: {why}")]
struct ChildError {
    model: String,
    why: String,
}

/// The models, and the preset of those that have several worth comparing.
fn all() -> Vec<(ModelKind, Option<Preset>)> {
    let presets = |&model: &ModelKind| match model {
        ModelKind::Cnn => Preset::ALL.iter().map(|&preset| (model, Some(preset))).collect(),
        _ => vec![(model, None)],
    };
    ModelKind::ALL.iter().flat_map(presets).collect()
}

/// Measures one after the other.
pub fn run(args: &BenchArgs, globals: &Globals) -> Result<Vec<Report>, CliError> {
    // A wrong setting is told here, once and as wrong usage.
    globals.load(None)?;
    let all = all();
    let bar = super::bar(args.json, all.len());
    let mut reports = Vec::new();
    for (model, preset) in all {
        bar.set_prefix("bench");
        bar.set_message(preset.map_or(model.to_string(), |preset| format!("{model}, {preset}")));
        bar.tick();
        reports.push(one(model, preset, args, globals)?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(reports)
}

fn one(model: ModelKind, preset: Option<Preset>, args: &BenchArgs, globals: &Globals) -> Result<Report, CliError> {
    let mut command = Command::new(this_program()?);
    command.args(["bench", model.as_str(), "--json"]);
    command.arg("--runs").arg(&globals.runs);
    if let Some(config) = &globals.config {
        command.arg("--config").arg(config);
    }
    for set in globals.sets.iter().cloned().chain(preset.map(|preset| format!("{model}.preset={preset}"))) {
        command.args(["--set", &set]);
    }
    for (flag, value) in [("--batch", args.batch), ("--steps", args.steps)] {
        if let Some(value) = value {
            command.args([flag, &value.to_string()]);
        }
    }
    if args.roofline {
        command.arg("--roofline");
    }
    let output = command.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        let why = why.lines().last().unwrap_or("its process said nothing").trim_start_matches("pixscribe: ").to_owned();
        return Err(ChildError { model: model.to_string(), why }.into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_is_measured_and_the_cnn_with_both_presets() {
        let all = all();
        assert!(ModelKind::ALL.iter().all(|&model| all.iter().any(|&(measured, _)| measured == model)));
        let presets: Vec<Option<Preset>> =
            all.iter().filter(|(model, _)| *model == ModelKind::Cnn).map(|&(_, preset)| preset).collect();
        assert!(
            presets.len() == 2 && presets.contains(&Some(Preset::Plain)) && presets.contains(&Some(Preset::Default))
        );
    }
}

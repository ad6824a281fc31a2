//! Every logged value, for spreadsheets and scripts.

use crate::cli::CliError;
use crate::jobs::{History, Point};
use crate::run::RunDir;
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// One line a value, with the four clocks.
pub(super) fn csv(_: &RunDir, history: &History) -> Result<Vec<u8>, CliError> {
    let mut text = "metric,step,epoch,computed_s,wall_s,value\n".to_owned();
    for (name, series) in history.series() {
        let name = quoted(name);
        for Point { step, epoch, run_s, wall_s, value } in series.points() {
            // Writing into a text never fails.
            let _ = writeln!(text, "{name},{step},{epoch},{run_s},{wall_s},{value}");
        }
    }
    Ok(text.into_bytes())
}

/// An object of metrics, each with its unit and its values by column; numbers that are none are null.
pub(super) fn json(run: &RunDir, history: &History) -> Result<Vec<u8>, CliError> {
    let column = |points: &[Point], of: fn(&Point) -> f64| points.iter().map(of).collect::<Vec<f64>>();
    let metric = |name: &str, points: &[Point]| {
        json!({
            "unit": history.unit(name),
            "step": points.iter().map(|point| point.step).collect::<Vec<_>>(),
            "epoch": column(points, |point| f64::from(point.epoch)),
            "computed_s": column(points, |point| f64::from(point.run_s)),
            "wall_s": column(points, |point| f64::from(point.wall_s)),
            "value": column(points, |point| f64::from(point.value)),
        })
    };
    let metrics: Map<String, Value> =
        history.series().map(|(name, series)| (name.to_owned(), metric(name, series.points()))).collect();
    let all = json!({"run": run.name().to_string(), "model": history.model, "metrics": metrics});
    Ok(serde_json::to_vec(&all)?)
}

/// A field of a CSV file (RFC 4180).
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn fields_are_quoted_where_they_must_be() {
        assert_eq!(super::quoted("test/loss"), "test/loss");
        assert_eq!(super::quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}

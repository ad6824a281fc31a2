//! What was measured, for scripts and for people.

use super::super::table::aligned;
use serde::{Deserialize, Serialize};

/// The JSON of `bench`: other people's scripts rely on its keys.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub model: String,
    pub preset: Option<String>,
    pub batch: usize,
    /// How many were timed.
    pub steps: u64,
    pub images_per_s: f64,
    /// The median.
    pub ms_per_step: f64,
    /// Of the model's own process, its data and the matrices of a roofline in it; none where the kernel does not say.
    pub peak_rss_mib: Option<f64>,
    pub device: String,
    pub threads: usize,
    pub simd: String,
    pub data: String,
    #[serde(flatten)]
    pub roofline: Option<Roofline>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub losses: Option<Vec<f64>>,
}

/// How near a step comes to what the machine can do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Roofline {
    /// Of convolutions, linear layers and attention; a multiply-add is two, a convolution a direct one.
    pub gflop_per_step: f64,
    pub gflops: f64,
    /// The highest rate of matrix products that was measured between the steps, on as many threads.
    pub peak_gflops: f64,
    pub share_of_peak: f64,
}

impl Roofline {
    pub fn new(macs_per_step: f64, ms_per_step: f64, peak_gflops: f64) -> Self {
        let gflop_per_step = 2e-9 * macs_per_step;
        let gflops = gflop_per_step / (ms_per_step / 1e3);
        Self { gflop_per_step, gflops, peak_gflops, share_of_peak: gflops / peak_gflops }
    }
}

pub fn print(reports: &[Report]) {
    if let Some(first) = reports.first() {
        let threads = if first.threads == 1 { "1 thread".to_owned() } else { format!("{} threads", first.threads) };
        println!("{}, {threads}, {}; pictures of {}", first.device, first.simd, first.data);
    }
    print!("{}", aligned(&lines(reports)));
}

fn lines(reports: &[Report]) -> Vec<Vec<String>> {
    let has_roofline = reports.iter().any(|report| report.roofline.is_some());
    let roofline = ["GFLOP a step", "GFLOP/s", "peak GFLOP/s", "share of peak"];
    let mut heading = vec!["model", "batch", "steps", "ms a step", "images/s", "peak MiB"];
    heading.extend(roofline.into_iter().filter(|_| has_roofline));
    let mut lines = vec![heading.into_iter().map(str::to_owned).collect()];
    lines.extend(reports.iter().map(|report| {
        let preset = report.preset.as_ref().map_or(String::new(), |preset| format!(", {preset}"));
        let mut line = vec![
            format!("{}{preset}", report.model),
            report.batch.to_string(),
            report.steps.to_string(),
            format!("{:.1}", report.ms_per_step),
            format!("{:.0}", report.images_per_s),
            report.peak_rss_mib.map_or("-".to_owned(), |mib| format!("{mib:.0}")),
        ];
        if let Some(roofline) = &report.roofline {
            line.push(format!("{:.2}", roofline.gflop_per_step));
            line.push(format!("{:.1}", roofline.gflops));
            line.push(format!("{:.1}", roofline.peak_gflops));
            line.push(format!("{:.0} %", 100.0 * roofline.share_of_peak));
        }
        line
    }));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(roofline: Option<Roofline>) -> Report {
        Report {
            model: "cnn".to_owned(),
            preset: Some("plain".to_owned()),
            batch: 128,
            steps: 40,
            images_per_s: 1280.0,
            ms_per_step: 100.0,
            peak_rss_mib: Some(103.6),
            device: "cpu".to_owned(),
            threads: 2,
            simd: "avx2".to_owned(),
            data: "sample".to_owned(),
            roofline,
            losses: None,
        }
    }

    #[test]
    fn the_keys_are_those_of_the_contract() {
        let plain = serde_json::to_value(report(None)).unwrap();
        for key in ["model", "batch", "images_per_s", "ms_per_step", "peak_rss_mib"] {
            assert!(!plain[key].is_null(), "{key}");
        }
        assert!(plain.get("gflops").is_none() && plain.get("losses").is_none());
        let whole = report(Some(Roofline::new(4e9, 100.0, 160.0)));
        let value = serde_json::to_value(&whole).unwrap();
        let of = |key: &str| value[key].as_f64().unwrap();
        assert_eq!(["gflop_per_step", "gflops", "peak_gflops", "share_of_peak"].map(of), [8.0, 80.0, 160.0, 0.5]);
        for report in [whole, report(None)] {
            let text = serde_json::to_string(&report).unwrap();
            assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
        }
    }

    #[test]
    fn people_read_a_table() {
        let roofline = Roofline::new(4e9, 100.0, 160.0);
        let both = [report(Some(roofline)), Report { preset: None, ..report(None) }];
        insta::assert_snapshot!(aligned(&lines(&both)), @r"
        model       batch  steps  ms a step  images/s  peak MiB  GFLOP a step  GFLOP/s  peak GFLOP/s  share of peak
        cnn, plain  128    40     100.0      1280      104       8.00          80.0     160.0         50 %
        cnn         128    40     100.0      1280      104
        ");
        let unknown = [Report { peak_rss_mib: None, ..report(None) }];
        insta::assert_snapshot!(aligned(&lines(&unknown)), @r"
        model       batch  steps  ms a step  images/s  peak MiB
        cnn, plain  128    40     100.0      1280      -
        ");
    }
}

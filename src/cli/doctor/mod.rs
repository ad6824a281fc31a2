//! `pixscribe doctor`: what works on this machine, and what to do about the rest.

mod devices;
mod finding;
mod logout;
mod storage;
mod terminal;

use std::io::{self, IsTerminal, Write};

use finding::{Finding, Marks, Status};

use super::args::JsonArg;
use super::{CliResult, Globals};
use crate::config::Config;
use crate::data;

pub fn run(args: &JsonArg, globals: &Globals) -> CliResult {
    let findings = examine(globals);
    let mut out = io::stdout().lock();
    if args.json {
        let ok = !findings.iter().any(|finding| finding.status == Status::Problem);
        writeln!(out, "{}", serde_json::json!({ "ok": ok, "findings": findings }))?;
    } else {
        print(&findings, &mut out, &Marks::of_environment(io::stdout().is_terminal()))?;
    }
    match findings.iter().filter(|finding| finding.status == Status::Problem).count() {
        0 => Ok(()),
        1 => Err("1 thing does not work; what to do about it stands above".into()),
        n => Err(format!("{n} things do not work; what to do about them stands above").into()),
    }
}

fn examine(globals: &Globals) -> Vec<Finding> {
    let (config, settings) = match globals.load(None) {
        Ok(config) => (config, Finding::good("settings", "valid")),
        Err(error) => {
            let advice = "the defaults are used below; mend the settings first";
            (Config::default(), Finding::problem("settings", error.to_string(), advice))
        }
    };
    let mut findings = terminal::examine(&config.ui);
    findings.push(settings);
    findings.push(pictures(&config));
    findings.extend(devices::examine(&config.runtime));
    findings.extend(storage::examine(&globals.runs));
    findings.push(logout::examine(&config.runtime.launcher));
    findings
}

fn pictures(config: &Config) -> Finding {
    match data::load(config.data.path.as_deref(), config.data.limit) {
        Ok(set) => {
            let (train, test, labels) = (set.train.len(), set.test.len(), set.labels.len());
            let text = format!("{}: {train} training and {test} test images, {labels} labels", set.path.display());
            let sampled = set.name == "sample" && config.data.path.is_none();
            if sampled {
                Finding::warning("data", text, "this is the small sample; `pixscribe data fetch` gets all of CIFAR-10")
            } else {
                Finding::good("data", text)
            }
        }
        Err(error) => Finding::problem("data", error.to_string(), "`pixscribe data fetch` gets CIFAR-10"),
    }
}

/// Advice stands under what was found.
fn print(findings: &[Finding], out: &mut impl Write, marks: &Marks) -> io::Result<()> {
    let width = findings.iter().map(|finding| finding.name.len()).max().unwrap_or(0);
    for finding in findings {
        writeln!(out, "{} {:width$}  {}", marks.of(finding.status), finding.name, finding.text)?;
        if let Some(advice) = &finding.advice {
            writeln!(out, "{:indent$}{} {advice}", "", marks.arrow(), indent = marks.width() + width + 3)?;
        }
    }
    Ok(())
}

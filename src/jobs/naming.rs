//! Naming what is in a file of the user's: a `predict` process of our own does it, since the dashboard never computes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use image::RgbImage;
use serde::Deserialize;
use tokio::process::Command;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::order::Text;
use crate::data::decode;
use crate::run::{RunName, plain_text};

/// Loading the largest model and naming one picture takes seconds; what takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a worker said of a file.
#[derive(Clone, Debug)]
pub struct FileAnswer {
    pub picture: Arc<RgbImage>,
    pub label: String,
    pub confidence: f64,
    /// Every label's probability, the highest first.
    pub probabilities: Vec<(String, f64)>,
    pub caption: Option<String>,
}

/// One element of what `pixscribe predict --json` prints.
#[derive(Debug, Deserialize)]
struct Said {
    label: String,
    confidence: f64,
    #[serde(default)]
    probabilities: BTreeMap<String, f64>,
    #[serde(default)]
    caption: Option<String>,
}

/// Asks `program` (this very program) what is in the file. With no model, it takes the one that came with it.
pub async fn name_file(
    program: &Path,
    runs_root: &Path,
    path: PathBuf,
    model: Option<RunName>,
) -> Result<FileAnswer, Text> {
    let path = expand_home(path);
    let to_show = path.clone();
    // First, since its message is the better one where the file is at fault.
    let picture = spawn_blocking(move || decode::image_any(&to_show)).await.map_err(Text::of)?;
    let picture = Arc::new(picture.map_err(Text::of)?);
    let said = ask(program, runs_root, &path, model).await?;
    Ok(answer(picture, said))
}

async fn ask(program: &Path, runs_root: &Path, path: &Path, model: Option<RunName>) -> Result<Said, Text> {
    let mut command = Command::new(program);
    command.arg("--runs").arg(runs_root).args(["predict", "--json"]);
    if let Some(model) = model {
        command.arg("--model").arg(model.as_str());
    }
    command.arg("--").arg(path);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let output = timeout(PATIENCE, command.output())
        .await
        .map_err(|_| Text::of(format!("no answer within {} seconds", PATIENCE.as_secs())))?
        .map_err(|error| Text::of(format!("cannot start {}: {error}", program.display())))?;
    if !output.status.success() {
        return Err(Text::of(last_line(&output.stderr)));
    }
    parse(&output.stdout)
}

fn parse(stdout: &[u8]) -> Result<Said, Text> {
    let all: Vec<Said> =
        serde_json::from_slice(stdout).map_err(|error| Text::of(format!("its answer makes no sense: {error}")))?;
    all.into_iter().next().ok_or_else(|| Text::of("it said nothing"))
}

fn answer(picture: Arc<RgbImage>, said: Said) -> FileAnswer {
    let clean = |text: String| plain_text(&text).into_owned();
    let mut probabilities: Vec<(String, f64)> =
        said.probabilities.into_iter().map(|(label, share)| (clean(label), share)).collect();
    probabilities.sort_by(|a, b| b.1.total_cmp(&a.1));
    FileAnswer {
        picture,
        label: clean(said.label),
        confidence: said.confidence,
        probabilities,
        caption: said.caption.map(clean),
    }
}

/// The sentence that a command of ours ends with, without the program's name before it.
fn last_line(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it failed without a word");
    line.strip_prefix("pixscribe: ").unwrap_or(line).to_owned()
}

/// `~/x` as a shell would have it: nobody else expands it for a typed path.
fn expand_home(path: PathBuf) -> PathBuf {
    match (path.strip_prefix("~"), std::env::var_os("HOME")) {
        (Ok(rest), Some(home)) => Path::new(&home).join(rest),
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_of_predict_is_read_and_sorted() {
        let text = br#"[{"path":"a","label":"cat","confidence":0.7,"probabilities":{"bird":0.1,"cat":0.7,"dog":0.2},"caption":null,"later":1}]"#;
        let answer = answer(Arc::new(RgbImage::new(1, 1)), parse(text).unwrap());
        let labels: Vec<&str> = answer.probabilities.iter().map(|(label, _)| label.as_str()).collect();
        assert_eq!(labels, ["cat", "dog", "bird"]);
        assert!(parse(b"[]").is_err() && parse(b"panic").is_err());
    }

    #[test]
    fn the_reason_is_the_last_line() {
        assert_eq!(last_line(b"warning\npixscribe: no such model\n\n"), "no such model");
        assert_eq!(last_line(b""), "it failed without a word");
    }

    #[tokio::test]
    async fn a_file_that_is_no_picture_is_said_without_asking_anyone() {
        let missing = PathBuf::from("/nowhere/cat.png");
        let why = name_file(Path::new("/nowhere/program"), Path::new("."), missing, None).await.unwrap_err();
        assert!(why.as_str().contains("/nowhere/cat.png"), "{why:?}");
    }
}

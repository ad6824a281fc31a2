//! Naming what is in a file of the user's.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::RgbImage;
use serde::Deserialize;
use tokio::task::spawn_blocking;

use super::asking::ask;
use super::order::Text;
use crate::data::decode;
use crate::run::{RunName, plain_text};

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
pub(super) struct Said {
    pub label: String,
    pub confidence: f64,
    #[serde(default)]
    pub probabilities: BTreeMap<String, f64>,
    #[serde(default)]
    pub caption: Option<String>,
}

/// Asks `program` (this very program) what is in the file. With no model, it takes the one that came with it.
pub async fn name_file(
    program: &Path,
    runs_root: &Path,
    path: PathBuf,
    model: Option<RunName>,
) -> Result<FileAnswer, Text> {
    let to_show = path.clone();
    // First, since its message is the better one where the file is at fault.
    let picture = spawn_blocking(move || decode::image_any(&to_show)).await.map_err(Text::of)?;
    let picture = Arc::new(picture.map_err(Text::of)?);
    let mut arguments: Vec<OsString> = vec!["predict".into(), "--json".into()];
    if let Some(model) = model {
        arguments.extend(["--model".into(), model.as_str().into()]);
    }
    arguments.extend(["--".into(), path.into()]);
    let said: Vec<Said> = ask(program, runs_root, arguments).await?;
    let said = said.into_iter().next().ok_or_else(|| Text::of("it said nothing"))?;
    Ok(answer(picture, said))
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

/// `~/x` as a shell would have it: nobody else expands it for a typed path.
pub(super) fn expand_home(path: PathBuf) -> PathBuf {
    match (path.strip_prefix("~"), std::env::var_os("HOME")) {
        (Ok(rest), Some(home)) => Path::new(&home).join(rest),
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::asking::parse;

    #[test]
    fn the_answer_of_predict_is_read_and_sorted() {
        let text = br#"[{"path":"a","label":"cat","confidence":0.7,"probabilities":{"bird":0.1,"cat":0.7,"dog":0.2},"caption":null,"later":1}]"#;
        let said: Vec<Said> = parse(text).unwrap();
        let answer = answer(Arc::new(RgbImage::new(1, 1)), said.into_iter().next().unwrap());
        let labels: Vec<&str> = answer.probabilities.iter().map(|(label, _)| label.as_str()).collect();
        assert_eq!(labels, ["cat", "dog", "bird"]);
    }

    #[tokio::test]
    async fn a_file_that_is_no_picture_is_said_without_asking_anyone() {
        let missing = PathBuf::from("/nowhere/cat.png");
        let why = name_file(Path::new("/nowhere/program"), Path::new("."), missing, None).await.unwrap_err();
        assert!(why.as_str().contains("/nowhere/cat.png"), "{why:?}");
    }
}

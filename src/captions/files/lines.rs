//! Captions as one JSON object a line: `{"file_name": "frog.png", "text": "a frog on a leaf"}`. A picture that comes
//! again has another caption. Empty lines are passed over.

use std::borrow::Cow;
use std::path::Path;

use serde::Deserialize;

use super::super::error::{CaptionError, Entry};
use super::gather::Gathered;
use super::inside::Inside;
use super::{Captioned, bounded};

/// Bytes that such a file may have.
const LIMIT: u64 = 256 << 20;

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    file_name: Cow<'a, str>,
    #[serde(borrow, alias = "caption")]
    text: Cow<'a, str>,
}

/// Reads `path`, whose names are followed inside of `folder`.
pub fn read(path: &Path, folder: &Path) -> Result<Vec<Captioned>, CaptionError> {
    let inside = Inside::new(folder, &["images"])?;
    let bytes = bounded::read(path, LIMIT)?;
    let mut gathered = Gathered::default();
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let path = || path.to_path_buf();
        let line: Line =
            serde_json::from_slice(line).map_err(|source| CaptionError::Line { path: path(), line: number, source })?;
        let picture = inside.file(&line.file_name);
        picture.and_then(|picture| gathered.add(picture, &line.text)).map_err(|problem| CaptionError::Entry {
            path: path(),
            entry: Entry::Line(number),
            problem,
        })?;
    }
    Ok(gathered.finish())
}

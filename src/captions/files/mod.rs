//! Users' own captions: pictures in a folder, and what is written about each.
//!
//! A folder has them in one of three ways: a COCO annotations file (`*.json` with `images` and `annotations`), a file
//! of one JSON object a line (`*.jsonl` with `file_name` and `text`), or a text file beside each picture (`frog.txt`
//! beside `frog.png`, one caption a line). Names of pictures are followed inside of the folder only; COCO's also in its
//! folder `images`.

mod beside;
mod bounded;
mod coco;
mod gather;
mod inside;
mod lines;

use std::fs;
use std::path::{Path, PathBuf};

use super::error::CaptionError;

/// A picture and what was written about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captioned {
    pub picture: PathBuf,
    /// At least one; without control characters.
    pub captions: Vec<String>,
}

/// How a folder has its captions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layout {
    /// A COCO annotations file.
    Coco(PathBuf),
    /// One JSON object a line.
    Lines(PathBuf),
    /// A text file beside each picture.
    Beside,
}

/// Names that are taken before others, should there be several files.
const FIRST: [&str; 3] = ["captions", "metadata", "annotations"];

/// Finds out how a folder has its captions, and reads them: in the order of the file, or of the pictures' names.
///
/// # Errors
/// When there are none, or several files of them; when a file is damaged or too large, or names a picture that is not
/// in the folder.
pub fn read(folder: &Path) -> Result<Vec<Captioned>, CaptionError> {
    let captioned = match layout(folder)? {
        Layout::Coco(path) => coco::read(&path, folder)?,
        Layout::Lines(path) => lines::read(&path, folder)?,
        Layout::Beside => beside::read(folder)?,
    };
    if captioned.is_empty() {
        return Err(CaptionError::NoCaptions { folder: folder.to_path_buf() });
    }
    Ok(captioned)
}

/// Finds out how a folder has its captions.
///
/// # Errors
/// When there are none, or several files of them.
pub fn layout(folder: &Path) -> Result<Layout, CaptionError> {
    let entries = entries(folder)?;
    if let Some(path) = the_one(&entries, "jsonl", folder)? {
        return Ok(Layout::Lines(path));
    }
    if let Some(path) = the_one(&entries, "json", folder)? {
        return Ok(Layout::Coco(path));
    }
    if beside::pairs(&entries).next().is_some() {
        return Ok(Layout::Beside);
    }
    Err(CaptionError::NoCaptions { folder: folder.to_path_buf() })
}

/// The file with this extension, if there is one. Of several, one named as in `FIRST`.
fn the_one(entries: &[PathBuf], extension: &str, folder: &Path) -> Result<Option<PathBuf>, CaptionError> {
    let found: Vec<&PathBuf> = entries.iter().filter(|path| has_extension(path, &[extension])).collect();
    let named = |name: &&str| found.iter().find(|path| path.file_stem().is_some_and(|stem| stem == *name));
    match (found.as_slice(), FIRST.iter().find_map(named)) {
        ([], _) => Ok(None),
        ([one], _) => Ok(Some(one.to_path_buf())),
        (_, Some(one)) => Ok(Some(one.to_path_buf())),
        (several, None) => {
            let names: Vec<_> = several.iter().take(5).filter_map(|path| path.file_name()).collect();
            let names = names.iter().map(|name| name.to_string_lossy()).collect::<Vec<_>>().join(", ");
            Err(CaptionError::Ambiguous { folder: folder.to_path_buf(), names: printable(&names) })
        }
    }
}

/// What is in a folder and not hidden, sorted by name.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, CaptionError> {
    let listed = fs::read_dir(folder).map_err(CaptionError::io("list", folder))?;
    let paths = listed.map(|entry| entry.map(|entry| entry.path()));
    let mut paths: Vec<PathBuf> = paths.collect::<Result<_, _>>().map_err(CaptionError::io("list", folder))?;
    paths.retain(|path| !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')));
    paths.sort();
    Ok(paths)
}

fn has_extension(path: &Path, known: &[&str]) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    known.contains(&extension.as_str())
}

/// A stranger's text without what could move a terminal's cursor: control characters and their like become blanks.
fn printable(text: &str) -> String {
    let is_text = |c: char| {
        !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if is_text(c) { c } else { ' ' }).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests;

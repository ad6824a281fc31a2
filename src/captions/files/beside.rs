//! A text file beside each picture, of the same name but for its extension: one caption a line. Empty lines are passed
//! over; so is a picture without a text file, and a text file without a picture.

use std::path::{Path, PathBuf};

use super::super::error::{CaptionError, Entry, Problem};
use super::gather::{Gathered, MAX_BYTES, MAX_CAPTIONS};
use super::inside::Inside;
use super::{Captioned, bounded, entries, has_extension};
use crate::data::PICTURE_EXTENSIONS;

/// Bytes that such a file may have.
const LIMIT: u64 = (MAX_BYTES * MAX_CAPTIONS) as u64;

/// Pictures with their text files, in order.
pub fn pairs(entries: &[PathBuf]) -> impl Iterator<Item = (&PathBuf, PathBuf)> {
    let pictures = entries.iter().filter(|path| has_extension(path, &PICTURE_EXTENSIONS));
    pictures.filter_map(move |picture| {
        let text = picture.with_extension("txt");
        entries.binary_search(&text).is_ok().then_some((picture, text))
    })
}

/// Reads a folder.
pub fn read(folder: &Path) -> Result<Vec<Captioned>, CaptionError> {
    let inside = Inside::new(folder, &[])?;
    let mut gathered = Gathered::default();
    for (picture, path) in pairs(&entries(folder)?) {
        let fail = |line, problem| CaptionError::Entry { path: path.clone(), entry: Entry::Line(line), problem };
        for file in [&path, picture] {
            if !inside.holds(file) {
                let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                return Err(fail(1, Problem::Outside { name }));
            }
        }
        let bytes = bounded::read(&path, LIMIT)?;
        for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
            let line = std::str::from_utf8(line).map_err(|_| fail(number, Problem::NotUtf8))?;
            if !line.trim().is_empty() {
                gathered.add(picture.clone(), line).map_err(|problem| fail(number, problem))?;
            }
        }
    }
    Ok(gathered.finish())
}

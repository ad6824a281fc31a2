//! What can go wrong with captions, each as one sentence: what, where, what to do.

use std::io;
use std::path::{Path, PathBuf};

/// Captions cannot be measured, written, compared or read.
#[derive(Debug, thiserror::Error)]
pub enum CaptionError {
    #[error("a picture of {width}x{height} pixels needs {due} bytes and at least one pixel, not {found} bytes", due = width.saturating_mul(*height).saturating_mul(3))]
    Pixels { width: usize, height: usize, found: usize },
    #[error("there are no pictures to fit the thresholds of facts to")]
    NoPictures,
    #[error("the label {label:?} could not be told in a caption, for want of words of its own; give it another name")]
    Label { label: String },
    #[error("picture {number} has no reference to compare its caption with")]
    NoReference { number: usize },
    #[error("cannot {operation} {}: {source}", path.display())]
    Io { operation: &'static str, path: PathBuf, source: io::Error },
    #[error("{} is larger than the {limit} bytes that are read of such a file; split it up", path.display())]
    TooLarge { path: PathBuf, limit: u64 },
    #[error("{} is not a regular file; put a copy of the file there", path.display())]
    NotAFile { path: PathBuf },
    #[error(
        "{} has no captions: expected a .jsonl file, a COCO .json file, or a .txt file beside each picture",
        folder.display()
    )]
    NoCaptions { folder: PathBuf },
    #[error("{} has several files of captions ({names}); name one of them captions.jsonl or captions.json", folder.display())]
    Ambiguous { folder: PathBuf, names: String },
    #[error("{}: {source}; expected COCO's `images` (id, file_name) and `annotations` (image_id, caption)", path.display())]
    Coco { path: PathBuf, source: serde_json::Error },
    #[error("{}, line {line}: {source}; expected an object with file_name and text", path.display())]
    Line { path: PathBuf, line: usize, source: serde_json::Error },
    #[error("{}, {entry}: {problem}", path.display())]
    Entry { path: PathBuf, entry: Entry, problem: Problem },
}

/// Which part of a file of captions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// From 1.
    Line(usize),
    /// From 0, as in COCO's list of images.
    Image(usize),
    /// From 0, as in COCO's list of annotations.
    Annotation(usize),
}

/// What is wrong with a part of a file of captions.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    #[error("the caption is empty; write one or take the entry out")]
    EmptyCaption,
    #[error("the caption has {bytes} bytes, and more than {limit} are not read; shorten it")]
    LongCaption { bytes: usize, limit: usize },
    #[error("the text is not UTF-8; save the file as UTF-8")]
    NotUtf8,
    #[error("the picture {name:?} lies outside of the folder; only names inside of it are followed")]
    Outside { name: String },
    #[error("the picture {name:?} is not there; take the entry out or add the picture")]
    Missing { name: String },
    #[error("the image number {id} was given to an earlier image too; give each its own")]
    SameId { id: String },
    #[error("no image has the number {id}; take the entry out or add the image")]
    UnknownId { id: String },
    #[error("the picture has more than {limit} captions; take some out")]
    ManyCaptions { limit: usize },
    #[error("more than {limit} pictures are not read; split the set up")]
    ManyPictures { limit: usize },
}

impl std::fmt::Display for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Self::Line(number) => write!(f, "line {number}"),
            Self::Image(number) => write!(f, "image {number}"),
            Self::Annotation(number) => write!(f, "annotation {number}"),
        }
    }
}

impl CaptionError {
    /// For `map_err`: an I/O error with the operation and the path it belongs to.
    pub(super) fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { operation, path, source }
    }
}

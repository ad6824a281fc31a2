//! What can be wrong with data, each as one sentence: what, where, what to do.

use std::io;
use std::path::{Path, PathBuf};

/// Everything that reading, writing or fetching pictures can fail with.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    #[error("cannot {operation} {}: {source}", path.display())]
    Io { operation: &'static str, path: PathBuf, source: io::Error },
    #[error("no data set: neither {} exists; run `pixscribe data fetch` or set data.path", list(.looked))]
    NoDataSet { looked: Vec<PathBuf> },
    #[error(
        "{} holds no data set: expected data_batch_1.bin, data_batch_1.png, a .tar.gz of these, or one folder of images for each label",
        .0.display()
    )]
    Unrecognised(PathBuf),
    #[error("{} is missing; fetch the data set again or point data.path at a whole one", .0.display())]
    MissingFile(PathBuf),
    #[error(
        "{} is {bytes} bytes long, which is not a whole number of {record}-byte images; it is cut short or not in the CIFAR-10 binary layout, so fetch it again",
        path.display()
    )]
    PartialImage { path: PathBuf, bytes: u64, record: usize },
    #[error(
        "{}: image {index} has label {label}, but there are only {labels} labels (0 to {}); the file is damaged or its label names are another set's",
        path.display(), labels.saturating_sub(1)
    )]
    LabelOutOfRange { path: PathBuf, index: usize, label: u64, labels: usize },
    #[error("{} lists {listed} labels for {images} images; both must agree, so fetch the data set again", path.display())]
    LabelCount { path: PathBuf, listed: usize, images: usize },
    #[error("{} names {count} labels; from 2 to 256 are possible", path.display())]
    LabelNames { path: PathBuf, count: usize },
    #[error("{} has no label {name:?}; its labels are {known}", path.display())]
    NoSuchLabel { path: PathBuf, name: String, known: String },
    #[error("{} has pictures to test on, but the training pictures know no such label; add it to them or move it away", folder.display())]
    UnknownLabel { folder: PathBuf },
    #[error("{} has no images; a data set needs some to train on and some to test on", path.display())]
    Empty { path: PathBuf },
    #[error("{} is larger than the {limit} that are allowed; it is not a data set this program reads", path.display())]
    TooLarge { path: PathBuf, limit: String },
    #[error("{} is not a list of labels: {source}; fetch the data set again", path.display())]
    LabelList { path: PathBuf, source: serde_json::Error },
    #[error("{}: {problem}; {remedy}", path.display())]
    Picture { path: PathBuf, problem: String, remedy: &'static str },
    #[error("{} is damaged or cut short: {source}; fetch it again", path.display())]
    Archive { path: PathBuf, source: io::Error },
    #[error("{} holds the entry {entry:?}, which {problem}; it is refused", path.display())]
    ArchiveEntry { path: PathBuf, entry: String, problem: &'static str },
    #[error("{} exists already and is left alone; move it away first", .0.display())]
    Exists(PathBuf),
    #[error(
        "cannot fetch CIFAR-10 ({}); put cifar-10-binary.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html into {} by hand",
        attempts.join("; "), folder.display()
    )]
    Fetch { attempts: Vec<String>, folder: PathBuf },
    #[error("{} changed while it was read; try again", .0.display())]
    Changed(PathBuf),
    #[error("{0}")]
    Source(String),
    #[error("the fetch was broken off; nothing of it is kept")]
    Interrupted,
    #[error("cannot start the loader's thread: {0}")]
    Thread(io::Error),
}

impl DataError {
    /// For `map_err`: an I/O error with the operation and the path it belongs to.
    pub(crate) fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { operation, path, source }
    }
}

fn list(paths: &[PathBuf]) -> String {
    let names: Vec<_> = paths.iter().map(|p| p.display().to_string()).collect();
    names.join(" nor ")
}

//! Where a data set is, and in which layout.

use std::fmt;
use std::path::{Path, PathBuf};

use super::error::DataError;
use super::{archive, folder};

/// How a data set lies on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// A folder of `data_batch_1.bin` and on.
    Binary,
    /// A folder of `data_batch_1.png` and on.
    Sheets,
    /// A .tar.gz, .tgz or .tar of either.
    Archive,
    /// A folder of pictures for each label.
    Folder,
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Binary => "CIFAR-10 binary files",
            Self::Sheets => "PNG sheets",
            Self::Archive => "an archive",
            Self::Folder => "one folder of pictures for each label",
        })
    }
}

/// Why this data set and no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Named,
    Full,
    Sample,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Named => "data.path names it",
            Self::Full => "the full set is in data/cifar10",
            Self::Sample => "there is no full set in data/cifar10; `pixscribe data fetch` gets it",
        })
    }
}

/// A data set that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Located {
    pub path: PathBuf,
    pub layout: Layout,
    pub reason: Reason,
}

/// Finds the data set to use: `path` where one is named, else `data/cifar10`, else `data/sample`, first under the
/// working directory, then in the folders above the executable (the repository it was built in).
pub fn locate(path: Option<&Path>) -> Result<Located, DataError> {
    if let Some(path) = path {
        return inspect(path, Reason::Named);
    }
    let mut looked = Vec::new();
    for root in roots() {
        for (folder, reason) in [("data/cifar10", Reason::Full), ("data/sample", Reason::Sample)] {
            let candidate = root.join(folder);
            if has_entries(&candidate) {
                return inspect(&candidate, reason);
            }
            looked.push(candidate);
        }
    }
    Err(DataError::NoDataSet { looked })
}

/// Where `fetch` puts the full set, so that `locate` finds it: `data/cifar10` beside the data in use.
pub fn full_set_folder() -> PathBuf {
    let roots = roots();
    let root = roots.iter().find(|root| root.join("data").is_dir()).or(roots.first());
    root.map_or_else(PathBuf::new, PathBuf::clone).join("data/cifar10")
}

/// Tells the layout of what lies at `path`; the folders that archives unpack to are looked into as well.
fn inspect(path: &Path, reason: Reason) -> Result<Located, DataError> {
    if !path.exists() {
        return Err(DataError::MissingFile(path.to_path_buf()));
    }
    let folders = [path.to_path_buf(), path.join("cifar-10-batches-bin"), path.join("package")];
    let found = folders
        .iter()
        .find_map(|folder| Some((folder.clone(), layout_of(folder)?)))
        .or_else(|| Some((archive_in(path)?, Layout::Archive)))
        .or_else(|| folder::is_one(path).then(|| (path.to_path_buf(), Layout::Folder)));
    match found {
        Some((path, layout)) => Ok(Located { path, layout, reason }),
        None => Err(DataError::Unrecognised(path.to_path_buf())),
    }
}

fn layout_of(path: &Path) -> Option<Layout> {
    let has = |name: &str| path.join(name).is_file();
    if has("data_batch_1.bin") || has("test_batch.bin") {
        return Some(Layout::Binary);
    }
    if has("data_batch_1.png") || has("test_batch.png") {
        return Some(Layout::Sheets);
    }
    archive::is_one(path).then_some(Layout::Archive)
}

/// The first archive, by name, that lies in a folder.
fn archive_in(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?;
    entries.filter_map(|e| Some(e.ok()?.path())).filter(|p| archive::is_one(p)).min()
}

/// The working directory, then the nearest folder above the executable that has a `data` folder of ours.
pub fn roots() -> Vec<PathBuf> {
    let above_executable = std::env::current_exe().ok().and_then(|exe| {
        let is_home = |dir: &&Path| dir.join("data/sample").is_dir() || dir.join("data/cifar10").is_dir();
        exe.ancestors().skip(1).find(is_home).map(Path::to_path_buf)
    });
    [Some(PathBuf::new()), above_executable].into_iter().flatten().collect()
}

/// True for a folder with an entry that is not hidden: an empty `data/cifar10`, or one with nothing but the leavings
/// of a fetch that was killed, is no data set.
pub(super) fn has_entries(folder: &Path) -> bool {
    let is_visible = |e: std::fs::DirEntry| !e.file_name().to_string_lossy().starts_with('.');
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.any(|e| e.is_ok_and(is_visible)))
}

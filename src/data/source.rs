//! Where a data set is, and in which layout.

use std::path::{Path, PathBuf};

use super::error::DataError;

/// How a data set lies on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// A folder of `data_batch_1.bin` and on.
    Binary,
    /// A folder of `data_batch_1.png` and on.
    Sheets,
}

/// A data set that was found, and why this one.
#[derive(Clone, Debug, PartialEq)]
pub struct Located {
    pub path: PathBuf,
    pub layout: Layout,
    /// One clause for people: "named by data.path", "the full set in data/cifar10" …
    pub reason: &'static str,
}

/// Finds the data set to use: `path` where one is named, else `data/cifar10`, else `data/sample`, first under the
/// working directory, then in the folders above the executable (the repository it was built in).
pub fn locate(path: Option<&Path>) -> Result<Located, DataError> {
    if let Some(path) = path {
        return inspect(path, "named by data.path");
    }
    let mut looked = Vec::new();
    for root in roots() {
        for (folder, reason) in [
            ("data/cifar10", "the full set in data/cifar10"),
            ("data/sample", "the sample, since there is no full set in data/cifar10"),
        ] {
            let candidate = root.join(folder);
            if has_entries(&candidate) {
                return inspect(&candidate, reason);
            }
            looked.push(candidate);
        }
    }
    Err(DataError::NoDataSet { looked })
}

/// Tells the layout of what lies at `path`; the archive's own folder inside it is looked into as well.
fn inspect(path: &Path, reason: &'static str) -> Result<Located, DataError> {
    if !path.exists() {
        return Err(DataError::MissingFile(path.to_path_buf()));
    }
    let found = |path: &Path, layout| Ok(Located { path: path.to_path_buf(), layout, reason });
    for folder in [path.to_path_buf(), path.join("cifar-10-batches-bin"), path.join("package")] {
        let has = |name: &str| folder.join(name).is_file();
        if has("data_batch_1.bin") || has("test_batch.bin") {
            return found(&folder, Layout::Binary);
        }
        if has("data_batch_1.png") || has("test_batch.png") {
            return found(&folder, Layout::Sheets);
        }
    }
    Err(DataError::Unrecognised(path.to_path_buf()))
}

/// The working directory, then the nearest folder above the executable that has a `data` folder of ours.
fn roots() -> Vec<PathBuf> {
    let above_executable = std::env::current_exe().ok().and_then(|exe| {
        let is_home = |dir: &&Path| dir.join("data/sample").is_dir() || dir.join("data/cifar10").is_dir();
        exe.ancestors().skip(1).find(is_home).map(Path::to_path_buf)
    });
    [Some(PathBuf::from(".")), above_executable].into_iter().flatten().collect()
}

/// True for a folder with at least one entry: an empty `data/cifar10` is no data set.
fn has_entries(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
}

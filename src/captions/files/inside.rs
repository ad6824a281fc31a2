//! Names of pictures, followed inside of one folder only.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::super::error::{CaptionError, Problem};
use super::printable;

/// A folder that no name leads out of.
pub struct Inside {
    /// Where names are looked up, one after another.
    roots: Vec<PathBuf>,
    /// The folder with all links resolved.
    real: PathBuf,
}

impl Inside {
    /// The folder, and those of its own folders that are there.
    ///
    /// # Errors
    /// When the folder is not there.
    pub fn new(folder: &Path, also: &[&str]) -> Result<Self, CaptionError> {
        let real = fs::canonicalize(folder).map_err(CaptionError::io("find", folder))?;
        let also = also.iter().map(|name| folder.join(name)).filter(|path| path.is_dir());
        Ok(Self { roots: std::iter::once(folder.to_path_buf()).chain(also).collect(), real })
    }

    /// The file of this name.
    ///
    /// # Errors
    /// When there is none, or the name or a link leads out of the folder.
    pub fn file(&self, name: &str) -> Result<PathBuf, Problem> {
        let shown = || printable(&name.chars().take(200).collect::<String>());
        let is_plain = |part: Component| matches!(part, Component::Normal(_) | Component::CurDir);
        // A backslash parts folders on other systems.
        if !Path::new(name).components().all(is_plain) || name.contains('\\') {
            return Err(Problem::Outside { name: shown() });
        }
        let found = self.roots.iter().map(|root| root.join(name)).find(|path| path.is_file());
        let path = found.ok_or_else(|| Problem::Missing { name: shown() })?;
        if self.holds(&path) { Ok(path) } else { Err(Problem::Outside { name: shown() }) }
    }

    /// Whether a path is in the folder with all links resolved.
    pub fn holds(&self, path: &Path) -> bool {
        fs::canonicalize(path).is_ok_and(|real| real.starts_with(&self.real))
    }
}

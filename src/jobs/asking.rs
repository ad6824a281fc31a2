//! Asking a process of our own for something, since the dashboard never computes.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use image::RgbImage;
use serde::de::DeserializeOwned;
use tempfile::{TempDir, tempdir_in};
use tokio::process::Command;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::order::Text;

/// Loading the largest model and having it look at one picture takes seconds; what takes longer hangs.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// The JSON that `program` (this very program) prints for these arguments. The process ends with the future.
pub async fn ask<T: DeserializeOwned>(
    program: &Path,
    runs_root: &Path,
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Result<T, Text> {
    let output = timeout(PATIENCE, command(program, runs_root, arguments).output())
        .await
        .map_err(|_| Text::of(format!("no answer within {} seconds", PATIENCE.as_secs())))?
        .map_err(|error| Text::of(format!("cannot start {}: {error}", program.display())))?;
    if !output.status.success() {
        return Err(Text::of(last_line(&output.stderr)));
    }
    parse(&output.stdout)
}

/// `program` with these arguments, to be heard and to end with whoever asked.
pub(super) fn command(
    program: &Path,
    runs_root: &Path,
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Command {
    let mut command = Command::new(program);
    command.arg("--runs").arg(runs_root).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Writes a picture for a process to read: its file, and the folder with which it goes.
pub(super) async fn save_for(picture: Arc<RgbImage>) -> Result<(TempDir, PathBuf), Text> {
    // Named, since in kitty the default folder of `tempfile` is one that cannot exist (`ui/pictures/kitty.rs`).
    let folder = tempdir_in(std::env::temp_dir());
    let folder = folder.map_err(|error| Text::of(format!("no temporary folder for the picture: {error}")))?;
    let file = folder.path().join("picture.png");
    let to_save = file.clone();
    let saved = spawn_blocking(move || picture.save(&to_save)).await.map_err(Text::of)?;
    saved.map_err(|error| Text::of(format!("cannot write {}: {error}", file.display())))?;
    Ok((folder, file))
}

pub(super) fn parse<T: DeserializeOwned>(stdout: &[u8]) -> Result<T, Text> {
    serde_json::from_slice(stdout).map_err(|error| Text::of(format!("its answer makes no sense: {error}")))
}

/// The sentence that a command of ours ends with, without the program's name before it.
pub(super) fn last_line(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it failed without a word");
    line.strip_prefix("pixscribe: ").unwrap_or(line).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_last_line() {
        assert_eq!(last_line(b"warning\npixscribe: no such model\n\n"), "no such model");
        assert_eq!(last_line(b""), "it failed without a word");
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_named() {
        let why = ask::<u8>(Path::new("/no/pixscribe"), Path::new("."), ["predict"]).await.unwrap_err();
        assert!(why.as_str().contains("cannot start /no/pixscribe"), "{why:?}");
        assert!(parse::<Vec<u8>>(b"panic").unwrap_err().as_str().contains("makes no sense"));
    }
}

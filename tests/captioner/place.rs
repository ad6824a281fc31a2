//! A folder of one's own with a model, pictures and runs, and the program in it.

use assert_cmd::Command;
use image::RgbImage;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub struct Place(tempfile::TempDir);

/// Files of the repository's tests.
pub fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

impl Place {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A copy of the small model that transformers made.
    pub fn model(&self, name: &str) -> PathBuf {
        let folder = self.path(name);
        fs::create_dir(&folder).unwrap();
        for entry in fs::read_dir(data("reference/tiny-vit-gpt2")).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
        }
        folder
    }

    /// A picture of many colours.
    pub fn picture(&self, name: &str, width: u32, height: u32) -> PathBuf {
        let value = |x, y| image::Rgb([x * 5, y * 7, x * y].map(|value: u32| (value % 256) as u8));
        let path = self.path(name);
        RgbImage::from_fn(width, height, value).save(&path).unwrap();
        path
    }

    /// Exit code, stdout, stderr.
    pub fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = Command::cargo_bin("pixscribe").unwrap();
        command.current_dir(self.0.path()).args(["--runs", "runs"]).args(arguments);
        command.env("XDG_CONFIG_HOME", self.path("home")).env("PIXSCRIBE_STATE_DIR", self.path("state"));
        command.env_remove("RUST_BACKTRACE").timeout(Duration::from_secs(120));
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    /// What a command prints that succeeds.
    pub fn done(&self, arguments: &[&str]) -> String {
        let (code, out, err) = self.run(arguments);
        assert_eq!(code, 0, "{arguments:?}: {err}");
        out
    }

    pub fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.done(arguments)).unwrap()
    }

    /// The one sentence of a command that fails.
    pub fn refusal(&self, arguments: &[&str]) -> String {
        let (code, out, err) = self.run(arguments);
        assert_eq!((code, out.as_str()), (1, ""), "{arguments:?}: {err}");
        assert_eq!(err.lines().count(), 1, "{arguments:?}: {err}");
        err
    }

    /// Names of what lies in the folder of runs, hidden ones too.
    pub fn runs(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("runs")).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

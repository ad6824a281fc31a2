//! What a model wrote about every image of a split after an epoch: a JSON object.

use super::{RunDir, RunError, atomic_write, plain_text};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// 200,000 captions of over a thousand bytes.
const MAX_BYTES: u64 = 256 << 20;

/// What was written after an epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Captions {
    /// `test` or `held_out`.
    pub split: String,
    /// Counted from 1.
    pub epoch: u64,
    /// In the split's order.
    pub images: Vec<Told>,
}

/// What was written about one image, held against what is known of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Told {
    pub text: String,
    /// Which parts of the text are false: first byte, and the one behind the last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wrong: Vec<[usize; 2]>,
    /// What could have been said and was not, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missed: Vec<String>,
}

/// Where the captions of a split after an epoch belong.
pub fn path(run: &RunDir, split: &str, epoch: u64) -> PathBuf {
    run.captions_dir().join(format!("{split}-{epoch:05}.json"))
}

/// Writes a file of captions, whole or not at all, and makes its folder where a run has none yet.
///
/// # Errors
/// When it cannot be written.
pub fn write(path: &Path, captions: &Captions) -> Result<(), RunError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(RunError::io("create", folder))?;
    }
    atomic_write(path, |w| w.write_all(&serde_json::to_vec(captions).map_err(io::Error::other)?))
}

/// Reads a file of captions. Its text is freed of control characters; parts that are none of the text are left out.
///
/// # Errors
/// When it cannot be read, is too large, or is no such file.
pub fn read(path: &Path) -> Result<Captions, RunError> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(RunError::io("read", path))?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(RunError::io("read", path))?;
    let damaged = |reason: String| RunError::Damaged { path: path.to_path_buf(), reason };
    if bytes.len() as u64 > MAX_BYTES {
        return Err(damaged(format!("it has more than {MAX_BYTES} bytes")));
    }
    let mut captions: Captions = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
    captions.split = plain_text(&captions.split).into_owned();
    captions.images.iter_mut().for_each(Told::make_plain);
    Ok(captions)
}

impl Told {
    fn make_plain(&mut self) {
        let plain = plain_text(&self.text).into_owned();
        if plain != self.text {
            // Places in a text that had to be changed mean nothing.
            self.wrong.clear();
            self.text = plain;
        }
        let text = &self.text;
        self.wrong.retain(|&[from, to]| text.get(from..to).is_some_and(|part| !part.is_empty()));
        self.missed.iter_mut().for_each(|words| *words = plain_text(words).into_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Captions {
        let told = |text: &str, wrong| Told { text: text.to_owned(), wrong, missed: vec!["extent".to_owned()] };
        let images = vec![told("a frog, tan in the middle", vec![[0, 6]]), Told::default()];
        Captions { split: "test".to_owned(), epoch: 3, images }
    }

    #[test]
    fn what_is_written_is_read_in_a_folder_of_its_own() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("captions").join("test-00003.json");
        write(&path, &some()).unwrap();
        assert_eq!(read(&path).unwrap(), some());
    }

    #[test]
    fn a_cut_file_is_refused_and_a_lying_one_cannot_harm() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("c.json");
        write(&path, &some()).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            assert!(read(&path).is_err(), "cut at {cut}");
        }
        let json = r#"{"split":"te\u001bst","epoch":1,"images":[{"text":"é frog","wrong":[[1,3],[0,2],[5,2],[0,99],[2,2]]},
            {"text":"a\u001b[31m cat","wrong":[[0,1]],"missed":["\u0007x"]}]}"#;
        std::fs::write(&path, json).unwrap();
        let found = read(&path).unwrap();
        assert_eq!(found.images[0].wrong, [[0, 2]]);
        assert!(found.images[1].wrong.is_empty());
        let text = format!("{}{}{}", found.split, found.images[1].text, found.images[1].missed[0]);
        assert!(!text.contains(char::is_control), "{text:?}");
    }
}

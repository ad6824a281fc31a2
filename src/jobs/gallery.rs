//! The test pictures of a run's data, and what the run said of them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde::{Deserialize, Serialize};

use super::order::Text;
use crate::config;
use crate::data::{self, IMAGE_BYTES, Labels, Split};
use crate::run::captions::{self, Captions};
use crate::run::{RunDir, plain_text, predictions};

/// Stands between a wrong label and the one that a model was asked to draw.
const MADE: &str = "asked";

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// Pictures in memory, 3 KB each.
#[derive(Debug)]
pub struct Gallery {
    id: u64,
    labels: Labels,
    test: Split,
    truth_word: &'static str,
    /// Of pictures that nobody has labelled, the names of their files.
    files: Arc<[PathBuf]>,
    source: Source,
}

/// Where test pictures are from: a data set, and the labels of it that a model learns; all if none is named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Source {
    pub data: PathBuf,
    pub only: Vec<String>,
}

impl Source {
    /// Where a run's test pictures are from.
    pub fn of_run(run: &RunDir) -> Result<Source, Text> {
        let config = config::load(Some(&run.config_path()), &[], None).map_err(Text::of)?;
        let path = data::locate(config.data.path.as_deref()).map_err(Text::of)?.path;
        // Whole, so that it is the same wherever one looks from.
        let data = path.canonicalize().unwrap_or(path);
        Ok(Source { data, only: config.labels().to_vec() })
    }
}

impl Gallery {
    /// What a caption names that says no label.
    pub const NONE: &str = "none";

    fn new(labels: Labels, test: Split) -> Gallery {
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        Gallery { id, labels, test, truth_word: "is", files: Arc::default(), source: Source::default() }
    }

    /// Pictures that a model made; the true label of each is the one that it was asked for.
    pub(super) fn of_generated(labels: Labels, pictures: Split) -> Gallery {
        Gallery { truth_word: MADE, ..Gallery::new(labels, pictures) }
    }

    /// Pictures of the user's that nobody has labelled, 32x32 pixels each, with their files.
    pub fn of_files(labels: Labels, images: Arc<[u8]>, files: Arc<[PathBuf]>) -> Gallery {
        let unknown = std::iter::repeat_n(0, files.len()).collect();
        Gallery { files, ..Gallery::new(labels, Split { images, labels: unknown }) }
    }

    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The file of a picture of the user's.
    pub fn file(&self, index: u32) -> Option<&Path> {
        self.files.get(index as usize).map(PathBuf::as_path)
    }

    /// What a picture is called: the name of its file, else its number.
    pub fn name(&self, index: u32) -> String {
        let file = self.file(index).and_then(Path::file_name);
        file.map_or_else(|| index.to_string(), |name| plain_text(&name.to_string_lossy()).into_owned())
    }

    /// Whether it is known what the pictures show.
    pub fn has_truths(&self) -> bool {
        self.files.is_empty()
    }

    /// The word that stands between a wrong label and the true one: "cat, is dog".
    pub fn truth_word(&self) -> &'static str {
        self.truth_word
    }

    /// Whether a model has made the pictures.
    pub fn is_made(&self) -> bool {
        self.truth_word == MADE
    }

    /// Tells galleries apart.
    pub fn id(&self) -> u64 {
        self.id
    }

    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// A label's name. The one behind the last is that of a caption that says no label.
    pub fn label(&self, label: usize) -> &str {
        let other = if label == self.labels.len() { Self::NONE } else { "?" };
        self.labels.get(label).map_or(other, String::as_str)
    }

    pub fn len(&self) -> u32 {
        u32::try_from(self.test.len()).unwrap_or(u32::MAX)
    }

    pub fn is_empty(&self) -> bool {
        self.test.is_empty()
    }

    /// The true label of a picture, where it is known.
    pub fn truth(&self, index: u32) -> Option<usize> {
        if !self.has_truths() {
            return None;
        }
        self.test.labels.get(index as usize).map(|label| usize::from(*label))
    }

    /// 32x32 pixels, red, green, blue.
    pub fn pixels(&self, index: u32) -> Option<&[u8; IMAGE_BYTES]> {
        ((index as usize) < self.test.len()).then(|| self.test.image(index as usize))
    }
}

/// What a run said of every test picture at the end of an epoch.
#[derive(Debug)]
pub struct Predictions(Vec<predictions::Prediction>);

impl Predictions {
    pub fn of(named: impl IntoIterator<Item = (u8, f32)>) -> Predictions {
        Predictions(named.into_iter().map(|(label, sure)| predictions::Prediction::new(label, sure)).collect())
    }

    /// The label named and the confidence in it.
    pub fn named(&self, index: u32) -> Option<(usize, f32)> {
        let said = self.0.get(index as usize)?;
        Some((usize::from(said.label), said.confidence()))
    }
}

/// Reads what a run said at the end of an epoch; `path` is the event's, relative to the run.
pub fn read_predictions(run: &RunDir, path: &str) -> Result<Predictions, Text> {
    predictions::read(&file_of(run, path)?).map(|read| Predictions(read.images)).map_err(Text::of)
}

/// Reads what a run wrote at the end of an epoch; `path` is the event's, relative to the run.
pub fn read_captions(run: &RunDir, path: &str) -> Result<Captions, Text> {
    captions::read(&file_of(run, path)?).map_err(Text::of)
}

fn file_of(run: &RunDir, path: &str) -> Result<PathBuf, Text> {
    run.resolve(path).ok_or_else(|| Text::of(format!("{path} is no file of this run")))
}

/// Galleries by data set: runs of the same data share one, for as long as someone looks at it.
#[derive(Clone, Default)]
pub struct Galleries(Arc<Mutex<HashMap<Source, Weak<Gallery>>>>);

impl Galleries {
    /// The gallery of a run's data. Reads files: not for the thread that draws.
    pub fn of_run(&self, run: &RunDir) -> Result<Arc<Gallery>, Text> {
        let source = Source::of_run(run)?;
        // Held while reading: a second run of the same data waits and shares, it does not read again.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gallery) = known.get(&source).and_then(Weak::upgrade) {
            return Ok(gallery);
        }
        let dataset = data::load(Some(&source.data), None).map_err(Text::of)?;
        let dataset = dataset.of_labels(&source.only).map_err(Text::of)?;
        let gallery = Gallery { source: source.clone(), ..Gallery::new(dataset.labels, dataset.test) };
        let gallery = Arc::new(gallery);
        known.insert(source, Arc::downgrade(&gallery));
        Ok(gallery)
    }
}

#[cfg(test)]
impl Gallery {
    /// Pictures of one grey each, with these true labels.
    pub fn striped(labels: &[&str], truths: &[u8]) -> Gallery {
        let images: Vec<u8> = (0..truths.len()).flat_map(|i| [(i * 37 % 256) as u8; IMAGE_BYTES]).collect();
        Gallery::of(labels, images, truths)
    }

    /// Pictures of these pixels.
    pub fn of(labels: &[&str], images: Vec<u8>, truths: &[u8]) -> Gallery {
        let test = Split { images: images.into(), labels: truths.into() };
        Gallery::new(labels.iter().map(|label| label.to_string()).collect(), test)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_the_same_data_share_their_pictures() {
        let root = tempfile::tempdir().unwrap();
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample");
        let toml = format!("[data]\npath = {:?}\n", sample.display().to_string());
        let galleries = Galleries::default();
        let of = |name: &str| {
            let run = RunDir::create(root.path(), &name.parse().unwrap(), &toml).unwrap();
            galleries.of_run(&run).unwrap()
        };
        let (one, two) = (of("one"), of("two"));
        assert_eq!(one.id(), two.id());
        assert_eq!((one.len(), one.labels().len()), (500, 10));
        assert!(one.pixels(499).is_some() && one.pixels(500).is_none() && one.truth(500).is_none());
    }

    #[test]
    fn a_model_of_some_labels_shows_their_pictures_alone() {
        let root = tempfile::tempdir().unwrap();
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample");
        let toml = format!(
            "model = \"gan\"\n[data]\npath = {:?}\n[gan]\nlabels = [\"cat\", \"ship\"]\n",
            sample.display().to_string()
        );
        let run = RunDir::create(root.path(), &"r".parse().unwrap(), &toml).unwrap();
        let gallery = Galleries::default().of_run(&run).unwrap();
        assert_eq!((gallery.labels(), gallery.len()), (&["cat".to_owned(), "ship".to_owned()][..], 100));
        assert!((0..100).all(|index| gallery.truth(index).is_some_and(|truth| truth < 2)));
    }

    #[test]
    fn missing_data_is_a_sentence() {
        let root = tempfile::tempdir().unwrap();
        let run = RunDir::create(root.path(), &"r".parse().unwrap(), "[data]\npath = \"/nowhere\"\n").unwrap();
        let why = Galleries::default().of_run(&run).unwrap_err();
        assert!(why.as_str().contains("/nowhere"), "{why:?}");
        assert!(read_predictions(&run, "../../etc/passwd").is_err());
    }
}

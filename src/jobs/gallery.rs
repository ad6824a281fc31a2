//! The pictures of a run's data, and what the run said of them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde::{Deserialize, Serialize};

use super::history::Subject;
use super::order::Text;
use crate::config::{self, Config, ModelKind};
use crate::data::{self, IMAGE_BYTES, Labels, Split, holdout};
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
    split: Split,
    /// Where each picture stands in the split, if these are not all of it in its order.
    places: Arc<[u32]>,
    /// What one of them is called.
    word: &'static str,
    truth_word: &'static str,
    /// Of pictures that nobody has labelled, the names of their files.
    files: Arc<[PathBuf]>,
    source: Source,
}

/// Where pictures are from: a data set, and the labels of it that a model learns; all if none is named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Source {
    pub data: PathBuf,
    pub only: Vec<String>,
}

impl Source {
    /// Where a run's test pictures are from.
    pub fn of_run(run: &RunDir) -> Result<Source, Text> {
        Source::of(&config_of(run)?)
    }

    fn of(config: &Config) -> Result<Source, Text> {
        let path = data::locate(config.data.path.as_deref()).map_err(Text::of)?.path;
        // Whole, so that it is the same wherever one looks from.
        let data = path.canonicalize().unwrap_or(path);
        Ok(Source { data, only: config.labels().to_vec() })
    }
}

fn config_of(run: &RunDir) -> Result<Config, Text> {
    config::load(Some(&run.config_path()), &[], None).map_err(Text::of)
}

/// Pictures of a data set that runs may share.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Part {
    source: Source,
    subject: Subject,
    /// By what training images are held out, and how many there are: the seed and the limit. Test images depend on neither.
    cut: Option<(u64, Option<usize>)>,
}

impl Part {
    fn of_run(run: &RunDir, subject: Subject) -> Result<Part, Text> {
        let config = config_of(run)?;
        let is_cut = matches!(subject, Subject::HeldOut | Subject::Training);
        if let Some(folder) =
            config.captioner.captions.as_ref().filter(|_| is_cut && config.model == Some(ModelKind::Captioner))
        {
            return Err(Text::of(format!(
                "this run learns from pictures of your own, which are in {}",
                folder.display()
            )));
        }
        let cut = is_cut.then(|| (config.seed(), config.data.limit));
        Ok(Part { source: Source::of(&config)?, subject, cut })
    }

    /// Reads the pictures, as the run's worker does.
    fn read(&self) -> Result<Gallery, Text> {
        let limit = self.cut.and_then(|(_, limit)| limit);
        let dataset = data::load(Some(&self.source.data), limit).map_err(Text::of)?;
        let dataset = dataset.of_labels(&self.source.only).map_err(Text::of)?;
        let gallery =
            |split: Split| Gallery { source: self.source.clone(), ..Gallery::new(dataset.labels.clone(), split) };
        let Some((seed, _)) = self.cut else { return Ok(gallery(dataset.test)) };
        let (learned, held_out) = holdout(&dataset.train.labels, seed);
        Ok(match self.subject {
            Subject::HeldOut => Gallery { word: "held-out picture", ..gallery(dataset.train.select(&held_out)) },
            _ => Gallery { word: "training picture", places: learned.into(), ..gallery(dataset.train) },
        })
    }
}

impl Gallery {
    /// What a caption names that says no label.
    pub const NONE: &str = "none";

    fn new(labels: Labels, split: Split) -> Gallery {
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        let (places, files, source) = Default::default();
        Gallery { id, labels, split, places, word: "picture", truth_word: "is", files, source }
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
        file.map_or_else(|| self.number(index).to_string(), |name| plain_text(&name.to_string_lossy()).into_owned())
    }

    /// The name with what it is the name of.
    pub fn title(&self, index: u32) -> String {
        let name = self.name(index);
        if self.file(index).is_some() { name } else { format!("{} {name}", self.word) }
    }

    /// The number of a picture; of a training picture, its place among all that there are.
    pub fn number(&self, index: u32) -> u32 {
        self.places.get(index as usize).copied().unwrap_or(index)
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
        let pictures = if self.places.is_empty() { self.split.len() } else { self.places.len() };
        u32::try_from(pictures).unwrap_or(u32::MAX)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The true label of a picture, where it is known.
    pub fn truth(&self, index: u32) -> Option<usize> {
        if !self.has_truths() {
            return None;
        }
        let place = self.place(index)?;
        Some(usize::from(self.split.labels[place]))
    }

    /// 32x32 pixels, red, green, blue.
    pub fn pixels(&self, index: u32) -> Option<&[u8; IMAGE_BYTES]> {
        self.place(index).map(|place| self.split.image(place))
    }

    /// Where a picture stands in the split, if there is such a picture.
    fn place(&self, index: u32) -> Option<usize> {
        (index < self.len()).then(|| self.number(index) as usize)
    }
}

/// What a run said of every picture of a split at the end of an epoch.
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
pub struct Galleries(Arc<Mutex<HashMap<Part, Weak<Gallery>>>>);

impl Galleries {
    /// The gallery of a run's data. Reads files: not for the thread that draws.
    pub fn of_run(&self, run: &RunDir, subject: Subject) -> Result<Arc<Gallery>, Text> {
        let part = Part::of_run(run, subject)?;
        // Held while reading: a second run of the same data waits and shares, it does not read again.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gallery) = known.get(&part).and_then(Weak::upgrade) {
            return Ok(gallery);
        }
        known.retain(|_, gallery| gallery.strong_count() > 0);
        let gallery = Arc::new(part.read()?);
        known.insert(part, Arc::downgrade(&gallery));
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
        let split = Split { images: images.into(), labels: truths.into() };
        Gallery::new(labels.iter().map(|label| label.to_string()).collect(), split)
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
            galleries.of_run(&run, Subject::Test).unwrap()
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
        let gallery = Galleries::default().of_run(&run, Subject::Test).unwrap();
        assert_eq!((gallery.labels(), gallery.len()), (&["cat".to_owned(), "ship".to_owned()][..], 100));
        assert!((0..100).all(|index| gallery.truth(index).is_some_and(|truth| truth < 2)));
    }

    #[test]
    fn held_out_pictures_and_those_that_a_run_learns_from_are_the_training_images() {
        let root = tempfile::tempdir().unwrap();
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample");
        let galleries = Galleries::default();
        let of = |name: &str, settings: &str, subject| {
            let toml = format!("[data]\npath = {:?}\n{settings}", sample.display().to_string());
            let run = RunDir::create(root.path(), &name.parse().unwrap(), &toml).unwrap();
            galleries.of_run(&run, subject).unwrap()
        };
        let (held_out, learned) = (of("a", "", Subject::HeldOut), of("b", "", Subject::Training));
        assert_eq!((held_out.len(), learned.len()), (200, 1800));
        let train = data::load(Some(&sample), None).unwrap().train;
        let (places, held) = holdout(&train.labels, 1);
        assert_eq!(held_out.pixels(7), Some(train.image(held[7] as usize)));
        assert_eq!(learned.pixels(7), Some(train.image(places[7] as usize)));
        assert_eq!(learned.truth(1799), Some(usize::from(train.labels[places[1799] as usize])));
        assert!(learned.pixels(1800).is_none() && learned.truth(1800).is_none());
        assert_eq!(learned.title(7), format!("training picture {}", places[7]));
        assert_eq!(held_out.title(7), "held-out picture 7");
        assert_eq!(of("c", "", Subject::HeldOut).id(), held_out.id(), "runs of the same seed share them");
        let of_other_seed = of("d", "[cnn]\nseed = 2\n", Subject::HeldOut);
        assert_ne!(of_other_seed.pixels(0), held_out.pixels(0));
        assert_eq!(of("e", "limit = 100\n", Subject::Training).len(), 90);
    }

    #[test]
    fn a_captioner_of_a_users_own_pictures_says_where_these_are() {
        let root = tempfile::tempdir().unwrap();
        let toml = "model = \"captioner\"\n[captioner]\ncaptions = \"/photos\"\n";
        let run = RunDir::create(root.path(), &"r".parse().unwrap(), toml).unwrap();
        let why = Galleries::default().of_run(&run, Subject::HeldOut).unwrap_err();
        assert!(why.as_str().contains("/photos"), "{why:?}");
    }

    #[test]
    fn missing_data_is_a_sentence() {
        let root = tempfile::tempdir().unwrap();
        let run = RunDir::create(root.path(), &"r".parse().unwrap(), "[data]\npath = \"/nowhere\"\n").unwrap();
        let why = Galleries::default().of_run(&run, Subject::Test).unwrap_err();
        assert!(why.as_str().contains("/nowhere"), "{why:?}");
        assert!(read_predictions(&run, "../../etc/passwd").is_err());
    }
}

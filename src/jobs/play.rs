//! The game on the Compare screen: what the user names on a fixed draw of test pictures, kept beside the runs, and what
//! the runs named on the same ones.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::gallery::{Gallery, Source};
use super::interval::wilson;
use super::order::Text;
use crate::data::draw_evenly;
use crate::run::{RunDir, RunError, RunName, State, atomic_write, plain_text, predictions};

/// Pictures of a game.
pub const ROUNDS: usize = 50;
/// The kept games, in the folder of the runs.
const FILE: &str = ".you.json";
/// A hundred games are a few dozen kilobytes.
const MAX_BYTES: u64 = 4 << 20;
/// All users draw the same pictures.
const SEED: u64 = 50;

/// Some pictures of a data set, and what the user named so far, in their order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Game {
    pub source: Source,
    pub labels: Vec<String>,
    pub pictures: Vec<u32>,
    pub truths: Vec<u8>,
    pub named: Vec<u8>,
}

/// How often the right label was named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Score {
    pub right: usize,
    pub of: usize,
    /// The same of the pictures of each label.
    pub by_label: Vec<(usize, usize)>,
}

/// A game, and what the runs named on the pictures that the user named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct You {
    pub game: Option<Game>,
    pub runs: BTreeMap<RunName, Score>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    games: Vec<Game>,
}

impl Game {
    /// A game that nobody has played yet.
    pub fn new(gallery: &Gallery) -> Game {
        let truths: Vec<u8> =
            (0..gallery.len()).map(|index| gallery.truth(index).map_or(u8::MAX, |truth| truth as u8)).collect();
        let pictures = draw_evenly(&truths, ROUNDS, SEED);
        Game {
            source: gallery.source().clone(),
            labels: gallery.labels().to_vec(),
            truths: pictures.iter().map(|index| truths[*index as usize]).collect(),
            pictures,
            named: Vec::new(),
        }
    }

    /// Whether both are of the same pictures, however far they are.
    pub fn is_like(&self, other: &Game) -> bool {
        (&self.source, &self.labels, &self.pictures, &self.truths)
            == (&other.source, &other.labels, &other.pictures, &other.truths)
    }

    pub fn is_over(&self) -> bool {
        self.named.len() >= self.pictures.len()
    }

    /// The picture that is to be named next.
    pub fn picture(&self) -> Option<u32> {
        self.pictures.get(self.named.len()).copied()
    }

    pub fn yours(&self) -> Score {
        self.score(|at| self.named.get(at).copied())
    }

    /// How often a label is right on the pictures that the user named; told by their places in the game.
    fn score(&self, label: impl Fn(usize) -> Option<u8>) -> Score {
        let mut score = Score { by_label: vec![(0, 0); self.labels.len()], ..Score::default() };
        for (at, truth) in self.truths.iter().take(self.named.len()).enumerate() {
            let is_right = label(at) == Some(*truth);
            score.right += usize::from(is_right);
            score.of += 1;
            if let Some((right, of)) = score.by_label.get_mut(usize::from(*truth)) {
                *right += usize::from(is_right);
                *of += 1;
            }
        }
        score
    }

    fn is_sound(&self) -> bool {
        let fits = |label: &u8| usize::from(*label) < self.labels.len();
        self.pictures.len() == self.truths.len()
            && self.named.len() <= self.pictures.len()
            && self.truths.iter().chain(&self.named).all(fits)
    }
}

impl Score {
    /// 0..1.
    pub fn share(&self) -> f64 {
        self.right as f64 / self.of.max(1) as f64
    }

    /// The 95 % interval of the share.
    pub fn interval(&self) -> (f64, f64) {
        wilson(self.share(), self.of.max(1) as f64)
    }
}

/// The game of a run's data as it was kept, and what all runs of that data named on its pictures.
pub fn look(runs_root: &Path, run: &RunDir) -> Result<You, Text> {
    let games = games(runs_root)?;
    // Nothing was named of pictures that are no more.
    let Ok(source) = Source::of_run(run) else { return Ok(You::default()) };
    let game = games.into_iter().find(|game| game.source == source && !game.named.is_empty());
    let Some(game) = game else { return Ok(You::default()) };
    let of_same_data = RunDir::list(runs_root).map_err(Text::of)?.into_iter().filter(|run| plays(run, &game));
    let scored = of_same_data.filter_map(|run| Some((run.name().clone(), score_of(&run, &game)?)));
    Ok(You { runs: scored.collect(), game: Some(game) })
}

/// Whether a run was tested on the pictures of a game.
pub fn plays(run: &RunDir, game: &Game) -> bool {
    Source::of_run(run).is_ok_and(|source| source == game.source)
}

/// What a run named on the pictures that the user named, at the end of its last epoch.
pub fn score_of(run: &RunDir, game: &Game) -> Option<Score> {
    // Files of later epochs than the state knows are what a worker left that lost its last steps.
    let epochs = State::read(&run.state_path()).ok()?.epoch;
    let newest = fs::read_dir(run.predictions_dir()).ok()?.filter_map(|file| {
        let epoch = file.ok()?.file_name().to_str()?.strip_prefix("test-")?.strip_suffix(".bin")?.parse().ok()?;
        Some(epoch).filter(|epoch: &u64| *epoch <= epochs)
    });
    let said = predictions::read(&predictions::path(run, "test", newest.max()?)).ok()?;
    let label = |at: usize| said.images.get(game.pictures[at] as usize).map(|said| said.label);
    Some(game.score(label))
}

/// All games that are kept beside the runs; none where nobody has played.
pub fn games(runs_root: &Path) -> Result<Vec<Game>, Text> {
    let path = runs_root.join(FILE);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Text::of(RunError::io("read", &path)(error))),
    };
    let damaged =
        |reason: String| Text::of(format!("{} is damaged ({reason}): move it away to play anew", path.display()));
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| Text::of(RunError::io("read", &path)(error)))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(damaged(format!("more than {MAX_BYTES} bytes")));
    }
    let mut kept: Kept = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
    if !kept.games.iter().all(Game::is_sound) {
        return Err(damaged("its numbers contradict each other".to_owned()));
    }
    let clean = |label: &mut String| *label = plain_text(label).into_owned();
    kept.games.iter_mut().flat_map(|game| &mut game.labels).for_each(clean);
    Ok(kept.games)
}

/// Puts a game in the place of the one of the same data.
fn keep(runs_root: &Path, game: Game) -> Result<(), Text> {
    let mut games = games(runs_root)?;
    games.retain(|kept| kept.source != game.source);
    if !game.named.is_empty() {
        games.push(game);
    }
    fs::create_dir_all(runs_root).map_err(|error| Text::of(RunError::io("create", runs_root)(error)))?;
    let write = |w: &mut dyn io::Write| w.write_all(&serde_json::to_vec(&Kept { games }).map_err(io::Error::other)?);
    atomic_write(&runs_root.join(FILE), write).map_err(Text::of)
}

/// Keeps games in the order in which they come, on any thread: the newest is never replaced by an earlier one.
#[derive(Clone, Debug, Default)]
pub struct Keeper {
    next: Arc<Mutex<Option<Game>>>,
    writing: Arc<Mutex<()>>,
}

impl Keeper {
    /// Never waits.
    pub fn take(&self, game: Game) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(game);
    }

    /// Writes what was taken last, if nobody has yet.
    pub fn write(&self, runs_root: &Path) -> Result<(), Text> {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let next = self.next.lock().unwrap_or_else(PoisonError::into_inner).take();
        next.map_or(Ok(()), |game| keep(runs_root, game))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::predictions::{Prediction, Predictions};

    fn game(named: &[u8]) -> Game {
        Game {
            source: Source { data: "/data".into(), only: vec![] },
            labels: ["cat", "dog"].map(String::from).to_vec(),
            pictures: vec![4, 0, 7],
            truths: vec![1, 0, 1],
            named: named.to_vec(),
        }
    }

    #[test]
    fn a_draw_is_the_same_for_everyone_and_even_over_the_labels() {
        let truths: Vec<u8> = (0..200).map(|i| (i % 10) as u8).collect();
        let labels = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
        let games = [(); 2].map(|()| Game::new(&Gallery::striped(&labels, &truths)));
        assert_eq!(games[0].pictures, games[1].pictures);
        assert_eq!(games[0].pictures.len(), ROUNDS);
        for label in 0..10 {
            assert_eq!(games[0].truths.iter().filter(|truth| **truth == label).count(), 5);
        }
        assert!(games[0].is_like(&games[1]) && !games[0].is_like(&game(&[])));
        let few = Game::new(&Gallery::striped(&["a", "b"], &[0, 1, 1]));
        assert_eq!((few.pictures.len(), few.is_over()), (3, false));
    }

    #[test]
    fn only_what_was_named_counts() {
        let yours = game(&[1, 1]).yours();
        assert_eq!((yours.right, yours.of, yours.by_label.as_slice()), (1, 2, &[(0, 1), (1, 1)][..]));
        assert_eq!(game(&[]).yours().share(), 0.0);
        let (low, high) = Score { right: 9, of: 10, by_label: vec![] }.interval();
        assert!((low - 0.5958).abs() < 1e-4 && (high - 0.9821).abs() < 1e-4);
    }

    #[test]
    fn games_last_and_those_of_other_data_stay() {
        let root = tempfile::tempdir().unwrap();
        let runs = root.path().join("runs");
        assert_eq!(games(&runs), Ok(vec![]));
        let other = Game { source: Source { data: "/other".into(), only: vec![] }, ..game(&[0]) };
        let keeper = Keeper::default();
        for kept in [other.clone(), game(&[1]), game(&[1, 0])] {
            keeper.take(kept);
            keeper.write(&runs).unwrap();
        }
        keeper.write(&runs).unwrap();
        assert_eq!(games(&runs), Ok(vec![other.clone(), game(&[1, 0])]));
        keeper.take(game(&[]));
        keeper.write(&runs).unwrap();
        assert_eq!(games(&runs), Ok(vec![other]), "who took all back has not played");
    }

    #[test]
    fn a_damaged_file_is_told_and_never_overwritten() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join(FILE);
        let lying = serde_json::to_string(&Kept { games: vec![game(&[9])] }).unwrap();
        for text in ["{", "", lying.as_str()] {
            fs::write(&path, text).unwrap();
            assert!(games(root.path()).unwrap_err().as_str().contains(FILE), "{text}");
            let keeper = Keeper::default();
            keeper.take(game(&[1]));
            assert!(keeper.write(root.path()).is_err());
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn runs_are_scored_on_the_same_pictures_by_their_last_epoch() {
        let root = tempfile::tempdir().unwrap();
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample");
        let toml = format!("[data]\npath = {:?}\n", sample.display().to_string());
        let run = |name: &str, toml: &str| RunDir::create(root.path(), &name.parse().unwrap(), toml).unwrap();
        let (tested, untested) = (run("tested", &toml), run("untested", &toml));
        run("elsewhere", "[data]\npath = \"/nowhere\"\n");
        let mut state = State::read(&tested.state_path()).unwrap();
        state.epoch = 2;
        state.write_atomic(&tested.state_path()).unwrap();
        for (epoch, label) in [(1, 0), (2, 1), (3, 0)] {
            let images = vec![Prediction::new(label, 0.9); 500];
            let all = Predictions { split: "test".into(), epoch, images };
            predictions::write(&predictions::path(&tested, "test", epoch), &all).unwrap();
        }
        assert_eq!(look(root.path(), &untested), Ok(You::default()));
        let played = Game { source: Source::of_run(&tested).unwrap(), ..game(&[1, 1]) };
        keep(root.path(), played.clone()).unwrap();
        let you = look(root.path(), &untested).unwrap();
        assert_eq!(you.game, Some(played));
        let scores: Vec<(&str, usize)> = you.runs.iter().map(|(run, score)| (run.as_str(), score.right)).collect();
        assert_eq!(scores, [("tested", 1)], "the third epoch is one that the run has lost");
    }
}

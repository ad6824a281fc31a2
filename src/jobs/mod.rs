//! The jobs behind the dashboard: finding, following, starting and commanding runs.
//!
//! Everything here runs on tokio tasks and blocking threads. Orders come in and never block; what comes of them goes
//! out as small immutable [`Update`]s.

mod asking;
mod attending;
mod board;
mod confusion;
mod folder;
mod follow;
mod gallery;
mod history;
mod interval;
pub mod launch;
mod machine;
mod naming;
mod nearest;
mod order;
mod outbox;
pub mod pages;
pub mod play;
mod point;
mod poster;
mod restoring;
mod series;
mod sheet;
mod smoothing;
mod start;
mod trash;
mod view;
mod watch;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::RgbImage;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

pub use attending::Attention;
pub use confusion::Confusion;
pub use folder::Folder;
pub use gallery::{Gallery, Predictions, Source};
pub use history::{EpochFile, History, Level, Line, SheetFile, Subject};
pub use interval::wilson;
pub use machine::{Gpu, Machine};
pub use naming::FileAnswer;
pub use nearest::Neighbour;
pub use order::{Answer, Ask, Difference, NewRun, Order, Recipe, Text, Update};
pub use play::{Game, Score, You};
pub use point::{Axis, Point};
pub use poster::{Ink, Posted, Poster};
pub use restoring::{Damage, Restoration};
pub use series::{Extent, Series};
pub use sheet::Sheet;
pub use smoothing::Smoothing;
pub use start::Setup;
pub use view::RunView;

use board::Board;
use gallery::Galleries;
use outbox::Outbox;
use play::Keeper;

use crate::run::{RunDir, RunName};

/// The dashboard's hand on its jobs. Dropping it ends what follows logs; workers go on.
pub struct Jobs {
    runtime: Handle,
    setup: Arc<Setup>,
    program: PathBuf,
    outbox: Outbox,
    board: Board,
    galleries: Galleries,
    followed: HashMap<RunName, JoinHandle<()>>,
    text: Option<JoinHandle<()>>,
    looking: Option<JoinHandle<()>>,
    /// What looks at a file or a folder of the user's, by its number.
    opened: Option<(u64, JoinHandle<()>)>,
    keeper: Keeper,
}

impl Jobs {
    /// Begins to watch the runs folder and the machine; the news arrives in the receiver.
    pub fn start(runtime: &Handle, setup: Setup, program: PathBuf) -> (Jobs, mpsc::Receiver<Update>) {
        let (outbox, updates) = Outbox::channel();
        let board = Board::default();
        let root = setup.runs_root.clone();
        runtime.spawn(watch::sweep_for_ever(root.clone(), board.clone(), outbox.clone()));
        runtime.spawn(watch::measure_for_ever(root, board.clone(), outbox.clone()));
        let tell = outbox.clone();
        if let Err(error) = machine::watch(move |machine| tell.send_blocking(Update::Machine(machine)).is_ok()) {
            tracing::warn!("the machine's load is not shown: {error}");
        }
        let jobs = Jobs {
            runtime: runtime.clone(),
            setup: Arc::new(setup),
            program,
            outbox,
            board,
            galleries: Galleries::default(),
            followed: HashMap::new(),
            text: None,
            looking: None,
            opened: None,
            keeper: Keeper::default(),
        };
        (jobs, updates)
    }

    /// Begins to carry an order out.
    pub fn carry_out(&mut self, order: Order) {
        match order {
            Order::Ask { run, ask } => self.ask(run, ask),
            Order::Start(wanted) => self.start_run(wanted),
            Order::LoadSettings(recipe) => self.load_settings(recipe),
            Order::LoadDifferences(runs) => self.load_differences(runs),
            Order::Trash(run) => self.trash(run),
            Order::BringBack => self.bring_back(),
            Order::Follow(runs) => self.follow(&runs),
            Order::FollowText(run) => self.follow_text(run),
            Order::LoadGallery { run, subject } => self.load_gallery(run, subject),
            Order::LoadPredictions { run, subject, epoch, path } => self.load_predictions(run, subject, epoch, path),
            Order::LoadCaptions { run, subject, epoch, path } => self.load_captions(run, subject, epoch, path),
            Order::LoadSheet { run, file } => self.load_sheet(run, file),
            Order::Open { id, path, model } => self.open(id, path, model),
            Order::CloseFolder(id) => self.close_folder(id),
            Order::NameFile { id, path, model } => self.name_file(id, path, model),
            Order::Restore { id, picture, damage, model } => self.restore(id, picture, damage, model),
            Order::Attend { id, picture, model } => self.attend(id, picture, model),
            Order::FindNearest { id, picture, run, except } => self.find_nearest(id, picture, run, except),
            Order::LookAtYou(run) => self.look_at_you(run),
            Order::KeepGame(game) => self.keep_game(game),
            Order::Post(poster) => self.post(poster),
        }
    }

    fn ask(&self, run: RunName, ask: Ask) {
        let setup = Arc::clone(&self.setup);
        self.answer_with(async move {
            let (name, asked) = (run.clone(), ask.clone());
            let asked = spawn_blocking(move || start::ask(&setup.runs_root, &name, asked)).await.ok()?;
            let answer = asked.unwrap_or_else(|why| Some(Answer::Refused(why)))?;
            Some(Update::Answered { run, ask, answer })
        });
    }

    fn start_run(&self, wanted: NewRun) {
        let (setup, board, outbox) = (Arc::clone(&self.setup), self.board.clone(), self.outbox.clone());
        self.answer_with(async move {
            let started = spawn_blocking(move || {
                let run = start::start(&setup, &wanted)?;
                Ok((watch::look(&run, &board), run))
            });
            Some(match started.await.ok()? {
                Ok((view, run)) => {
                    // Before the next sweep would find it: who pressed the key looks at the screen now.
                    outbox.send(Update::changed(view.into_iter().collect())).await.ok()?;
                    Update::Started { run: run.name().clone() }
                }
                Err(reason) => Update::NotStarted { reason },
            })
        });
    }

    fn load_settings(&self, recipe: Recipe) {
        let setup = Arc::clone(&self.setup);
        self.answer_with(async move {
            let asked = recipe.clone();
            let settings = spawn_blocking(move || start::settings(&setup, &asked)).await.ok()?;
            Some(Update::Settings { recipe, settings: settings.map(Arc::from) })
        });
    }

    fn load_differences(&self, runs: Vec<RunName>) {
        let setup = Arc::clone(&self.setup);
        self.answer_with(async move {
            let asked = runs.clone();
            let found = spawn_blocking(move || start::differences(&setup.runs_root, &asked)).await.ok()?;
            Some(Update::Differences { runs, differences: found.map(Arc::from) })
        });
    }

    fn trash(&self, run: RunName) {
        let (setup, board) = (Arc::clone(&self.setup), self.board.clone());
        self.answer_with(async move {
            let name = run.clone();
            let answer = spawn_blocking(move || trash::put(&setup.runs_root, &name, &board)).await.ok()?;
            Some(Update::Trashed { run, answer })
        });
    }

    fn bring_back(&self) {
        let (setup, board, outbox) = (Arc::clone(&self.setup), self.board.clone(), self.outbox.clone());
        self.answer_with(async move {
            let answer = match spawn_blocking(move || trash::bring_back(&setup.runs_root, &board)).await.ok()? {
                Ok((run, view)) => {
                    // Before the next sweep would find it.
                    outbox.send(Update::changed(view.into_iter().collect())).await.ok()?;
                    Ok(run)
                }
                Err(why) => Err(why),
            };
            Some(Update::BroughtBack { answer })
        });
    }

    fn follow(&mut self, runs: &[RunName]) {
        self.followed.retain(|name, task| {
            let stays = runs.contains(name);
            if !stays {
                task.abort();
            }
            stays
        });
        for name in runs {
            if let Some(run) = self.dir_of(name)
                && !self.followed.contains_key(name)
            {
                let task = self.runtime.spawn(follow::follow_events(run, self.outbox.clone()));
                self.followed.insert(name.clone(), task);
            }
        }
    }

    fn follow_text(&mut self, run: Option<RunName>) {
        if let Some(task) = self.text.take() {
            task.abort();
        }
        let run = run.and_then(|name| self.dir_of(&name));
        self.text = run.map(|run| self.runtime.spawn(follow::follow_text(run, self.outbox.clone())));
    }

    fn load_gallery(&self, run: RunName, subject: Subject) {
        let (galleries, dir) = (self.galleries.clone(), self.dir_of(&run));
        self.answer_with(async move {
            let dir = dir?;
            let gallery = spawn_blocking(move || galleries.of_run(&dir, subject)).await.ok()?;
            Some(Update::Gallery { run, subject, gallery })
        });
    }

    fn load_predictions(&self, run: RunName, subject: Subject, epoch: u64, path: String) {
        let dir = self.dir_of(&run);
        self.answer_with(async move {
            let dir = dir?;
            let read = spawn_blocking(move || gallery::read_predictions(&dir, &path)).await.ok()?;
            Some(Update::Predictions { run, subject, epoch, predictions: read.map(Arc::new) })
        });
    }

    fn load_captions(&self, run: RunName, subject: Subject, epoch: u64, path: String) {
        let dir = self.dir_of(&run);
        self.answer_with(async move {
            let dir = dir?;
            let read = spawn_blocking(move || gallery::read_captions(&dir, &path)).await.ok()?;
            Some(Update::Captions { run, subject, epoch, captions: read.map(Arc::new) })
        });
    }

    fn load_sheet(&self, run: RunName, file: SheetFile) {
        let dir = self.dir_of(&run);
        self.answer_with(async move {
            let dir = dir?;
            let (epoch, step) = (file.epoch, file.step);
            let sheet = spawn_blocking(move || sheet::read_sheet(&dir, &file)).await.ok()?;
            Some(Update::Sheet { run, epoch, step, sheet })
        });
    }

    fn open(&mut self, id: u64, path: PathBuf, model: Option<RunName>) {
        if let Some((_, earlier)) = self.opened.take() {
            earlier.abort();
        }
        let (setup, program, outbox) = (Arc::clone(&self.setup), self.program.clone(), self.outbox.clone());
        let task = self.answer_with(async move {
            let path = naming::expand_home(path);
            if !tokio::fs::metadata(&path).await.is_ok_and(|found| found.is_dir()) {
                let answer = naming::name_file(&program, &setup.runs_root, path, model).await;
                return Some(Update::FileNamed { id, answer });
            }
            let named = folder::name_folder(id, &program, &setup.runs_root, path, model, &outbox).await;
            named.err().map(|why| Update::Folder { id, folder: Err(why) })
        });
        self.opened = Some((id, task));
    }

    fn close_folder(&mut self, id: u64) {
        if let Some((_, folder)) = self.opened.take_if(|(opened, _)| *opened == id) {
            folder.abort();
        }
    }

    fn name_file(&self, id: u64, path: PathBuf, model: Option<RunName>) {
        let (setup, program) = (Arc::clone(&self.setup), self.program.clone());
        self.answer_with(async move {
            let answer = naming::name_file(&program, &setup.runs_root, path, model).await;
            Some(Update::FileNamed { id, answer })
        });
    }

    fn restore(&mut self, id: u64, picture: Arc<RgbImage>, damage: Damage, model: Option<RunName>) {
        let (setup, program) = (Arc::clone(&self.setup), self.program.clone());
        self.answer_instead(async move {
            let answer = restoring::restore(&program, &setup.runs_root, picture, damage, model).await;
            Some(Update::Restored { id, answer })
        });
    }

    fn attend(&mut self, id: u64, picture: Arc<RgbImage>, model: Option<RunName>) {
        let (setup, program) = (Arc::clone(&self.setup), self.program.clone());
        self.answer_instead(async move {
            let answer = attending::attend(&program, &setup.runs_root, picture, model).await;
            Some(Update::Attended { id, answer })
        });
    }

    fn find_nearest(&mut self, id: u64, picture: Arc<RgbImage>, run: Option<RunName>, except: Option<u32>) {
        let (setup, program) = (Arc::clone(&self.setup), self.program.clone());
        self.answer_instead(async move {
            let answer = nearest::find(&program, &setup.runs_root, picture, run, except).await;
            Some(Update::Nearest { id, answer })
        });
    }

    fn look_at_you(&self, run: RunName) {
        let (setup, dir, keeper) = (Arc::clone(&self.setup), self.dir_of(&run), self.keeper.clone());
        self.answer_with(async move {
            let dir = dir?;
            let look = move || {
                // What was named last counts already.
                keeper.write(&setup.runs_root)?;
                play::look(&setup.runs_root, &dir)
            };
            let you = spawn_blocking(look).await.ok()?;
            Some(Update::You { run, you: you.map(Arc::new) })
        });
    }

    fn keep_game(&self, game: Game) {
        self.keeper.take(game);
        let (setup, keeper) = (Arc::clone(&self.setup), self.keeper.clone());
        self.answer_with(async move {
            let kept = spawn_blocking(move || keeper.write(&setup.runs_root)).await.ok()?;
            kept.err().map(|reason| Update::NotKept { reason })
        });
    }

    fn post(&self, poster: Poster) {
        self.answer_with(async move {
            let pictures = poster.pictures.len();
            let file = spawn_blocking(move || poster::save(&poster, Path::new("."))).await.ok()?;
            Some(Update::Posted { pictures, file })
        });
    }

    /// [`Self::answer_with`] in the place of the one before: who moves on wants no late answer, and the processor for the
    /// next one.
    fn answer_instead(&mut self, task: impl Future<Output = Option<Update>> + Send + 'static) {
        if let Some(earlier) = self.looking.take() {
            earlier.abort();
        }
        self.looking = Some(self.answer_with(task));
    }

    /// Runs a task and puts the update that it gives into the outbox.
    fn answer_with(&self, task: impl Future<Output = Option<Update>> + Send + 'static) -> JoinHandle<()> {
        let outbox = self.outbox.clone();
        self.runtime.spawn(async move {
            if let Some(update) = task.await {
                // A dashboard that is gone wants no answer.
                let _ = outbox.send(update).await;
            }
        })
    }

    fn dir_of(&self, name: &RunName) -> Option<RunDir> {
        RunDir::open(&self.setup.runs_root, name).ok()
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        if let Some((_, task)) = &self.opened {
            task.abort();
        }
        // What the user named last may still wait for its thread.
        if let Err(why) = self.keeper.write(&self.setup.runs_root) {
            tracing::warn!("what you named was not kept: {}", why.as_str());
        }
        self.followed.values().chain(&self.text).chain(&self.looking).for_each(JoinHandle::abort);
    }
}

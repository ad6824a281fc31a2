//! Applications in known states, made by the same news that the jobs send.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::app::{Action, App, Key};
use crate::jobs::{
    Attention, Folder, Gallery, Game, History, Machine, Neighbour, Predictions, Restoration, RunView, Score, Subject,
    Text, Update, You,
};
use crate::run::captions::{Captions, Told};
use crate::run::{Event, EventKind, MetricDef, Num, Phase, QueuePlace, RunName, State, spark};

const LABELS: [&str; 10] = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
const T0: u64 = 1_738_333_530_000;

pub fn name(text: &str) -> RunName {
    text.parse().unwrap()
}

/// A fraction of 0..1 that looks random and is always the same.
fn noise(n: u64) -> f64 {
    let mut x = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x ^= x >> 29;
    x = x.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (x >> 11) as f64 / (1u64 << 53) as f64
}

fn loss(step: u64) -> f64 {
    0.4 + 2.0 / (1.0 + step as f64 / 40.0) + 0.25 * (noise(step) - 0.5)
}

pub fn empty() -> App {
    let mut app = App::new(Ok("the sample pictures in data/sample".to_owned()), T0);
    news(&mut app, Update::Scanned { trouble: None });
    news(&mut app, machine());
    app
}

fn machine() -> Update {
    let (memory_used, memory_total) = (6_400_000_000, 16_000_000_000);
    Update::Machine(Machine { cpu_percent: 97.0, memory_used, memory_total, gpu: None })
}

pub fn news(app: &mut App, update: Update) {
    app.update(Action::News(update));
}

pub fn press(app: &mut App, keys: &str) {
    for c in keys.chars() {
        app.update(Action::Key(match c {
            '\n' => Key::Enter,
            '←' => Key::Left,
            '→' => Key::Right,
            '↓' => Key::Down,
            c => Key::Char(c),
        }));
    }
}

fn values(pairs: &[(&str, f64)]) -> BTreeMap<String, Num> {
    pairs.iter().map(|(name, value)| (name.to_string(), Num(*value))).collect()
}

pub fn state(phase: Phase, step: u64) -> State {
    let curve: Vec<f64> = (1..=step).map(loss).collect();
    State {
        phase,
        model: "cnn".to_owned(),
        data: "sample".to_owned(),
        device: "cpu".to_owned(),
        step,
        total_steps: 500,
        epoch: step / 50,
        epochs: 10,
        eta_s: Some((500 - step.min(500)) as f64 * 0.31),
        images_per_s: Some(1034.0),
        run_ms: step * 310,
        last: values(&[("train/loss", loss(step)), ("test/accuracy", 0.612), ("test/loss", 1.134)]),
        best: values(&[("test/accuracy", 0.624)]),
        spark: spark(&curve),
        spark_metric: "train/loss".to_owned(),
        instance: "i".to_owned(),
        heartbeat_ms: T0,
        ..State::default()
    }
}

pub fn view(run: &str, state: State) -> RunView {
    let bare = RunView::bare(name(run), state.phase);
    RunView { state: Some(Arc::new(state)), bytes: Some(3_140_000), ..bare }
}

/// A log of so many steps, with an epoch every 50.
pub fn history(steps: u64) -> History {
    history_ahead(steps, 0.0)
}

/// The same with test losses so much lower.
fn history_ahead(steps: u64, ahead: f64) -> History {
    let mut history = History::default();
    let mut log = |ms: u64, kind| history.apply(Event::new(ms, T0 + ms, ms, kind));
    let def = |name: &str, unit: &str| MetricDef {
        name: name.into(),
        unit: unit.into(),
        higher_is_better: Some(unit == "%"),
    };
    let defs = [
        ("train/loss", "nats"),
        ("test/loss", "nats"),
        ("train/accuracy", "%"),
        ("test/accuracy", "%"),
        ("held_out/accuracy", "%"),
    ];
    log(0, hello());
    log(0, EventKind::MetricDefs { defs: defs.map(|(name, unit)| def(name, unit)).to_vec() });
    log(5, EventKind::PhaseChanged { phase: Phase::Running, reason: None });
    for step in 1..=steps {
        let accuracy = 1.0 - loss(step) / 3.0;
        let lr = 0.1 * (1.0 - step as f64 / 500.0);
        let of_step = [
            ("train/loss", loss(step)),
            ("train/accuracy", accuracy),
            ("train/lr", lr),
            ("train/images_per_s", 1000.0 + 60.0 * noise(step)),
        ];
        log(step * 310, EventKind::Metrics { step, epoch: step as f64 / 50.0, values: values(&of_step) });
        if step % 50 == 0 {
            epoch(step / 50, step, ahead, &mut log);
        }
    }
    history
}

fn hello() -> EventKind {
    EventKind::Hello {
        schema: 1,
        instance: "i".to_owned(),
        model: "cnn".to_owned(),
        config_hash: String::new(),
        data_sha256: String::new(),
        resumed_from_step: None,
    }
}

fn epoch(epoch: u64, step: u64, ahead: f64, log: &mut impl FnMut(u64, EventKind)) {
    let ms = step * 310;
    let confusion = confusion(epoch);
    let right: u64 = (0..10).map(|i| confusion[i][i]).sum();
    let accuracy = right as f64 / 500.0;
    let tested =
        [("test/loss", loss(step) + 0.1 - ahead), ("test/accuracy", accuracy), ("held_out/accuracy", accuracy - 0.01)];
    let labels = LABELS.map(str::to_owned).to_vec();
    let split = || "test".to_owned();
    let path = format!("predictions/test-{epoch:05}.bin");
    log(ms, EventKind::Confusion { split: split(), epoch, labels, matrix: confusion });
    log(ms, EventKind::Predictions { split: split(), epoch, path });
    log(ms, EventKind::EpochFinished { epoch, step, values: values(&tested) });
    let path = format!("weights/step-{step}.safetensors");
    log(ms, EventKind::CheckpointSaved { path, step, epoch, best: epoch == 3 });
}

/// 500 pictures, 50 of each label; cats and dogs are mixed up most.
fn confusion(epoch: u64) -> Vec<Vec<u64>> {
    let mut matrix = vec![vec![0; 10]; 10];
    for picture in 0..500 {
        let (named, _) = named(epoch, picture);
        matrix[(picture % 10) as usize][usize::from(named)] += 1;
    }
    matrix
}

fn named(epoch: u64, picture: u64) -> (u8, f32) {
    let truth = (picture % 10) as u8;
    let skill = 0.35 + 0.05 * epoch as f64;
    let luck = noise(picture * 31 + 7) * 0.7 + noise(picture * 31 + epoch) * 0.3;
    let sure = (0.4 + 0.59 * noise(picture + 1000 * epoch)) as f32;
    if luck < skill {
        return (truth, sure);
    }
    let like = match truth {
        3 => 5,
        5 => 3,
        1 => 9,
        _ => (noise(picture + 77) * 10.0) as u8 % 10,
    };
    (like, sure * 0.8)
}

/// Pictures with a face of their own: a bright disc on a ground in the label's colour.
pub fn gallery() -> Gallery {
    let mut pixels = Vec::new();
    for picture in 0..500u64 {
        let hue = [(picture % 10) as f64 / 10.0, noise(picture), noise(picture + 9)];
        for at in 0..1024u64 {
            let (x, y) = ((at % 32) as f64 - 15.5, (at / 32) as f64 - 15.5);
            let inside = (x * x + y * y).sqrt() < 6.0 + 8.0 * noise(picture + 3);
            let light = if inside { 1.0 } else { 0.35 };
            pixels.extend(hue.map(|h| ((60.0 + 195.0 * h) * light) as u8));
        }
    }
    let truths: Vec<u8> = (0..500).map(|i| (i % 10) as u8).collect();
    Gallery::of(&LABELS, pixels, &truths)
}

/// Gives a run its log, its pictures and its predictions.
pub fn fill(app: &mut App, run: &str, steps: u64) {
    let run = name(run);
    news(app, Update::History { run: run.clone(), anew: true, parts: vec![history(steps)] });
    news(app, Update::Gallery { run: run.clone(), subject: Subject::Test, gallery: Ok(Arc::new(gallery())) });
    for epoch in 1..=steps / 50 {
        let all = Predictions::of((0..500).map(|picture| named(epoch, picture)));
        news(
            app,
            Update::Predictions { run: run.clone(), subject: Subject::Test, epoch, predictions: Ok(Arc::new(all)) },
        );
    }
}

fn finished() -> State {
    let last = [("test/accuracy", 0.724), ("held_out/accuracy", 0.731), ("test/loss", 0.82), ("train/loss", 0.41)];
    let of_labels =
        LABELS.iter().zip(0..).map(|(label, n)| (format!("test/accuracy/{label}"), Num(0.6 + 0.3 * noise(n))));
    let last = values(&last).into_iter().chain(of_labels).collect();
    State { last, best: values(&[("test/accuracy", 0.727)]), ..state(Phase::Finished, 500) }
}

/// One run that trains, one that waits behind it, one that is done.
pub fn live() -> App {
    let mut app = empty();
    let queue = Some(QueuePlace { position: 2, behind: Some("cnn-20250131-142530".to_owned()), reason: None });
    let queued =
        State { queue, step: 0, spark: vec![], last: values(&[]), best: values(&[]), ..state(Phase::Queued, 1) };
    let changed = vec![
        view("cnn-20250131-142530", state(Phase::Running, 210)),
        RunView { can_resume: false, ..view("wide-net", queued) },
        view("base", finished()),
    ];
    news(&mut app, Update::Runs { changed, gone: vec![] });
    fill(&mut app, "cnn-20250131-142530", 210);
    app
}

/// [`live`], and the finished run is marked: the one that trains is drawn over it.
pub fn compared() -> App {
    let mut app = live();
    press(&mut app, "2jj kk");
    fill(&mut app, "cnn-20250131-142530", 210);
    news(&mut app, Update::History { run: name("base"), anew: true, parts: vec![history_ahead(500, 0.05)] });
    app
}

/// [`live`] with two finished runs marked, a captioner that was tested on the same pictures and a run that was tested on
/// others; the pictures are on the screen.
pub fn marked() -> App {
    let mut app = live();
    let captioner = State { model: "captioner".to_owned(), ..finished() };
    news(&mut app, Update::Runs { changed: vec![view("captioner-1", captioner)], gone: vec![] });
    press(&mut app, "4jj j kkk");
    let selected = name("cnn-20250131-142530");
    fill(&mut app, selected.as_str(), 210);
    let same = app.selected_gallery().unwrap().clone();
    let others = Ok(Arc::new(Gallery::striped(&["cat", "dog"], &[0, 1])));
    for (run, gallery) in [("captioner-1", same), ("base", others)] {
        news(&mut app, Update::History { run: name(run), anew: true, parts: vec![history(500)] });
        news(&mut app, Update::Gallery { run: name(run), subject: Subject::Test, gallery });
    }
    let run = name("captioner-1");
    news(&mut app, Update::History { run: run.clone(), anew: false, parts: vec![captions_logged(10)] });
    let all = Predictions::of((0..500).map(|picture| named(9, picture + 1)));
    news(
        &mut app,
        Update::Predictions { run: run.clone(), subject: Subject::Test, epoch: 10, predictions: Ok(Arc::new(all)) },
    );
    news(&mut app, Update::Captions { run, subject: Subject::Test, epoch: 10, captions: Ok(Arc::new(captions(10))) });
    app
}

/// [`live`], and a folder of the user's is open, of which the first pictures are named.
pub fn folder() -> App {
    let mut app = live();
    press(&mut app, "4o~/photos\n");
    let files: Vec<PathBuf> = (1..=6).map(|n| format!("/home/me/photos/IMG_{n:04}.jpeg").into()).collect();
    let pixels: Vec<u8> = (0..6u32).flat_map(|at| gallery().pixels(7 * at).unwrap().to_vec()).collect();
    let folder = Folder {
        gallery: Arc::new(Gallery::of_files(LABELS.map(str::to_owned).into(), pixels.into(), files.into())),
        predictions: Arc::new(Predictions::of((0..6).map(|picture| named(4, picture)))),
        captions: Arc::new(Captions { split: String::new(), epoch: 0, images: vec![] }),
        asked: 120,
        found: 120,
        unread: 1,
        trouble: Some(Text::of("/home/me/photos/x.jpeg: the picture can't be decoded")),
        is_done: false,
    };
    news(&mut app, Update::Folder { id: 1, folder: Ok(folder) });
    app
}

/// [`marked`], and the user has named twenty pictures; what the runs named on them is known.
pub fn played() -> App {
    let mut app = marked();
    press(&mut app, "5");
    let game = Game::new(&gallery());
    let named = (0..20).map(|at| if at % 5 == 0 { 3 } else { game.truths[at] }).collect();
    let game = Game { named, ..game };
    let runs = ["base", "captioner-1"].into_iter().zip([14, 17]);
    let runs = runs.map(|(run, right)| (name(run), Score { right, of: 20, by_label: vec![(right / 10, 2); 10] }));
    let you = You { runs: runs.collect(), game: Some(game) };
    news(&mut app, Update::You { run: name("cnn-20250131-142530"), you: Ok(Arc::new(you)) });
    app
}

/// [`live`], and the first test picture was blurred and restored; the answer is there.
pub fn restored() -> App {
    let mut app = live();
    press(&mut app, "4rr");
    let greys = |grey| Arc::new(image::RgbImage::from_fn(32, 32, |x, y| image::Rgb([grey + (3 * x + y) as u8; 3])));
    let answer = Restoration { damaged: greys(20), restored: greys(90), psnr: (21.34, 24.61), ssim: (0.712, 0.844) };
    news(&mut app, Update::Restored { id: 2, answer: Ok(answer) });
    app
}

/// [`live`], and the nearest training images of the second test picture are there.
pub fn likened() -> App {
    let mut app = live();
    press(&mut app, "4→t");
    let picture = |grey| Arc::new(image::RgbImage::from_fn(32, 32, |x, y| image::Rgb([grey + (3 * x + y) as u8; 3])));
    let near = |at: u32| Neighbour {
        picture: picture(10 * at as u8),
        label: LABELS[at as usize % 10].to_owned(),
        number: 700 * at,
        distance: 0.05 + 0.013 * f64::from(at),
    };
    news(&mut app, Update::Nearest { id: 1, answer: Ok((1..=5).map(near).collect()) });
    app
}

/// What a captioner wrote of the test pictures; of some the label is false, and the others say less than they might.
fn captions(epoch: u64) -> Captions {
    let told = |picture: u64| {
        let (named, _) = named(epoch, picture);
        let label = LABELS[usize::from(named)];
        let text = format!("a {label}, tan in the middle, grey around the edges, in bright light");
        let (begins, is_wrong) = (text.find(label).unwrap(), u64::from(named) != picture % 10);
        let missed = if is_wrong { vec![] } else { vec!["lighter side".to_owned(), "colours".to_owned()] };
        let wrong = if is_wrong { vec![[begins, begins + label.len()]] } else { vec![] };
        Told { text, wrong, missed }
    };
    Captions { split: "test".to_owned(), epoch, images: (0..500).map(told).collect() }
}

/// The end of a log: captions of so many epochs.
fn captions_logged(epochs: u64) -> History {
    let mut part = History::default();
    for epoch in 1..=epochs {
        let path = format!("captions/test-{epoch:05}.json");
        let kind = EventKind::Captions { split: "test".to_owned(), epoch, path };
        part.apply(Event::new(9000 + epoch, T0 + 65_100, 65_100, kind));
    }
    part
}

/// A captioner that trains, its pictures on the screen.
pub fn captioned() -> App {
    let mut app = empty();
    let run = name("captioner-1");
    let state = State { model: "captioner".to_owned(), ..state(Phase::Running, 210) };
    news(&mut app, Update::Runs { changed: vec![view(run.as_str(), state)], gone: vec![] });
    fill(&mut app, run.as_str(), 210);
    news(&mut app, Update::History { run: run.clone(), anew: false, parts: vec![captions_logged(4)] });
    press(&mut app, "4→→→");
    news(&mut app, Update::Captions { run, subject: Subject::Test, epoch: 4, captions: Ok(Arc::new(captions(4))) });
    app
}

/// [`captioned`], and where the second word of a caption was looked for.
pub fn attended() -> App {
    let mut app = captioned();
    press(&mut app, "a");
    let shares = |at: usize| (0..64).map(|cell| if cell == 9 * at { 0.37 } else { 0.01 }).collect();
    let words = ["a", "cat,", "tan", "in", "the", "middle"].into_iter().enumerate();
    let words = words.map(|(at, word)| (word.to_owned(), shares(at))).collect();
    news(&mut app, Update::Attended { id: 1, answer: Ok(Attention { grid: [8, 8], words }) });
    press(&mut app, "aaA");
    app
}

/// [`live`] at the pictures of a split; of held-out ones the last epoch named all but the last three.
pub fn split(subject: Subject) -> App {
    let mut app = live();
    let run = name("cnn-20250131-142530");
    let mut part = History::default();
    let (split, path) = ("held_out".to_owned(), "predictions/held_out-00004.bin".to_owned());
    part.apply(Event::new(9000, T0 + 65_100, 65_100, EventKind::Predictions { split, epoch: 4, path }));
    news(&mut app, Update::History { run: run.clone(), anew: false, parts: vec![part] });
    press(&mut app, if subject == Subject::HeldOut { "4i" } else { "4ii" });
    news(&mut app, Update::Gallery { run: run.clone(), subject, gallery: Ok(Arc::new(gallery())) });
    let all = Predictions::of((0..497).map(|picture| named(5, picture)));
    news(&mut app, Update::Predictions { run, subject: Subject::HeldOut, epoch: 4, predictions: Ok(Arc::new(all)) });
    app
}

/// [`live`], and the file with the answers of the last epoch was cut.
pub fn damaged() -> App {
    let mut app = live();
    let why = "/data/checkpoints/cnn-20250131-142530/predictions/test-00004.bin is damaged: it says 500 images and is 700 bytes long";
    let predictions = Err(Text::of(why));
    news(
        &mut app,
        Update::Predictions { run: name("cnn-20250131-142530"), subject: Subject::Test, epoch: 4, predictions },
    );
    app
}

/// A run that trains, of which nothing but its state is read yet.
pub fn loading() -> App {
    let mut app = empty();
    let changed = vec![view("cnn-20250131-142530", state(Phase::Running, 210))];
    news(&mut app, Update::Runs { changed, gone: vec![] });
    app
}

/// A run whose loss was no number after two epochs.
pub fn diverged() -> App {
    let mut app = empty();
    let (run, reason) = (name("too-fast"), "the loss of step 121 is no number; try a lower learning rate");
    let state = State { reason: Some(reason.to_owned()), ..state(Phase::Diverged, 121) };
    news(&mut app, Update::Runs { changed: vec![view(run.as_str(), state)], gone: vec![] });
    fill(&mut app, run.as_str(), 120);
    let mut part = History::default();
    let values = values(&[("train/loss", f64::NAN)]);
    let mut log = |kind| part.apply(Event::new(9000, T0 + 37_510, 37_510, kind));
    log(EventKind::Metrics { step: 121, epoch: 2.42, values });
    log(EventKind::PhaseChanged { phase: Phase::Diverged, reason: Some(reason.to_owned()) });
    news(&mut app, Update::History { run, anew: false, parts: vec![part] });
    app
}

/// A run that could not find its data.
pub fn failed() -> App {
    let mut app = empty();
    let reason = "there is no data set in /data/cifar10: data_batch_1.bin is missing; run `pixscribe data fetch` or set data.path";
    let state = State {
        reason: Some(reason.to_owned()),
        spark: vec![],
        last: values(&[]),
        best: values(&[]),
        ..state(Phase::Failed, 0)
    };
    news(&mut app, Update::Runs { changed: vec![view("broken", state)], gone: vec![] });
    news(&mut app, Update::History { run: name("broken"), anew: true, parts: vec![failed_log(reason)] });
    news(&mut app, Update::Gallery { run: name("broken"), subject: Subject::Test, gallery: Err(Text::of(reason)) });
    app
}

fn failed_log(reason: &str) -> History {
    let mut history = History::default();
    history.apply(Event::new(0, T0, 0, hello()));
    let kind = EventKind::PhaseChanged { phase: Phase::Failed, reason: Some(reason.to_owned()) };
    history.apply(Event::new(1, T0 + 40, 0, kind));
    history
}

/// A paused run, and one that was asked to pause and has not answered yet.
pub fn paused() -> App {
    let mut app = empty();
    let changed = vec![view("asked", state(Phase::Running, 120)), view("resting", state(Phase::Paused, 210))];
    news(&mut app, Update::Runs { changed, gone: vec![] });
    press(&mut app, "pj");
    fill(&mut app, "resting", 210);
    app.update(Action::Tick(T0 + 60_000));
    app
}

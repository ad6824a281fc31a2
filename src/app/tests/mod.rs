//! The application as a whole: keys and news in, effects and state out.

mod folder;
mod marked;
mod nearest;
mod play;
mod splits;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::runs::tests::view;
use super::*;
use crate::jobs::{
    self, Ask, Attention, Damage, FileAnswer, Folder, Game, Ink, NewRun, Recipe, Restoration, RunView, Sheet,
};
use crate::run::{Event, EventKind, Num, Phase, SheetNote, State};

fn app() -> App {
    App::new(Ok("the sample".to_owned()), 0)
}

fn name(text: &str) -> RunName {
    text.parse().unwrap()
}

fn press(app: &mut App, keys: &str) -> Vec<Effect> {
    keys.chars().flat_map(|c| app.update(Action::Key(Key::Char(c)))).collect()
}

fn key(app: &mut App, key: Key) -> Vec<Effect> {
    app.update(Action::Key(key))
}

fn news(app: &mut App, update: Update) -> Vec<Effect> {
    app.update(Action::News(update))
}

fn with_runs(runs: Vec<RunView>) -> App {
    let mut app = app();
    news(&mut app, Update::Runs { changed: runs, gone: vec![] });
    news(&mut app, Update::Scanned { trouble: None });
    app
}

fn one(phase: Phase) -> App {
    with_runs(vec![view("a", phase)])
}

fn orders(effects: Vec<Effect>) -> Vec<Order> {
    let order = |effect| match effect {
        Effect::Order(order) => Some(order),
        _ => None,
    };
    effects.into_iter().filter_map(order).collect()
}

/// A history with epochs 1..=n: the mix-ups of labels cat and dog, and files of predictions.
fn history(epochs: u64) -> History {
    let mut history = History::default();
    let mut log = |kind| history.apply(Event::new(0, 0, 0, kind));
    for epoch in 1..=epochs {
        let values = BTreeMap::from([("train/loss".to_owned(), Num(1.0 / epoch as f64))]);
        log(EventKind::Metrics { step: epoch * 10, epoch: epoch as f64, values });
        let labels = vec!["cat".to_owned(), "dog".to_owned()];
        let matrix = vec![vec![2, 1], vec![0, 2]];
        log(EventKind::Confusion { split: "test".to_owned(), epoch, labels, matrix });
        let path = format!("predictions/test-{epoch:05}.bin");
        log(EventKind::Predictions { split: "test".to_owned(), epoch, path });
    }
    history
}

/// One run with pictures of five cats and dogs, of which the second epoch names picture 2 wrongly.
fn with_pictures() -> App {
    let mut app = one(Phase::Running);
    load_pictures(&mut app);
    app
}

fn load_pictures(app: &mut App) {
    let run = name("a");
    news(app, Update::History { run: run.clone(), anew: true, parts: vec![history(2)] });
    let gallery = Arc::new(Gallery::striped(&["cat", "dog"], &[0, 1, 0, 1, 0]));
    news(app, Update::Gallery { run: run.clone(), subject: Subject::Test, gallery: Ok(gallery) });
    for (epoch, named) in [(1, [1, 1, 1, 1, 0]), (2, [0, 1, 1, 1, 0])] {
        let predictions = Ok(Arc::new(Predictions::of(named.map(|label| (label, 0.9)))));
        news(app, Update::Predictions { run: run.clone(), subject: Subject::Test, epoch, predictions });
    }
}

/// [`with_pictures`], and the second epoch has a sheet of a cat and a dog, of which the judge sees two dogs.
fn with_made_pictures() -> App {
    let mut app = with_pictures();
    let run = name("a");
    let mut part = History::default();
    let labels = vec!["cat".to_owned(), "dog".to_owned()];
    let (nearest, strip) = (Some("n.png".to_owned()), Some("strip.png".to_owned()));
    let note = SheetNote { labels: labels.clone(), asked: vec![0, 1], nearest, strip, ..SheetNote::default() };
    let (split, matrix) = ("generated".to_owned(), vec![vec![0, 1], vec![0, 1]]);
    part.apply(Event::new(0, 0, 0, EventKind::Confusion { split, epoch: 2, labels, matrix }));
    let sheet = EventKind::Samples { path: "s.png".into(), epoch: 2, step: 20, sheet: Some(note) };
    part.apply(Event::new(0, 0, 0, sheet));
    news(&mut app, Update::History { run, anew: false, parts: vec![part] });
    app
}

#[test]
fn answers_that_cannot_be_read_are_told_at_their_epoch() {
    let mut app = with_pictures();
    assert_eq!(app.unreadable(), None);
    let why = jobs::Text::of("test-00002.bin is damaged: it has no whole header");
    news(
        &mut app,
        Update::Predictions { run: name("a"), subject: Subject::Test, epoch: 2, predictions: Err(why.clone()) },
    );
    press(&mut app, "4");
    assert_eq!((app.unreadable(), app.preview.list().len()), (Some(&why), 5));
    press(&mut app, "f");
    assert!(app.preview.list().is_empty(), "nobody knows the mistakes");
    press(&mut app, "[");
    assert_eq!((app.unreadable(), app.preview.list()), (None, &[0, 2][..]), "those of the epoch before are whole");
}

#[test]
fn g_turns_to_the_pictures_that_the_run_makes_and_back() {
    let mut app = with_made_pictures();
    assert_eq!(orders(press(&mut app, "4")), [], "nobody asked for them yet");
    let asked = orders(press(&mut app, "g"));
    let [Order::LoadSheet { run, file }] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!((run, file.epoch, file.path.as_str()), (&name("a"), 2, "s.png"));
    assert!(app.preview.list().is_empty(), "they are on their way");
    let gallery = || Ok(Arc::new(Gallery::striped(&["cat", "dog"], &[0, 1])));
    let seen = Ok(Arc::new(Predictions::of([(1, 0.9), (1, 0.8)])));
    let sheet = Sheet { pictures: gallery(), seen, nearest: Some(gallery()), strip: Some(gallery()) };
    news(&mut app, Update::Sheet { run: name("a"), epoch: 2, step: 15, sheet: sheet.clone() });
    assert!(app.preview.list().is_empty(), "an older sheet of the epoch has come late");
    news(&mut app, Update::Sheet { run: name("a"), epoch: 2, step: 20, sheet });
    assert_eq!(app.preview.list(), [0, 1]);
    press(&mut app, "f");
    assert_eq!(app.preview.list(), [0], "asked for a cat, and a dog is seen");
    let shown = |app: &App| app.selected_gallery().and_then(|g| g.as_ref().ok()).map(|gallery| gallery.id());
    let made = shown(&app);
    press(&mut app, "t");
    let nearest = shown(&app);
    assert!(nearest != made && !app.shows_strip(), "the nearest training images stand in their place");
    press(&mut app, "t");
    assert!(shown(&app) != made && shown(&app) != nearest && app.shows_strip(), "the way out of noise does");
    press(&mut app, "t");
    assert!(shown(&app) == made, "and the pictures again");
    press(&mut app, "3");
    assert_eq!(app.shown_confusion().map(|confusion| confusion.right()), Some(1));
    press(&mut app, "g");
    assert_eq!(app.shown_confusion().map(|confusion| confusion.right()), Some(4), "of the test pictures");
}

#[test]
fn d_asks_a_run_that_trains_for_fresh_pictures_of_the_label_in_view() {
    let mut app = with_made_pictures();
    assert_eq!(orders(press(&mut app, "4d")), [], "these are test pictures");
    press(&mut app, "g");
    let gallery = || Ok(Arc::new(Gallery::striped(&["cat", "dog"], &[0, 1])));
    let seen = Ok(Arc::new(Predictions::of([(1, 0.9), (1, 0.8)])));
    let sheet = Sheet { pictures: gallery(), seen, nearest: None, strip: None };
    news(&mut app, Update::Sheet { run: name("a"), epoch: 2, step: 20, sheet });
    key(&mut app, Key::Right);
    let draw = |label: Option<&str>| Ask::Draw { label: label.map(String::from) };
    let order = |label| [Order::Ask { run: name("a"), ask: draw(label) }];
    assert_eq!(orders(press(&mut app, "d")), order(Some("dog")));
    assert_eq!(orders(press(&mut app, "D")), order(None));
    news(&mut app, Update::Answered { run: name("a"), ask: draw(None), answer: jobs::Answer::Confirmed });
    assert_eq!(app.runs.asked(&name("a")), None);
    news(&mut app, Update::Runs { changed: vec![view("a", Phase::Paused)], gone: vec![] });
    assert_eq!(orders(press(&mut app, "d")), [], "nobody is there to draw");
}

#[test]
fn g_and_t_say_why_they_do_nothing_for_a_run_that_makes_no_pictures() {
    let mut app = with_pictures();
    for keys in ["4g", "t"] {
        press(&mut app, keys);
        assert!(app.notice().is_some_and(|notice| notice.text.contains("made")), "{keys}");
    }
    assert_eq!(app.preview.list().len(), 5);
}

#[test]
fn without_a_run_one_key_starts_one() {
    let mut app = app();
    news(&mut app, Update::Scanned { trouble: None });
    let wanted = NewRun { name: None, recipe: Recipe::DEFAULT, sets: vec![] };
    assert_eq!(orders(key(&mut app, Key::Enter)), [Order::Start(wanted)]);
    news(&mut app, Update::Runs { changed: vec![view("cnn-1", Phase::Starting)], gone: vec![] });
    news(&mut app, Update::Started { run: name("cnn-1") });
    assert_eq!(app.runs.selected_name(), Some(&name("cnn-1")));
    assert!(orders(key(&mut app, Key::Enter)).iter().all(|order| !matches!(order, Order::Start(_))));
    assert_eq!(app.tab, Tab::Loss);
}

#[test]
fn pause_is_asked_then_confirmed() {
    let mut app = one(Phase::Running);
    assert_eq!(orders(press(&mut app, "p")), [Order::Ask { run: name("a"), ask: Ask::Pause }]);
    assert_eq!(app.runs.asked(&name("a")).map(|asked| &asked.ask), Some(&Ask::Pause));
    // Asked is not done: a second press asks nobody.
    assert_eq!(orders(press(&mut app, "p")), []);
    news(&mut app, Update::Runs { changed: vec![view("a", Phase::Pausing)], gone: vec![] });
    assert_eq!(app.runs.asked(&name("a")), None);
    news(&mut app, Update::Runs { changed: vec![view("a", Phase::Paused)], gone: vec![] });
    news(&mut app, Update::Answered { run: name("a"), ask: Ask::Pause, answer: jobs::Answer::Confirmed });
    assert_eq!(orders(press(&mut app, "p")), [Order::Ask { run: name("a"), ask: Ask::Resume }]);
}

#[test]
fn a_confirmed_pause_counts_before_the_run_is_looked_at_again() {
    let mut app = one(Phase::Running);
    press(&mut app, "p");
    news(&mut app, Update::Answered { run: name("a"), ask: Ask::Pause, answer: jobs::Answer::Confirmed });
    assert_eq!(orders(press(&mut app, "p")), [Order::Ask { run: name("a"), ask: Ask::Resume }]);
}

#[test]
fn a_pause_can_be_taken_back_while_the_worker_still_saves() {
    let mut app = one(Phase::Pausing);
    assert_eq!(orders(press(&mut app, "p")), [Order::Ask { run: name("a"), ask: Ask::Resume }]);
    // It is paused for a moment before the next worker begins: not yet what was asked for.
    news(&mut app, Update::Runs { changed: vec![view("a", Phase::Paused)], gone: vec![] });
    assert_eq!(orders(press(&mut app, "p")), []);
    news(&mut app, Update::Runs { changed: vec![view("a", Phase::Starting)], gone: vec![] });
    assert_eq!(app.runs.asked(&name("a")), None);
}

#[test]
fn an_answer_that_is_no_yes_is_told_and_forgotten() {
    for answer in [jobs::Answer::NoWorker, jobs::Answer::TimedOut, jobs::Answer::Refused(Text::of("busy"))] {
        let mut app = one(Phase::Running);
        press(&mut app, "p");
        news(&mut app, Update::Answered { run: name("a"), ask: Ask::Pause, answer });
        assert_eq!(app.runs.asked(&name("a")), None);
        assert_eq!(app.notice().map(|notice| notice.tone), Some(Tone::Bad));
    }
}

#[test]
fn a_worker_that_stays_silent_after_resume_is_noticed() {
    let mut app = one(Phase::Paused);
    press(&mut app, "p");
    app.update(Action::Tick(10_000));
    assert!(app.runs.asked(&name("a")).is_some());
    app.update(Action::Tick(60_000));
    assert!(app.runs.asked(&name("a")).is_none());
    assert!(app.notice().is_some_and(|notice| notice.text.contains("did not start")));
}

#[test]
fn the_trash_asks_first_and_takes_no_run_that_a_worker_has() {
    let mut app = with_runs(vec![view("a", Phase::Finished), view("b", Phase::Paused)]);
    app.runs.select(&name("a"));
    assert!(!orders(press(&mut app, "t")).contains(&Order::Trash(name("a"))));
    assert!(matches!(app.dialog, Some(Dialog::ConfirmTrash(_))));
    key(&mut app, Key::Esc);
    assert!(orders(press(&mut app, "ty")).contains(&Order::Trash(name("a"))));
    news(&mut app, Update::Trashed { run: name("a"), answer: Ok(()) });
    assert!(app.runs.get(&name("a")).is_none() && app.notice().unwrap().text.contains("Press u"));
    assert!(orders(press(&mut app, "u")).contains(&Order::BringBack));
    news(&mut app, Update::Runs { changed: vec![view("a", Phase::Finished)], gone: vec![] });
    news(&mut app, Update::BroughtBack { answer: Ok(name("a")) });
    assert_eq!(app.runs.selected_name(), Some(&name("a")));
    news(&mut app, Update::BroughtBack { answer: Err(Text::of("there is another `a`")) });
    assert_eq!(app.notice().unwrap().text, "there is another `a`");
    for phase in [Phase::Running, Phase::Starting, Phase::Pausing, Phase::Unknown] {
        let mut app = one(phase);
        press(&mut app, "t");
        assert!(app.dialog.is_none() && app.notice().is_some(), "{phase}");
    }
    // Queued with a worker, and made without one.
    let waiting = RunView { can_resume: false, ..view("a", Phase::Queued) };
    for mut app in [with_runs(vec![waiting]), self::app()] {
        press(&mut app, "t");
        assert!(app.dialog.is_none());
    }
}

#[test]
fn stopping_asks_first() {
    let mut app = one(Phase::Running);
    assert_eq!(orders(press(&mut app, "x")), []);
    assert!(matches!(app.dialog, Some(Dialog::ConfirmStop(_))));
    assert_eq!(orders(key(&mut app, Key::Esc)), []);
    assert_eq!(orders(press(&mut app, "xy")), [Order::Ask { run: name("a"), ask: Ask::Stop }]);
}

#[test]
fn keys_that_make_no_sense_for_a_run_say_why() {
    for (phase, keys) in [(Phase::Finished, "p"), (Phase::Paused, "x"), (Phase::Finished, "s"), (Phase::Unknown, "p")] {
        let mut app = one(phase);
        assert_eq!(orders(press(&mut app, keys)), [], "{phase} {keys}");
        assert!(app.dialog.is_none());
        assert!(app.notice().is_some_and(|notice| notice.text.contains('a')), "{phase} {keys}");
    }
    let mut nobody = app();
    assert_eq!(press(&mut nobody, "pxs[]jk y"), []);
}

#[test]
fn the_log_of_the_selected_and_marked_runs_is_followed_and_no_other() {
    let mut app = app();
    let views = vec![view("a", Phase::Running), view("b", Phase::Running)];
    let first = orders(news(&mut app, Update::Runs { changed: views, gone: vec![] }));
    assert_eq!(first[0], Order::Follow(vec![name("a")]));
    let parts = vec![history(1)];
    news(&mut app, Update::History { run: name("a"), anew: true, parts: parts.clone() });
    assert!(orders(press(&mut app, " j")).contains(&Order::Follow(vec![name("b"), name("a")])));
    assert!(app.history(&name("a")).is_some(), "a marked run's history is kept");
    press(&mut app, "k j");
    assert!(app.history(&name("a")).is_none(), "without its mark it is let go");
    news(&mut app, Update::History { run: name("a"), anew: false, parts });
    assert!(app.history(&name("a")).is_none(), "late news of a run nobody looks at is dropped");
}

#[test]
fn pictures_and_predictions_are_asked_for_once() {
    let mut app = one(Phase::Running);
    let effects = news(&mut app, Update::History { run: name("a"), anew: true, parts: vec![history(2)] });
    let epochs: Vec<u64> = orders(effects)
        .into_iter()
        .filter_map(|order| match order {
            Order::LoadPredictions { epoch, .. } => Some(epoch),
            _ => None,
        })
        .collect();
    assert_eq!(epochs, [2, 1]);
    assert_eq!(orders(app.update(Action::Tick(1))), []);
}

#[test]
fn the_time_machine_moves_every_screen() {
    let mut app = with_pictures();
    assert_eq!(app.shown_epoch(), Some(2));
    press(&mut app, "[");
    assert_eq!((app.shown_epoch(), app.follows_newest_epoch()), (Some(1), false));
    assert_eq!(app.shown_confusion().map(|confusion| confusion.epoch), Some(1));
    press(&mut app, "4f");
    assert_eq!(app.preview.list(), [0, 2], "the mistakes of epoch 1");
    press(&mut app, "]");
    assert_eq!((app.shown_epoch(), app.follows_newest_epoch()), (Some(2), true));
    assert_eq!(app.preview.list(), [2], "the mistakes of epoch 2");
    press(&mut app, "[[[");
    assert_eq!(app.shown_epoch(), Some(1));
}

#[test]
fn enter_on_a_cell_opens_exactly_its_pictures_and_esc_goes_back() {
    let mut app = with_pictures();
    press(&mut app, "3");
    // The cursor begins at the most frequent mistake: a cat named dog.
    key(&mut app, Key::Enter);
    assert_eq!((app.tab, app.preview.list()), (Tab::Preview, &[2][..]));
    key(&mut app, Key::Esc);
    assert_eq!((app.tab, app.preview.show), (Tab::Confusion, Show::All));
    key(&mut app, Key::Left);
    key(&mut app, Key::Enter);
    assert_eq!(app.preview.list(), [0, 4]);
}

#[test]
fn a_file_of_the_users_is_named_by_the_selected_run_and_late_answers_are_dropped() {
    let mut app = with_runs(vec![RunView {
        state: Some(Arc::new(State { step: 5, ..State::default() })),
        ..view("a", Phase::Running)
    }]);
    press(&mut app, "4o");
    app.update(Action::Paste("/tmp/cat.png\n".to_owned()));
    let asked = orders(key(&mut app, Key::Enter));
    let wanted = Order::Open { id: 1, path: "/tmp/cat.png".into(), model: Some(name("a")) };
    assert_eq!(asked, [wanted]);
    key(&mut app, Key::Esc);
    let answer = FileAnswer {
        picture: Arc::new(image::RgbImage::new(1, 1)),
        label: "cat".to_owned(),
        confidence: 1.0,
        probabilities: vec![],
        caption: None,
    };
    news(&mut app, Update::FileNamed { id: 1, answer: Ok(answer) });
    assert!(app.preview.file.is_none());
}

#[test]
fn a_picture_is_damaged_in_three_ways_and_the_next_one_in_the_same() {
    let mut app = with_pictures();
    press(&mut app, "4");
    let asked = |effects: Vec<Effect>| match orders(effects).as_slice() {
        [Order::Restore { id, picture, damage, model: None }] => (*id, picture.as_raw()[0], *damage),
        other => panic!("{other:?}"),
    };
    let first = asked(press(&mut app, "r"));
    assert_eq!((first.0, first.2), (1, Damage::Noise));
    assert_eq!(asked(press(&mut app, "r")), (2, first.1, Damage::Blur));
    let next = asked(key(&mut app, Key::Right));
    assert!((next.0, next.2) == (3, Damage::Blur) && next.1 != first.1, "another picture, the same damage");
    let black = || Arc::new(image::RgbImage::new(32, 32));
    let answer = || Restoration { damaged: black(), restored: black(), psnr: (14.0, 24.0), ssim: (0.4, 0.9) };
    news(&mut app, Update::Restored { id: 2, answer: Ok(answer()) });
    assert!(app.preview.triple.as_ref().unwrap().answer.is_none(), "a late answer");
    news(&mut app, Update::Restored { id: 3, answer: Ok(answer()) });
    assert!(app.preview.triple.as_ref().unwrap().answer.is_some());
    key(&mut app, Key::Esc);
    assert!(app.preview.triple.is_none() && app.tab == Tab::Preview);
    assert_eq!(orders(key(&mut app, Key::Right)), [], "nothing is restored unasked");
}

#[test]
fn captions_of_the_epoch_shown_are_loaded_and_those_of_another_are_not_shown() {
    let mut app = with_pictures();
    let run = name("a");
    let mut part = History::default();
    for epoch in [1, 2] {
        let path = format!("captions/test-{epoch:05}.json");
        part.apply(Event::new(0, 0, 0, EventKind::Captions { split: "test".to_owned(), epoch, path }));
    }
    let asked = |effects: Vec<Effect>| match orders(effects).as_slice() {
        [Order::LoadCaptions { epoch, path, .. }] => (*epoch, path.clone()),
        other => panic!("{other:?}"),
    };
    let effects = news(&mut app, Update::History { run: run.clone(), anew: false, parts: vec![part] });
    assert_eq!(asked(effects), (2, "captions/test-00002.json".to_owned()));
    let written = |epoch, text: &str| {
        let images = vec![Told { text: text.to_owned(), ..Told::default() }];
        Update::Captions {
            run: name("a"),
            subject: Subject::Test,
            epoch,
            captions: Ok(Arc::new(Captions { split: "test".to_owned(), epoch, images })),
        }
    };
    assert!(app.has_captions() && app.caption(0).is_none());
    news(&mut app, written(2, "a cat"));
    assert_eq!(app.caption(0).map(|told| told.text.as_str()), Some("a cat"));
    assert_eq!(app.caption(1), None, "no more was written");
    assert_eq!(asked(press(&mut app, "[")).0, 1);
    assert_eq!(app.caption(0), None, "it is the second epoch's");
    news(&mut app, written(2, "late"));
    assert_eq!(app.caption(0), None);
    news(&mut app, written(1, "a dog"));
    assert_eq!(app.caption(0).map(|told| told.text.as_str()), Some("a dog"));
}

#[test]
fn the_words_of_a_caption_are_stepped_through_and_another_picture_is_looked_at_anew() {
    let mut app = with_pictures();
    press(&mut app, "4");
    let asked = |effects: Vec<Effect>| match orders(effects).as_slice() {
        [Order::Attend { id, picture, model: None }] => (*id, picture.as_raw()[0]),
        other => panic!("{other:?}"),
    };
    let first = asked(press(&mut app, "a"));
    assert_eq!(orders(press(&mut app, "a")), [], "it is being looked at");
    let next = asked(key(&mut app, Key::Right));
    assert!(next.0 == 2 && next.1 != first.1);
    let words = ["a", "cat"].map(|word| (word.to_owned(), vec![1.0])).to_vec();
    let answer = || Attention { grid: [1, 1], words: words.clone() };
    news(&mut app, Update::Attended { id: 1, answer: Ok(answer()) });
    let view = |app: &App| app.preview.attention.as_ref().map(|view| (view.answer.is_some(), view.word));
    assert_eq!(view(&app), Some((false, 0)), "a late answer");
    news(&mut app, Update::Attended { id: 2, answer: Ok(answer()) });
    let steps = ["a", "a", "A"].map(|keys| {
        press(&mut app, keys);
        view(&app).unwrap().1
    });
    assert_eq!(steps, [1, 0, 1]);
    key(&mut app, Key::Esc);
    assert!(view(&app).is_none() && app.tab == Tab::Preview);
}

#[test]
fn typing_goes_into_the_dialog_and_not_to_the_screen() {
    let mut app = with_runs(vec![view("cnn", Phase::Running), view("gan", Phase::Paused)]);
    press(&mut app, "/gq");
    assert_eq!(app.runs.shown().len(), 0);
    key(&mut app, Key::Backspace);
    assert_eq!(app.runs.selected_name(), Some(&name("gan")));
    key(&mut app, Key::Enter);
    assert_eq!((app.dialog.is_none(), app.runs.filter()), (true, "g"));
    press(&mut app, "/");
    key(&mut app, Key::Esc);
    assert_eq!(app.runs.filter(), "");
    press(&mut app, "?");
    assert_eq!(press(&mut app, "q"), [], "any key closes the help and does nothing else");
    assert_eq!(press(&mut app, "q"), [Effect::Quit]);
}

#[test]
fn a_new_run_under_a_taken_name_is_refused_in_the_form() {
    let mut app = one(Phase::Running);
    press(&mut app, "n");
    key(&mut app, Key::BackTab);
    press(&mut app, "a");
    assert_eq!(orders(key(&mut app, Key::Enter)), []);
    let Some(Dialog::NewRun(form)) = &app.dialog else { panic!("{:?}", app.dialog) };
    assert!(form.problem.as_deref().is_some_and(|problem| problem.contains("choose another")));
    press(&mut app, "2");
    let wanted = NewRun { name: Some(name("a2")), recipe: Recipe::DEFAULT, sets: vec![] };
    assert_eq!(orders(key(&mut app, Key::Enter)), [Order::Start(wanted)]);
}

#[test]
fn the_form_asks_for_the_recipe_s_settings_and_starts_with_what_was_changed() {
    let mut app = one(Phase::Running);
    assert_eq!(orders(press(&mut app, "n")), [Order::LoadSettings(Recipe::DEFAULT)]);
    assert_eq!(orders(key(&mut app, Key::Down)), [], "asked once");
    let config = crate::config::Config { model: Some(crate::config::ModelKind::Cnn), ..Default::default() };
    let settings = Ok(config.filled().unwrap().into());
    news(&mut app, Update::Settings { recipe: Recipe::DEFAULT, settings });
    press(&mut app, "3");
    key(&mut app, Key::Down);
    key(&mut app, Key::Down);
    press(&mut app, "7");
    let wanted = NewRun { name: None, recipe: Recipe::DEFAULT, sets: vec!["epochs=3".into(), "seed=7".into()] };
    assert_eq!(orders(key(&mut app, Key::Enter)), [Order::Start(wanted)]);
    assert_eq!(orders(press(&mut app, "n")), [Order::LoadSettings(Recipe::DEFAULT)], "another form asks anew");
}

#[test]
fn settings_of_the_runs_in_focus_are_asked_for_and_shown_for_these_alone() {
    let mut app = with_runs(vec![view("a", Phase::Finished), view("b", Phase::Finished)]);
    let both = vec![name("a"), name("b")];
    press(&mut app, "5c");
    let marked = orders(press(&mut app, "j "));
    assert!(marked.contains(&Order::LoadDifferences(vec![name("b")])), "{marked:?}");
    let asked = orders(press(&mut app, "k"));
    assert!(asked.contains(&Order::LoadDifferences(both.clone())), "{asked:?}");
    assert!(app.differences().is_none());
    let found = vec![("cnn.seed".to_owned(), vec!["1".to_owned(), "2".to_owned()])];
    news(&mut app, Update::Differences { runs: both, differences: Ok(found.into()) });
    assert_eq!(app.differences().unwrap().as_ref().unwrap().len(), 1);
    assert_eq!(press(&mut app, "y"), [Effect::Copy("setting\ta\tb\ncnn.seed\t1\t2\n".to_owned())]);
    press(&mut app, "j ");
    assert!(app.differences().is_none(), "they are another run's");
}

#[test]
fn a_user_s_own_keys_count_on_screens_and_not_in_what_is_typed() {
    let own = OwnKeys::new(&["G=2".to_owned(), "/=j".to_owned(), "f=/".to_owned()]);
    let mut app = with_runs(vec![view("a", Phase::Running), view("b", Phase::Running)]).with_keys(own);
    press(&mut app, "G/");
    assert_eq!((app.tab, app.runs.selected_name()), (Tab::Loss, Some(&name("b"))));
    press(&mut app, "fG/");
    assert!(matches!(&app.dialog, Some(Dialog::Filter(input)) if input.value() == "G/"), "{:?}", app.dialog);
    let filter = keys_elsewhere(Tab::Jobs).find(|line| line.short == "filter").unwrap();
    assert_eq!(app.keys_of(filter), "f");
}

#[test]
fn every_screen_with_a_table_can_be_copied() {
    let mut app = with_pictures();
    for tab in ["1", "2", "3", "4", "5", "6"] {
        press(&mut app, tab);
        let effects = press(&mut app, "y");
        let Some(Effect::Copy(text)) = effects.first() else { panic!("{tab}: {effects:?}") };
        let widths: Vec<usize> = text.lines().map(|line| line.split('\t').count()).collect();
        assert!(widths[0] >= 2 && widths.iter().all(|width| *width == widths[0]), "{tab}: {text}");
    }
    press(&mut app, "3");
    let expected = "true \\ named\tcat\tdog\ncat\t2\t1\ndog\t0\t2\n";
    assert_eq!(press(&mut app, "y"), [Effect::Copy(expected.to_owned())]);
}

#[test]
fn notices_pass_and_then_nothing_changes_with_time() {
    let mut app = one(Phase::Running);
    press(&mut app, "y");
    assert!(app.needs_ticks());
    app.update(Action::Tick(6_000));
    assert!(app.notice().is_none() && !app.needs_ticks());
}

#[test]
fn the_farewell_counts_the_runs_that_go_on() {
    assert_eq!(one(Phase::Paused).farewell(), None);
    let live = with_runs(vec![view("a", Phase::Running), view("b", Phase::Queued), view("c", Phase::Finished)]);
    assert!(live.farewell().is_some_and(|text| text.starts_with("2 runs keep training")));
}

#[test]
fn a_replaced_log_loads_its_predictions_again() {
    let mut app = with_pictures();
    let effects = news(&mut app, Update::History { run: name("a"), anew: true, parts: vec![history(1)] });
    assert!(matches!(&orders(effects)[..], [Order::LoadPredictions { epoch: 1, .. }]));
}

#[test]
fn logs_are_searched_filtered_and_jumped_through() {
    let mut app = one(Phase::Failed);
    press(&mut app, "6w");
    let told = [
        "INFO pixscribe: begun",
        " WARN pixscribe: the disk is slow",
        "INFO pixscribe: the disk is fine",
        "ERROR pixscribe: the Disk is full",
        "pixscribe: the disk is full",
    ];
    let lines: Vec<String> = told.iter().map(|line| format!("2026-11-30T21:50:39Z {line}")).collect();
    news(&mut app, Update::Text { run: name("a"), lines: lines.into() });
    press(&mut app, "/disk");
    assert_eq!((app.found(), app.logs.at), ((Some(1), 4), Some(1)));
    key(&mut app, Key::Enter);
    let jumps = ["n", "n", "n", "n", "N", "N"].map(|keys| {
        press(&mut app, keys);
        app.logs.at
    });
    assert_eq!(jumps, [2, 3, 4, 1, 4, 3].map(Some));
    press(&mut app, "l");
    assert_eq!((app.log_lines().len(), app.found()), (2, (None, 2)));
    press(&mut app, "e");
    assert_eq!(app.logs.at, Some(1));
    key(&mut app, Key::Esc);
    assert!(!app.logs.search.is_on() && app.tab == Tab::Logs);
    press(&mut app, "n");
    assert!(matches!(app.dialog, Some(Dialog::NewRun(_))), "without a search it is a new run");
    key(&mut app, Key::Esc);
    press(&mut app, "we");
    assert!(app.notice().is_some_and(|notice| notice.text.contains("w shows")));
    key(&mut app, Key::Esc);
    assert_eq!(app.tab, Tab::Jobs);
}

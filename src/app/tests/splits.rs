//! Pictures held out for choosing, and those that a run learns from.

use super::*;

/// [`with_pictures`] on the Preview tab; the second epoch has answers to held-out pictures too.
fn with_held_out_answers() -> App {
    let mut app = with_pictures();
    let mut part = History::default();
    let (split, path) = ("held_out".to_owned(), "predictions/held_out-00002.bin".to_owned());
    part.apply(Event::new(0, 0, 0, EventKind::Predictions { split, epoch: 2, path }));
    news(&mut app, Update::History { run: name("a"), anew: false, parts: vec![part] });
    press(&mut app, "4");
    app
}

fn pictures(app: &mut App, subject: Subject, truths: &[u8]) {
    let gallery = Ok(Arc::new(Gallery::striped(&["cat", "dog"], truths)));
    news(app, Update::Gallery { run: name("a"), subject, gallery });
}

#[test]
fn i_turns_to_the_held_out_pictures_and_to_what_was_said_of_them() {
    let mut app = with_held_out_answers();
    let asked = orders(press(&mut app, "i"));
    let [Order::LoadGallery { subject: Subject::HeldOut, .. }, Order::LoadPredictions { subject, epoch: 2, path, .. }] =
        &asked[..]
    else {
        panic!("{asked:?}")
    };
    assert_eq!((*subject, path.as_str()), (Subject::HeldOut, "predictions/held_out-00002.bin"));
    assert!(app.preview.list().is_empty(), "the pictures are on their way");
    pictures(&mut app, Subject::HeldOut, &[1, 0, 1]);
    assert_eq!(app.preview.list(), [0, 1, 2], "and shown before it is known what was said of them");
    let predictions = Ok(Arc::new(Predictions::of([(1, 0.9), (1, 0.9), (1, 0.9)])));
    news(&mut app, Update::Predictions { run: name("a"), subject: Subject::HeldOut, epoch: 2, predictions });
    press(&mut app, "f");
    assert_eq!((app.preview.list(), app.shown_epoch()), (&[1][..], Some(2)));
    assert_eq!(app.filter_words(), "1 of 3: mistakes among those held out");
    press(&mut app, "3");
    assert_eq!(app.shown_confusion().map(|confusion| confusion.right()), Some(4), "the matrix is of the test pictures");
    press(&mut app, "2");
    key(&mut app, Key::BackTab);
    assert_eq!(app.preview.list(), [2], "and so is the picture beside the runs");
}

#[test]
fn the_cell_of_the_matrix_opens_test_pictures() {
    let mut app = with_held_out_answers();
    press(&mut app, "i3");
    key(&mut app, Key::Enter);
    assert_eq!((app.tab, app.subject(), app.preview.list()), (Tab::Preview, Subject::Test, &[2][..]));
}

#[test]
fn pictures_that_are_learned_from_are_in_memory_while_they_are_looked_at() {
    let mut app = with_held_out_answers();
    let asked = orders(press(&mut app, "ii"));
    let is_due = |order: &Order| matches!(order, Order::LoadGallery { subject: Subject::Training, .. });
    assert!(asked.iter().any(is_due), "{asked:?}");
    pictures(&mut app, Subject::Training, &[0, 1, 1, 0]);
    assert_eq!((app.preview.list().len(), app.shown_epoch()), (4, None));
    press(&mut app, "f");
    assert!(app.preview.list().is_empty(), "nobody has named them");
    press(&mut app, "0[");
    assert!(app.notice().is_some_and(|notice| notice.text.contains("not named at any epoch")));
    press(&mut app, "1");
    assert!(!app.galleries.keys().any(|(_, subject)| *subject == Subject::Training));
    pictures(&mut app, Subject::Training, &[0, 1, 1, 0]);
    assert_eq!(app.galleries.len(), 1, "what comes late is let go");
    assert!(orders(press(&mut app, "4")).iter().any(is_due), "and asked for again");
}

#[test]
fn a_run_without_such_answers_shows_the_pictures_alone() {
    let mut app = with_pictures();
    press(&mut app, "4i");
    pictures(&mut app, Subject::HeldOut, &[1, 0, 1]);
    assert_eq!((app.preview.list().len(), app.shown_epoch(), app.shown_predictions().is_none()), (3, None, true));
    press(&mut app, "[");
    assert!(app.notice().is_some_and(|notice| notice.text.contains("no finished epoch")));
}

#[test]
fn each_kind_of_pictures_has_a_place_to_come_back_to() {
    let mut app = with_held_out_answers();
    key(&mut app, Key::Right);
    press(&mut app, "i");
    pictures(&mut app, Subject::HeldOut, &[1, 0, 1]);
    assert_eq!(app.preview.picture(), Some(0));
    key(&mut app, Key::End);
    press(&mut app, "ii");
    assert_eq!((app.subject(), app.preview.picture()), (Subject::Test, Some(1)));
    press(&mut app, "i");
    assert_eq!(app.preview.picture(), Some(2));
}

#[test]
fn marked_runs_answer_for_held_out_pictures_that_they_share() {
    let mut app = with_held_out_answers();
    let history = app.histories[&name("a")].clone();
    news(&mut app, Update::Runs { changed: vec![view("b", Phase::Finished)], gone: vec![] });
    press(&mut app, "j ki");
    for run in ["a", "b"] {
        news(&mut app, Update::History { run: name(run), anew: true, parts: vec![history.clone()] });
    }
    pictures(&mut app, Subject::HeldOut, &[1, 0, 1]);
    let gallery = app.selected_gallery().unwrap().clone();
    news(&mut app, Update::Gallery { run: name("b"), subject: Subject::HeldOut, gallery });
    let predictions = Ok(Arc::new(Predictions::of([(1, 0.9), (0, 0.9), (0, 0.9)])));
    news(&mut app, Update::Predictions { run: name("b"), subject: Subject::HeldOut, epoch: 2, predictions });
    assert!(matches!(app.answer_of(&name("b"), 2), Answer::Named { label: 0, .. }));
    press(&mut app, "i");
    assert!(app.others().is_empty(), "nobody names what is learned from");
}

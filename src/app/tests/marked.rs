//! What marked runs say of the same pictures, filters, pages, and the picture that is made of them.

use super::*;

/// [`with_pictures`], and a marked run that names picture 2 right and picture 4 wrongly.
fn with_a_marked_run() -> App {
    let mut app = with_runs(vec![view("a", Phase::Running), view("b", Phase::Finished)]);
    press(&mut app, "j k4");
    load_pictures(&mut app);
    let parts = vec![history(3)];
    news(&mut app, Update::History { run: name("b"), anew: true, parts });
    let gallery = app.selected_gallery().unwrap().clone();
    news(&mut app, Update::Gallery { run: name("b"), subject: Subject::Test, gallery });
    let predictions = Ok(Arc::new(Predictions::of([0, 1, 0, 1, 1].map(|label| (label, 0.4)))));
    news(&mut app, Update::Predictions { run: name("b"), subject: Subject::Test, epoch: 3, predictions });
    app
}

#[test]
fn marked_runs_say_what_they_name_the_same_picture() {
    let app = with_a_marked_run();
    assert_eq!(app.others(), [&name("b")]);
    let Answer::Named { label: 1, sure, caption: None } = app.answer_of(&name("b"), 4) else { panic!() };
    assert!((sure - 0.4).abs() < 0.01);
    assert_eq!(app.answer_of(&name("b"), 99), Answer::Silent("said nothing of it"));
    assert_eq!(app.answer_of(&name("zz"), 0), Answer::Loading);
}

#[test]
fn a_marked_run_of_other_pictures_says_nothing_of_these() {
    let mut app = with_a_marked_run();
    let gallery = Ok(Arc::new(Gallery::striped(&["cat", "dog"], &[0, 1, 0, 1, 0])));
    news(&mut app, Update::Gallery { run: name("b"), subject: Subject::Test, gallery });
    assert_eq!(app.answer_of(&name("b"), 0), Answer::Silent("other pictures"));
    press(&mut app, "v");
    assert!(app.preview.list().is_empty() && app.nobody_differs().is_some_and(|why| why.contains("press 0")));
}

#[test]
fn v_lists_what_is_named_differently_and_joins_the_other_filters() {
    let mut app = with_a_marked_run();
    press(&mut app, "v");
    assert_eq!(app.preview.list(), [2, 4]);
    press(&mut app, "f");
    assert_eq!(app.preview.list(), [2], "of the mistakes");
    press(&mut app, "c");
    assert!(app.preview.list().is_empty() && app.nobody_differs().is_none(), "the run is sure of all");
    press(&mut app, "c");
    assert_eq!(app.preview.list(), [2]);
    press(&mut app, "0");
    assert_eq!((app.preview.list().len(), app.preview.is_filtered()), (5, false));
    let copied = press(&mut app, "y");
    let Some(Effect::Copy(text)) = copied.first() else { panic!("{copied:?}") };
    assert!(text.starts_with("picture\ttrue\tnamed\tconfidence\tb\tb confidence\n0\tcat\tcat\t0.90\tcat\t0.40\n"));
}

#[test]
fn what_marked_runs_said_is_asked_for_at_the_epoch_shown() {
    let mut app = with_a_marked_run();
    let asked = orders(press(&mut app, "["));
    let due = |order: &Order| matches!(order, Order::LoadPredictions { run, epoch: 1, .. } if *run == name("b"));
    assert!(asked.iter().any(due), "{asked:?}");
    assert_eq!(app.answer_of(&name("b"), 0), Answer::Loading);
    let before = app.preview.list().to_vec();
    press(&mut app, "v");
    assert_eq!(app.preview.list(), before, "the list stands until it is there");
}

#[test]
fn v_without_a_marked_run_says_what_to_do() {
    let mut app = with_pictures();
    press(&mut app, "4v");
    assert!(!app.preview.differing && app.notice().is_some_and(|notice| notice.text.contains("Space")));
}

#[test]
fn pages_are_as_long_as_what_the_screen_shows() {
    let mut app = with_pictures();
    press(&mut app, "4");
    app.preview.page.room = 3;
    let places = [Key::PageDown, Key::PageDown, Key::PageUp, Key::Home, Key::End].map(|pressed| {
        key(&mut app, pressed);
        app.preview.picture()
    });
    assert_eq!(places, [3, 4, 1, 0, 4].map(Some));
}

#[test]
fn w_has_the_pictures_in_view_written_with_what_is_said_of_them() {
    let mut app = with_a_marked_run();
    app.preview.page = Page { first: 2, room: 2 };
    let asked = orders(press(&mut app, "w"));
    let [Order::Post(poster)] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!((poster.name.as_str(), poster.title.as_str()), ("a-pictures", "a, epoch 2, all test pictures"));
    let words: Vec<Vec<&str>> =
        poster.pictures.iter().map(|posted| posted.words.iter().map(|(text, _)| text.as_str()).collect()).collect();
    assert_eq!(words, [["2: cat", "a: dog 90 %", "b: cat 40 %"], ["3: dog", "a: dog 90 %", "b: dog 40 %"]]);
    assert_eq!(poster.pictures[0].words[1].1, Ink::Wrong);
    news(&mut app, Update::Posted { pictures: 2, file: Ok("a-pictures.png".to_owned()) });
    assert!(app.notice().is_some_and(|notice| notice.text.contains("a-pictures.png")));
    press(&mut app, "r");
    assert_eq!(orders(press(&mut app, "w")), [], "it is being restored");
}

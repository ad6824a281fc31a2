//! The game on the Compare tab.

use super::*;

/// A game on the pictures of run `a`, which are there.
fn playing(you: You) -> App {
    let mut app = with_pictures();
    let asked = orders(press(&mut app, "5l"));
    assert!(asked.contains(&Order::LookAtYou(name("a"))), "{asked:?}");
    news(&mut app, Update::You { run: name("a"), you: Ok(Arc::new(you)) });
    app
}

/// The game that is on the screen.
fn game(app: &App) -> &Game {
    app.playing().and_then(|view| view.game.as_ref()).expect("a game")
}

#[test]
fn digits_name_pictures_while_a_game_is_played_and_every_answer_is_kept() {
    let mut app = playing(You::default());
    assert_eq!((game(&app).pictures.len(), game(&app).labels.len()), (5, 2));
    let kept = |effects: Vec<Effect>| match orders(effects).as_slice() {
        [Order::KeepGame(game)] => game.named.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(kept(press(&mut app, "1")), [1]);
    assert_eq!(orders(press(&mut app, "29q")), [], "no such labels, and nobody leaves by accident");
    assert_eq!(app.tab, Tab::Compare);
    assert_eq!(kept(press(&mut app, "0")), [1, 0]);
    assert_eq!(kept(press(&mut app, "u")), [1]);
    press(&mut app, "101");
    let last = orders(press(&mut app, "1"));
    let [Order::KeepGame(over), Order::LookAtYou(_)] = &last[..] else { panic!("{last:?}") };
    assert!(over.is_over() && app.playing().is_none());
    assert!(app.notice().is_some_and(|notice| notice.text.starts_with("You named")));
}

#[test]
fn a_game_goes_on_where_it_was_left_and_a_finished_one_asks_before_it_begins_anew() {
    let mut app = playing(You::default());
    press(&mut app, "10");
    let left = game(&app).clone();
    let looked = orders(key(&mut app, Key::Esc));
    assert_eq!(looked, [Order::LookAtYou(name("a"))]);
    let app = playing(You { game: Some(left.clone()), ..You::default() });
    assert_eq!(game(&app), &left);

    let over = Game { named: vec![0; 5], ..left.clone() };
    let mut app = playing(You { game: Some(over.clone()), ..You::default() });
    assert!(app.playing().is_none() && matches!(app.dialog, Some(Dialog::ConfirmReplay(_))));
    key(&mut app, Key::Esc);
    assert_eq!(app.kept_game(), Some(&over));
    press(&mut app, "l");
    assert_eq!(orders(press(&mut app, "y")), [], "nothing is replaced yet");
    assert!(game(&app).named.is_empty());
    // A game on pictures that are no more is not thrown away either.
    let mut app = playing(You { game: Some(Game { pictures: vec![9; 5], ..left }), ..You::default() });
    assert!(matches!(app.dialog.take(), Some(Dialog::ConfirmReplay(_))));
}

#[test]
fn a_game_that_cannot_begin_says_why() {
    let mut app = with_pictures();
    press(&mut app, "5l");
    news(&mut app, Update::You { run: name("a"), you: Err(Text::of(".you.json is damaged")) });
    assert!(app.playing().is_none() && app.notice().is_some_and(|notice| notice.text.contains("damaged")));
    let mut app = app_with_many_labels();
    press(&mut app, "5l");
    news(&mut app, Update::You { run: name("a"), you: Ok(Arc::default()) });
    assert!(app.playing().is_none() && app.notice().is_some_and(|notice| notice.text.contains("11 labels")));
    let mut app = with_runs(vec![]);
    press(&mut app, "5l");
    assert!(app.playing().is_none() && app.notice().is_some());
}

fn app_with_many_labels() -> App {
    let mut app = with_pictures();
    let gallery = Arc::new(Gallery::striped(&["x"; 11], &[0, 1]));
    news(&mut app, Update::Gallery { run: name("a"), subject: Subject::Test, gallery: Ok(gallery) });
    app
}

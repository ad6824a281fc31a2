//! The training images that are nearest to a picture.

use super::*;
use crate::jobs::Neighbour;

fn order(effects: Vec<Effect>) -> (u64, Option<RunName>, Option<u32>) {
    match &orders(effects)[..] {
        [Order::FindNearest { id, run, except, .. }, ..] => (*id, run.clone(), *except),
        other => panic!("{other:?}"),
    }
}

fn found() -> Vec<Neighbour> {
    let picture = Arc::new(image::RgbImage::new(1, 1));
    vec![Neighbour { picture, label: "cat".to_owned(), number: 31, distance: 0.125 }]
}

#[test]
fn t_shows_the_nearest_training_images_of_the_picture_and_the_picture_again() {
    let mut app = with_pictures();
    press(&mut app, "4");
    assert_eq!(order(press(&mut app, "t")), (1, Some(name("a")), None));
    news(&mut app, Update::Nearest { id: 7, answer: Ok(found()) });
    assert!(app.preview.nearest.as_ref().is_some_and(|view| view.answer.is_none()), "an answer to something else");
    news(&mut app, Update::Nearest { id: 1, answer: Ok(found()) });
    assert!(app.preview.nearest.as_ref().is_some_and(|view| view.answer.is_some() && view.of == "picture 0, cat"));
    let saved = orders(press(&mut app, "w"));
    let [Order::Post(poster)] = &saved[..] else { panic!("{saved:?}") };
    let words: Vec<&str> = poster.pictures.iter().map(|posted| posted.words[0].0.as_str()).collect();
    assert_eq!(words, ["picture 0, cat", "cat, 12.5 % apart"]);
    press(&mut app, "t");
    assert!(app.preview.nearest.is_none());
}

#[test]
fn the_next_picture_is_looked_at_in_the_same_way_and_esc_leaves() {
    let mut app = with_pictures();
    press(&mut app, "4t");
    assert_eq!(order(key(&mut app, Key::Right)).0, 2);
    assert!(app.preview.nearest.as_ref().is_some_and(|view| view.of == "picture 1, dog"));
    key(&mut app, Key::Esc);
    assert_eq!((app.preview.nearest.is_none(), app.tab), (true, Tab::Preview));
    press(&mut app, "tr");
    assert!(app.preview.nearest.is_none() && app.preview.triple.is_some(), "one thing at a time");
    press(&mut app, "t");
    assert!(app.preview.nearest.is_some() && app.preview.triple.is_none());
}

#[test]
fn a_training_image_is_not_its_own_neighbour() {
    let mut app = with_pictures();
    press(&mut app, "4ii");
    let gallery = Ok(Arc::new(Gallery::striped(&["cat", "dog"], &[0, 1, 1, 0])));
    news(&mut app, Update::Gallery { run: name("a"), subject: Subject::Training, gallery });
    key(&mut app, Key::End);
    assert_eq!(order(press(&mut app, "t")), (1, Some(name("a")), Some(3)));
}

#[test]
fn without_a_picture_t_says_so() {
    let mut app = one(Phase::Running);
    press(&mut app, "4t");
    assert!(app.preview.nearest.is_none() && app.notice().is_some_and(|notice| notice.text.contains("no picture")));
}

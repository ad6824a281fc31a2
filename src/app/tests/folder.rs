//! A folder of the user's in the place of the test pictures.

use super::*;

/// What is known of a folder of two pictures when so many are named.
fn folder(named: usize) -> Folder {
    let files: Vec<std::path::PathBuf> = ["/p/a.png", "/p/b.png"][..named].iter().map(Into::into).collect();
    let pixels = vec![7; named * crate::data::IMAGE_BYTES];
    let told = ["a cat", ""].map(|text| Told { text: text.to_owned(), ..Told::default() });
    Folder {
        gallery: Arc::new(Gallery::of_files(["cat".to_owned()].into(), pixels.into(), files.into())),
        predictions: Arc::new(Predictions::of([(0, 0.9), (0, 0.4)].into_iter().take(named))),
        captions: Arc::new(Captions { split: String::new(), epoch: 0, images: told[..named].to_vec() }),
        asked: 2,
        found: 2,
        unread: 0,
        trouble: None,
        is_done: named == 2,
    }
}

#[test]
fn a_folder_of_the_users_is_paged_through_like_test_pictures_and_left_with_esc() {
    let mut app = with_pictures();
    press(&mut app, "4o/p");
    let asked = orders(key(&mut app, Key::Enter));
    assert_eq!(asked, [Order::Open { id: 1, path: "/p".into(), model: None }]);
    news(&mut app, Update::Folder { id: 9, folder: Ok(folder(2)) });
    assert!(app.folder().is_none(), "of another one");
    for (named, listed) in [(0, 0), (1, 1), (2, 2)] {
        news(&mut app, Update::Folder { id: 1, folder: Ok(folder(named)) });
        assert_eq!(app.preview.list().len(), listed);
    }
    assert_eq!(app.caption(0).map(|told| told.text.as_str()), Some("a cat"));
    assert_eq!((app.caption(1), app.has_captions()), (None, true));
    press(&mut app, "c");
    assert_eq!(app.preview.list(), [1], "less than half sure");
    let large = orders(key(&mut app, Key::Enter));
    assert_eq!(large, [Order::NameFile { id: 2, path: "/p/b.png".into(), model: None }]);
    key(&mut app, Key::Esc);
    assert!(app.folder().is_some() && app.preview.file.is_none());
    press(&mut app, "1");
    // The Jobs screen shows test pictures as before.
    assert_eq!(app.selected_gallery().and_then(|loaded| loaded.as_ref().ok()).map(|gallery| gallery.len()), Some(5));
    press(&mut app, "4");
    assert_eq!(orders(key(&mut app, Key::Esc)), [Order::CloseFolder(1)]);
    assert_eq!((app.tab, app.preview.list().len(), app.preview.is_filtered()), (Tab::Preview, 5, false));
    news(&mut app, Update::Folder { id: 1, folder: Ok(folder(2)) });
    assert!(app.folder().is_none(), "it was left");
}

#[test]
fn another_folder_ends_the_worker_of_the_one_before() {
    let mut app = with_pictures();
    press(&mut app, "4o/p");
    key(&mut app, Key::Enter);
    news(&mut app, Update::Folder { id: 1, folder: Ok(folder(1)) });
    press(&mut app, "o/q");
    let asked = orders(key(&mut app, Key::Enter));
    assert_eq!(asked, [Order::Open { id: 2, path: "/q".into(), model: None }, Order::CloseFolder(1)]);
}

#[test]
fn a_folder_that_cannot_be_named_says_why() {
    let mut app = app();
    press(&mut app, "4o/p");
    key(&mut app, Key::Enter);
    news(&mut app, Update::Folder { id: 1, folder: Err(Text::of("there are no pictures")) });
    let shown = app.selected_gallery().and_then(|loaded| loaded.as_ref().err()).map(Text::as_str);
    assert_eq!(shown, Some("there are no pictures"));
}

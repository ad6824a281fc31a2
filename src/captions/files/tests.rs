use std::fs;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// Names of pictures and their captions.
fn found(folder: &TempDir) -> Vec<(String, Vec<String>)> {
    let name = |path: &Path| path.strip_prefix(folder.path()).unwrap().to_str().unwrap().to_owned();
    read(folder.path()).unwrap().into_iter().map(|one| (name(&one.picture), one.captions)).collect()
}

fn due(all: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
    all.iter()
        .map(|(name, captions)| ((*name).to_owned(), captions.iter().map(|c| (*c).to_owned()).collect()))
        .collect()
}

/// What is said of a folder that cannot be read; it must be one line and hold these words.
fn refused(files: &[(&str, &str)], words: &[&str]) {
    let error = read(folder(files).path()).unwrap_err().to_string();
    assert!(words.iter().all(|word| error.contains(word)), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[test]
fn lines_are_read() {
    let text = "{\"file_name\": \"b.png\", \"text\": \"a ship\", \"more\": [1]}\r\n\n{\"caption\": \"a \\u00fc\\u001b[2J frog\", \
                \"file_name\": \"in/a.jpg\"}\n{\"file_name\": \"./b.png\", \"text\": \"a boat\"}";
    let folder = folder(&[("captions.jsonl", text), ("other.jsonl", ""), ("b.png", ""), ("in/a.jpg", "")]);
    assert_eq!(layout(folder.path()).unwrap(), Layout::Lines(folder.path().join("captions.jsonl")));
    assert_eq!(found(&folder), due(&[("b.png", &["a ship", "a boat"]), ("in/a.jpg", &["a ü [2J frog"])]));
}

#[test]
fn coco_files_are_read() {
    let text = r#"{"info": {"year": 2017}, "licenses": [{}], "images": [{"id": 7, "file_name": "7.jpg", "width": 3},
        {"id": 8, "file_name": "8.jpg"}, {"id": "x", "file_name": "x.jpg"}], "annotations": [
        {"image_id": 8, "id": 1, "caption": "a cat"}, {"image_id": "x", "caption": "say \"x\""},
        {"image_id": 8, "id": 2, "caption": " two cats \n"}]}"#;
    let folder = folder(&[("captions_train.json", text), ("images/8.jpg", ""), ("x.jpg", ""), ("8.txt", "none")]);
    assert_eq!(found(&folder), due(&[("images/8.jpg", &["a cat", "two cats"]), ("x.jpg", &["say \"x\""])]));
}

#[test]
fn text_files_beside_pictures_are_read() {
    let folder = folder(&[
        ("b.PNG", ""),
        ("b.txt", "a ship\r\n\n a boat \n"),
        ("a.jpg", ""),
        ("a.txt", "a frog"),
        ("c.jpg", ""),
        ("d.txt", "no picture"),
        (".e.jpg", ""),
    ]);
    assert_eq!(layout(folder.path()).unwrap(), Layout::Beside);
    assert_eq!(found(&folder), due(&[("a.jpg", &["a frog"]), ("b.PNG", &["a ship", "a boat"])]));
}

#[test]
fn folders_without_captions_are_refused() {
    refused(&[], &["has no captions"]);
    refused(&[("a.jpg", ""), ("b.txt", "x")], &["has no captions"]);
    refused(&[("a.jpg", ""), ("a.txt", "\n")], &["has no captions"]);
    refused(&[("captions.jsonl", "\n\n")], &["has no captions"]);
    refused(&[("x.jsonl", ""), ("y.jsonl", "")], &["several", "x.jsonl, y.jsonl"]);
    assert!(read(Path::new("/nowhere/at/all")).unwrap_err().to_string().contains("cannot list"));
}

#[test]
fn damaged_lines_are_refused_with_their_number() {
    let good = "{\"file_name\": \"a.png\", \"text\": \"a frog\"}\n";
    let with = |line: &str, words: &[&str]| {
        refused(&[("captions.jsonl", &format!("{good}{line}")), ("a.png", "")], &[words, &["line 2"][..]].concat());
    };
    with("{\"file_name\": \"a.png\"}", &["missing field `text`"]);
    with("{\"file_name\": \"a.png\", \"text\": 3}", &["expected"]);
    with("{\"file_name\"", &["EOF"]);
    with("[\"a\\u001b[2Jb\"]", &["expected"]);
    with("{\"file_name\": \"a.png\", \"text\": \" \\t\"}", &["empty"]);
    with("{\"file_name\": \"b\\u001b.png\", \"text\": \"x\"}", &["\"b .png\" is not there"]);
    with(&format!("{{\"file_name\": \"a.png\", \"text\": \"{}\"}}", "x".repeat(5000)), &["5000 bytes"]);
}

#[test]
fn names_that_lead_out_of_the_folder_are_refused() {
    let outside = TempDir::new().unwrap();
    let secret = outside.path().join("secret.png");
    fs::write(&secret, "").unwrap();
    for name in [secret.to_str().unwrap(), "../secret.png", "a/../../b.png", "..\\\\secret.png", "a/..", ""] {
        let line = format!("{{\"file_name\": \"{name}\", \"text\": \"x\"}}");
        let error = read(folder(&[("captions.jsonl", &line)]).path()).unwrap_err().to_string();
        assert!(error.contains("outside") || name.is_empty() && error.contains("not there"), "{name}: {error}");
    }
}

#[cfg(unix)]
#[test]
fn links_that_lead_out_of_the_folder_are_refused() {
    let outside = folder(&[("secret.png", ""), ("secret.txt", "secret")]);
    let inside = folder(&[("captions.jsonl", "{\"file_name\": \"a.png\", \"text\": \"x\"}"), ("b.png", "")]);
    let link =
        |from: &str, to: &str| std::os::unix::fs::symlink(outside.path().join(from), inside.path().join(to)).unwrap();
    link("secret.png", "a.png");
    assert!(read(inside.path()).unwrap_err().to_string().contains("outside"));
    fs::remove_file(inside.path().join("captions.jsonl")).unwrap();
    link("secret.txt", "b.txt");
    let error = read(inside.path()).unwrap_err().to_string();
    assert!(error.contains("\"b.txt\" lies outside"), "{error}");
}

#[test]
fn damaged_coco_files_are_refused() {
    let with = |images: &str, annotations: &str, words: &[&str]| {
        let text = format!("{{\"images\": [{images}], \"annotations\": [{annotations}]}}");
        refused(&[("a.json", &text), ("a.png", "")], words);
    };
    let image = "{\"id\": 1, \"file_name\": \"a.png\"}";
    with(image, "{\"image_id\": 2, \"caption\": \"x\"}", &["annotation 0", "number 2"]);
    with(&format!("{image}, {image}"), "", &["image 1", "number 1"]);
    with("{\"id\": 1, \"file_name\": \"../a.png\"}", "{\"image_id\": 1, \"caption\": \"x\"}", &["image 0", "outside"]);
    with(image, "{\"image_id\": 1, \"caption\": \"\"}", &["annotation 0", "empty"]);
    with(image, "{\"image_id\": 1}", &["missing field `caption`"]);
    with(image, "{\"image_id\": 1.5, \"caption\": \"\"}", &["images"]);
    with(image, &vec!["{\"image_id\": 1, \"caption\": \"x\"}"; 101].join(","), &["annotation 100", "more than 100"]);
    refused(&[("a.json", "{\"images\": []}")], &["missing field `annotations`"]);
    refused(&[("a.json", &"[".repeat(100_000))], &["expected"]);
}

#[test]
fn text_that_is_not_utf8_is_refused() {
    let folder = folder(&[("a.png", "")]);
    fs::write(folder.path().join("a.txt"), b"fine\n\xff\xfe").unwrap();
    let error = read(folder.path()).unwrap_err().to_string();
    assert!(error.contains("line 2") && error.contains("UTF-8"), "{error}");
    fs::write(folder.path().join("a.txt"), vec![b'x'; 4096 * 100 + 1]).unwrap();
    assert!(read(folder.path()).unwrap_err().to_string().contains("larger than"));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in any::<String>()) {
        for name in ["a.jsonl", "a.json", "a.txt"] {
            for bytes in [&bytes, text.as_bytes()] {
                let folder = folder(&[("a.png", "")]);
                fs::write(folder.path().join(name), bytes).unwrap();
                if let Ok(all) = read(folder.path()) {
                    let moves_cursor = all.iter().flat_map(|one| &one.captions).any(|text| text.contains('\u{1b}'));
                    prop_assert!(!moves_cursor);
                }
            }
        }
    }
}

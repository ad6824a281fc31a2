//! `pixscribe nearest`, as scripts call it.

use std::path::Path;

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use pixscribe::data::{SIDE, holdout};
use serde_json::Value;

use crate::fixture::*;

/// A data set, training image 7 of it as `p.png`, and a run that learns from it.
fn place() -> tempfile::TempDir {
    let place = folder(&binary_files());
    let pixels = train().image(7).to_vec();
    image::RgbImage::from_raw(SIDE as u32, SIDE as u32, pixels).unwrap().save(place.path().join("p.png")).unwrap();
    let toml = format!("[data]\npath = {:?}\n", place.path().display().to_string());
    write(&place.path().join("runs/a/config.toml"), toml.as_bytes());
    place
}

fn nearest(place: &Path, args: &str) -> Assert {
    let mut command = Command::cargo_bin("pixscribe").unwrap();
    command.current_dir(place).env("HOME", place).env("XDG_CONFIG_HOME", place).env_remove("RUST_BACKTRACE");
    command.args(["--runs", "runs", "--set", "data.path=.", "nearest", "p.png"]).args(args.split_whitespace()).assert()
}

fn found(place: &Path, args: &str) -> Vec<Value> {
    let output = nearest(place, &format!("--json {args}")).success().get_output().stdout.clone();
    let all: Value = serde_json::from_slice(&output).unwrap();
    assert_eq!((&all[0]["path"], &all[0]["by"]), (&"p.png".into(), &"pixels".into()));
    all[0]["nearest"].as_array().unwrap().clone()
}

#[test]
fn the_nearest_stand_first_and_the_picture_itself_can_be_left_out() {
    let place = place();
    let all = found(place.path(), "-n 99");
    assert_eq!((all.len(), all[0]["number"].as_u64(), all[0]["distance"].as_f64()), (30, Some(7), Some(0.0)));
    assert!(all.is_sorted_by_key(|near| near["distance"].as_f64().unwrap()));
    let label = usize::from(train().labels[7]);
    assert_eq!(all[0]["label"], pixscribe::data::CIFAR10_LABELS[label]);
    let others = found(place.path(), "-n 2 --except 7");
    assert_eq!(others, all[1..3]);
    let text = nearest(place.path(), "-n 1").success().get_output().stdout.clone();
    assert!(String::from_utf8(text).unwrap().contains("(image 7, 0.0 % apart)"));
}

#[test]
fn of_a_run_only_what_it_learns_from_is_looked_at() {
    let place = place();
    let mut numbers: Vec<u32> =
        found(place.path(), "-n 99 --run a").iter().map(|near| near["number"].as_u64().unwrap() as u32).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, holdout(&train().labels, 1).0);
    assert!(numbers.len() < 30);
}

#[test]
fn images_are_put_where_nothing_is_overwritten() {
    let place = place();
    let two = found(place.path(), "-n 2 -o out");
    let files: Vec<&Path> = two.iter().map(|near| Path::new(near["out"].as_str().unwrap())).collect();
    let picture = image::open(place.path().join(files[0])).unwrap().into_rgb8();
    assert_eq!((files[0], picture.as_raw().as_slice()), (Path::new("out/training-00007.png"), &train().image(7)[..]));
    let failed = nearest(place.path(), "-n 3 -o out").failure().code(1).get_output().stderr.clone();
    assert!(String::from_utf8(failed).unwrap().contains("exists already"));
    assert_eq!(std::fs::read_dir(place.path().join("out")).unwrap().count(), 2, "the third is not written either");
}

#[test]
fn what_is_not_there_is_told() {
    let place = place();
    nearest(place.path(), "--except 30").failure().code(2);
    let failed = nearest(place.path(), "--run nobody").failure().code(1).get_output().stderr.clone();
    assert!(String::from_utf8(failed).unwrap().contains("nobody"));
    nearest(place.path(), "missing.png").failure().code(1);
    let toml = "model = \"captioner\"\n[captioner]\ncaptions = \"/photos\"\n";
    write(&place.path().join("runs/own/config.toml"), toml.as_bytes());
    let failed = nearest(place.path(), "--run own").failure().code(1).get_output().stderr.clone();
    assert!(String::from_utf8(failed).unwrap().contains("/photos"));
}

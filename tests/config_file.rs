//! `config.toml` in the repository: its text comes from the settings' own tables, and having it equals having none.

use std::path::{Path, PathBuf};

use pixscribe::config::{Config, commented_defaults, load};

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config.toml")
}

#[test]
fn the_text_is_what_the_settings_say() {
    let text = commented_defaults().unwrap();
    if std::env::var_os("UPDATE_CONFIG").is_some() {
        std::fs::write(committed(), &text).unwrap();
    }
    let on_disk = std::fs::read_to_string(committed()).unwrap();
    assert!(on_disk == text, "config.toml is out of date: UPDATE_CONFIG=1 cargo test --release --test config_file");
}

#[test]
fn loading_it_gives_the_defaults() {
    assert_eq!(load(Some(&committed()), &[], None).unwrap(), Config::default());
}

#[test]
fn every_example_in_it_is_accepted() {
    let text = std::fs::read_to_string(committed()).unwrap();
    let uncommented: String = text
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest)
                if rest
                    .split_once(" = ")
                    .is_some_and(|(key, _)| key.chars().all(|c| c.is_ascii_lowercase() || c == '_')) =>
            {
                rest
            }
            _ => line,
        })
        .map(|line| format!("{line}\n"))
        .collect();
    assert_ne!(uncommented, text);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    std::fs::write(&file, uncommented).unwrap();
    load(Some(&file), &[], None).unwrap();
}

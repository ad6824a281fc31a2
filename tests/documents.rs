//! Documents that are made from the program's own tables: `config.toml`, and the keys in README.md.
//! `UPDATE_DOCUMENTS=1 cargo test --release --test documents` writes them anew.

use std::fs;
use std::path::{Path, PathBuf};

use pixscribe::app::{KeyLine, Tab, keys_everywhere, keys_of};
use pixscribe::config::{Config, commented_defaults, load};

fn document(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn assert_up_to_date(name: &str, due: &str) {
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        fs::write(document(name), due).unwrap();
    }
    let hint = "UPDATE_DOCUMENTS=1 cargo test --release --test documents";
    assert!(fs::read_to_string(document(name)).unwrap() == due, "{name} is out of date: {hint}");
}

#[test]
fn config_toml_says_what_the_settings_say() {
    assert_up_to_date("config.toml", &commented_defaults().unwrap());
}

#[test]
fn loading_config_toml_gives_the_defaults() {
    assert_eq!(load(Some(&document("config.toml")), &[], None).unwrap(), Config::default());
}

#[test]
fn every_example_in_config_toml_is_accepted() {
    let is_key = |text: &str| text.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let is_setting = |line: &&str| line.split_once(" = ").is_some_and(|(key, _)| is_key(key));
    let text = fs::read_to_string(document("config.toml")).unwrap();
    let uncommented: Vec<&str> =
        text.lines().map(|line| line.strip_prefix("# ").filter(is_setting).unwrap_or(line)).collect();
    let examples = uncommented.iter().zip(text.lines()).filter(|(after, before)| *after != before).count();
    assert!(examples > 5, "{examples}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    fs::write(&file, uncommented.join("\n")).unwrap();
    load(Some(&file), &[], None).unwrap();
}

#[test]
fn the_readme_tells_the_keys_of_the_dashboard() {
    let (open, close) = ("<!-- keys -->\n", "<!-- end of keys -->");
    let readme = fs::read_to_string(document("README.md")).unwrap();
    let (before, rest) = readme.split_once(open).expect("README.md has a mark where the keys begin");
    let (_, after) = rest.split_once(close).expect("README.md has a mark where the keys end");
    assert_up_to_date("README.md", &format!("{before}{open}{}{close}{after}", table_of_keys()));
}

fn table_of_keys() -> String {
    let mut table = "| screen | key | does |\n| --- | --- | --- |\n".to_owned();
    let mut rows = |screen: &str, lines: &[KeyLine]| {
        for line in lines {
            let keys: Vec<String> = line.keys.split(' ').map(|key| format!("`{key}`")).collect();
            table += &format!("| {screen} | {} | {} |\n", keys.join(" "), line.long);
        }
    };
    rows("all", keys_everywhere());
    for tab in Tab::ALL {
        rows(tab.title(), keys_of(tab));
    }
    table
}

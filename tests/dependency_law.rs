//! The dependency law of ARCHITECTURE.md, read out of the sources: which top folder may name which.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A place in `src/` and all that it may name of the crate besides itself. A longer place beats a shorter one.
const LAW: &[(&str, &[&str])] = &[
    ("ops", &[]),
    ("run", &[]),
    ("config", &[]),
    ("data", &["ops::random"]),
    ("restoration", &["data", "ops::random"]),
    ("captions", &["data", "ops::random"]),
    ("hf", &[]),
    ("nn", &["ops"]),
    ("models", &["nn", "ops"]),
    ("train", &["models", "restoration", "captions", "hf", "nn", "ops", "data", "run", "config"]),
    ("worker", &["train", "models", "nn", "ops", "data", "run", "config"]),
    ("jobs", &["run", "config", "data"]),
    ("app", &["jobs", "run", "config", "data"]),
    ("ui", &["app", "jobs", "run", "config", "data", "term"]),
    ("ui::pictures", &["term", "config"]),
    ("term", &["config"]),
    (
        "cli",
        &[
            "worker",
            "train",
            "models",
            "restoration",
            "captions",
            "hf",
            "nn",
            "ops",
            "data",
            "run",
            "config",
            "ui",
            "app",
            "jobs",
            "term",
        ],
    ),
    ("main", &["cli", "jobs::launch"]),
    ("lib", &[]),
];

/// Crates that belong to some places only.
const CRATES: &[(&str, &[&str])] = &[
    ("color_eyre", &["main"]),
    ("clap", &["cli"]),
    ("dfdx", &["ops", "nn", "models", "train", "worker", "cli"]),
    ("ratatui", &["ui", "term", "cli"]),
    ("tokenizers", &["hf"]),
    ("plotters", &["cli"]),
];

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Breach {
    place: String,
    names: String,
}

/// Breaches of the law in the text of one module, `place` being its path (`run::lock`).
fn breaches(place: &str, text: &str) -> BTreeSet<Breach> {
    let code = without_comments_and_text(text);
    let found = crate_paths(place, &code);
    let breach = |names: &str| Breach { place: place.to_owned(), names: names.to_owned() };
    let mut breaches: BTreeSet<Breach> =
        found.iter().filter(|path| !may_name(place, path)).map(|path| breach(path)).collect();
    for (name, places) in CRATES {
        let at_home = places.iter().any(|home| is_within(place, home));
        if !at_home && words(&code).any(|word| word == *name) {
            breaches.insert(breach(name));
        }
    }
    breaches
}

fn may_name(place: &str, path: &str) -> bool {
    let rule = LAW.iter().filter(|(home, _)| is_within(place, home)).max_by_key(|(home, _)| home.len());
    let Some((home, allowed)) = rule else {
        return false;
    };
    is_within(path, home) || allowed.iter().any(|allowed| is_within(path, allowed))
}

/// Whether module path `inner` is `outer` or lies in it.
fn is_within(inner: &str, outer: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Every path from the crate's root that the code names: `crate::a::b`, groups, `pixscribe::a`, and `super` climbed to the top.
fn crate_paths(place: &str, code: &str) -> Vec<String> {
    let depth = place.split("::").count();
    let roots = ["crate::".to_owned(), "pixscribe::".to_owned(), "super::".repeat(depth)];
    let mut paths = Vec::new();
    for root in &roots {
        for (at, _) in code.match_indices(root.as_str()) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':' || c == '$') {
                continue;
            }
            // Inside `mod tests { … }` one `super` more is needed to reach the root.
            if root.starts_with("super") && code[..at].contains("mod tests {") {
                continue;
            }
            collect_paths("", &code[at + root.len()..], &mut paths);
        }
    }
    paths
}

/// Reads `a::{b, c::d}` into `a::b`, `a::c::d`; returns what follows.
fn collect_paths<'a>(prefix: &str, code: &'a str, paths: &mut Vec<String>) -> &'a str {
    let code = code.trim_start();
    if let Some(mut rest) = code.strip_prefix('{') {
        loop {
            rest = collect_paths(prefix, rest, paths).trim_start();
            match rest.chars().next() {
                Some(',') => rest = &rest[1..],
                Some('}') => return &rest[1..],
                Some(other) => rest = &rest[other.len_utf8()..],
                None => return rest,
            }
        }
    }
    let end = code.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(code.len());
    let (name, rest) = code.split_at(end);
    if name.is_empty() {
        return rest;
    }
    let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}::{name}") };
    match rest.strip_prefix("::") {
        Some(deeper) if !deeper.starts_with('<') => collect_paths(&path, deeper, paths),
        _ => {
            paths.push(path);
            rest
        }
    }
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_alphanumeric() && c != '_')
}

/// The code alone: comments and the insides of string and character literals become blanks.
fn without_comments_and_text(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(hashes) = raw_string_hashes(rest, &code) {
            let close = format!("\"{}", "#".repeat(hashes));
            let open = 2 + hashes;
            rest[open..].find(&close).map_or(rest.len(), |end| open + end + close.len())
        } else if c == '"' {
            quoted_len(rest, '"')
        } else if c == '\'' && is_char_literal(rest) {
            quoted_len(rest, '\'')
        } else {
            0
        };
        let (taken, keep) = if skipped == 0 { (c.len_utf8(), true) } else { (skipped, false) };
        code.push_str(if keep { &rest[..taken] } else { " " });
        rest = &rest[taken..];
    }
    code
}

/// The number of `#` of a raw string that starts here, if one does.
fn raw_string_hashes(rest: &str, before: &str) -> Option<usize> {
    let inside_word = before.ends_with(|c: char| c.is_alphanumeric() || c == '_') && !before.ends_with('b');
    let body = rest.strip_prefix('r').filter(|_| !inside_word)?;
    let hashes = body.bytes().take_while(|byte| *byte == b'#').count();
    body[hashes..].starts_with('"').then_some(hashes)
}

fn is_char_literal(rest: &str) -> bool {
    let mut chars = rest.chars().skip(1);
    match chars.next() {
        Some('\\') => true,
        Some(_) => chars.next() == Some('\''),
        None => false,
    }
}

fn quoted_len(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// `src/run/lock.rs` is `run::lock`, `src/run/mod.rs` is `run`.
fn module_path(root: &Path, file: &Path) -> String {
    let inside = file.strip_prefix(root).unwrap().with_extension("");
    let parts: Vec<&str> = inside.iter().map(|part| part.to_str().unwrap()).filter(|part| *part != "mod").collect();
    parts.join("::")
}

#[test]
fn the_sources_keep_the_law() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 20, "too few sources were found in {}", root.display());
    let all: BTreeSet<Breach> =
        files.iter().flat_map(|file| breaches(&module_path(&root, file), &fs::read_to_string(file).unwrap())).collect();
    assert!(all.is_empty(), "these places name what they may not know: {all:#?}");
}

#[test]
fn every_top_module_stands_under_the_law() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(LAW.iter().any(|(home, _)| *home == name), "{name} has no row in the law");
    }
}

fn named(place: &str, code: &str) -> Vec<String> {
    breaches(place, code).into_iter().map(|breach| breach.names).collect()
}

#[test]
fn a_breach_is_caught_in_every_spelling() {
    assert_eq!(named("run::lock", "use crate::data::Labels;"), ["data::Labels"]);
    assert_eq!(named("run", "fn f() { crate::ui::draw() }"), ["ui::draw"]);
    assert_eq!(named("ops", "use crate::{ops::conv, nn::{Linear, optim}};"), ["nn::Linear", "nn::optim"]);
    assert_eq!(named("run::lock", "use super::super::config;"), ["config"]);
    assert_eq!(named("data", "use crate::ops::random;\nuse crate::ops::conv2d;"), ["ops::conv2d"]);
    assert_eq!(named("jobs", "use crate::ui as paint;"), ["ui"]);
    assert_eq!(named("ui::pictures::kitty", "use crate::app::App;"), ["app::App"]);
    assert_eq!(
        named("train", "type E = crate::jobs::Error<'static>; let c = '\"'; use crate::app::A;"),
        ["app::A", "jobs::Error"]
    );
    assert_eq!(named("worker", "use color_eyre::Result;"), ["color_eyre"]);
    assert_eq!(named("app::state", "use ratatui::layout::Rect;"), ["ratatui"]);
}

#[test]
fn what_is_allowed_or_only_talked_about_is_no_breach() {
    let fine = [
        ("run::lock", "use crate::run::State; use super::State; // crate::ui"),
        ("data::augment", "use crate::ops::random::{hash, unit};"),
        ("ui::screens", "use crate::{app::App, run::Phase};"),
        ("models::cnn", "/* crate::train */ use crate::nn::Linear; let s = \"crate::ui\"; let r = r#\"crate::\"ui\"#;"),
        ("cli::train", "mod tests { use super::super::args; }"),
        ("run", "use mycrate::ui; let ratatui_free = 'r';"),
    ];
    for (place, code) in fine {
        assert_eq!(named(place, code), Vec::<String>::new(), "{place}: {code}");
    }
}

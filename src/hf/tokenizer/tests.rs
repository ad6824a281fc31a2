//! The reference's ids, both forms of a tokenizer, and training.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{END_OF_TEXT, Tokenizer};

fn reference() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/reference/tiny-vit-gpt2")
}

/// A folder with some of the reference's files.
fn some(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        fs::copy(reference().join(file), folder.path().join(file)).unwrap();
    }
    folder
}

fn check_against_reference(tokenizer: &Tokenizer) {
    let known: Value = serde_json::from_slice(&fs::read(reference().join("reference.json")).unwrap()).unwrap();
    let cases = known["tokenizer"].as_array().unwrap();
    assert_eq!(cases.len(), 4);
    for case in cases {
        let ids: Vec<u32> = serde_json::from_value(case["ids"].clone()).unwrap();
        assert_eq!(tokenizer.encode(case["text"].as_str().unwrap()).unwrap(), ids);
        assert_eq!(tokenizer.decode(&ids).unwrap(), case["decoded"].as_str().unwrap());
        let ended = [&[511], &ids[..], &[511, 511]].concat();
        assert_eq!(tokenizer.decode(&ended).unwrap(), case["decoded"].as_str().unwrap());
    }
    assert_eq!((tokenizer.vocabulary(), tokenizer.id(END_OF_TEXT)), (512, Some(511)));
    assert_eq!(tokenizer.token(257).as_deref(), Some("Ġa"));
    assert_eq!(tokenizer.token(512), None);
}

#[test]
fn both_forms_give_the_references_ids() {
    check_against_reference(&Tokenizer::load(&reference()).unwrap());
    check_against_reference(&Tokenizer::load(some(&["tokenizer.json"]).path()).unwrap());
    check_against_reference(&Tokenizer::load(some(&["vocab.json", "merges.txt"]).path()).unwrap());
    let older = some(&["vocab.json", "merges.txt", "special_tokens_map.json", "tokenizer_config.json"]);
    check_against_reference(&Tokenizer::load(older.path()).unwrap());
}

#[test]
fn a_missing_or_damaged_tokenizer_is_told() {
    let refusal = |folder: &tempfile::TempDir| Tokenizer::load(folder.path()).unwrap_err().to_string();
    for files in [&[][..], &["vocab.json"], &["merges.txt"]] {
        let message = refusal(&some(files));
        assert!(message.ends_with("holds no tokenizer; tokenizer.json, or vocab.json with merges.txt, is needed"));
    }
    let folder = some(&["vocab.json", "merges.txt"]);
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("merges.txt", "#version: 0.2\na b c\n");
    assert!(refusal(&folder).contains("line 2 is `a b c`, not two tokens"));
    write("merges.txt", "a 🐸\n");
    assert!(refusal(&folder).contains("cannot be read"));
    write("vocab.json", "[]");
    write("merges.txt", "");
    assert!(refusal(&folder).contains("vocab.json is not valid JSON"));
    write("tokenizer.json", "{\"model\":");
    assert!(refusal(&folder).contains("cannot be read"));
}

#[test]
fn a_special_token_that_the_vocabulary_lacks_is_added() {
    let folder = some(&["tokenizer.json"]);
    fs::write(folder.path().join("special_tokens_map.json"), r#"{"pad_token":{"content":"[PAD]"}}"#).unwrap();
    let tokenizer = Tokenizer::load(folder.path()).unwrap();
    assert_eq!((tokenizer.id("[PAD]"), tokenizer.vocabulary()), (Some(512), 513));
    assert_eq!(tokenizer.decode(&[64, 512, 512]).unwrap(), "a");
}

fn captions() -> Vec<String> {
    let colours = ["red", "green", "blue", "brown"];
    let things = ["frog", "ship", "truck", "bird", "airplane"];
    (0..200).map(|i| format!("a {} {}, mostly {}", colours[i % 4], things[i % 5], colours[i * 7 % 4])).collect()
}

#[test]
fn training_is_the_same_in_any_order_and_ends_with_the_end() {
    let mut texts = captions();
    let train = |texts: &[String], vocabulary| Tokenizer::train(texts.iter().map(String::as_str), vocabulary).unwrap();
    let first = train(&texts, 290);
    assert_eq!((first.vocabulary(), first.id(END_OF_TEXT)), (290, Some(289)));
    texts.reverse();
    assert_eq!(train(&texts, 290).to_json().unwrap(), first.to_json().unwrap());
    for text in [texts[3].as_str(), "naïve 😀\n  x", "", "<|endofte"] {
        assert_eq!(first.decode(&first.encode(text).unwrap()).unwrap(), text);
    }
    let ids = first.encode("a red frog<|endoftext|>").unwrap();
    assert_eq!(ids.last(), Some(&289));
    assert!(ids.len() < 9, "{ids:?}");
    // Few captions have few pairs: the vocabulary is as large as it can be.
    let small = train(&texts[..2], 512);
    assert!(small.vocabulary() < 512 && small.id(END_OF_TEXT) == Some(small.vocabulary() as u32 - 1));
    let message = Tokenizer::train(["a"].into_iter(), 256).unwrap_err().to_string();
    assert!(message.contains("cannot have 256 tokens; 257 are the least"), "{message}");
}

#[test]
fn files_that_are_written_give_the_same_tokenizer_in_both_forms() {
    let trained = Tokenizer::train(captions().iter().map(String::as_str), 300).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in trained.files().unwrap() {
        fs::write(folder.path().join(name), content).unwrap();
    }
    let read = Tokenizer::load(folder.path()).unwrap();
    assert_eq!(read.to_json().unwrap(), trained.to_json().unwrap());
    assert_eq!(read.special, trained.special);
    fs::remove_file(folder.path().join("tokenizer.json")).unwrap();
    let older = Tokenizer::load(folder.path()).unwrap();
    assert_eq!(older.to_json().unwrap(), trained.to_json().unwrap());
    assert_eq!(Tokenizer::parse(Path::new("x"), trained.to_json().unwrap().as_bytes()).unwrap().vocabulary(), 300);
}

//! Folders that were written are read again, and are never written over others.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::{Config, Folder, Generation, HfError, Preprocessing, Tokenizer, Weights};
use super::{Description, FolderWriter};

fn reference() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/reference/tiny-vit-gpt2")
}

fn shapes(weights: &Weights) -> Vec<(String, Vec<usize>)> {
    weights.names().map(|name| (name.to_owned(), weights.shape(name).unwrap().to_vec())).collect()
}

fn describe<T>(folder: &Folder, with: impl FnOnce(&Description<'_>) -> T) -> T {
    let Folder { config, generation, preprocessing, tokenizer, .. } = folder;
    with(&Description { config, generation, preprocessing, tokenizer })
}

/// Writes the reference anew.
fn copy(source: &Folder, target: &Path) -> Result<(), HfError> {
    let shapes = shapes(&source.weights);
    let mut writer = describe(source, |description| FolderWriter::create(target, description, &shapes))?;
    for (name, _) in &shapes {
        writer.tensor(name, &source.weights.f32(name)?)?;
    }
    writer.finish()
}

#[test]
fn a_written_folder_is_read_again_as_it_was() {
    let room = tempfile::tempdir().unwrap();
    let target = room.path().join("new/copy");
    let source = Folder::open(&reference()).unwrap();
    copy(&source, &target).unwrap();
    let again = Folder::open(&target).unwrap();
    assert_eq!(again.config, source.config);
    assert_eq!(again.generation, source.generation);
    assert_eq!(again.preprocessing, source.preprocessing);
    assert_eq!(again.tokenizer.to_json().unwrap(), source.tokenizer.to_json().unwrap());
    assert_eq!(shapes(&again.weights), shapes(&source.weights));
    for name in source.weights.names() {
        assert_eq!(again.weights.f32(name).unwrap(), source.weights.f32(name).unwrap(), "{name}");
    }
    let bytes = fs::read(target.join("model.safetensors")).unwrap();
    assert_eq!(u64::from_le_bytes(bytes[..8].try_into().unwrap()) % 8, 0);
    assert!(bytes[8..].starts_with(br#"{"__metadata__":{"format":"pt"}"#));
    // Beside it lies nothing half-written.
    assert_eq!(fs::read_dir(target.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn nothing_is_written_over_and_nothing_half_written_stays() {
    let room = tempfile::tempdir().unwrap();
    let source = Folder::open(&reference()).unwrap();
    let count = || fs::read_dir(room.path()).unwrap().count();
    let target = room.path().join("taken");
    fs::create_dir(&target).unwrap();
    assert!(copy(&source, &target).unwrap_err().to_string().contains("exists already and is left alone"));
    assert_eq!(count(), 1);
    let target = room.path().join("new");
    let shapes = [("a".to_owned(), vec![2]), ("b".to_owned(), vec![1, 1])];
    let create = || describe(&source, |description| FolderWriter::create(&target, description, &shapes)).unwrap();
    let mut early = create();
    early.tensor("a", &[1.0, 2.0]).unwrap();
    assert!(early.finish().unwrap_err().to_string().contains("1 tensors are missing, `b` first"));
    let mut wrong = create();
    let message = wrong.tensor("b", &[1.0]).unwrap_err().to_string();
    assert!(message.contains("`b` with 1 numbers came where `a` with 2 numbers is due"), "{message}");
    drop(wrong);
    let mut late = create();
    late.tensor("a", &[1.0, 2.0]).unwrap();
    late.tensor("b", &[3.0]).unwrap();
    fs::create_dir(&target).unwrap();
    assert!(matches!(late.finish(), Err(HfError::Exists(_))));
    assert_eq!(count(), 2);
    let twice = [shapes[0].clone(), shapes[0].clone()];
    let other = room.path().join("other");
    let refused = describe(&source, |description| FolderWriter::create(&other, description, &twice));
    assert!(refused.unwrap_err().to_string().contains("two tensors are named `a`"));
}

#[test]
fn files_that_do_not_fit_each_other_are_told() {
    let source = Folder::open(&reference()).unwrap();
    let room = tempfile::tempdir().unwrap();
    let refusal = |name: &str, config: &Config, preprocessing: &Preprocessing| {
        let target = room.path().join(name);
        let generation = Generation::new(config.tokens.clone());
        let tokenizer: &Tokenizer = &source.tokenizer;
        let description = Description { config, generation: &generation, preprocessing, tokenizer };
        FolderWriter::create(&target, &description, &[]).unwrap().finish().unwrap();
        Folder::open(&target).unwrap_err().to_string()
    };
    let message = refusal("size", &source.config, &Preprocessing::vit(48));
    assert!(message.contains("size does not give the 32x32 pixels that the encoder sees"), "{message}");
    let mut small = source.config.clone();
    small.gpt2.vocabulary = 500;
    small.tokens.start = 1;
    small.tokens.bos = Some(1);
    small.tokens.eos = vec![1];
    small.tokens.pad = 1;
    let message = refusal("tokens", &small, &source.preprocessing);
    assert!(message.contains("decoder.vocab_size is 500, but the tokenizer has 512 tokens"), "{message}");
}

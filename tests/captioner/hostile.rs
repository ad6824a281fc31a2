//! Folders and pictures that are broken or mean harm: one sentence each, and nothing is left behind.

use super::place::{Place, data};
use std::fs;
use std::path::Path;

/// A damage to a model's folder, and what the sentence must say.
type Case = (fn(&Path), &'static str);

const CASES: [Case; 9] = [
    (
        |folder| {
            fs::remove_file(folder.join("tokenizer.json")).unwrap();
            fs::remove_file(folder.join("vocab.json")).unwrap();
        },
        "holds no tokenizer",
    ),
    (|folder| edit(folder, "\"vision-encoder-decoder\"", "\"blip\""), "`blip`; only a vision-encoder-decoder"),
    (
        |folder| edit(folder, "\"vocab_size\": 512", "\"vocab_size\": 600"),
        "has the shape [512, 64] where the settings say [600, 64]",
    ),
    (
        |folder| edit(folder, "\"activation_function\": \"gelu_new\"", "\"activation_function\": \"quick_gelu\""),
        "quick_gelu",
    ),
    (|folder| cut(folder, |bytes| bytes.len() / 2), "is damaged or cut short: its header promises"),
    (|folder| cut(folder, |_| 4), "ends within its header"),
    (
        |folder| {
            let path = folder.join("model.safetensors");
            let mut bytes = fs::read(&path).unwrap();
            bytes[..8].copy_from_slice(&u64::MAX.to_le_bytes());
            fs::write(path, bytes).unwrap();
        },
        "is no safetensors file",
    ),
    (
        |folder| {
            fs::remove_file(folder.join("model.safetensors")).unwrap();
            fs::copy(data("hf/shell.bin"), folder.join("pytorch_model.bin")).unwrap();
        },
        "asks to run or build `posix.system`",
    ),
    (|folder| fs::remove_file(folder.join("model.safetensors")).unwrap(), "holds no weights"),
];

fn edit(folder: &Path, from: &str, to: &str) {
    let path = folder.join("config.json");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(path, text.replace(from, to)).unwrap();
}

fn cut(folder: &Path, length: fn(&[u8]) -> usize) {
    let path = folder.join("model.safetensors");
    let bytes = fs::read(&path).unwrap();
    fs::write(path, &bytes[..length(&bytes)]).unwrap();
}

#[test]
fn a_broken_folder_is_refused_in_a_sentence_and_leaves_nothing() {
    let place = Place::new();
    place.picture("a.png", 9, 9);
    for (number, (damage, due)) in CASES.into_iter().enumerate() {
        let name = format!("model-{number}");
        let folder = place.model(&name);
        damage(&folder);
        let error = place.refusal(&["import", &name]);
        assert!(error.contains(due), "import: {error}");
        assert!(place.refusal(&["caption", "a.png", "--model", folder.to_str().unwrap()]).contains(due));
    }
    assert!(place.runs().is_empty(), "{:?}", place.runs());
}

#[test]
fn what_is_no_folder_of_a_model_is_told() {
    let place = Place::new();
    place.picture("a.png", 9, 9);
    fs::create_dir(place.path("empty")).unwrap();
    assert!(place.refusal(&["import", "nowhere"]).contains("nowhere"));
    assert!(place.refusal(&["import", "empty"]).contains("config.json is missing"));
    assert!(place.refusal(&["caption", "a.png", "--model", "nowhere"]).contains("no run named `nowhere`"));
    assert!(place.refusal(&["caption", "a.png", "--model", "empty"]).contains("has no weights"));
    let cnn = data("../../checkpoints/pretrained/cnn");
    let error = place.refusal(&["caption", "a.png", "--model", cnn.to_str().unwrap()]);
    assert!(error.contains("holds a cnn, which writes no captions"), "{error}");
}

#[test]
fn a_broken_picture_is_told_by_its_name() {
    let place = Place::new();
    place.model("model");
    place.picture("good.png", 9, 9);
    fs::write(place.path("empty.png"), "").unwrap();
    fs::write(place.path("text.jpg"), "no picture").unwrap();
    let whole = fs::read(place.path("good.png")).unwrap();
    fs::write(place.path("cut.png"), &whole[..whole.len() / 2]).unwrap();
    fs::create_dir(place.path("folder.png")).unwrap();
    for name in ["empty.png", "text.jpg", "cut.png", "folder.png", "missing.png"] {
        let error = place.refusal(&["caption", "good.png", name, "--model", "./model", "--json"]);
        assert!(error.contains(name), "{error}");
    }
    let (code, _, error) = place.run(&["caption", "good.png", "--model", "./model", "--max-tokens", "500"]);
    assert!(code == 1 && error.contains("max_length is 501") && error.lines().count() == 1, "{error}");
}

/// A run whose file of weights was cut or filled with another's tensors.
#[test]
fn a_broken_run_is_told_by_its_weights() {
    let place = Place::new();
    place.model("model");
    place.picture("a.png", 9, 9);
    place.done(&["import", "model", "--name", "m"]);
    let path = place.path("runs/m/weights/model.safetensors");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let error = place.refusal(&["caption", "a.png"]);
    assert!(error.contains("weights/model.safetensors cannot be used: it is not a whole safetensors file"), "{error}");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let at = text.find("captioner.decoder.norm.weight").unwrap();
    let mut renamed = bytes;
    renamed[at] = b'C';
    fs::write(&path, renamed).unwrap();
    let error = place.refusal(&["caption", "a.png"]);
    assert!(error.contains("tensor captioner.decoder.norm.weight is missing"), "{error}");
}

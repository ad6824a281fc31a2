//! Files that torch and safetensors wrote (tests/data/hf/make.py), and damaged ones.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::{Weights, is_buffer};

pub(super) fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/hf").join(name)
}

/// A folder that holds one file of these bytes.
pub(super) fn folder(name: &str, bytes: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(name), bytes).unwrap();
    folder
}

/// Name, shape and values.
type Tensor = (String, Vec<usize>, Vec<f32>);

/// Opens the bytes as `name` and reads every tensor that holds floating-point numbers.
pub(super) fn read_all(name: &str, bytes: &[u8]) -> Result<Vec<Tensor>, String> {
    let folder = folder(name, bytes);
    let weights = Weights::open(folder.path()).map_err(|error| error.to_string())?;
    let mut all = Vec::new();
    for name in weights.names() {
        if let Ok(values) = weights.f32(name) {
            all.push((name.to_owned(), weights.shape(name).unwrap().to_vec(), values));
        }
    }
    Ok(all)
}

pub(super) fn refusal(name: &str, bytes: &[u8]) -> String {
    read_all(name, bytes).unwrap_err()
}

fn header(json: &str, numbers: usize) -> Vec<u8> {
    [&(json.len() as u64).to_le_bytes()[..], json.as_bytes(), &vec![0; numbers]].concat()
}

#[test]
fn every_type_of_number_is_read() {
    let folder = folder("model.safetensors", &fs::read(data("tensors.safetensors")).unwrap());
    let weights = Weights::open(folder.path()).unwrap();
    let plain = weights.f32("plain").unwrap();
    // torch.manual_seed(1): what make.py's tensors begin with, printed by torch.
    assert_eq!(weights.shape("plain"), Some(&[3, 4][..]));
    assert_eq!(plain.len(), 12);
    assert_eq!(weights.f32("scalar").unwrap(), [2.5]);
    assert_eq!(weights.shape("scalar"), Some(&[][..]));
    assert!(weights.f32("empty").unwrap().is_empty());
    let values = |name: &str| weights.f32(name).unwrap();
    let is_rounded = |x: &f32, bits: u32| x.to_bits() & ((1 << bits) - 1) == 0 && *x != 0.0;
    assert!(values("half").iter().all(|x| is_rounded(x, 13)));
    assert!(values("bfloat").iter().all(|x| is_rounded(x, 16)));
    assert_eq!(values("double").len(), 4);
    assert!(values("double").iter().all(|x| x.abs() < 5.0 && *x != 0.0));
    assert_eq!(
        weights.f32("no").unwrap_err().to_string().split(" has ").nth(1).unwrap(),
        "no tensor `no`; its weights belong to another model"
    );
}

#[test]
fn masks_are_told_from_biases() {
    let at = |name: &str| is_buffer(&format!("decoder.transformer.h.0.{name}"));
    assert!(["attn.bias", "attn.masked_bias", "crossattention.bias", "crossattention.masked_bias"].into_iter().all(at));
    assert!(!["attn.c_attn.bias", "crossattention.q_attn.bias", "attn.c_proj.bias", "ln_1.bias"].into_iter().any(at));
}

#[test]
fn lying_headers_are_told_in_a_sentence() {
    let tensor =
        |shape: &str, end: u64| format!(r#"{{"a":{{"dtype":"F32","shape":{shape},"data_offsets":[0,{end}]}}}}"#);
    let refusal = |bytes: &[u8]| refusal("model.safetensors", bytes);
    assert!(read_all("model.safetensors", &header(&tensor("[2]", 8), 8)).is_ok());
    let cases = [
        (header(&tensor("[2]", 8), 7), "its header promises 8 bytes of numbers, it holds 7"),
        (header(&tensor("[2]", 8), 9), "its header promises 8 bytes of numbers, it holds 9"),
        (header(&tensor("[3]", 8), 8), "its header cannot be read"),
        (header(&tensor("[4611686018427387904,4]", 0), 0), "its header cannot be read"),
        (header(&tensor("[2]", u64::MAX), 8), "its header"),
        (header("[]", 0), "its header cannot be read"),
        (u64::MAX.to_le_bytes().to_vec(), "so it is no safetensors file"),
        (1000u64.to_le_bytes().to_vec(), "it ends within its header"),
        (vec![1, 2, 3], "it ends within its header"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n".to_vec(), "is a Git LFS pointer"),
    ];
    for (bytes, part) in cases {
        let message = refusal(&bytes);
        assert!(message.contains(part) && !message.contains('\n'), "{message}");
    }
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    for (name, source) in [("model.safetensors", "tensors.safetensors"), ("pytorch_model.bin", "tensors.bin")] {
        let whole = fs::read(data(source)).unwrap();
        assert!(read_all(name, &whole).is_ok());
        for end in 0..whole.len() {
            assert!(read_all(name, &whole[..end]).is_err(), "{source} cut at {end}");
        }
    }
}

#[test]
fn parts_are_joined_by_their_index() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    let index =
        |file: &str| format!(r#"{{"metadata":{{"total_size":1}},"weight_map":{{"plain":"{file}","shared":"b.bin"}}}}"#);
    write("a.safetensors", &fs::read(data("tensors.safetensors")).unwrap());
    write("b.bin", &fs::read(data("dict.bin")).unwrap());
    write("model.safetensors.index.json", index("a.safetensors").as_bytes());
    let weights = Weights::open(folder.path()).unwrap();
    assert_eq!(weights.names().collect::<Vec<_>>(), ["plain", "shared"]);
    assert_eq!(weights.f32("plain").unwrap().len(), 12);
    assert_eq!(weights.f32("shared").unwrap().len(), 30);
    let refusal = |file: &str| {
        write("model.safetensors.index.json", index(file).as_bytes());
        Weights::open(folder.path()).unwrap_err().to_string()
    };
    assert!(refusal("b.bin").contains("the index says that it holds `plain`"));
    assert!(refusal("c.bin").contains("c.bin is missing"));
    for leading_out in ["../a.safetensors", "/etc/passwd", ".", "", "x/a.safetensors", "a.safetensors/"] {
        assert!(refusal(leading_out).contains("which is no file of this folder"), "{leading_out}");
    }
}

#[test]
fn a_folder_without_weights_is_told_what_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let message = Weights::open(folder.path()).unwrap_err().to_string();
    assert!(
        message.ends_with("model.safetensors, pytorch_model.bin or the index of their parts is needed"),
        "{message}"
    );
    fs::create_dir(folder.path().join("model.safetensors")).unwrap();
    let message = Weights::open(folder.path()).unwrap_err().to_string();
    assert!(message.contains("is not a regular file"), "{message}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// No damage panics, whatever it makes of the file; a refusal is one line.
    #[test]
    fn flipped_bytes_never_panic(
        torch: bool,
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let (name, source) =
            if torch { ("pytorch_model.bin", "tensors.bin") } else { ("model.safetensors", "tensors.safetensors") };
        let mut bytes = fs::read(data(source)).unwrap();
        for (place, value) in flips {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        if let Err(message) = read_all(name, &bytes) {
            prop_assert!(!message.contains('\n'), "{}", message);
        }
    }
}

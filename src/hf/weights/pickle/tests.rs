//! Pickles of torch's, of an attacker's, and by hand.

use std::fs;

use proptest::prelude::*;

use super::super::tests::{data, read_all, refusal};
use super::machine::Machine;
use super::value::Value;

const FILE: &str = "pytorch_model.bin";

fn torch(name: &str) -> Vec<u8> {
    fs::read(data(name)).unwrap()
}

#[test]
fn a_pickle_gives_the_tensors_that_safetensors_gives() {
    let mut pickled = read_all(FILE, &torch("tensors.bin")).unwrap();
    // Buffers of old files: the one that holds numbers is read too, those of whole numbers are only named.
    let mask = pickled.iter().position(|(name, ..)| name == "h.0.attn.masked_bias").unwrap();
    assert_eq!(pickled.remove(mask).2, [-1e4]);
    let kept = read_all("model.safetensors", &torch("tensors.safetensors")).unwrap();
    assert_eq!(pickled.len(), 12);
    assert_eq!(pickled, kept);
    let dict = read_all(FILE, &torch("dict.bin")).unwrap();
    assert_eq!(dict.len(), 1);
    assert_eq!(dict[0], *kept.iter().find(|(name, ..)| name == "shared").unwrap());
}

#[test]
fn a_pickle_that_would_run_something_is_refused_by_name() {
    let message = refusal(FILE, &torch("shell.bin"));
    assert!(message.contains("asks to run or build `posix.system`; only tensors are built"), "{message}");
    let message = refusal(FILE, &torch("module.bin"));
    assert!(message.contains("`torch.nn.modules.linear.Linear`"), "{message}");
}

#[test]
fn what_is_no_dictionary_of_tensors_is_told() {
    let cases = [
        ("old.bin", "that torch wrote before version 1.6"),
        ("compressed.bin", "is compressed or encrypted"),
        ("nested.bin", "holds a dictionary under `inner`, no tensor under its name"),
    ];
    for (name, part) in cases {
        let message = refusal(FILE, &torch(name));
        assert!(message.contains(part), "{message}");
    }
    let message = refusal(FILE, b"PK\x05\x06 and no more");
    assert!(message.contains("no zip directory"), "{message}");
}

#[test]
fn whole_numbers_are_named_and_not_read() {
    let folder = super::super::tests::folder(FILE, &torch("whole.bin"));
    let weights = super::super::Weights::open(folder.path()).unwrap();
    assert_eq!(weights.shape("plain"), Some(&[3, 4][..]));
    let message = weights.f32("plain").unwrap_err().to_string();
    assert!(
        message.ends_with("tensor `plain` holds I32; only F32, F16, BF16 and F64 are read as numbers"),
        "{message}"
    );
}

/// The problem with a pickle of these bytes.
fn problem(pickle: &[u8]) -> String {
    Machine::new(pickle).run().unwrap_err()
}

#[test]
fn instructions_that_no_tensor_needs_are_refused() {
    for name in ["builtins\neval", "os\nsystem", "torch\nload", "torch._utils\n_rebuild", "collections\ndeque", "\n"] {
        let message = problem(format!("\u{63}{name}\n.").as_bytes());
        assert!(message.starts_with("asks to run or build"), "{message}");
    }
    // STACK_GLOBAL, EXT1, INST, OBJ, NEWOBJ, text opcodes of protocol 0.
    assert!(problem(b"\x8c\x02os\x8c\x06system\x93.").contains("`os.system`"));
    for code in [0x82, b'i', b'o', 0x81, 0x92, b'I', b'S', b'P', b'2'] {
        assert!(problem(&[code, b'.']).contains("which no dictionary of tensors needs"), "{code}");
    }
}

#[test]
fn a_machine_takes_no_more_than_it_made() {
    let cases: [(&[u8], &str); 12] = [
        (b"", "ends too early"),
        (b"N", "ends too early"),
        (b".", "takes more values"),
        (b"N(0.", "takes more values"),
        (b"t.", "takes more values"),
        (b"\x87.", "takes more values"),
        (b"h\x01.", "never made"),
        (b"}(Nu.", "a key without a value"),
        (b"NNNs.", "something else than a dictionary"),
        (b"X\xff\xff\xff\xff.", "ends too early"),
        (b"X\x01\0\0\0\xff.", "not UTF-8"),
        (b"\x8a\x09123456789.", "more than 64 bits"),
    ];
    for (pickle, part) in cases {
        assert!(problem(pickle).contains(part), "{pickle:?}: {}", problem(pickle));
    }
}

#[test]
fn numbers_are_signed_and_nesting_costs_no_stack() {
    assert_eq!(Machine::new(b"\x8a\x01\xff.").run(), Ok(Value::Int(-1)));
    assert_eq!(Machine::new(b"\x8a\x00.").run(), Ok(Value::Int(0)));
    assert_eq!(Machine::new(b"J\xfe\xff\xff\xff.").run(), Ok(Value::Int(-2)));
    assert_eq!(Machine::new(b"M\x00\x01.").run(), Ok(Value::Int(256)));
    let mut deep = vec![b')'];
    deep.resize(2_000_000, 0x85);
    deep.push(b'.');
    assert!(matches!(Machine::new(&deep).run(), Ok(Value::Tuple(_))));
}

/// A call that builds a tensor of `numbers` stored numbers from an offset, sizes and strides, each below 128.
fn tensor(numbers: u8, offset: u8, shape: &[u8], strides: &[u8]) -> Vec<u8> {
    let tuple = |items: &[u8]| [&b"("[..], &items.iter().flat_map(|n| [b'K', *n]).collect::<Vec<_>>(), b"t"].concat();
    let storage = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0kX\x03\0\0\0cpuK";
    let head = b"ctorch._utils\n_rebuild_tensor_v2\n(";
    [&head[..], storage, &[numbers], b"tQK", &[offset], &tuple(shape), &tuple(strides), b"\x89}tR."].concat()
}

#[test]
fn windows_stay_inside_their_storage() {
    let fits = |numbers, offset, shape: &[u8], strides: &[u8]| {
        Machine::new(&tensor(numbers, offset, shape, strides)).run().is_ok()
    };
    assert!(fits(12, 0, &[3, 4], &[4, 1]));
    assert!(fits(12, 0, &[4, 3], &[1, 4]));
    assert!(fits(12, 6, &[2, 3], &[3, 1]));
    assert!(fits(12, 12, &[0], &[1]));
    assert!(!fits(11, 0, &[3, 4], &[4, 1]));
    assert!(!fits(12, 7, &[2, 3], &[3, 1]));
    assert!(!fits(12, 13, &[0], &[1]));
    assert!(!fits(12, 0, &[3, 4], &[4]));
    // A broadcast tensor would be larger than its numbers.
    assert!(!fits(12, 0, &[100, 100], &[0, 0]));
    assert!(!fits(12, 0, &[1; 17], &[1; 17]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_pickle_panics(pickle in prop::collection::vec(
        prop_oneof![
            any::<u8>().prop_map(|byte| vec![byte]),
            prop::sample::select(vec![
                &b"("[..], b"t", b"R", b"b", b"}", b")", b"]", b"u", b"s", b"a", b"e", b"K\x01", b"q\x01", b"h\x01", b"Q",
                b"0", b"1", b"\x85", b"\x86", b"\x87", b"d", b"ccollections\nOrderedDict\n", b"ctorch\nFloatStorage\n",
                b"ctorch._utils\n_rebuild_tensor_v2\n", b"X\x07\0\0\0storage", b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f",
            ]).prop_map(<[u8]>::to_vec),
        ],
        0..60,
    )) {
        // Only that it ends.
        let _ = Machine::new(&pickle.concat()).run();
    }
}

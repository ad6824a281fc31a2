//! Damaged, short and hostile files: each a clear sentence that names the file, no panic, no unbounded memory.

use std::path::Path;

use image::{DynamicImage, GrayImage, Rgba, RgbaImage};
use pixscribe::data::load;
use proptest::prelude::*;

use crate::fixture::*;

type Files = Vec<(&'static str, Vec<u8>)>;

/// The error for a folder of these files; it must say all of `words`, in one line.
fn refused(files: &Files, words: &[&str]) {
    refused_at(folder(files).path(), words);
}

fn refused_at(path: &Path, words: &[&str]) {
    let message = load(Some(path), None).map(|d| d.path).unwrap_err().to_string();
    for word in words {
        assert!(message.contains(word), "{message:?} does not say {word:?}");
    }
    assert!(!message.chars().any(char::is_control), "{message:?}");
}

/// The files with one of them replaced, or taken away.
fn with(mut files: Files, name: &str, bytes: Option<Vec<u8>>) -> Files {
    let at = files.iter().position(|(n, _)| *n == name).unwrap();
    match bytes {
        Some(bytes) => files[at].1 = bytes,
        None => drop(files.remove(at)),
    }
    files
}

fn bytes_of(files: &Files, name: &str) -> Vec<u8> {
    files.iter().find(|(n, _)| *n == name).unwrap().1.clone()
}

#[test]
fn binary_files_that_are_wrong() {
    let files = binary_files();
    let batch = bytes_of(&files, "data_batch_2.bin");
    let mut mislabelled = batch.clone();
    mislabelled[3 * 3073] = 10;
    let change = |bytes| with(files.clone(), "data_batch_2.bin", bytes);
    refused(&change(Some(mislabelled)), &["data_batch_2.bin", "image 3", "label 10", "10 labels (0 to 9)"]);
    refused(&change(Some(batch[..5000].to_vec())), &["data_batch_2.bin", "5000 bytes", "3073", "fetch it again"]);
    refused(&with(files.clone(), "test_batch.bin", None), &["test_batch.bin is missing"]);
    refused(&with(files.clone(), "test_batch.bin", Some(vec![])), &["has no images"]);
    refused(&with(files.clone(), "data_batch_1.bin", None), &["data_batch_1.bin is missing"]);
    let mut gap = files.clone();
    gap[1].0 = "data_batch_4.bin";
    refused(&gap, &["data_batch_2.bin is missing"]);
    let names = |text: &str| with(files.clone(), "batches.meta.txt", Some(text.into()));
    refused(&names("one\n"), &["batches.meta.txt", "names 1 label"]);
    refused(&names(&"x\n".repeat(300)), &["batches.meta.txt", "names 300 labels"]);
    refused(&names("a\nb\nc"), &["label 3", "only 3 labels"]);
    refused(&names(&"x".repeat(100_000)), &["batches.meta.txt", "larger than"]);
}

#[test]
fn sheets_that_are_wrong() {
    let files = sheet_files();
    let sheet_of = |bytes| with(files.clone(), "data_batch_2.png", Some(bytes));
    let good = bytes_of(&files, "data_batch_2.png");
    refused(&sheet_of(good[..good.len() / 2].to_vec()), &["data_batch_2.png", "can't be decoded", "fetch"]);
    refused(&sheet_of(b"plain text".to_vec()), &["data_batch_2.png", "can't be decoded"]);
    refused(&sheet_of(png(image::RgbImage::new(1023, 10))), &["data_batch_2.png", "1023 pixels wide"]);
    refused(&sheet_of(png(GrayImage::new(1024, 10))), &["data_batch_2.png", "instead of opaque 8-bit RGB"]);
    let clear = RgbaImage::from_pixel(1024, 10, Rgba([1, 2, 3, 254]));
    refused(&sheet_of(png(clear)), &["data_batch_2.png", "instead of opaque 8-bit RGB"]);
    refused(&sheet_of(png_that_claims(1024, 4_000_000)), &["data_batch_2.png", "can't be decoded"]);
    refused(&sheet_of(png_that_claims(1024, 100_000)), &["data_batch_2.png", "can't be decoded"]);
    refused(&with(files.clone(), "test_batch.png", None), &["test_batch.png is missing"]);
}

#[test]
fn an_opaque_alpha_channel_is_no_fault() {
    let files = sheet_files();
    let rgb = image::load_from_memory(&bytes_of(&files, "test_batch.png")).unwrap();
    let rgba = png(DynamicImage::from(rgb.to_rgba8()));
    let data = load(Some(folder(&with(files, "test_batch.png", Some(rgba))).path()), None).unwrap();
    assert!(data.test.images == test().images);
}

#[test]
fn label_lists_that_are_wrong() {
    let list_of = |text: &str| with(sheet_files(), "train_lables.json", Some(text.into()));
    refused(&list_of("[0,1,2]"), &["train_lables.json", "3 labels for 30 images"]);
    refused(&list_of("[0,1,"), &["train_lables.json", "not a list of labels"]);
    refused(&list_of("[0,256]"), &["train_lables.json", "not a list of labels"]);
    refused(&list_of("{}"), &["train_lables.json", "not a list of labels"]);
    let high = serde_json::to_string(&[vec![0u8; 17], vec![10], vec![0; 12]].concat()).unwrap();
    refused(&list_of(&high), &["train_lables.json", "image 17", "label 10"]);
    refused(&with(sheet_files(), "test_lables.json", None), &["test_lables.json is missing"]);
}

#[test]
fn archives_that_are_wrong() {
    let refused = |bytes: &[u8], words: &[&str]| {
        let (_dir, path) = file("set.tar.gz", bytes);
        refused_at(&path, words);
    };
    let of = |files: &Files, under| gzip(&tar(files, under));
    refused(&of(&with(binary_files(), "test_batch.bin", None), ""), &["set.tar.gz:test_batch.bin is missing"]);
    refused(&of(&with(binary_files(), "data_batch_1.bin", None), ""), &["data_batch_1.bin is missing"]);
    refused(&of(&with(sheet_files(), "test_lables.json", None), ""), &["test_lables.json is missing"]);
    let short = with(binary_files(), "test_batch.bin", Some(vec![0; 100]));
    refused(&of(&short, "x/"), &["set.tar.gz:x/test_batch.bin", "100 bytes"]);
    refused(&of(&vec![("readme.txt", vec![])], ""), &["set.tar.gz", "no data set"]);
    refused(b"", &["set.tar.gz", "no data set"]);
    refused(b"this is no archive at all", &["set.tar.gz", "damaged or cut short"]);
    let noise: Vec<u8> = (0..5000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8 | 0x81).collect();
    refused(&noise, &["set.tar.gz", "damaged or cut short: it holds no archive"]);
    let twice = [binary_files(), binary_files()].concat();
    refused(&of(&twice, ""), &["set.tar.gz", "data_batch_1.bin", "twice"]);
}

/// An archive of one entry whose header is made by hand.
fn entry(change: impl FnOnce(&mut tar::Header)) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.set_path("data_batch_1.bin").unwrap();
    header.set_size(0);
    change(&mut header);
    header.set_cksum();
    [header.as_bytes().as_slice(), &[0; 1024]].concat()
}

#[test]
fn archives_that_mean_harm() {
    let refused = |bytes: Vec<u8>, words: &[&str]| {
        let (_dir, path) = file("set.tar", &bytes);
        refused_at(&path, words);
    };
    let named = |name: &'static str| {
        entry(|h| {
            let field = &mut h.as_old_mut().name;
            field.fill(0);
            field[..name.len()].copy_from_slice(name.as_bytes());
        })
    };
    refused(named("../../data_batch_1.bin"), &["../../data_batch_1.bin", "leads out of the archive"]);
    refused(named("/etc/data_batch_1.bin"), &["leads out of the archive"]);
    refused(named("\u{1b}[2J/../x"), &["leads out of the archive"]);
    refused(entry(|h| h.set_entry_type(tar::EntryType::Symlink)), &["a link or a device"]);
    refused(entry(|h| h.set_entry_type(tar::EntryType::Link)), &["a link or a device"]);
    refused(entry(|h| h.set_size(1 << 40)), &["larger than any such file"]);
    refused(entry(|h| h.set_size(3073 * 4)), &["damaged or cut short"]);
    let many: Vec<u8> = (0..10_001).flat_map(|_| named("x")[..512].to_vec()).collect();
    refused([many, vec![0; 1024]].concat(), &["more than ten thousand"]);
    // A long name of a gigabyte: passed over, never held.
    let long = entry(|h| {
        h.set_entry_type(tar::EntryType::GNULongName);
        h.set_size(1 << 30);
    });
    refused(long, &["set.tar"]);
}

#[test]
fn an_archive_cut_anywhere_is_an_error() {
    let whole = gzip(&tar(&binary_files(), "cifar-10-batches-bin/"));
    for part in 0..200 {
        let (_dir, path) = file("set.tar.gz", &whole[..whole.len() * part / 200]);
        refused_at(&path, &["set.tar.gz"]);
    }
    let (_dir, path) = file("set.tar.gz", &whole[..whole.len() - 1]);
    refused_at(&path, &["set.tar.gz", "damaged or cut short"]);
}

#[test]
fn folders_of_pictures_that_are_wrong() {
    let dot = || png(image::RgbImage::new(4, 4));
    refused(&vec![("cat/a.png", dot())], &["names 1 label"]);
    refused(&vec![("cat/a.png", dot()), ("dog/a.txt", vec![])], &["dog has no images"]);
    let broken = vec![("train/a/x.png", dot()), ("train/b/x.png", b"?".to_vec()), ("test/a/x.png", dot())];
    refused(&broken, &["train/b/x.png", "can't be decoded"]);
    let stranger = vec![("train/a/x.png", dot()), ("train/b/x.png", dot()), ("test/c/x.png", dot())];
    refused(&stranger, &["test/c", "no such label"]);
    refused(&vec![("notes.txt", vec![])], &["holds no data set", "data_batch_1.bin"]);
    refused_at(Path::new("/no/such/place"), &["/no/such/place is missing"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// gzip's checksum tells any change of the data, and nothing that gets past it reaches the memory unchecked.
    #[test]
    fn a_changed_byte_in_an_archive_never_panics_nor_changes_an_image(at in any::<prop::sample::Index>(), xor in 1u8..) {
        let mut bytes = gzip(&tar(&binary_files(), "x/"));
        let at = at.index(bytes.len());
        bytes[at] ^= xor;
        let (_dir, path) = file("set.tar.gz", &bytes);
        if let Ok(data) = load(Some(&path), None) {
            prop_assert!(data.train.images == train().images && data.test.labels == test().labels);
        }
    }

    #[test]
    fn a_changed_byte_in_a_plain_tar_never_panics(at in any::<prop::sample::Index>(), xor in 1u8..) {
        let mut bytes = tar(&binary_files(), "x/");
        // Headers, which is where the parser is: every 512 bytes before each file's records.
        let at = at.index(bytes.len()) % 512;
        bytes[at] ^= xor;
        let (_dir, path) = file("set.tar", &bytes);
        let _ = load(Some(&path), None);
    }

    #[test]
    fn a_changed_byte_in_a_sheet_never_panics(at in any::<prop::sample::Index>(), xor in 1u8..) {
        let mut files = sheet_files();
        let at = at.index(files[2].1.len());
        files[2].1[at] ^= xor;
        let _ = load(Some(folder(&files).path()), None);
    }
}

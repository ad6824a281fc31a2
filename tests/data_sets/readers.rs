//! Every layout gives the same images.

use std::path::Path;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use pixscribe::data::verify::{Known, verify};
use pixscribe::data::{DataError, Dataset, Layout, binary, cifar10_labels, holdout, load, locate, sample};
use proptest::prelude::*;

use crate::fixture::*;

fn assert_is_fixture(data: &Dataset) {
    assert_eq!(data.labels, cifar10_labels());
    for (got, want) in [(&data.train, train()), (&data.test, test())] {
        assert_eq!(got.labels, want.labels);
        assert!(got.images == want.images, "pixels differ");
    }
}

#[test]
fn a_record_is_a_label_then_three_planes_row_by_row() {
    let mut record = vec![7];
    record.extend((0..3072).map(|i| (i / 1024 * 80 + i % 32) as u8));
    let records = binary::decode(&record, Path::new("x")).unwrap();
    assert_eq!(records.labels, [7]);
    assert_eq!(records.images[..6], [0, 80, 160, 1, 81, 161]);
    assert_eq!(records.images[31 * 3..32 * 3 + 3], [31, 111, 191, 0, 80, 160]);
}

#[test]
fn every_layout_gives_the_same_images_and_the_same_sum() {
    let mixed = |mut files: Vec<_>| {
        files.rotate_left(2); // the test file first, training files last
        files
    };
    let package = [vec![("index.js", b"no data".to_vec())], mixed(sheet_files())].concat();
    let sets = [
        (Layout::Binary, folder(&binary_files())),
        (Layout::Sheets, folder(&sheet_files())),
        (Layout::Archive, folder(&[("set.tar.gz", gzip(&tar(&mixed(binary_files()), "cifar-10-batches-bin/")))])),
        (Layout::Archive, folder(&[("set.tgz", gzip(&tar(&package, "package/")))])),
        (Layout::Archive, folder(&[("set.tar", tar(&binary_files(), "./"))])),
    ];
    let mut sums = vec![];
    for (layout, dir) in &sets {
        assert_eq!(locate(Some(dir.path())).unwrap().layout, *layout);
        let data = load(Some(dir.path()), None).unwrap();
        assert_is_fixture(&data);
        sums.push(data.sha256);
    }
    sums.dedup();
    assert_eq!(sums.len(), 1);
}

#[test]
fn a_set_is_found_in_the_folder_its_archive_unpacks_to() {
    for under in ["cifar-10-batches-bin", "package"] {
        let dir = tempfile::tempdir().unwrap();
        let files = if under == "package" { sheet_files() } else { binary_files() };
        files.iter().for_each(|(name, bytes)| write(&dir.path().join(under).join(name), bytes));
        let data = load(Some(dir.path()), None).unwrap();
        assert_is_fixture(&data);
        assert_eq!(data.name, dir.path().file_name().unwrap().to_str().unwrap());
    }
    let (_dir, path) = file("x.tar.gz", &gzip(&tar(&binary_files(), "")));
    assert_is_fixture(&load(Some(&path), None).unwrap());
}

#[test]
fn names_come_from_the_meta_file_and_without_one_are_cifar10s() {
    let mut files = binary_files();
    files[3].1 = (0..12).map(|i| format!("label \u{1b}[3{i}m\r\n")).collect::<String>().into_bytes();
    let data = load(Some(folder(&files).path()), None).unwrap();
    assert_eq!(data.labels.len(), 12);
    assert_eq!(data.labels[11], "label [311m", "control characters are gone");
    files.truncate(3);
    assert_is_fixture(&load(Some(folder(&files).path()), None).unwrap());
}

#[test]
fn a_limit_takes_the_first_of_each_label_and_leaves_the_test_split() {
    let dir = folder(&binary_files());
    let data = load(Some(dir.path()), Some(20)).unwrap();
    assert_eq!(data.train.class_counts(10), [2; 10]);
    assert!(data.train.images[..] == train().images[..20 * 3072]);
    assert_eq!(data.test.len(), 10);
    assert_is_fixture(&load(Some(dir.path()), Some(1000)).unwrap());
}

#[test]
fn a_sample_is_balanced_readable_and_never_written_over_anything() {
    let data = load(Some(folder(&binary_files()).path()), None).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("deep/er/sample");
    sample::write(&data, 20, 10, &out).unwrap();
    let small = load(Some(&out), None).unwrap();
    assert_eq!((small.train.class_counts(10), small.test.class_counts(10)), (vec![2; 10], vec![1; 10]));
    let again = sample::write(&data, 10, 10, &out).unwrap_err();
    assert!(matches!(again, DataError::Exists(_)), "{again}");
    assert_eq!(load(Some(&out), None).unwrap().sha256, small.sha256);
    assert_eq!(std::fs::read_dir(out.parent().unwrap()).unwrap().count(), 1, "no temporary folder is left");
}

#[test]
fn the_sample_in_the_repository_is_balanced_and_is_what_its_readme_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample");
    let report = verify(&locate(Some(&path)).unwrap()).unwrap();
    assert_eq!((report.known, report.problems.len()), (Some(Known::Sample), 0));
    assert_eq!(report.data.train.class_counts(10), [200; 10]);
    assert_eq!(report.data.test.class_counts(10), [50; 10]);
    let readme = std::fs::read_to_string(path.join("../README.md")).unwrap();
    report.files.iter().for_each(|f| assert!(readme.contains(&f.sha256), "{}", f.file));
    let (_, held) = holdout(&report.data.train.labels, 7);
    assert_eq!(report.data.train.select(&held).class_counts(10), [20; 10]);
}

/// The full set, where it is: otherwise there is nothing to compare.
#[test]
fn the_full_set_is_the_official_archives() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/cifar10");
    if !path.exists() {
        return;
    }
    let report = verify(&locate(Some(&path)).unwrap()).unwrap();
    assert_eq!((report.known, report.problems.len()), (Some(Known::Cifar10), 0));
    assert!(report.files.iter().all(|f| f.is_cifar10 && f.bytes == 30_730_000));
    assert_eq!(holdout(&report.data.train.labels, 0).1.len(), 1000);
}

fn colour(rgb: [u8; 3], size: u32) -> RgbImage {
    RgbImage::from_pixel(size, size, Rgb(rgb))
}

#[test]
fn a_folder_a_label_takes_any_kind_of_picture() {
    let dir = folder(&[
        ("train/cat/a.png", png(colour([200, 10, 10], 50))),
        ("train/cat/b.JPG", encoded(colour([200, 10, 10], 64), ImageFormat::Jpeg)),
        ("train/cat/.hidden.png", b"not looked at".to_vec()),
        ("train/cat/notes.txt", b"not looked at".to_vec()),
        ("train/ant/grey.png", png(image::GrayImage::from_pixel(32, 32, image::Luma([77])))),
        ("train/ant/deep.png", png(image::ImageBuffer::from_pixel(40, 30, image::Rgb([0x4d4du16; 3])))),
        ("train/bee/clear.png", png(image::RgbaImage::from_pixel(32, 32, image::Rgba([0, 0, 0, 0])))),
        ("test/cat/c.bmp", encoded(colour([200, 10, 10], 8), ImageFormat::Bmp)),
        ("test/bee/c.webp", encoded(colour([255, 255, 255], 33), ImageFormat::WebP)),
    ]);
    let data = load(Some(dir.path()), None).unwrap();
    assert_eq!(*data.labels, ["ant", "bee", "cat"]);
    assert_eq!(*data.train.labels, [0, 0, 1, 2, 2]);
    assert_eq!(*data.test.labels, [1, 2]);
    let is_near = |image: &[u8], rgb: [u8; 3]| {
        let near = |p: &[u8]| p.iter().zip(rgb).all(|(a, b)| a.abs_diff(b) <= 3);
        assert!(image.chunks(3).all(near), "{:?} is not {rgb:?}", &image[..3]);
    };
    is_near(data.train.image(0), [77; 3]);
    is_near(data.train.image(1), [77; 3]);
    is_near(data.train.image(2), [255; 3]);
    is_near(data.train.image(3), [200, 10, 10]);
    is_near(data.train.image(4), [200, 10, 10]);
    is_near(data.test.image(0), [255; 3]);
    is_near(data.test.image(1), [200, 10, 10]);
}

#[test]
fn without_a_test_folder_a_fifth_is_set_aside_the_same_each_time() {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..100 {
        let label = if i % 2 == 0 { "even" } else { "odd" };
        write(&dir.path().join(label).join(format!("{i}.png")), &png(colour([i, 0, 0], 32)));
    }
    let data = load(Some(dir.path()), None).unwrap();
    assert_eq!(data.train.len() + data.test.len(), 100);
    assert!((10..=30).contains(&data.test.len()), "{}", data.test.len());
    assert_eq!(load(Some(dir.path()), None).unwrap().sha256, data.sha256);
    let reds = |split: &pixscribe::data::Split| (0..split.len()).map(|i| split.image(i)[0]).collect::<Vec<_>>();
    let mut all = [reds(&data.train), reds(&data.test)].concat();
    all.sort();
    assert!(all.into_iter().eq(0..100), "every picture is in exactly one split");
}

#[test]
fn a_32x32_picture_keeps_its_pixels() {
    let noise = train();
    let picture = RgbImage::from_raw(32, 32, noise.image(3).to_vec()).unwrap();
    let dir = folder(&[
        ("train/a/x.png", png(DynamicImage::from(picture))),
        ("train/b/x.png", png(colour([0; 3], 32))),
        ("test/a/x.png", png(colour([0; 3], 32))),
    ]);
    assert_eq!(load(Some(dir.path()), None).unwrap().train.image(0), noise.image(3));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_are_records_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..9300)) {
        match binary::decode(&bytes, Path::new("x")) {
            Ok(records) => prop_assert_eq!(records.labels.len() * 3073, bytes.len()),
            Err(error) => prop_assert!(bytes.len() % 3073 != 0, "{}", error),
        }
    }

    #[test]
    fn what_is_written_is_read_back(n in 1usize..4, seed: u64) {
        let split = split(n, seed);
        let records = binary::decode(&binary::encode(&split, 0, n), Path::new("x")).unwrap();
        prop_assert_eq!(&records.images[..], &split.images[..]);
        prop_assert_eq!(&records.labels[..], &split.labels[..]);
    }
}

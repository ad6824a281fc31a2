//! A folder's captioner through every form that it takes, with the captions of transformers.

use super::super::trained::Card;
use super::*;
use crate::config::ModelKind;
use crate::hf::Folder;
use crate::models::captioner::{Captioner, CaptionerSettings, EyesSettings, Sight, VitSettings};
use crate::nn::checkpoint::TensorFile;
use crate::ops::host::read;
use dfdx::prelude::Cpu;
use image::RgbImage;
use std::path::{Path, PathBuf};

pub fn reference() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/reference/tiny-vit-gpt2")
}

fn speaker() -> Speaker<Cpu> {
    Speaker::from_folder(&Cpu::default(), &Folder::open(&reference()).unwrap()).unwrap()
}

/// A picture of many colours.
fn picture(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| image::Rgb([x * 5, y * 7, x * y].map(|value| (value % 256) as u8)))
}

fn card() -> Card {
    Card {
        model: ModelKind::Captioner,
        preset: None,
        labels: Vec::new(),
        mean: [0.5; 3],
        std: [0.5; 3],
        data: "none".into(),
        seed: 1,
        labels_only: false,
    }
}

fn pixels(sight: Sight<Cpu>) -> Vec<f32> {
    match sight {
        Sight::Pictures(pixels) => read(&pixels),
        Sight::Features(_) => panic!("no pictures"),
    }
}

#[test]
fn small_pictures_are_seen_as_whole_ones_are() {
    let speaker = speaker();
    let pictures = [picture(32, 32), RgbImage::from_pixel(32, 32, image::Rgb([9, 8, 7]))];
    let rows: Vec<u8> = pictures.iter().flat_map(|picture| picture.as_raw().clone()).collect();
    let small = pixels(speaker.see(Pictures::Small(&rows)).unwrap());
    assert_eq!(small, pixels(speaker.see(Pictures::Whole(&pictures)).unwrap()));
    assert_eq!(small.len(), 2 * 32 * 32 * 3);
}

/// What is saved and read again is the same captioner, and a picture has its caption in any company.
#[test]
fn a_file_of_weights_says_everything() {
    let mut speaker = speaker();
    let mut file = TensorFile::default();
    speaker.save(&mut file).unwrap();
    let file = TensorFile::parse(&file.to_bytes().unwrap()).unwrap();
    let again = Speaker::from_file(&Cpu::default(), &file, Path::new("x")).unwrap();
    assert_eq!(again.search, speaker.search);
    assert_eq!((again.bos, again.pad), (speaker.bos, speaker.pad));
    assert_eq!(again.preprocessing, speaker.preprocessing);
    assert_eq!(again.tokenizer.settings(), speaker.tokenizer.settings());
    let pictures = [picture(32, 32), picture(47, 61)];
    let due = speaker.caption(Pictures::Whole(&pictures), &speaker.search, &[1, 2]).unwrap();
    assert_eq!(again.caption(Pictures::Whole(&pictures), &again.search, &[1, 2]).unwrap(), due);
    let alone = again.caption(Pictures::Whole(&pictures[1..]), &again.search, &[2]).unwrap();
    assert_eq!(alone, due[1..]);
    assert_eq!(due[0].token_ids[0], speaker.search.start);
    assert!(again.caption(Pictures::Whole(&[]), &again.search, &[]).unwrap().is_empty());
}

/// A speaker like the folder's, with other eyes.
fn with_eyes(eyes: EyesSettings, lender: Option<Lender<Cpu>>) -> Result<Speaker<Cpu>, SpeakerError> {
    let Speaker { captioner, tokenizer, preprocessing, search, .. } = speaker();
    let settings = CaptionerSettings { eyes, decoder: captioner.settings().decoder.clone() };
    let captioner = Captioner::new(&Cpu::default(), settings, Some(3)).unwrap();
    Speaker::new(&Cpu::default(), captioner, lender, tokenizer, preprocessing, search)
}

#[test]
fn borrowed_eyes_go_with_the_captioner() {
    let lender = Lender::random(&Cpu::default(), 5).unwrap();
    let eyes = EyesSettings::Borrowed(lender.groups());
    let refused = |result: Result<_, SpeakerError>| result.err().unwrap().to_string();
    assert!(refused(with_eyes(eyes.clone(), None)).contains("is lent []"));
    let mut speaker = with_eyes(eyes, Some(lender)).unwrap();
    let mut file = TensorFile::default();
    speaker.save(&mut file).unwrap();
    let again = Speaker::from_file(&Cpu::default(), &file, Path::new("x")).unwrap();
    let pictures = [picture(32, 32), picture(47, 61)];
    let due = speaker.caption(Pictures::Whole(&pictures), &speaker.search, &[1, 2]).unwrap();
    assert_eq!(again.caption(Pictures::Whole(&pictures), &again.search, &[1, 2]).unwrap(), due);
    let mean = again.preprocessing.normalise.unwrap().0;
    assert_eq!(mean, again.lender.as_ref().unwrap().stats().mean);
    // A file that names borrowed eyes and holds none.
    file.meta.remove("lender");
    card().write(&mut file);
    let error = Speaker::from_file(&Cpu::default(), &file, Path::new("x")).err().unwrap().to_string();
    assert!(error.contains("ViT of its own"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let error = speaker.export(&folder.path().join("out")).unwrap_err().to_string();
    assert!(error.contains("borrowed eyes has no Hugging Face form"), "{error}");
}

#[test]
fn a_stem_has_no_hugging_face_form() {
    let mut speaker = with_eyes(EyesSettings::Vit(VitSettings::with_stem(16, 1, 2)), None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let error = speaker.export(&folder.path().join("out")).unwrap_err().to_string();
    assert!(error.contains("a convolutional stem has no Hugging Face form"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_note_that_does_not_fit_is_refused() {
    let mut file = TensorFile::default();
    speaker().save(&mut file).unwrap();
    let refused = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut file = file.clone();
        change(file.meta.get_mut("captioner").unwrap());
        match Speaker::from_file(&Cpu::default(), &file, Path::new("x")) {
            Ok(_) => panic!("it was taken"),
            Err(error) => error.to_string(),
        }
    };
    assert!(refused(&|note| note["settings"] = 3.into()).contains("its note about the training cannot be read"));
    assert!(refused(&|note| note["settings"]["decoder"]["width"] = (1u64 << 40).into()).contains("width"));
    assert!(refused(&|note| note["settings"]["decoder"]["inner"] = 8.into()).contains("has the shape"));
    assert!(refused(&|note| note["settings"]["decoder"]["layers"] = 3.into()).contains("is missing"));
    assert!(refused(&|note| note["tokenizer"] = "{}".into()).contains("tokenizer"));
    assert!(refused(&|note| note["preprocessing"]["size"] = 16.into()).contains("do not fit"));
}

//! PIL's and transformers' pixels (tests/data/hf/make.py, the reference), number for number.

use std::fs;
use std::path::{Path, PathBuf};

use ::safetensors::SafeTensors;
use ::safetensors::tensor::Dtype;
use image::{Rgb, RgbImage};
use serde_json::Value;

use super::{Filter, Preprocessing, Size, resample};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// The pictures of make.py: a hash of place and channel, half of it smooth.
fn picture(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let (x, y) = (u64::from(x), u64::from(y));
        Rgb([0, 1, 2].map(|c| {
            let noise = ((x * 7919 + y * 104_729 + c * 1_299_709) * 2_654_435_761 % (1 << 32)) >> 24;
            let smooth = (x * 5 + y * 3 + c * 40) % 256;
            (if (x / 4 + y / 4) % 2 == 0 { noise } else { smooth }) as u8
        }))
    })
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

#[test]
fn resizing_equals_pil() {
    let bytes = fs::read(data("hf/resized.safetensors")).unwrap();
    let cases = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(cases.len(), 54);
    let sizes = |text: &str| text.split_once('x').map(|(w, h)| (w.parse().unwrap(), h.parse().unwrap())).unwrap();
    for (name, due) in cases.tensors() {
        let [number, from, to] = name.split(':').collect::<Vec<_>>().try_into().unwrap();
        let ((width, height), to) = (sizes(from), sizes(to));
        let filter = Filter::numbered(number.parse().unwrap()).unwrap();
        let resized = resample::resize(&picture(width, height), to.0, to.1, filter);
        assert_eq!(resized.as_raw(), due.data(), "{name}");
    }
}

#[test]
fn processors_give_the_pixels_of_transformers() {
    let settings: Value = serde_json::from_slice(&fs::read(data("hf/processors.json")).unwrap()).unwrap();
    let bytes = fs::read(data("hf/processed.safetensors")).unwrap();
    let cases = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(cases.len(), 5);
    for (name, due) in cases.tensors() {
        let text = settings[&name].to_string();
        let preprocessing = Preprocessing::parse(Path::new("settings"), text.as_bytes()).unwrap();
        let pixels = preprocessing.pixels(&picture(13, 18)).unwrap();
        let due = floats(due.data());
        assert_eq!(pixels.len(), due.len(), "{name}");
        for (ours, theirs) in pixels.iter().zip(&due) {
            assert!((ours - theirs).abs() <= 1e-6 * theirs.abs().max(1.0), "{name}: {ours} {theirs}");
        }
        let again = Preprocessing::parse(Path::new("again"), preprocessing.to_json().to_string().as_bytes()).unwrap();
        assert_eq!(again, preprocessing, "{name}");
    }
}

#[test]
fn the_reference_picture_is_equal_to_pil_and_within_a_step_of_transformers() {
    let folder = data("reference/tiny-vit-gpt2");
    let bytes = fs::read(folder.join("reference.safetensors")).unwrap();
    let reference = SafeTensors::deserialize(&bytes).unwrap();
    let source = reference.tensor("preproc_in_u8").unwrap();
    assert_eq!((source.dtype(), source.shape()), (Dtype::U8, &[47, 61, 3][..]));
    let source = RgbImage::from_raw(61, 47, source.data().to_vec()).unwrap();
    let preprocessing = Preprocessing::load(&folder).unwrap();
    assert_eq!(preprocessing, Preprocessing::vit(32));
    let pixels = preprocessing.pixels(&source).unwrap();
    // Theirs are (channel, row, column); a step of 8 bits is 2 / 255.
    for (name, most) in [("preproc_out_pil", 1e-6), ("preproc_out_hf", 2.0 / 255.0 + 1e-6)] {
        let due = floats(reference.tensor(name).unwrap().data());
        for (i, theirs) in due.iter().enumerate() {
            let ours = pixels[(i % 1024) * 3 + i / 1024];
            assert!((ours - theirs).abs() <= most, "{name} {i}: {ours} {theirs}");
        }
    }
}

#[test]
fn older_settings_and_defaults_are_understood() {
    let parse = |text: &str| Preprocessing::parse(Path::new("p.json"), text.as_bytes());
    let old = r#"{"do_normalize":true,"do_resize":true,"feature_extractor_type":"ViTFeatureExtractor",
        "image_mean":[0.5,0.5,0.5],"image_std":[0.5,0.5,0.5],"resample":2,"size":224}"#;
    assert_eq!(parse(old).unwrap(), Preprocessing::vit(224));
    assert_eq!(parse("{}").unwrap(), Preprocessing::vit(224));
    assert_eq!(parse("{}").unwrap().output_size(), Some((224, 224)));
    let clip = parse(r#"{"image_processor_type":"CLIPImageProcessorFast","size":32,"crop_size":24}"#).unwrap();
    assert_eq!(clip.resize, Some((Size::ShortestEdge(32), Filter::Bicubic)));
    assert_eq!(clip.output_size(), Some((24, 24)));
    let deit =
        parse(r#"{"image_processor_type":"DeiTImageProcessor","do_rescale":false,"do_normalize":false}"#).unwrap();
    assert_eq!((deit.crop, deit.rescale, deit.normalise), (Some((224, 224)), None, None));
}

#[test]
fn wrong_settings_are_told_with_their_key() {
    let cases = [
        (r#"{"size":0}"#, "p.json: size is `0`, but must be a whole number from 1 to 8192"),
        (r#"{"size":{"height":9}}"#, "p.json: size must be a whole number"),
        (r#"{"size":{"height":9,"width":-1}}"#, "p.json: size.width is `-1`"),
        (r#"{"size":"big"}"#, "p.json: size is `\\\"big\\\"`, but must be an object"),
        (r#"{"resample":6}"#, "p.json: resample is `6`"),
        (r#"{"image_std":[0.5,0,0.5]}"#, "p.json: image_std must be above 0"),
        (r#"{"image_mean":[0.5]}"#, "p.json: image_mean must be three finite numbers"),
        (r#"{"do_resize":"yes"}"#, "p.json: do_resize is"),
        (r#"{"image_processor_type":"BlipImageProcessor"}"#, "those of ViT, DeiT and CLIP are known"),
        ("{", "p.json is not valid JSON"),
    ];
    for (text, part) in cases {
        let message = Preprocessing::parse(Path::new("p.json"), text.as_bytes()).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn empty_and_extreme_pictures_are_refused() {
    let vit = Preprocessing::vit(224);
    let message = vit.pixels(&RgbImage::new(0, 0)).unwrap_err().to_string();
    assert_eq!(message, "the picture of 0x0 pixels is empty; use another one");
    assert!(vit.pixels(&RgbImage::new(1, 500_000)).unwrap_err().to_string().contains("too thin"));
    let clip = Preprocessing { resize: Some((Size::ShortestEdge(224), Filter::Bicubic)), ..vit };
    assert!(clip.pixels(&RgbImage::new(500_000, 1)).unwrap_err().to_string().contains("too thin"));
}

#[test]
fn grey_and_transparent_pictures_become_rgb_as_in_pil() {
    // PIL: Image.new("RGBA", (1, 1), (10, 20, 30, 40)).convert("RGB") keeps the colour; "LA" and "L" repeat the grey.
    let rgba = image::DynamicImage::from(image::RgbaImage::from_pixel(1, 1, image::Rgba([10, 20, 30, 40])));
    assert_eq!(rgba.to_rgb8().as_raw(), &[10, 20, 30]);
    let grey = image::DynamicImage::from(image::GrayAlphaImage::from_pixel(1, 1, image::LumaA([7, 0])));
    assert_eq!(grey.to_rgb8().as_raw(), &[7, 7, 7]);
}

//! A user's own picture.

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageEncoder, Luma, Rgb, RgbImage, Rgba, RgbaImage};
use pixscribe::data::decode::{DISPLAY_SIDE, image_32, image_any, image_both};

use crate::fixture::*;

const RED: Rgb<u8> = Rgb([255, 0, 0]);
const GREEN: Rgb<u8> = Rgb([0, 255, 0]);
const BLUE: Rgb<u8> = Rgb([0, 0, 255]);

fn input(bytes: &[u8]) -> Vec<u8> {
    let (_dir, path) = file("picture", bytes);
    image_32(&path).unwrap().to_vec()
}

/// Stripes of equal width.
fn stripes(colours: [Rgb<u8>; 3], width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, _| colours[(x * 3 / width) as usize])
}

#[test]
fn the_largest_centred_square_is_taken() {
    let wide = input(&png(stripes([RED, GREEN, BLUE], 96, 32)));
    assert!(wide.chunks(3).all(|p| p == GREEN.0));
    let tall = DynamicImage::from(stripes([RED, GREEN, BLUE], 300, 100)).rotate90();
    assert!(input(&png(tall)).chunks(3).all(|p| p == GREEN.0));
}

#[test]
fn shrinking_is_antialiased() {
    let checks = RgbImage::from_fn(640, 640, |x, y| Rgb([if (x + y) % 2 == 0 { 255 } else { 0 }; 3]));
    let values = input(&png(checks));
    assert!(values.iter().all(|v| v.abs_diff(128) <= 2), "{:?}", &values[..8]);
}

#[test]
fn large_pictures_keep_their_shapes() {
    // Each of the 32x32 squares has its own grey: what comes out of 4096x4096 pixels is the squares.
    let grey = |x: u32, y: u32| (x / 128 * 5 + y / 128 * 2) as u8;
    let picture = image::GrayImage::from_fn(4096, 4096, |x, y| Luma([grey(x, y)]));
    let values = input(&png(picture));
    let off = |y: u32, x: u32| values[((y * 32 + x) * 3) as usize].abs_diff(grey(x * 128, y * 128));
    let worst = (0..32).flat_map(|y| (0..32).map(move |x| (y, x))).map(|(y, x)| off(y, x)).max().unwrap();
    assert!(worst <= 2, "{worst}");
}

#[test]
fn one_pixel_is_a_picture_too() {
    assert!(input(&png(RgbImage::from_pixel(1, 1, RED))).chunks(3).all(|p| p == RED.0));
    assert!(input(&png(RgbImage::from_pixel(1, 5000, RED))).chunks(3).all(|p| p == RED.0));
}

#[test]
fn transparency_is_laid_over_white() {
    let half = RgbaImage::from_pixel(32, 32, Rgba([0, 100, 255, 51]));
    assert_eq!(input(&png(half))[..3], [204, 224, 255]);
}

#[test]
fn exif_turns_the_picture_upright() {
    // Orientation 6: the camera was turned, the picture is to be shown turned right by 90 degrees.
    let exif = [b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".as_slice()].concat();
    let mut bytes = vec![];
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 100);
    encoder.set_exif_metadata(exif).unwrap();
    let lying = stripes([RED, GREEN, BLUE], 96, 48);
    encoder.write_image(lying.as_raw(), 96, 48, image::ExtendedColorType::Rgb8).unwrap();
    let (_dir, path) = file("turned.jpg", &bytes);
    let upright = image_any(&path).unwrap();
    assert_eq!(upright.dimensions(), (48, 96));
    let strongest = |y| (0..3).max_by_key(|&c| upright.get_pixel(24, y).0[c]).unwrap();
    assert_eq!([strongest(5), strongest(48), strongest(90)], [0, 1, 2], "the left side is on top");
}

#[test]
fn the_display_picture_is_bounded_and_keeps_its_shape() {
    let (_dir, path) = file("wide.png", &png(RgbImage::from_pixel(3000, 750, BLUE)));
    let (small, display) = image_both(&path).unwrap();
    assert_eq!(display.dimensions(), (DISPLAY_SIDE, DISPLAY_SIDE / 4));
    assert!(small.chunks(3).all(|p| p == BLUE.0) && display.pixels().all(|p| *p == BLUE));
    let (_dir, path) = file("small.png", &png(RgbImage::from_pixel(20, 10, BLUE)));
    assert_eq!(image_any(&path).unwrap().dimensions(), (20, 10), "small pictures are left as they are");
}

#[test]
fn the_name_does_not_have_to_tell_the_kind() {
    let (_dir, path) = file("photo.jpg", &png(RgbImage::from_pixel(32, 32, RED)));
    assert_eq!(image_32(&path).unwrap()[..3], RED.0);
}

#[test]
fn what_is_no_picture_is_refused_with_its_name() {
    let good = png(split_picture());
    let cases = [
        ("bomb.png", png_that_claims(60_000, 60_000), "60000x60000"),
        ("wide.png", png_that_claims(100_000_001, 1), "more than is read"),
        ("cut.png", good[..good.len() / 2].to_vec(), "can't be decoded"),
        ("text.png", b"hello".to_vec(), "can't be decoded"),
        ("empty.jpg", vec![], "can't be decoded"),
        ("noise.gif", vec![0x47; 900], "can't be decoded"),
        ("bomb.pgm", b"P5 99999 99999 255\n".to_vec(), "more than is read"),
    ];
    for (name, bytes, words) in cases {
        let (_dir, path) = file(name, &bytes);
        let message = image_32(&path).unwrap_err().to_string();
        assert!(message.contains(name) && message.contains(words), "{message}");
        assert!(!message.contains('\n'), "{message}");
    }
}

fn split_picture() -> RgbImage {
    RgbImage::from_raw(32, 32, train().image(0).to_vec()).unwrap()
}

#[cfg(unix)]
#[test]
fn pipes_folders_and_missing_files_are_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe.png");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for (path, words) in [
        (pipe.as_path(), "not a regular file"),
        (dir.path(), "not a regular file"),
        (&dir.path().join("no.png"), "cannot read"),
    ] {
        let message = image_32(path).unwrap_err().to_string();
        assert!(message.contains(words) && message.contains(path.to_str().unwrap()), "{message}");
    }
}

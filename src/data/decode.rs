//! A user's own picture: any size, grey, with alpha, 16-bit, turned by EXIF; read with bounded memory.
//!
//! A picture becomes the model's input by taking the largest centred square and scaling it to 32x32 with an
//! antialiased bicubic filter, in the file's own (sRGB) values; transparency is laid over white. A 32x32 picture
//! without transparency keeps its pixels.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use image::imageops::{self, FilterType};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits, RgbImage};

use super::error::DataError;
use super::{IMAGE_BYTES, SIDE};

/// Pixels a picture may have.
pub const MAX_PIXELS: u64 = 100_000_000;
/// Bytes its decoder may take, the decoded picture included.
const MAX_DECODED_BYTES: u64 = 512 << 20;
/// Above this many decoded bytes pictures are read one at a time, whatever the number of threads.
const LARGE_BYTES: u64 = 64 << 20;
/// Right after decoding, longer sides are averaged down to this: far above 32, so that only memory notices.
const WORKING_SIDE: u32 = 2048;
/// The longest side of a picture for display.
pub const DISPLAY_SIDE: u32 = 1024;

static LARGE: Mutex<()> = Mutex::new(());

/// The model's input: (32, 32, 3), channels last.
pub type Image32 = Box<[u8; IMAGE_BYTES]>;

/// A picture as a model's input.
pub fn image_32(path: &Path) -> Result<Image32, DataError> {
    Ok(to_32(&open(path)?))
}

/// A picture for display, upright, its longer side at most `DISPLAY_SIDE`.
pub fn image_any(path: &Path) -> Result<RgbImage, DataError> {
    Ok(to_display(open(path)?))
}

/// A picture pixel by pixel, upright.
///
/// # Errors
/// When it cannot be read, or a side is longer than 2048 pixels.
pub fn image_whole(path: &Path) -> Result<RgbImage, DataError> {
    decode(path, |picture| {
        let longer = picture.width().max(picture.height());
        if longer <= WORKING_SIDE {
            return Ok(picture);
        }
        let problem = format!("the picture's longer side has {longer} pixels, which is more than is worked on");
        let remedy = "make it smaller (at most 2048 pixels a side)";
        Err(DataError::Picture { path: path.to_path_buf(), problem, remedy })
    })
}

/// A picture pixel by pixel, upright, however large it is up to 100 million pixels.
///
/// # Errors
/// When it cannot be read, or has more.
pub fn image_full(path: &Path) -> Result<RgbImage, DataError> {
    decode(path, Ok)
}

/// Both, from one reading of the file.
pub fn image_both(path: &Path) -> Result<(Image32, RgbImage), DataError> {
    let picture = open(path)?;
    Ok((to_32(&picture), to_display(picture)))
}

fn to_32(picture: &RgbImage) -> Image32 {
    let side = picture.width().min(picture.height());
    let (left, top) = ((picture.width() - side) / 2, (picture.height() - side) / 2);
    let square = imageops::crop_imm(picture, left, top, side, side).to_image();
    let small = match side as usize {
        SIDE => square,
        _ => imageops::resize(&square, SIDE as u32, SIDE as u32, FilterType::CatmullRom),
    };
    let mut input = Box::new([0; IMAGE_BYTES]);
    input.copy_from_slice(small.as_raw());
    input
}

fn to_display(picture: RgbImage) -> RgbImage {
    let (width, height) = picture.dimensions();
    let longer = width.max(height);
    if longer <= DISPLAY_SIDE {
        return picture;
    }
    let scaled = |side: u32| (u64::from(side) * u64::from(DISPLAY_SIDE) / u64::from(longer)).max(1) as u32;
    imageops::resize(&picture, scaled(width), scaled(height), FilterType::Triangle)
}

/// Decodes, turns upright and flattens a picture; its longer side is at most `WORKING_SIDE` afterwards.
fn open(path: &Path) -> Result<RgbImage, DataError> {
    decode(path, |picture| {
        let is_large = picture.width().max(picture.height()) > WORKING_SIDE;
        Ok(if is_large { picture.thumbnail(WORKING_SIDE, WORKING_SIDE) } else { picture })
    })
}

/// Decodes a picture, turns it upright and flattens it; `fit` makes it small enough first, or refuses.
fn decode(
    path: &Path,
    fit: impl FnOnce(DynamicImage) -> Result<DynamicImage, DataError>,
) -> Result<RgbImage, DataError> {
    let fail = |problem: String, remedy| DataError::Picture { path: path.to_path_buf(), problem, remedy };
    let undecodable = |e| {
        fail(format!("the picture can't be decoded ({e})"), "use a whole PNG, JPEG, GIF, WebP, BMP, TIFF or PNM file")
    };
    let mut reader = ImageReader::new(BufReader::new(open_regular(path)?))
        .with_guessed_format()
        .map_err(DataError::io("read", path))?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(undecodable)?;
    let (width, height) = decoder.dimensions();
    let bytes = decoder.total_bytes();
    if u64::from(width) * u64::from(height) > MAX_PIXELS || bytes > MAX_DECODED_BYTES {
        let problem = format!("the picture has {width}x{height} pixels, which is more than is read");
        return Err(fail(problem, "make it smaller (at most 100 million pixels)"));
    }
    if width == 0 || height == 0 {
        return Err(fail("the picture has no pixels".into(), "use another one"));
    }
    let _alone = (bytes > LARGE_BYTES).then(|| LARGE.lock().unwrap_or_else(PoisonError::into_inner));
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = fit(DynamicImage::from_decoder(decoder).map_err(undecodable)?)?;
    picture.apply_orientation(orientation);
    Ok(flatten(picture))
}

/// Opens a regular file; a pipe or a device could block or never end.
fn open_regular(path: &Path) -> Result<File, DataError> {
    let about = path.metadata().map_err(DataError::io("read", path))?;
    if !about.is_file() {
        return Err(DataError::Picture {
            path: path.to_path_buf(),
            problem: "not a regular file".into(),
            remedy: "name a picture file",
        });
    }
    File::open(path).map_err(DataError::io("read", path))
}

/// RGB, with transparency laid over white.
fn flatten(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let rgba = picture.into_rgba8();
    RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
        let [r, g, b, a] = rgba.get_pixel(x, y).0;
        let over_white = |v: u8| ((u32::from(v) * u32::from(a) + 255 * (255 - u32::from(a)) + 127) / 255) as u8;
        image::Rgb([over_white(r), over_white(g), over_white(b)])
    })
}

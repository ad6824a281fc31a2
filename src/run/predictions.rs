//! What a model said of every image of a split, two bytes an image.
//!
//! Layout, little-endian: `PXPR`, version u8 = 1, length of the split's name u8, reserved u16 = 0,
//! epoch u64, n u64, the split's name, then n times label u8 and confidence u8 (0 is 0, 255 is 1).

use super::{RunDir, RunError, atomic_write};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

const MAGIC: [u8; 4] = *b"PXPR";
const VERSION: u8 = 1;
const HEADER_BYTES: usize = 24;
/// ImageNet's training set is 1.3 million images.
const MAX_IMAGES: u64 = 16 << 20;

/// What was said of the images of a split after an epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Predictions {
    /// `test` or `held_out`.
    pub split: String,
    /// Counted from 1.
    pub epoch: u64,
    /// In the split's order.
    pub images: Vec<Prediction>,
}

/// What was said of one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prediction {
    /// The label's index.
    pub label: u8,
    confidence: u8,
}

impl Prediction {
    /// Keeps the confidence, 0..1, in steps of 1/255; what is not a number is no confidence.
    pub fn new(label: u8, confidence: f32) -> Prediction {
        // `as` saturates and turns NaN to 0.
        Prediction { label, confidence: (confidence * 255.0).round() as u8 }
    }

    /// 0..1.
    pub fn confidence(self) -> f32 {
        f32::from(self.confidence) / 255.0
    }
}

/// Where the predictions of a split after an epoch belong.
pub fn path(run: &RunDir, split: &str, epoch: u64) -> PathBuf {
    run.predictions_dir().join(format!("{split}-{epoch:05}.bin"))
}

/// Writes a file of predictions, whole or not at all.
pub fn write(path: &Path, predictions: &Predictions) -> Result<(), RunError> {
    let Predictions { split, epoch, images } = predictions;
    atomic_write(path, |w| {
        let name_len = u8::try_from(split.len()).map_err(io::Error::other)?;
        w.write_all(&MAGIC)?;
        w.write_all(&[VERSION, name_len, 0, 0])?;
        w.write_all(&epoch.to_le_bytes())?;
        w.write_all(&(images.len() as u64).to_le_bytes())?;
        w.write_all(split.as_bytes())?;
        let bytes: Vec<u8> = images.iter().flat_map(|p| [p.label, p.confidence]).collect();
        w.write_all(&bytes)
    })
}

/// Reads a file of predictions; anything but a whole one is refused before memory is taken for it.
pub fn read(path: &Path) -> Result<Predictions, RunError> {
    let mut file = File::open(path).map_err(RunError::io("read", path))?;
    let damaged = |reason: String| RunError::Damaged { path: path.to_path_buf(), reason };
    let len = file.metadata().map_err(RunError::io("read", path))?.len();
    let mut header = [0; HEADER_BYTES];
    file.read_exact(&mut header).map_err(|_| damaged("it has no whole header".into()))?;
    let [m0, m1, m2, m3, version, name_len, _, _, counts @ ..] = header;
    if [m0, m1, m2, m3] != MAGIC || version != VERSION {
        return Err(damaged("it is not a file of predictions of this version".into()));
    }
    let (epoch, n) = two_u64(counts);
    let expected =
        n.checked_mul(2).filter(|_| n <= MAX_IMAGES).map(|bytes| bytes + HEADER_BYTES as u64 + u64::from(name_len));
    if expected != Some(len) {
        return Err(damaged(format!("it says {n} images and is {len} bytes long")));
    }
    let mut rest = Vec::new();
    let rest_len = len - HEADER_BYTES as u64;
    file.take(rest_len).read_to_end(&mut rest).map_err(RunError::io("read", path))?;
    if rest.len() as u64 != rest_len {
        return Err(damaged("it became shorter while it was read".into()));
    }
    let (name, pairs) = rest.split_at(usize::from(name_len));
    let split = String::from_utf8(name.to_vec()).map_err(|_| damaged("the split's name is not UTF-8 text".into()))?;
    let images = pairs.chunks_exact(2).map(|pair| Prediction { label: pair[0], confidence: pair[1] }).collect();
    Ok(Predictions { split: super::plain_text(&split).into_owned(), epoch, images })
}

fn two_u64(bytes: [u8; 16]) -> (u64, u64) {
    let both = u128::from_le_bytes(bytes);
    (both as u64, (both >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn some() -> Predictions {
        let images = (0..500u32).map(|i| Prediction::new((i % 10) as u8, i as f32 / 499.0));
        Predictions { split: "test".into(), epoch: 3, images: images.collect() }
    }

    #[test]
    fn what_is_written_is_read_and_costs_two_bytes_an_image() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p.bin");
        write(&path, &some()).unwrap();
        assert_eq!(read(&path).unwrap(), some());
        assert_eq!(fs::metadata(&path).unwrap().len(), 24 + 4 + 1000);
    }

    #[test]
    fn confidence_is_kept_to_half_a_step() {
        for i in 0..=1000 {
            let confidence = i as f32 / 1000.0;
            let kept = Prediction::new(0, confidence).confidence();
            assert!((kept - confidence).abs() <= 0.5 / 255.0 + 1e-6, "{confidence} {kept}");
        }
        assert_eq!(Prediction::new(1, f32::NAN).confidence(), 0.0);
        assert_eq!(Prediction::new(1, 7.0).confidence(), 1.0);
        assert_eq!(Prediction::new(1, -7.0).confidence(), 0.0);
    }

    #[test]
    fn a_cut_or_lying_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p.bin");
        write(&path, &some()).unwrap();
        let whole = fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            assert!(read(&path).is_err(), "cut at {cut}");
        }
        let mut long = whole.clone();
        long.push(0);
        fs::write(&path, long).unwrap();
        assert!(read(&path).is_err());
        for n in [u64::MAX, 1 << 63, MAX_IMAGES + 1] {
            let mut lying = whole.clone();
            lying[16..24].copy_from_slice(&n.to_le_bytes());
            fs::write(&path, lying).unwrap();
            assert!(read(&path).is_err(), "{n}");
        }
        for at in 0..5 {
            let mut other = whole.clone();
            other[at] ^= 1;
            fs::write(&path, other).unwrap();
            assert!(read(&path).is_err(), "byte {at}");
        }
    }
}

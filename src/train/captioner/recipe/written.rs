//! Users' own pictures and captions, in the place of measured captions of the data's pictures.

use super::super::super::error::TrainError;
use crate::captions::{Grammar, Said, files};
use crate::data::decode::image_32;
use crate::data::{Dataset, Split, holdout};
use crate::ops::random::Stream;
use sha2::{Digest, Sha256};
use std::path::Path;

/// What people wrote about pictures, at least one caption each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written(Vec<Vec<String>>);

impl Written {
    /// Reads the captions of a folder, and its pictures as a data set of their own: 32x32 pixels, no test images. A picture
    /// has the label of `data` that its captions say, and the first one where they say none.
    ///
    /// # Errors
    /// When there are no captions, or a file of them or a picture is damaged.
    pub fn read(folder: &Path, data: Dataset) -> Result<(Dataset, Self), TrainError> {
        let grammar = Grammar::new(&data.labels)?;
        let captioned = files::read(folder)?;
        let (mut images, mut labels, mut captions) = (Vec::new(), Vec::new(), Vec::new());
        let mut sum = Sha256::new();
        for picture in captioned {
            let image = image_32(&picture.picture)?;
            sum.update(image.as_slice());
            picture.captions.iter().for_each(|caption| sum.update(format!("{caption}\n")));
            images.extend_from_slice(image.as_slice());
            labels.push(label(&grammar, &picture.captions) as u8);
            captions.push(picture.captions);
        }
        let name = folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let sha256 = sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let train = Split { images: images.into(), labels: labels.into() };
        Ok((Dataset { name, train, test: Split::default(), sha256, path: folder.to_owned(), ..data }, Self(captions)))
    }

    /// One caption of each of these pictures, drawn by the hash of its place.
    pub fn drawn(&self, pictures: &[u32], stream: &Stream) -> Vec<String> {
        let one = |(place, &picture): (u64, &u32)| {
            let captions = &self.0[picture as usize];
            captions[stream.below(place, captions.len() as u64) as usize].clone()
        };
        (0..).zip(pictures).map(one).collect()
    }

    /// All captions of these pictures.
    pub fn of(&self, pictures: &[u32]) -> impl Iterator<Item = &str> {
        pictures.iter().flat_map(|&picture| &self.0[picture as usize]).map(String::as_str)
    }

    /// The captions of the pictures that a data set holds out.
    pub fn held_out(&self, data: &Dataset, seed: u64) -> Vec<Vec<String>> {
        holdout(&data.train.labels, seed).1.iter().map(|&picture| self.0[picture as usize].clone()).collect()
    }
}

fn label(grammar: &Grammar, captions: &[String]) -> usize {
    let said = captions.iter().map(|caption| grammar.read(caption).label());
    said.filter_map(|said| if let Said::One(label) = said { Some(label) } else { None }).next().unwrap_or(0)
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use image::{Rgb, RgbImage};

    /// A folder of `count` pictures of one colour each, with one or two captions.
    pub fn folder(count: u8) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for number in 0..count {
            let picture = RgbImage::from_pixel(40, 30, Rgb([number * 5, 200 - number * 5, 90]));
            picture.save(root.path().join(format!("{number:03}.png"))).unwrap();
            let words = if number % 2 == 0 { "my dog sleeps\na sleeping dog" } else { "some green stuff" };
            std::fs::write(root.path().join(format!("{number:03}.txt")), words).unwrap();
        }
        root
    }

    fn data() -> Dataset {
        let sample = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/sample");
        crate::data::load(Some(&sample), Some(20)).unwrap()
    }

    #[test]
    fn a_folder_becomes_a_data_set_with_captions() {
        let root = folder(24);
        let (data, written) = Written::read(root.path(), data()).unwrap();
        assert_eq!((data.train.len(), data.test.len(), data.labels.len()), (24, 0, 10));
        assert_eq!(data.train.labels[..4], [5, 0, 5, 0]);
        let pictures = [1, 2, 4, 6, 8, 10];
        let stream = |step| Stream::new(1, "written", step);
        let (drawn, again) = (written.drawn(&pictures, &stream(0)), written.drawn(&pictures, &stream(0)));
        assert_eq!(drawn, again);
        assert_eq!(drawn[0], "some green stuff");
        assert!((0..9).any(|step| written.drawn(&pictures, &stream(step)) != drawn), "captions take turns");
        assert_eq!(written.of(&pictures).count(), 11);
        assert_eq!(written.held_out(&data, 1).len(), 2);
    }

    #[test]
    fn changed_captions_are_other_data_and_damaged_pictures_are_refused() {
        let root = folder(3);
        let sum = |root: &Path| Written::read(root, data()).unwrap().0.sha256;
        let before = sum(root.path());
        assert_eq!(sum(root.path()), before);
        std::fs::write(root.path().join("001.txt"), "other words").unwrap();
        assert_ne!(sum(root.path()), before);
        std::fs::write(root.path().join("001.png"), "no picture").unwrap();
        let error = Written::read(root.path(), data()).unwrap_err().to_string();
        assert!(error.contains("001.png"), "{error}");
        assert!(Written::read(Path::new("/nowhere"), data()).is_err());
    }
}

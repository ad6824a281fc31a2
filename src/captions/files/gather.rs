//! Captions gathered picture by picture, in the order in which the pictures come first.

use std::collections::HashMap;
use std::path::PathBuf;

use super::super::error::Problem;
use super::{Captioned, printable};
use crate::data::MAX_IMAGES;

/// Captions that a picture may have.
pub const MAX_CAPTIONS: usize = 100;
/// Bytes that a caption may have.
pub const MAX_BYTES: usize = 4096;

/// A set of captioned pictures while it is read.
#[derive(Debug, Default)]
pub struct Gathered {
    numbers: HashMap<PathBuf, usize>,
    all: Vec<Captioned>,
}

impl Gathered {
    /// Adds a caption to a picture.
    ///
    /// # Errors
    /// When the caption is empty or too long, or there are too many of them or of pictures.
    pub fn add(&mut self, picture: PathBuf, caption: &str) -> Result<(), Problem> {
        if caption.len() > MAX_BYTES {
            return Err(Problem::LongCaption { bytes: caption.len(), limit: MAX_BYTES });
        }
        let caption = printable(caption);
        if caption.is_empty() {
            return Err(Problem::EmptyCaption);
        }
        let next = self.all.len();
        let number = *self.numbers.entry(picture).or_insert_with_key(|picture| {
            self.all.push(Captioned { picture: picture.clone(), captions: Vec::new() });
            next
        });
        if self.all.len() > MAX_IMAGES {
            return Err(Problem::ManyPictures { limit: MAX_IMAGES });
        }
        let captions = &mut self.all[number].captions;
        if captions.len() == MAX_CAPTIONS {
            return Err(Problem::ManyCaptions { limit: MAX_CAPTIONS });
        }
        captions.push(caption);
        Ok(())
    }

    /// All of them.
    pub fn finish(self) -> Vec<Captioned> {
        self.all
    }
}

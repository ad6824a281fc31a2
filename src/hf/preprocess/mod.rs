//! preprocessor_config.json: how a picture becomes the model's input, as the image processors of ViT, DeiT and CLIP in
//! transformers do it.

mod filter;
mod read;
mod resample;
#[cfg(test)]
mod tests;

use std::path::Path;

use image::{RgbImage, imageops};
use serde_json::{Value, json};

use super::error::HfError;
use super::json::Document;
pub use filter::Filter;

/// The name of the file.
pub(super) const FILE: &str = "preprocessor_config.json";
/// Pixels that a resized picture may have: a very long and thin one would become huge.
const MAX_PIXELS: u64 = 100_000_000;

/// The steps from a picture to the model's input, in this order; a step that is none is left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Preprocessing {
    pub resize: Option<(Size, Filter)>,
    /// Width and height that are cut out of the middle; black surrounds a picture that is smaller.
    pub crop: Option<(u32, u32)>,
    /// What a pixel of 0 to 255 is multiplied by.
    pub rescale: Option<f64>,
    /// Mean and standard deviation of each channel, after the multiplication.
    pub normalise: Option<([f32; 3], [f32; 3])>,
}

/// The size that a picture is resized to, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    Exact {
        width: u32,
        height: u32,
    },
    /// The shorter side becomes this long, the longer one keeps its proportion to it.
    ShortestEdge(u32),
}

impl Preprocessing {
    /// Reads `folder`'s preprocessor_config.json.
    ///
    /// # Errors
    /// When it is missing, cannot be read, is another processor's, or has a value that is wrong.
    pub fn load(folder: &Path) -> Result<Self, HfError> {
        let remedy = "without it nobody knows how the model sees a picture; fetch it with the model";
        read::preprocessing(Document::read(&folder.join(FILE), remedy)?.fields())
    }

    /// Reads the text of a preprocessor_config.json; `path` is for messages.
    ///
    /// # Errors
    /// As [`Preprocessing::load`].
    pub fn parse(path: &Path, text: &[u8]) -> Result<Self, HfError> {
        read::preprocessing(Document::parse(path, text)?.fields())
    }

    /// ViT's own: a square of `side` pixels by the bilinear filter, values from -1 to 1.
    pub fn vit(side: u32) -> Self {
        Self {
            resize: Some((Size::Exact { width: side, height: side }, Filter::Bilinear)),
            crop: None,
            rescale: Some(1.0 / 255.0),
            normalise: Some(([0.5; 3], [0.5; 3])),
        }
    }

    /// Width and height of what [`Preprocessing::pixels`] gives, when every picture's are the same.
    pub fn output_size(&self) -> Option<(u32, u32)> {
        match (self.crop, self.resize) {
            (Some(crop), _) => Some(crop),
            (None, Some((Size::Exact { width, height }, _))) => Some((width, height)),
            _ => None,
        }
    }

    /// A picture as the model's input, (height, width, 3), channels last.
    ///
    /// A grey picture or one with transparency becomes RGB as in PIL by `DynamicImage::to_rgb8`: grey is repeated, and
    /// transparency dropped.
    ///
    /// # Errors
    /// When the picture is empty, or so thin that it would become huge.
    pub fn pixels(&self, picture: &RgbImage) -> Result<Vec<f32>, HfError> {
        Ok(self.numbers(self.fit(picture)?.as_raw()))
    }

    /// Pixels of 8 bits as numbers: the last two steps alone. `pixels` are red, green and blue by turns.
    pub fn numbers(&self, pixels: &[u8]) -> Vec<f32> {
        let table = self.table();
        pixels.as_chunks::<3>().0.iter().flat_map(|rgb| [0, 1, 2].map(|c| table[c][usize::from(rgb[c])])).collect()
    }

    /// Whether a picture of this size is neither resized nor cropped.
    pub fn keeps(&self, width: u32, height: u32) -> bool {
        let resized = self.resize.map_or(Some((width, height)), |(size, _)| size.of(width, height));
        resized == Some((width, height)) && self.crop.is_none_or(|crop| crop == (width, height))
    }

    /// The picture resized and cropped, still of 8 bits.
    ///
    /// # Errors
    /// As [`Preprocessing::pixels`].
    pub fn fit(&self, picture: &RgbImage) -> Result<RgbImage, HfError> {
        let (width, height) = picture.dimensions();
        let wrong = |problem| HfError::Picture { width, height, problem };
        if width == 0 || height == 0 {
            return Err(wrong("is empty; use another one"));
        }
        let resized = match self.resize {
            Some((size, filter)) => {
                let to = size.of(width, height);
                // Rows are resized first, so a narrow and high picture is large in between.
                let to = to.filter(|(to_width, _)| u64::from(*to_width) * u64::from(height) <= MAX_PIXELS);
                let (width, height) = to.ok_or_else(|| wrong("is too thin to be resized; cut it to a calmer shape"))?;
                resample::resize(picture, width, height, filter)
            }
            None => picture.clone(),
        };
        Ok(match self.crop {
            Some((width, height)) => centre(&resized, width, height),
            None => resized,
        })
    }

    /// What each value of each channel becomes. The multiplication is done in 64 bits and rounded, the normalisation in
    /// 32, as in transformers.
    fn table(&self) -> [[f32; 256]; 3] {
        let (mean, deviation) = self.normalise.unwrap_or(([0.0; 3], [1.0; 3]));
        let value = |c: usize, v: usize| {
            let scaled = self.rescale.map_or(v as f32, |factor| (v as f64 * factor) as f32);
            (scaled - mean[c]) / deviation[c]
        };
        [0, 1, 2].map(|c| std::array::from_fn(|v| value(c, v)))
    }

    /// The content of preprocessor_config.json. Reading it again gives an equal preprocessing.
    pub fn to_json(&self) -> Value {
        let mut settings = json!({
            "do_resize": self.resize.is_some(),
            "do_rescale": self.rescale.is_some(),
            "do_normalize": self.normalise.is_some(),
        });
        let mut set = |key: &str, value: Value| settings[key] = value;
        if let Some((size, filter)) = self.resize {
            let size = match size {
                Size::Exact { width, height } => json!({ "height": height, "width": width }),
                Size::ShortestEdge(edge) => json!({ "shortest_edge": edge }),
            };
            set("size", size);
            set("resample", filter.number().into());
        }
        if let Some((width, height)) = self.crop {
            set("do_center_crop", true.into());
            set("crop_size", json!({ "height": height, "width": width }));
        }
        if let Some(factor) = self.rescale {
            set("rescale_factor", factor.into());
        }
        if let Some((mean, deviation)) = self.normalise {
            set("image_mean", mean.map(super::config::short).to_vec().into());
            set("image_std", deviation.map(super::config::short).to_vec().into());
        }
        // Only CLIP's processor in transformers knows how to crop and to keep proportions.
        let is_plain = self.crop.is_none() && !matches!(self.resize, Some((Size::ShortestEdge(_), _)));
        set("image_processor_type", if is_plain { "ViTImageProcessor" } else { "CLIPImageProcessor" }.into());
        settings
    }
}

impl Size {
    /// The width and height that a picture becomes; none if these are too many pixels.
    fn of(self, width: u32, height: u32) -> Option<(u32, u32)> {
        let (width, height) = match self {
            Self::Exact { width, height } => (u64::from(width), u64::from(height)),
            Self::ShortestEdge(edge) => {
                let (edge, shorter) = (u64::from(edge), u64::from(width.min(height)));
                // As Python's int(edge * longer / shorter), whose division is rounded only far beyond such sizes.
                (edge * u64::from(width) / shorter, edge * u64::from(height) / shorter)
            }
        };
        (width * height <= MAX_PIXELS).then_some((width as u32, height as u32))
    }
}

/// The middle of a picture, black around it where it is too small. Odd margins are split as in transformers: the lesser
/// part is cut from left and top, the greater added there.
fn centre(picture: &RgbImage, width: u32, height: u32) -> RgbImage {
    let start = |has: u32, due: u32| (i64::from(has) - i64::from(due)).div_euclid(2);
    let (left, top) = (start(picture.width(), width), start(picture.height(), height));
    let mut middle = RgbImage::new(width, height);
    imageops::replace(&mut middle, picture, -left, -top);
    middle
}

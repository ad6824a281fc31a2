//! Where words begin: thresholds that are quantiles of training pictures.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::error::CaptionError;
use super::measure::{Measures, Pixels};
use crate::data::Split;

/// Ranks of the thresholds between three levels.
const LEVELS: [f32; 2] = [0.33, 0.67];
/// Ranks at each side of a threshold that are left out.
const BAND: f32 = 0.05;
/// The share of pictures whose colour is too near to another name to be called clear.
const NAMES: f32 = 0.1;
/// The rank above which a picture is lighter on one side.
const SLOPE: f32 = 0.5;

/// A threshold and the stretch around it in which nothing is clear.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Band {
    /// Below this a number is clearly below.
    pub below: f32,
    pub middle: f32,
    /// Above this it is clearly above.
    pub above: f32,
}

/// Where a number lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Below,
    JustBelow,
    JustAbove,
    Above,
}

/// Where the words of facts begin. They are fitted once, to training pictures, and kept with what was trained on them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// How much farther (OKLab) the second nearest name of the centre's colour must be, and of the border's.
    pub centre: f32,
    pub border: f32,
    /// Mean lightness between dark and mid-toned, and between that and bright; 0 to 1.
    pub lightness: [Band; 2],
    /// Mean chroma between muted and moderate colours, and between those and vivid ones.
    pub chroma: [Band; 2],
    /// By how much lightness a side must be lighter than the one across.
    pub slope: Band,
}

impl Band {
    pub(super) fn place(self, number: f32) -> Place {
        if number < self.below {
            Place::Below
        } else if number > self.above {
            Place::Above
        } else if number > self.middle {
            Place::JustAbove
        } else {
            Place::JustBelow
        }
    }

    /// The quantile of this rank, and those of the ranks around it.
    fn around(sorted: &[f32], rank: f32) -> Self {
        let [below, middle, above] = [rank - BAND, rank, rank + BAND].map(|rank| quantile(sorted, rank));
        Self { below, middle, above }
    }
}

impl Place {
    pub fn is_above(self) -> bool {
        matches!(self, Self::Above | Self::JustAbove)
    }

    pub fn is_clear(self) -> bool {
        matches!(self, Self::Above | Self::Below)
    }
}

impl Thresholds {
    /// Fits them to the pictures of a split that have these numbers: training pictures, never test pictures. Panics
    /// when a number is not below the split's length, like an index does.
    ///
    /// # Errors
    /// When there is no picture.
    pub fn fit(split: &Split, numbers: &[u32]) -> Result<Self, CaptionError> {
        if numbers.is_empty() {
            return Err(CaptionError::NoPictures);
        }
        let measure = |number: &u32| Measures::of(Pixels::of_image(split.image(*number as usize)));
        let measures: Vec<Measures> = numbers.par_iter().map(measure).collect();
        let every = |number: fn(&Measures) -> f32| sorted(measures.iter().map(number));
        let levels = |number: fn(&Measures) -> f32| {
            let sorted = every(number);
            LEVELS.map(|rank| Band::around(&sorted, rank))
        };
        Ok(Self {
            centre: quantile(&every(|m| m.centre.margin), NAMES),
            border: quantile(&every(|m| m.border.margin), NAMES),
            lightness: levels(|m| m.lightness),
            chroma: levels(|m| m.chroma),
            slope: Band::around(&every(|m| m.slope[0].abs().max(m.slope[1].abs())), SLOPE),
        })
    }
}

fn sorted(numbers: impl Iterator<Item = f32>) -> Vec<f32> {
    let mut numbers: Vec<f32> = numbers.collect();
    numbers.sort_by(f32::total_cmp);
    numbers
}

/// The number of this rank, 0 to 1, among at least one.
fn quantile(sorted: &[f32], rank: f32) -> f32 {
    sorted[(rank * (sorted.len() - 1) as f32).round() as usize]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::random::Stream;

    /// Pictures of one grey each, a little noisy, from dark to bright.
    fn split(count: usize) -> Split {
        let noise = Stream::new(0, "thresholds", 0);
        let byte = |at: usize| (at / 3072 * 255 / count) as u8 ^ noise.below(at as u64, 4) as u8;
        Split { images: (0..count * 3072).map(byte).collect(), labels: vec![0; count].into() }
    }

    #[test]
    fn thresholds_are_quantiles_and_survive_a_file() {
        let split = split(100);
        let numbers: Vec<u32> = (0..100).collect();
        let fitted = Thresholds::fit(&split, &numbers).unwrap();
        let levels = numbers.iter().map(|&number| {
            let found = Measures::of(Pixels::of_image(split.image(number as usize)));
            fitted.lightness.map(|band| band.place(found.lightness))
        });
        let (mut dark, mut bright, mut unclear) = (0, 0, 0);
        for [low, high] in levels {
            dark += usize::from(low == Place::Below);
            bright += usize::from(high == Place::Above);
            unclear += usize::from(!low.is_clear() || !high.is_clear());
        }
        assert!((27..=29).contains(&dark) && (27..=29).contains(&bright), "{dark} {bright}");
        assert!((20..=23).contains(&unclear), "{unclear}");
        let text = serde_json::to_string(&fitted).unwrap();
        assert_eq!(serde_json::from_str::<Thresholds>(&text).unwrap(), fitted);
        assert_eq!(Thresholds::fit(&split, &numbers).unwrap(), fitted);
    }

    #[test]
    fn one_picture_is_enough_and_none_is_refused() {
        assert!(Thresholds::fit(&split(1), &[0]).is_ok());
        assert!(Thresholds::fit(&split(1), &[]).is_err());
    }
}

//! Made pictures under the eyes of a net that took no part in making them.

use super::super::classification::{Answer, Evaluation};
use super::super::diversity::spread;
use super::super::error::TrainError;
use super::super::frechet::Cloud;
use super::super::sheet::to_bytes;
use super::super::trained::{Card, EVAL_BATCH, image};
use super::Pair;
use crate::data::Split;
use crate::data::augment::Normaliser;
use crate::models::Cnn;
use crate::ops::random::Stream;
use crate::ops::{Backend, host::read};

/// A CNN that knows the GAN's labels, and its card.
pub struct Judge<'a, D: Backend> {
    pub net: &'a Cnn<D>,
    pub device: &'a D,
    pub card: &'a Card,
}

/// What the judge found. Pictures were judged as the 8-bit ones that a file would hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// Made pictures.
    pub n: usize,
    /// Counts: a row for each label that was asked for, a column for each of the judge's labels.
    pub seen: Vec<Vec<u64>>,
    /// How many made pictures the judge names as they were asked for.
    pub agreed: u64,
    /// The judge's answers to real pictures.
    pub on_real: Evaluation,
    /// The mean distance of two made pictures of a label over that of as many real ones, in the judge's features.
    pub diversity: f64,
    /// Between made and real pictures, in the judge's features: not Inception's, so that it compares with no FID. None
    /// with fewer than two of either.
    pub frechet_distance: Option<f64>,
    /// The same between real pictures and as many others: what a perfect generator would get.
    pub frechet_distance_of_real: Option<f64>,
}

/// What is to be judged.
pub struct Exhibits<'a> {
    /// The GAN's label names.
    pub labels: &'a [String],
    /// Real pictures with the GAN's labels.
    pub real: &'a Split,
    /// Made pictures a label.
    pub of_each: usize,
    pub seed: u64,
}

struct Looks {
    features: Vec<f32>,
    width: usize,
    /// Logits in rows.
    logits: Vec<f32>,
}

impl<D: Backend> Judge<'_, D> {
    /// The judge's number of each of these labels; None when it lacks one.
    fn numbers(&self, labels: &[String]) -> Option<Vec<usize>> {
        labels.iter().map(|label| self.card.labels.iter().position(|own| own == label)).collect()
    }

    /// Looks at what `pair` makes and at real pictures. None when the judge does not know all labels.
    ///
    /// # Errors
    /// When the device fails.
    pub fn judge(
        &self,
        pair: &Pair<D>,
        exhibits: &Exhibits,
        looked: &mut dyn FnMut(usize),
    ) -> Result<Option<Judgement>, TrainError> {
        let Exhibits { labels, real, of_each, seed } = *exhibits;
        let Some(numbers) = self.numbers(labels) else { return Ok(None) };
        let asked: Vec<usize> = (0..of_each * labels.len()).map(|i| i / of_each).collect();
        let places: Vec<usize> = (0..asked.len()).collect();
        let made = pair.draw(&Stream::new(seed, "gan.judged", 0), &places, &asked, &mut || true)?.unwrap_or_default();
        let made = self.look(&to_bytes(&made), looked)?;
        let mut seen = vec![vec![0; self.card.labels.len()]; labels.len()];
        for (row, &asked) in made.logits.chunks_exact(self.card.labels.len()).zip(&asked) {
            seen[asked][Answer::of(row).label] += 1;
        }
        let agreed = seen.iter().zip(&numbers).map(|(row, &number)| row[number]).sum();

        let looks = self.look(&real.images, looked)?;
        let truth: Vec<usize> = real.labels.iter().map(|&label| usize::from(label)).collect();
        let mut on_real = Evaluation::new("real", self.card.labels.len());
        on_real.add(&looks.logits, &truth.iter().map(|&label| numbers[label]).collect::<Vec<_>>());

        // As many real pictures as were made, at most half of them: the other real ones are what both are compared with.
        let some = real.first_balanced(asked.len().min(real.len() / 2));
        let is_some: Vec<bool> = (0..real.len() as u32).map(|i| some.binary_search(&i).is_ok()).collect();
        let width = looks.width;
        let (mut apart, mut others) = (Vec::new(), Vec::new());
        for (row, &is_some) in looks.features.chunks_exact(width).zip(&is_some) {
            if is_some { &mut apart } else { &mut others }.extend_from_slice(row);
        }
        let apart_labels: Vec<usize> = some.iter().map(|&i| truth[i as usize]).collect();
        let reference = Cloud::of(&others, width);
        let distance = |rows: &[f32]| Some(Cloud::of(rows, width)?.distance(reference.as_ref()?));
        Ok(Some(Judgement {
            n: asked.len(),
            seen,
            agreed,
            on_real,
            diversity: spread(&made.features, width, &asked) / spread(&apart, width, &apart_labels),
            frechet_distance: distance(&made.features),
            frechet_distance_of_real: distance(&apart),
        }))
    }

    /// Features and logits of pictures `(n, 32, 32, 3)` in a row (u8, channels last).
    fn look(&self, pixels: &[u8], looked: &mut dyn FnMut(usize)) -> Result<Looks, TrainError> {
        let normaliser = Normaliser::new(self.card.stats());
        let mut looks = Looks { features: Vec::new(), width: 1, logits: Vec::new() };
        for pixels in pixels.chunks(EVAL_BATCH * crate::data::IMAGE_BYTES) {
            let x = image(self.device, normaliser.apply(pixels))?;
            let (features, logits) = self.net.look(x).map_err(TrainError::device)?;
            let features = read(&features);
            let count = pixels.len() / crate::data::IMAGE_BYTES;
            looks.width = features.len() / count;
            looks.features.extend(features);
            looks.logits.extend(read(&logits));
            looked(count);
        }
        Ok(looks)
    }
}

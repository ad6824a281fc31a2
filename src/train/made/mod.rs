//! Pictures that a model makes: sheets of them, and what may be said of them.

pub mod diversity;
mod frechet;
pub mod judge;
pub mod judgement;
pub mod nearest;
pub(super) mod onlooker;
pub mod score;
pub mod sheet;

pub use onlooker::Onlooker;

use super::error::TrainError;
use crate::ops::random::Stream;
use rayon::prelude::*;

/// A trained model that makes a picture of a label out of noise.
pub trait Painter {
    /// Pictures `(n, 32, 32, 3)` in a row, -1 to 1, one of each label, from the noise that `stream` has for its number:
    /// the same noise makes the same kind of picture of several labels. None when `go_on`, asked now and then, said no.
    ///
    /// # Errors
    /// When the device fails.
    fn draw(
        &self,
        stream: &Stream,
        numbers: &[usize],
        labels: &[usize],
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Vec<f32>>, TrainError>;

    /// How often `go_on` is asked for so many pictures.
    fn asks(&self, pictures: usize) -> usize;
}

/// Standard normal noise, rows of `length` numbers, one for each of the numbered pictures. Picture `i` of a stream has
/// the same noise in any batch.
pub fn noise(stream: &Stream, length: usize, pictures: impl IntoIterator<Item = usize>) -> Vec<f32> {
    let numbers: Vec<usize> = pictures.into_iter().collect();
    let row = |i: usize| (i * length..(i + 1) * length).map(|j| stream.normal(j as u64));
    numbers.into_par_iter().flat_map_iter(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_s_noise_does_not_depend_on_its_batch() {
        let stream = Stream::new(1, "noise", 2);
        let whole = noise(&stream, 5, 0..4);
        assert_eq!(whole.len(), 20);
        assert_eq!(noise(&stream, 5, [3, 2]), [&whole[15..], &whole[10..15]].concat());
    }
}

//! Where in a picture a captioner looked for the words of its caption.

use super::error::SpeakerError;
use super::speaker::{Pictures, Said, Speaker};
use crate::models::captioner::EyesSettings;
use crate::ops::Backend;
use image::RgbImage;
use serde::Serialize;

/// A caption's words and where each was looked for: the mean cross-attention over layers, heads and the word's tokens.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Looks {
    /// Rows and columns that the picture is divided into.
    pub grid: [usize; 2],
    pub words: Vec<Look>,
}

/// Where one word was looked for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Look {
    pub word: String,
    /// The share of each cell of the grid, row by row. They add up to 1, but for what went to a token that has no place.
    pub shares: Vec<f32>,
}

/// How image tokens lie in a picture.
#[derive(Clone, Debug, PartialEq)]
struct Layout {
    grid: [usize; 2],
    /// First token, rows and columns of each map; a token of a coarse map covers several cells.
    maps: Vec<(usize, [usize; 2])>,
}

impl<D: Backend> Speaker<D> {
    /// Where each word of a caption of `picture`, which [`Speaker::fit`] gave, was looked for.
    ///
    /// # Errors
    /// When the device fails.
    pub fn looks(&self, picture: &RgbImage, said: &Said) -> Result<Looks, SpeakerError> {
        let captioner = &self.captioner;
        let sight = self.see(Pictures::Fitted(std::slice::from_ref(picture)))?;
        let looked = captioner.look(sight).map_err(SpeakerError::device)?;
        let memory = captioner.remember(&looked).map_err(SpeakerError::device)?;
        let gaze = captioner.gaze(&memory, &said.token_ids).map_err(SpeakerError::device)?;
        let layout = Layout::of(&captioner.settings().eyes);
        let tokens = said.token_ids.iter().skip(1).take_while(|token| !self.search.eos.contains(token));
        let mut words: Vec<(Look, f32)> = Vec::new();
        for (at, &token) in tokens.enumerate() {
            let text = self.tokenizer.decode(&[token])?;
            let shares = layout.cells(&gaze.of_word(at));
            match words.last_mut() {
                Some((word, tokens)) if !text.starts_with(' ') => word.join(&text, &shares, tokens),
                _ => words.push((Look { word: text.trim().to_owned(), shares }, 1.0)),
            }
        }
        Ok(Looks { grid: layout.grid, words: words.into_iter().map(|(word, _)| word).collect() })
    }
}

impl Look {
    /// Adds the next token of the same word to the mean over `tokens`.
    fn join(&mut self, text: &str, shares: &[f32], tokens: &mut f32) {
        self.word.push_str(text);
        *tokens += 1.0;
        self.shares.iter_mut().zip(shares).for_each(|(mean, share)| *mean += (share - *mean) / *tokens);
    }
}

impl Layout {
    fn of(eyes: &EyesSettings) -> Self {
        match eyes {
            EyesSettings::Vit(vit) => {
                let grid = vit.grid();
                Self { grid, maps: vec![(usize::from(vit.class_token), grid)] }
            }
            EyesSettings::Borrowed(groups) => {
                // The maps of every lender are squares.
                let sides = groups.iter().map(|group| [group.tokens.isqrt(); 2]);
                let firsts = groups.iter().scan(0, |next, group| Some(std::mem::replace(next, *next + group.tokens)));
                let maps: Vec<_> = firsts.zip(sides).collect();
                let grid = maps.iter().map(|(_, side)| *side).max().unwrap_or([1; 2]);
                Self { grid, maps }
            }
        }
    }

    /// Shares of tokens as shares of cells.
    fn cells(&self, tokens: &[f32]) -> Vec<f32> {
        let [height, width] = self.grid;
        let mut cells = vec![0.0; height * width];
        for &(first, [rows, columns]) in &self.maps {
            // Where cells are smaller than a token's place, by how many there are in it.
            let of = |cell: usize| (cell / width * rows / height) * columns + cell % width * columns / width;
            let mut covered = vec![0.0_f32; rows * columns];
            (0..cells.len()).for_each(|cell| covered[of(cell)] += 1.0);
            for (cell, share) in cells.iter_mut().enumerate() {
                *share += tokens.get(first + of(cell)).copied().unwrap_or(0.0) / covered[of(cell)];
            }
        }
        cells
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::captioner::Group;

    #[test]
    fn maps_of_two_sizes_lie_over_each_other_and_no_share_is_lost() {
        let groups = [Group { tokens: 9, width: 4 }, Group { tokens: 64, width: 4 }];
        let layout = Layout::of(&EyesSettings::Borrowed(groups.to_vec()));
        assert_eq!((layout.grid, &layout.maps), ([8, 8], &vec![(0, [3, 3]), (9, [8, 8])]));
        let at = |token: usize| {
            let mut tokens = vec![0.0; 73];
            tokens[token] = 1.0;
            layout.cells(&tokens)
        };
        for token in 0..73 {
            assert!((at(token).iter().sum::<f32>() - 1.0).abs() < 1e-6, "{token}");
        }
        let first = at(0);
        assert!(first[0] > 0.0 && first[0] == first[2 * 8 + 2] && first[3] == 0.0, "{first:?}");
        assert_eq!(at(9 + 63)[63], 1.0);
    }

    #[test]
    fn the_tokens_of_a_word_count_alike() {
        let (mut word, mut tokens) = (Look { word: "auto".to_owned(), shares: vec![1.0, 0.0] }, 1.0);
        word.join("mob", &[0.0, 1.0], &mut tokens);
        word.join("ile", &[0.5, 0.5], &mut tokens);
        assert_eq!(word, Look { word: "automobile".to_owned(), shares: vec![0.5, 0.5] });
    }
}

//! One token after the other with no way back: the likeliest one, or a drawn one.

use super::draw::drawn;
use super::rules::Choices;
use super::settings::{DrawSettings, SearchError, SearchSettings};
use super::{Caption, Decoder, step};
use crate::ops::random::Stream;

/// A sequence under way.
struct Line {
    tokens: Vec<u32>,
    /// Sum of the tokens' log probabilities.
    sum: f32,
    /// Its row in the decoder's last step.
    row: usize,
    open: bool,
    /// What its draws are hashed from, by place.
    stream: Stream,
}

impl Line {
    /// The `index`-th sequence of the picture in a row.
    fn new(settings: &SearchSettings, draw: Option<DrawSettings>, row: usize, picture: u64, index: usize) -> Self {
        let purpose = format!("caption.{index}");
        let stream = Stream::new(draw.map_or(0, |draw| draw.seed), &purpose, picture);
        Self { tokens: vec![settings.start], sum: 0.0, row, open: true, stream }
    }

    /// Takes the next token, or ends where none may follow.
    fn advance(
        &mut self,
        settings: &SearchSettings,
        draw: Option<DrawSettings>,
        logits: &[f32],
    ) -> Result<(), SearchError> {
        let choices = Choices::new(settings, &self.tokens, logits)?;
        let token = match draw {
            Some(draw) => drawn(draw, &choices.logits, self.stream.at(self.tokens.len() as u64)),
            None => likeliest(&choices.logits),
        };
        self.open = token.is_some_and(|token| !settings.eos.contains(&token));
        if let Some(token) = token {
            self.sum += choices.log_probability(token);
            self.tokens.push(token);
        }
        self.open &= self.tokens.len() < settings.max_length;
        Ok(())
    }

    fn caption(self) -> Caption {
        let generated = (self.tokens.len() - 1).max(1) as f32;
        Caption { tokens: self.tokens, score: self.sum / generated }
    }
}

/// The first of the largest, if any is allowed.
fn likeliest(logits: &[f32]) -> Option<u32> {
    let allowed = (0..).zip(logits).filter(|(_, x)| **x > f32::NEG_INFINITY);
    allowed.reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(token, _)| token)
}

/// Captions of all pictures, drawn when `draw` says how.
pub fn search<D: Decoder>(
    decoder: &mut D,
    settings: &SearchSettings,
    draw: Option<DrawSettings>,
    pictures: &[u64],
) -> Result<Vec<Vec<Caption>>, SearchError> {
    let vocabulary = decoder.vocabulary();
    let starts = pictures.iter().enumerate();
    let mut lines: Vec<Line> = starts
        .flat_map(|(row, &picture)| (0..settings.returns).map(move |index| (row, picture, index)))
        .map(|(row, picture, index)| Line::new(settings, draw, row, picture, index))
        .collect();
    // The sequences of a picture part with their first token: up to there one row serves them all.
    let (mut tokens, mut parents) = (vec![settings.start; pictures.len()], (0..pictures.len()).collect::<Vec<_>>());
    while !tokens.is_empty() {
        let logits = step(decoder, &tokens, &parents)?;
        (tokens, parents) = (Vec::new(), Vec::new());
        for line in lines.iter_mut().filter(|line| line.open) {
            line.advance(settings, draw, &logits[line.row * vocabulary..][..vocabulary])?;
            if let (true, Some(&last)) = (line.open, line.tokens.last()) {
                parents.push(std::mem::replace(&mut line.row, tokens.len()));
                tokens.push(last);
            }
        }
    }
    let mut captions: Vec<Vec<Caption>> = pictures.iter().map(|_| Vec::new()).collect();
    let slots = (0..pictures.len()).flat_map(|picture| std::iter::repeat_n(picture, settings.returns));
    slots.zip(lines).for_each(|(picture, line)| captions[picture].push(line.caption()));
    Ok(captions)
}

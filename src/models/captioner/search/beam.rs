//! Beam search as in transformers 5: of the likeliest continuations of all beams, those that end a caption and are among
//! the first become finished captions, and the others go on.

use super::rules::Choices;
use super::settings::{BeamSettings, EarlyStopping, SearchError, SearchSettings};
use super::{Caption, Decoder, step};
use rayon::prelude::*;
use std::cmp::Ordering;
use std::ops::Range;

/// A sequence under way.
struct Beam {
    tokens: Vec<u32>,
    /// Sum of the tokens' log probabilities.
    sum: f32,
    /// Its row in the decoder's last step; before the first, its picture.
    row: usize,
}

/// One picture's search.
struct Hunt<'a> {
    settings: &'a SearchSettings,
    beam: BeamSettings,
    /// At most `beams`, the best first; empty once the search is over.
    live: Vec<Beam>,
    /// At most `beams`, the best first.
    finished: Vec<Caption>,
}

/// A beam with one more token.
#[derive(Clone, Copy)]
struct Candidate {
    sum: f32,
    beam: usize,
    token: u32,
}

/// Captions of all pictures.
pub fn search<D: Decoder>(
    decoder: &mut D,
    settings: &SearchSettings,
    beam: BeamSettings,
    pictures: usize,
) -> Result<Vec<Vec<Caption>>, SearchError> {
    let vocabulary = decoder.vocabulary();
    let mut hunts: Vec<Hunt> = (0..pictures).map(|picture| Hunt::new(settings, beam, picture)).collect();
    loop {
        let live = || hunts.iter().flat_map(|hunt| &hunt.live);
        let tokens: Vec<u32> = live().filter_map(|beam| beam.tokens.last().copied()).collect();
        let parents: Vec<usize> = live().map(|beam| beam.row).collect();
        if tokens.is_empty() {
            break;
        }
        let logits = step(decoder, &tokens, &parents)?;
        let rows = hunts.iter().scan(0, |row, hunt| {
            *row += hunt.live.len();
            Some(*row - hunt.live.len()..*row)
        });
        let rows: Vec<Range<usize>> = rows.collect();
        hunts.par_iter_mut().zip(rows).try_for_each(|(hunt, rows)| {
            hunt.advance(&logits[rows.start * vocabulary..rows.end * vocabulary], rows.start)
        })?;
    }
    let best = |mut hunt: Hunt| {
        hunt.finished.truncate(settings.returns);
        hunt.finished
    };
    Ok(hunts.into_iter().map(best).collect())
}

impl<'a> Hunt<'a> {
    fn new(settings: &'a SearchSettings, beam: BeamSettings, picture: usize) -> Self {
        // All beams start alike: one stands for them.
        let first = Beam { tokens: vec![settings.start], sum: 0.0, row: picture };
        Self { settings, beam, live: vec![first], finished: Vec::new() }
    }

    /// One token further; `logits (live, vocabulary)` are the decoder's rows from `row` on.
    fn advance(&mut self, logits: &[f32], row: usize) -> Result<(), SearchError> {
        let Some(length) = self.live.first().map(|beam| beam.tokens.len()) else { return Ok(()) };
        let candidates = self.candidates(logits)?;
        if candidates.is_empty() {
            // Nothing may follow: the beams end as they stand.
            let stuck = std::mem::take(&mut self.live);
            stuck.into_iter().for_each(|beam| self.finish(beam.tokens, beam.sum));
            return Ok(());
        }
        let ends = |token| length + 1 >= self.settings.max_length || self.settings.eos.contains(&token);
        let grown = |candidate: &Candidate| {
            let parent = &self.live[candidate.beam];
            let tokens = parent.tokens.iter().copied().chain([candidate.token]).collect();
            Beam { tokens, sum: candidate.sum, row: row + candidate.beam }
        };
        // An end that is not among the first is no caption: the candidates behind them stand by for beams that ended.
        let ended = candidates.iter().take(self.beam.beams).filter(|candidate| ends(candidate.token));
        let ended: Vec<Beam> = ended.map(grown).collect();
        let going = candidates.iter().filter(|candidate| !ends(candidate.token)).take(self.beam.beams);
        self.live = going.map(grown).collect();
        ended.into_iter().for_each(|beam| self.finish(beam.tokens, beam.sum));
        if self.is_over(length) {
            self.live.clear();
        }
        Ok(())
    }

    /// The likeliest continuations, the best first: enough that `beams` of them go on, whatever ends.
    fn candidates(&self, logits: &[f32]) -> Result<Vec<Candidate>, SearchError> {
        let vocabulary = logits.len() / self.live.len();
        let count = self.beam.beams * (1 + self.settings.eos.len()).max(2);
        let mut best = Best { count, candidates: Vec::with_capacity(count + 1) };
        for (beam, (parent, logits)) in self.live.iter().zip(logits.chunks_exact(vocabulary)).enumerate() {
            let choices = Choices::new(self.settings, &parent.tokens, logits)?;
            for token in 0..vocabulary as u32 {
                let sum = choices.log_probability(token) + parent.sum;
                best.offer(Candidate { sum, beam, token });
            }
        }
        Ok(best.candidates)
    }

    fn finish(&mut self, tokens: Vec<u32>, sum: f32) {
        let score = self.score(sum, tokens.len() - 1);
        let place = self.finished.partition_point(|caption| caption.score >= score);
        self.finished.insert(place, Caption { tokens, score });
        self.finished.truncate(self.beam.beams);
    }

    /// `generated` tokens stand behind the start.
    fn score(&self, sum: f32, generated: usize) -> f32 {
        sum / (generated as f32).powf(self.beam.length_penalty)
    }

    /// Whether nothing more is to be found, with `generated` tokens behind the start of each live beam.
    fn is_over(&self, generated: usize) -> bool {
        let full = self.finished.len() >= self.beam.beams;
        let (Some(best), Some(worst)) = (self.live.first(), self.finished.last().filter(|_| full)) else {
            return self.live.is_empty();
        };
        let length = match self.beam.early_stopping {
            EarlyStopping::Full => return true,
            // What is added to a sum is below 0: a long caption can only win by the length it is divided by.
            EarlyStopping::Hopeless if self.beam.length_penalty > 0.0 => self.settings.max_length - 1,
            EarlyStopping::Hopeless | EarlyStopping::Unpromising => generated,
        };
        self.score(best.sum, length) <= worst.score
    }
}

/// The best candidates so far, the best first; of equal ones the first.
struct Best {
    count: usize,
    candidates: Vec<Candidate>,
}

impl Best {
    fn offer(&mut self, candidate: Candidate) {
        let last = self.candidates.last().filter(|_| self.candidates.len() >= self.count);
        let bar = last.map_or(f32::NEG_INFINITY, |last| last.sum);
        if candidate.sum.partial_cmp(&bar) != Some(Ordering::Greater) {
            return;
        }
        let place = self.candidates.partition_point(|other| other.sum >= candidate.sum);
        self.candidates.insert(place, candidate);
        self.candidates.truncate(self.count);
    }
}

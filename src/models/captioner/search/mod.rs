//! Searching a caption: greedy, by beams, and by drawing, each with the meaning that Hugging Face's `generate` gives it
//! (transformers 5), so that a model's own generation settings give the captions that its makers saw.
//!
//! The search knows a decoder by its logits alone, and a caption as token numbers.

mod beam;
mod draw;
mod rules;
mod settings;
mod single;

pub use settings::{BeamSettings, DrawSettings, EarlyStopping, Method, SearchError, SearchSettings};

use std::fmt::Debug;

/// What continues sequences of tokens.
///
/// It remembers a row for each sequence. Before the first step there is one row a picture, without tokens; after a step
/// there are the rows of that step.
pub trait Decoder {
    type Err: Debug;

    /// Tokens that it knows: numbers below this one.
    fn vocabulary(&self) -> usize;

    /// Tokens that it can remember a row.
    fn positions(&self) -> usize;

    /// Row `i` becomes the old row `parents[i]` with `tokens[i]` behind it. Rows of one picture stand together, and
    /// pictures keep their order; an old row may be continued many times, or not at all.
    ///
    /// Returns the logits of what follows, `(rows, vocabulary)` in a row.
    ///
    /// # Errors
    /// When it cannot compute them.
    fn step(&mut self, tokens: &[u32], parents: &[usize]) -> Result<Vec<f32>, Self::Err>;
}

/// One caption of a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Caption {
    /// Starts with the start token. Ends with an end token, if the search came to one.
    pub tokens: Vec<u32>,
    /// `sum log p / n^length_penalty` over the `n` tokens behind the start, the end among them; without beams the
    /// exponent is 1. In nats.
    pub score: f32,
}

impl Caption {
    /// The tokens between start and end.
    pub fn words(&self, eos: &[u32]) -> &[u32] {
        let generated = self.tokens.get(1..).unwrap_or_default();
        match generated.split_last() {
            Some((last, words)) if eos.contains(last) => words,
            _ => generated,
        }
    }
}

/// Captions of `pictures`, for each as many as the settings ask for, the best first. A picture is told by a number, from
/// which its draws are hashed; every picture gets the captions that it would get alone.
///
/// The start token ends nothing, even where it is an end token too. Fewer captions come where the rules leave no more.
///
/// # Errors
/// When the settings do not fit each other or the decoder, when the decoder fails, or when its logits are not finite.
pub fn search<D: Decoder>(
    decoder: &mut D,
    settings: &SearchSettings,
    pictures: &[u64],
) -> Result<Vec<Vec<Caption>>, SearchError> {
    settings.check(decoder.vocabulary(), decoder.positions())?;
    match settings.method {
        Method::Beam(beam) if beam.beams > 1 => beam::search(decoder, settings, beam, pictures.len()),
        Method::Beam(_) | Method::Greedy => single::search(decoder, settings, None, pictures),
        Method::Draw(draw) => single::search(decoder, settings, Some(draw), pictures),
    }
}

/// Rows of equal length, `pad` standing behind the shorter ones: what Hugging Face returns.
pub fn padded(captions: &[Caption], pad: u32) -> Vec<Vec<u32>> {
    let longest = captions.iter().map(|caption| caption.tokens.len()).max().unwrap_or(0);
    let row = |caption: &Caption| {
        let mut row = caption.tokens.clone();
        row.resize(longest, pad);
        row
    };
    captions.iter().map(row).collect()
}

/// A step whose logits are as many as they should be.
fn step<D: Decoder>(decoder: &mut D, tokens: &[u32], parents: &[usize]) -> Result<Vec<f32>, SearchError> {
    let logits = decoder.step(tokens, parents).map_err(|error| SearchError::Decoder(format!("{error:?}")))?;
    let due = tokens.len() * decoder.vocabulary();
    if logits.len() == due { Ok(logits) } else { Err(SearchError::Logits { found: logits.len(), due }) }
}

#[cfg(test)]
mod tests;

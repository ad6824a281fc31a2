//! What a search is told, and what is wrong with it.

use serde::{Deserialize, Serialize};

/// How captions are searched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchSettings {
    /// The token that every caption starts with; it may be an end token too.
    pub start: u32,
    /// Tokens that end a caption.
    pub eos: Vec<u32>,
    /// Tokens of a caption at most, start and end counted.
    pub max_length: usize,
    /// Tokens that must stand, the start counted, before the caption may end.
    pub min_length: usize,
    /// No run of so many tokens stands twice in a caption, the start counted; 0 for no such rule.
    pub no_repeat_ngram: usize,
    /// Captions a picture.
    pub returns: usize,
    pub method: Method,
}

/// Which token is taken.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The likeliest.
    Greedy,
    /// Those of the likeliest sequences. One beam is greedy.
    Beam(BeamSettings),
    /// One drawn by its probability.
    Draw(DrawSettings),
}

/// Beam search.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeamSettings {
    /// Sequences that are continued, and finished ones that are kept.
    pub beams: usize,
    /// Above 0 it favours long captions, below 0 short ones; see [`super::Caption::score`].
    pub length_penalty: f32,
    pub early_stopping: EarlyStopping,
}

/// When a picture's search ends before `max_length`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EarlyStopping {
    /// With as many finished captions as beams (Hugging Face's `true`).
    Full,
    /// And when the best sequence, had it ended here, would not beat the worst finished one (`false`).
    Unpromising,
    /// And when no sequence could beat the worst finished one even at full length (`"never"`).
    Hopeless,
}

/// Drawing by hashes of (seed, picture, place): the same caption in any company.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrawSettings {
    pub seed: u64,
    /// Logits are divided by it: below 1 the likely become likelier.
    pub temperature: f32,
    /// Only the so many likeliest tokens, and those as likely as the last of them.
    pub top_k: Option<usize>,
    /// Only the likeliest tokens that together reach this probability, in `(0, 1]`.
    pub top_p: f32,
}

/// Beams, and captions a picture, at most: settings come from files, and memory grows with them.
pub const MOST_SEQUENCES: usize = 256;

/// Why there are no captions.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum SearchError {
    #[error("the {what} token {token} is not among the {vocabulary} tokens of the decoder")]
    UnknownToken { what: &'static str, token: u32, vocabulary: usize },
    #[error("max_length is {length}: the decoder's {positions} positions allow 2 to {}", positions.saturating_add(1))]
    Length { length: usize, positions: usize },
    #[error("{what} is {found}: it must be {due}")]
    Setting { what: &'static str, found: String, due: &'static str },
    #[error("a decoder gave {found} logits where {due} were due")]
    Logits { found: usize, due: usize },
    #[error("the decoder's logits behind {length} tokens are not finite: its weights are damaged or have diverged")]
    NotFinite { length: usize },
    #[error("the decoder failed: {0}")]
    Decoder(String),
}

impl SearchSettings {
    /// Whether the settings fit each other and a decoder.
    ///
    /// # Errors
    /// The first that does not.
    pub fn check(&self, vocabulary: usize, positions: usize) -> Result<(), SearchError> {
        let named = std::iter::once(("start", self.start)).chain(self.eos.iter().map(|&eos| ("end", eos)));
        for (what, token) in named {
            if token as usize >= vocabulary {
                return Err(SearchError::UnknownToken { what, token, vocabulary });
            }
        }
        // The last token of a caption is never remembered.
        if self.max_length < 2 || self.max_length - 1 > positions {
            return Err(SearchError::Length { length: self.max_length, positions });
        }
        let most = match self.method {
            Method::Greedy => 1,
            Method::Beam(beam) => beam.checked()?.beams,
            Method::Draw(draw) => draw.checked().map(|_| MOST_SEQUENCES)?,
        };
        let due = "at least 1, and at most the beams; 1 for a greedy search, 256 for a drawing one";
        within("num_return_sequences", self.returns, 1..=most, due)
    }
}

impl BeamSettings {
    fn checked(self) -> Result<Self, SearchError> {
        within("num_beams", self.beams, 1..=MOST_SEQUENCES, "1 to 256")?;
        // A power of a length within these bounds is finite and above 0.
        within("length_penalty", self.length_penalty, -8.0..=8.0, "-8 to 8")?;
        Ok(self)
    }
}

impl DrawSettings {
    fn checked(self) -> Result<Self, SearchError> {
        within("temperature", self.temperature, 1e-3..=1e3, "0.001 to 1000")?;
        within("top_k", self.top_k.unwrap_or(1), 1..=usize::MAX, "at least 1")?;
        within("top_p", self.top_p, f32::MIN_POSITIVE..=1.0, "above 0 and at most 1")?;
        Ok(self)
    }
}

fn within<T: PartialOrd + ToString>(
    what: &'static str,
    value: T,
    range: std::ops::RangeInclusive<T>,
    due: &'static str,
) -> Result<(), SearchError> {
    if range.contains(&value) { Ok(()) } else { Err(SearchError::Setting { what, found: value.to_string(), due }) }
}

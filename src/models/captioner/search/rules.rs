//! Which tokens may follow, and how likely each of them is.

use super::settings::{SearchError, SearchSettings};

/// The logits behind one sequence. Forbidden tokens have minus infinity; the others keep their probability, which is
/// measured among all tokens.
pub struct Choices {
    pub logits: Vec<f32>,
    /// `log sum_k e^logit_k` over all tokens.
    total: f32,
}

impl Choices {
    /// What may follow `tokens`, the logits being those of the decoder.
    ///
    /// # Errors
    /// When the logits are not finite.
    pub fn new(settings: &SearchSettings, tokens: &[u32], logits: &[f32]) -> Result<Self, SearchError> {
        let total = log_sum_exp(logits);
        if !total.is_finite() {
            return Err(SearchError::NotFinite { length: tokens.len() });
        }
        let mut choices = Self { logits: logits.to_vec(), total };
        let repeated = repeated(tokens, settings.no_repeat_ngram);
        let early = settings.eos.iter().filter(|_| tokens.len() < settings.min_length);
        repeated.chain(early.copied()).for_each(|token| choices.logits[token as usize] = f32::NEG_INFINITY);
        Ok(choices)
    }

    /// `log p` of a token among all tokens.
    pub fn log_probability(&self, token: u32) -> f32 {
        self.logits[token as usize] - self.total
    }
}

/// Around the largest; not finite when a number is NaN or plus infinity, or all are minus infinity.
fn log_sum_exp(logits: &[f32]) -> f32 {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|x| f64::from((x - largest).exp())).sum();
    largest + sum.ln() as f32
}

/// Tokens that would end a run of `size` tokens that stands in `tokens` already (Paulus et al. 2018, section 2.5).
fn repeated(tokens: &[u32], size: usize) -> impl Iterator<Item = u32> {
    let kept = size.saturating_sub(1);
    let head = tokens.get(tokens.len().saturating_sub(kept)..).unwrap_or_default();
    tokens
        .windows(size.max(1))
        .filter(move |_| size > 0)
        .filter_map(move |window| window.split_last().filter(|(_, before)| *before == head).map(|(&last, _)| last))
}

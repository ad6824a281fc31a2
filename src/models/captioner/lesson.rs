//! Captions as a decoder is taught them.

use super::settings::Gpt2Settings;

/// Captions of a batch for teacher forcing: behind each input stands the target that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lesson {
    /// Captions one after the other, each as long as the longest.
    pub inputs: Vec<usize>,
    /// `None` behind a caption's end.
    pub targets: Vec<Option<usize>>,
    /// Captions.
    pub batch: usize,
    /// Tokens of the longest caption, its end counted.
    pub length: usize,
}

/// A caption that cannot be taught.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LessonError {
    #[error("caption {caption} has the token {token}, and the decoder knows those below {vocabulary}")]
    UnknownToken { caption: usize, token: u32, vocabulary: usize },
    #[error("caption {caption} has {found} tokens, and the decoder has {positions} positions")]
    TooLong { caption: usize, found: usize, positions: usize },
    #[error("caption {caption} has no token, not even an end")]
    Empty { caption: usize },
}

impl Lesson {
    /// Captions without their start and with their end. The inputs are the captions moved by one, `start` before them, as
    /// Hugging Face's `shift_tokens_right` moves labels. Behind the end stands `pad`, which nobody sees: tokens look back.
    ///
    /// # Errors
    /// The first caption that the decoder cannot be taught.
    pub fn new<C: AsRef<[u32]>>(
        captions: &[C],
        start: u32,
        pad: u32,
        decoder: &Gpt2Settings,
    ) -> Result<Self, LessonError> {
        let length = captions.iter().map(|caption| caption.as_ref().len()).max().unwrap_or(0);
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        for (index, caption) in captions.iter().enumerate() {
            let caption = caption.as_ref();
            check(index, caption, &[start, pad], decoder)?;
            let shifted = std::iter::once(&start).chain(&caption[..caption.len() - 1]);
            inputs.extend(shifted.chain(std::iter::repeat(&pad)).take(length).map(|&token| token as usize));
            let due = caption.iter().map(|&token| Some(token as usize));
            targets.extend(due.chain(std::iter::repeat(None)).take(length));
        }
        Ok(Self { inputs, targets, batch: captions.len(), length })
    }
}

fn check(caption: usize, tokens: &[u32], ends: &[u32], decoder: &Gpt2Settings) -> Result<(), LessonError> {
    let &Gpt2Settings { vocabulary, positions, .. } = decoder;
    if tokens.is_empty() {
        return Err(LessonError::Empty { caption });
    }
    if tokens.len() > positions {
        return Err(LessonError::TooLong { caption, found: tokens.len(), positions });
    }
    match tokens.iter().chain(ends).find(|&&token| token as usize >= vocabulary) {
        Some(&token) => Err(LessonError::UnknownToken { caption, token, vocabulary }),
        None => Ok(()),
    }
}

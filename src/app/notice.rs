//! One passing sentence for the user, shown in place of the line of keys.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Info,
    Good,
    Bad,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub text: String,
    pub tone: Tone,
    until_ms: u64,
}

impl Notice {
    /// Bad news stays longer: it has to be read, not only seen.
    pub fn new(tone: Tone, text: String, now_ms: u64) -> Notice {
        let shown_ms = if tone == Tone::Bad { 15_000 } else { 6_000 };
        Notice { text, tone, until_ms: now_ms.saturating_add(shown_ms) }
    }

    pub fn is_over(&self, now_ms: u64) -> bool {
        now_ms >= self.until_ms
    }
}

//! Captions as words: what the grammar parses, and what the metrics count.

use std::ops::Range;

/// The words of a text, each with its place in bytes: runs of letters and digits, in lower case. All else parts words.
///
/// Lower case may take more than one character ("İ"); of those, letters and digits alone are kept, so that the words of
/// words are the same words.
pub(super) fn located(text: &str) -> Vec<(String, Range<usize>)> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut start = 0;
    for (at, c) in text.char_indices() {
        if c.is_alphanumeric() {
            if word.is_empty() {
                start = at;
            }
            word.extend(c.to_lowercase().filter(|c| c.is_alphanumeric()));
        } else if !word.is_empty() {
            words.push((std::mem::take(&mut word), start..at));
        }
    }
    if !word.is_empty() {
        words.push((word, start..text.len()));
    }
    words
}

/// The words of a text.
pub(super) fn words(text: &str) -> Vec<String> {
    located(text).into_iter().map(|(word, _)| word).collect()
}

/// A text as metrics take it: its words in lower case, one blank between two, without any punctuation (which COCO's
/// evaluation leaves out too).
pub fn tokenised(text: &str) -> String {
    words(text).join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_are_lower_case_and_know_their_places() {
        let text = "A frog, Grün-ish: 2nd!";
        let found = located(text);
        let due = [("a", "A"), ("frog", "frog"), ("grün", "Grün"), ("ish", "ish"), ("2nd", "2nd")];
        assert_eq!(found.len(), due.len());
        for ((word, place), (lower, written)) in found.iter().zip(due) {
            assert_eq!((word.as_str(), &text[place.clone()]), (lower, written));
        }
        assert_eq!(tokenised("  Two\twords.\n"), "two words");
        assert!(words(" ,.;\u{301}").is_empty());
    }

    proptest! {
        #[test]
        fn tokenised_text_stays_as_it_is(text in any::<String>()) {
            let once = tokenised(&text);
            prop_assert_eq!(tokenised(&once), once.clone());
            for (_, place) in located(&text) {
                prop_assert!(text.get(place).is_some());
            }
        }
    }
}

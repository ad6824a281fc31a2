//! The phrases that captions are made of, and that they are read by: one list for both.

use super::slots::{Slot, Value};

/// Where a phrase takes the words of its value.
const HOLE: &str = "{}";

const CENTRE: [&str; 2] = ["{} in the middle", "{} in the centre"];
const BORDER: [&str; 3] = ["{} around the edges", "{} along the edges", "{} at the border"];
const BRIGHTNESS: [&str; 3] = ["in a {} picture", "in a {} photo", "in a {} image"];
const COLOURS: [&str; 3] = ["in {} colours", "with {} colours", "its colours {}"];
const LIGHT: [&str; 3] = ["lighter at the {}", "lighter towards the {}", "the {} lighter"];

/// The same of colours, after "with".
const CENTRE_WITH: [&str; 2] = ["a {} middle", "a {} centre"];
const BORDER_WITH: [&str; 2] = ["{} edges", "a {} border"];
/// The same of brightness, before a label.
const BRIGHTNESS_OF: [&str; 3] = ["a {} picture of", "a {} photo of", "a {} image of"];

/// What may stand before a label and says nothing.
pub(super) const PICTURE_OF: [&str; 3] = ["a picture of", "a photo of", "an image of"];
pub(super) const THERE_IS: [&str; 2] = ["there is", "here is"];
pub(super) const THIS_IS: [&str; 2] = ["this is", "this shows"];

/// What is read besides, though it is never written: phrases cut short.
const ONLY_READ: [(Slot, &str); 7] = [
    (Slot::Centre, "{} middle"),
    (Slot::Centre, "{} centre"),
    (Slot::Border, "{} border"),
    (Slot::Border, "{} at the edges"),
    (Slot::Brightness, "{} picture"),
    (Slot::Brightness, "{} photo"),
    (Slot::Brightness, "{} image"),
];

/// How a clause is worded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// On its own: "tan in the middle".
    Alone,
    /// After "with" for colours ("a tan middle"), before the label for brightness ("a dark picture of"); as alone else.
    Bound,
}

/// The phrases that say something of a slot, synonyms of each other.
pub(super) fn synonyms(slot: Slot, form: Form) -> &'static [&'static str] {
    match (slot, form) {
        (Slot::Centre, Form::Alone) => &CENTRE,
        (Slot::Centre, Form::Bound) => &CENTRE_WITH,
        (Slot::Border, Form::Alone) => &BORDER,
        (Slot::Border, Form::Bound) => &BORDER_WITH,
        (Slot::Brightness, Form::Alone) => &BRIGHTNESS,
        (Slot::Brightness, Form::Bound) => &BRIGHTNESS_OF,
        (Slot::Colours, _) => &COLOURS,
        (Slot::Light, _) => &LIGHT,
    }
}

/// A phrase with its value: "an orange middle".
pub(super) fn filled(phrase: &str, value: Value) -> String {
    let name = value.name();
    match phrase.split_once("a {}") {
        Some((before, after)) if before.is_empty() || before.ends_with(' ') => {
            format!("{before}{} {name}{after}", article(name))
        }
        _ => phrase.replacen(HOLE, name, 1),
    }
}

/// Everything that is read as this value.
pub(super) fn readings(value: Value) -> impl Iterator<Item = String> {
    let slot = value.slot();
    let written = [Form::Alone, Form::Bound].into_iter().flat_map(move |form| synonyms(slot, form));
    let only_read = ONLY_READ.iter().filter(move |(of, _)| *of == slot).map(|(_, phrase)| phrase);
    written.chain(only_read).map(move |phrase| filled(phrase, value))
}

/// "a" or "an", by the first letter.
pub(super) fn article(words: &str) -> &'static str {
    if words.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

#[cfg(test)]
mod tests {
    use super::super::colour::Colour;
    use super::super::slots::{Colours, SLOTS};
    use super::*;

    #[test]
    fn phrases_take_their_values_with_the_right_article() {
        assert_eq!(filled(CENTRE_WITH[0], Value::Centre(Colour::Orange)), "an orange middle");
        assert_eq!(filled(BORDER_WITH[1], Value::Border(Colour::LightBlue)), "a light blue border");
        assert_eq!(filled(BORDER_WITH[0], Value::Border(Colour::Olive)), "olive edges");
        assert_eq!(filled(COLOURS[0], Value::Colours(Colours::Muted)), "in muted colours");
    }

    #[test]
    fn every_phrase_has_one_hole() {
        let forms = [Form::Alone, Form::Bound];
        let phrases = Slot::ALL.into_iter().flat_map(|slot| forms.map(|form| synonyms(slot, form)));
        let all: Vec<&str> = phrases.flatten().copied().chain(ONLY_READ.map(|(_, phrase)| phrase)).collect();
        assert!(all.len() > 4 * SLOTS);
        assert!(all.iter().all(|phrase| phrase.matches(HOLE).count() == 1), "{all:?}");
    }
}

use std::collections::HashSet;

use proptest::prelude::*;

use super::super::colour::Colour;
use super::super::slots::{Brightness, Colours, Side};
use super::*;
use crate::data::cifar10_labels;

fn named(labels: &[&str]) -> Result<Grammar, CaptionError> {
    Grammar::new(&labels.iter().map(|label| (*label).to_owned()).collect::<Vec<_>>())
}

fn cifar() -> Grammar {
    Grammar::new(&cifar10_labels()).unwrap()
}

#[test]
fn a_caption_says_what_is_in_it() {
    let grammar = cifar();
    let text = "A dark photo of a frog, LIGHT BLUE in the middle -- with an olive border; in vivid colours.";
    let reading = grammar.read(text);
    assert_eq!(reading.label(), Said::One(6));
    let due = [
        Value::Centre(Colour::LightBlue),
        Value::Border(Colour::Olive),
        Value::Brightness(Brightness::Dark),
        Value::Colours(Colours::Vivid),
    ];
    assert_eq!(reading.slots(), Some(due.into_iter().collect()));
    let parts: Vec<&str> = reading.mentions().iter().map(|mention| &text[mention.place.clone()]).collect();
    let due = ["A dark photo of", "a frog", "LIGHT BLUE in the middle", "an olive border", "in vivid colours"];
    assert_eq!(parts, due);
}

#[test]
fn unknown_words_are_passed_over() {
    let grammar = cifar();
    let reading = grammar.read("some very tan in the middle of it, perhaps a big ship ship, mauve around the edges");
    assert_eq!(reading.label(), Said::One(8));
    assert_eq!(reading.get(Slot::Centre), Said::One(Value::Centre(Colour::Tan)));
    assert_eq!(reading.get(Slot::Border), Said::Nothing);
    assert_eq!(grammar.read("").mentions(), []);
    assert_eq!(grammar.read("tan in the").mentions(), []);
}

#[test]
fn no_label_or_two_are_no_label() {
    let grammar = cifar();
    assert_eq!(grammar.read("a picture of a house").label(), Said::Nothing);
    assert_eq!(grammar.read("a cat and a dog").label(), Said::Several);
    assert_eq!(grammar.read("a catdog").label(), Said::Nothing);
    let both = grammar.read("tan in the middle, red in the middle, a cat");
    assert_eq!((both.get(Slot::Centre), both.slots()), (Said::Several, None));
}

#[test]
fn labels_may_be_words_of_the_grammar() {
    let labels = ["orange", "red", "middle", "picture", "dark", "tan", "a", "the edges", "frame", "small mammals"];
    let grammar = named(&labels).unwrap();
    let slots: Slots = [Value::Centre(Colour::Orange), Value::Border(Colour::Tan), Value::Brightness(Brightness::Dark)]
        .into_iter()
        .collect();
    let text = grammar.caption(0, &slots, &Stream::new(3, "caption", 0), 5);
    assert_eq!(grammar.read(&text).label(), Said::One(0), "{text}");
    assert_eq!(grammar.read("an orange, orange in the middle, with tan edges").slots().map(|s| s.count()), Some(2));
}

#[test]
fn labels_that_cannot_be_told_are_refused() {
    let refused = [
        &["cat", "Cat!"][..],
        &["cat", ""],
        &["?", "cat"],
        &["cat", "tan middle"],
        &["x", "dark picture of x"],
        &["fox", "a fox"],
        &["fox", "fox in"],
    ];
    for labels in refused {
        let error = named(labels).unwrap_err().to_string();
        assert!(error.contains("label"), "{error}");
    }
    let fine = named(&["İstanbul", "fire_truck", "Grün-Specht 2"]).unwrap();
    let labels: Vec<&str> = (0..fine.labels()).map(|number| fine.label(number)).collect();
    assert_eq!(labels, ["istanbul", "fire truck", "grün specht 2"]);
}

#[test]
fn references_hold_every_template_once_and_all_synonyms() {
    let slots: Slots = [Value::Centre(Colour::Tan), Value::Light(Side::Left)].into_iter().collect();
    let references = cifar().references(2, &slots);
    assert_eq!(references.len(), TEMPLATES);
    assert_eq!(references.iter().collect::<HashSet<_>>().len(), TEMPLATES);
    for words in
        ["in the middle", "in the centre", "lighter at the", "lighter towards the", "the left lighter", "a bird"]
    {
        assert!(references.iter().any(|reference| reference.contains(words)), "{words}: {references:?}");
    }
}

#[test]
fn captions_are_drawn_from_all_templates_and_stay_the_same() {
    let grammar = cifar();
    let stream = Stream::new(1, "caption", 0);
    let slots: Slots = [Value::Centre(Colour::Tan), Value::Brightness(Brightness::Bright)].into_iter().collect();
    let captions: Vec<String> = (0..500).map(|index| grammar.caption(3, &slots, &stream, index)).collect();
    assert!(captions.iter().collect::<HashSet<_>>().len() > 2 * TEMPLATES);
    assert_eq!(captions[77], grammar.caption(3, &slots, &Stream::new(1, "caption", 0), 77));
}

fn any_slots() -> impl Strategy<Value = Slots> {
    let one_of = |slot: Slot| {
        let values: Vec<Value> = Value::all().filter(|value| value.slot() == slot).collect();
        proptest::option::of(proptest::sample::select(values))
    };
    Slot::ALL.map(one_of).prop_map(|values| values.into_iter().flatten().collect())
}

/// Words of the grammar, words of labels, and others.
fn any_words(most: usize) -> impl Strategy<Value = String> {
    let known = [
        "a", "an", "the", "tan", "orange", "in", "middle", "dark", "picture", "of", "colours", "lighter", "left",
        "with", "edges",
    ];
    let word = prop_oneof![proptest::sample::select(known.to_vec()).prop_map(str::to_owned), "[a-zA-Zé]{1,6}"];
    proptest::collection::vec(word, 1..=most).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn what_is_worded_is_read_back(label in 0_usize..10, slots in any_slots(), seed in any::<u64>(), index in any::<u64>()) {
        let grammar = cifar();
        let text = grammar.caption(label, &slots, &Stream::new(seed, "caption", 0), index);
        for text in grammar.references(label, &slots).into_iter().chain([text]) {
            let reading = grammar.read(&text);
            prop_assert_eq!(reading.label(), Said::One(label), "{}", text);
            prop_assert_eq!(reading.slots(), Some(slots), "{}", text);
        }
    }

    #[test]
    fn labels_of_any_words_are_read_back_or_refused(
        labels in proptest::collection::vec(any_words(3), 2..5), slots in any_slots(), index in any::<u64>(),
    ) {
        let Ok(grammar) = Grammar::new(&labels) else { return Ok(()) };
        for label in 0..labels.len() {
            let text = grammar.caption(label, &slots, &Stream::new(0, "caption", 0), index);
            let reading = grammar.read(&text);
            prop_assert_eq!(reading.label(), Said::One(label), "{}", text);
            prop_assert_eq!(reading.slots(), Some(slots), "{}", text);
        }
    }

    #[test]
    fn any_text_can_be_read(text in any::<String>(), words in any_words(12)) {
        let grammar = cifar();
        for text in [text, words] {
            for mention in grammar.read(&text).mentions() {
                prop_assert!(text.get(mention.place.clone()).is_some());
            }
        }
    }
}

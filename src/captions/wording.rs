//! Facts into words: ten templates, each with synonyms.

use super::phrases::{Form, PICTURE_OF, THERE_IS, THIS_IS, article, filled, synonyms};
use super::slots::{Slot, Slots};

/// The shape of a caption: what opens it, and in which order and form it tells the facts.
#[derive(Clone, Copy, Debug)]
struct Template {
    opening: Opening,
    /// Whether colours are told before the label, as clauses, or after it, as clauses or with "with".
    colours: Colours,
    order: [Slot; 5],
}

/// What stands before the label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opening {
    /// "a frog".
    Bare,
    /// "there is a frog".
    There,
    /// "this is a frog".
    This,
    /// "a dark picture of a frog"; without the word where the brightness is not told.
    Picture,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Colours {
    Before,
    After,
    With,
}

/// The number of templates.
pub const TEMPLATES: usize = TABLE.len();

const TABLE: [Template; 10] = {
    use Colours::{After, Before, With};
    use Opening::{Bare, Picture, There, This};
    use Slot::{Border as B, Brightness as L, Centre as C, Colours as K, Light as S};
    const fn row(opening: Opening, colours: Colours, order: [Slot; 5]) -> Template {
        Template { opening, colours, order }
    }
    [
        row(Bare, After, [C, B, K, S, L]),
        row(Picture, After, [L, C, B, K, S]),
        row(Bare, With, [C, B, K, S, L]),
        row(Picture, With, [L, C, B, S, K]),
        row(There, After, [B, C, K, S, L]),
        row(This, With, [C, B, K, S, L]),
        row(Bare, Before, [C, B, K, S, L]),
        row(Bare, After, [K, S, C, B, L]),
        row(Picture, After, [L, S, K, B, C]),
        row(Picture, Before, [B, C, L, S, K]),
    ]
};

/// A caption. `pick` is asked for one of so many, first for the template (of `TEMPLATES`), then for each synonym.
pub(super) fn worded(label: &str, slots: &Slots, mut pick: impl FnMut(usize) -> usize) -> String {
    let template = TABLE[pick(TEMPLATES)];
    let mut parts = Parts::default();
    for slot in template.order {
        let (part, form) = parts.of(slot, template);
        if let Some(value) = slots.get(slot) {
            let phrases = synonyms(slot, form);
            part.push(filled(phrases[pick(phrases.len())], value));
        }
    }
    let mut one_of = |synonyms: &[&str]| vec![synonyms[pick(synonyms.len())].to_owned()];
    match template.opening {
        Opening::There => parts.opening = one_of(&THERE_IS),
        Opening::This => parts.opening = one_of(&THIS_IS),
        Opening::Picture if parts.opening.is_empty() => parts.opening = one_of(&PICTURE_OF),
        Opening::Picture | Opening::Bare => {}
    }
    parts.joined(label)
}

/// The phrases of a caption by where they stand.
#[derive(Debug, Default)]
struct Parts {
    before: Vec<String>,
    /// At most one.
    opening: Vec<String>,
    with: Vec<String>,
    after: Vec<String>,
}

impl Parts {
    /// Where a template tells a slot, and in which form.
    fn of(&mut self, slot: Slot, template: Template) -> (&mut Vec<String>, Form) {
        match (slot, template.opening, template.colours) {
            (Slot::Brightness, Opening::Picture, _) => (&mut self.opening, Form::Bound),
            (Slot::Centre | Slot::Border, _, Colours::With) => (&mut self.with, Form::Bound),
            (Slot::Centre | Slot::Border, _, Colours::Before) => (&mut self.before, Form::Alone),
            _ => (&mut self.after, Form::Alone),
        }
    }

    fn joined(mut self, label: &str) -> String {
        self.opening.push(format!("{} {label}", article(label)));
        let mut subject = self.opening.join(" ");
        if !self.with.is_empty() {
            subject = format!("{subject} with {}", self.with.join(" and "));
        }
        let before = (!self.before.is_empty()).then(|| self.before.join(" and "));
        before.into_iter().chain([subject]).chain(self.after).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::super::colour::Colour;
    use super::super::slots::{Brightness, Colours as Strength, Side, Value};
    use super::*;

    fn all() -> Slots {
        let values = [
            Value::Centre(Colour::Tan),
            Value::Border(Colour::Green),
            Value::Brightness(Brightness::Dark),
            Value::Colours(Strength::Muted),
            Value::Light(Side::Left),
        ];
        values.into_iter().collect()
    }

    fn with(template: usize, slots: &Slots) -> String {
        let mut is_first = true;
        worded("frog", slots, |_| if std::mem::take(&mut is_first) { template } else { 0 })
    }

    #[test]
    fn each_template_reads_as_it_should() {
        let due = [
            "a frog, tan in the middle, green around the edges, in muted colours, lighter at the left, in a dark picture",
            "a dark picture of a frog, tan in the middle, green around the edges, in muted colours, lighter at the left",
            "a frog with a tan middle and green edges, in muted colours, lighter at the left, in a dark picture",
            "a dark picture of a frog with a tan middle and green edges, lighter at the left, in muted colours",
            "there is a frog, green around the edges, tan in the middle, in muted colours, lighter at the left, in a dark picture",
            "this is a frog with a tan middle and green edges, in muted colours, lighter at the left, in a dark picture",
            "tan in the middle and green around the edges, a frog, in muted colours, lighter at the left, in a dark picture",
            "a frog, in muted colours, lighter at the left, tan in the middle, green around the edges, in a dark picture",
            "a dark picture of a frog, lighter at the left, in muted colours, green around the edges, tan in the middle",
            "green around the edges and tan in the middle, a dark picture of a frog, lighter at the left, in muted colours",
        ];
        assert_eq!(due.len(), TEMPLATES);
        for (template, due) in due.into_iter().enumerate() {
            assert_eq!(with(template, &all()), due);
        }
    }

    #[test]
    fn without_facts_the_label_is_left() {
        let none = Slots::default();
        let found: Vec<String> = (0..TEMPLATES).map(|template| with(template, &none)).collect();
        assert_eq!(found[0], "a frog");
        assert_eq!(found[4], "there is a frog");
        assert_eq!(found[9], "a picture of a frog");
        assert_eq!(with(6, &[Value::Border(Colour::Olive)].into_iter().collect()), "olive around the edges, a frog");
        assert_eq!(with(2, &[Value::Centre(Colour::Olive)].into_iter().collect()), "a frog with an olive middle");
    }
}

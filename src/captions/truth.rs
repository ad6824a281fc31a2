//! How true captions are: what they say against what was measured.

use super::facts::{Fact, Facts};
use super::grammar::{Reading, Said};
use super::slots::{SLOTS, Slot, Slots, Value};

/// What became of one slot of one caption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is said and nothing had to be.
    Silent,
    /// A clear fact is not said.
    Missed,
    /// What is said is what was measured, clear or not.
    True,
    /// Something else was measured, or nothing; or the caption contradicts itself.
    False,
}

/// Judges what is said of one slot.
pub fn verdict(said: Said<Value>, fact: Fact) -> Verdict {
    match said {
        Said::Nothing if fact.clear().is_some() => Verdict::Missed,
        Said::Nothing => Verdict::Silent,
        Said::One(value) if fact.value() == Some(value) => Verdict::True,
        Said::One(_) | Said::Several => Verdict::False,
    }
}

/// Counts over captions; sums of integers, so that they may be added up in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub captions: u64,
    /// Captions that say their picture's label and no other.
    pub right_labels: u64,
    /// Captions that say no label.
    pub no_labels: u64,
    /// Captions that say several labels.
    pub several_labels: u64,
    pub slots: [SlotTally; SLOTS],
}

/// Counts of one slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotTally {
    /// Captions that say something of it.
    pub said: u64,
    /// Those of them that say what was measured.
    pub right: u64,
    /// Pictures whose fact is clear.
    pub held: u64,
    /// Those of them whose caption says it.
    pub told: u64,
}

impl Tally {
    /// Adds a caption of a picture with this label and these facts.
    pub fn add(&mut self, caption: &Reading, label: usize, facts: &Facts) {
        self.captions += 1;
        match caption.label() {
            Said::Nothing => self.no_labels += 1,
            Said::Several => self.several_labels += 1,
            Said::One(said) => self.right_labels += u64::from(said == label),
        }
        for (slot, tally) in Slot::ALL.into_iter().zip(&mut self.slots) {
            tally.add(verdict(caption.get(slot), facts.get(slot)), facts.get(slot));
        }
    }

    /// Adds what another one counted.
    pub fn merge(&mut self, other: &Self) {
        self.captions += other.captions;
        self.right_labels += other.right_labels;
        self.no_labels += other.no_labels;
        self.several_labels += other.several_labels;
        self.slots.iter_mut().zip(&other.slots).for_each(|(slot, other)| slot.merge(other));
    }

    /// All slots together; the label is none of them.
    pub fn all_slots(&self) -> SlotTally {
        let mut all = SlotTally::default();
        self.slots.iter().for_each(|slot| all.merge(slot));
        all
    }

    /// Share of the captions whose label is right, 0 to 1; none without captions.
    pub fn label_accuracy(&self) -> Option<f64> {
        share(self.right_labels, self.captions)
    }

    /// Slots that a caption says, on average; none without captions.
    pub fn said_a_caption(&self) -> Option<f64> {
        share(self.all_slots().said, self.captions)
    }
}

impl SlotTally {
    fn add(&mut self, verdict: Verdict, fact: Fact) {
        self.said += u64::from(matches!(verdict, Verdict::True | Verdict::False));
        self.right += u64::from(verdict == Verdict::True);
        if fact.clear().is_some() {
            self.held += 1;
            self.told += u64::from(verdict == Verdict::True);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.said += other.said;
        self.right += other.right;
        self.held += other.held;
        self.told += other.told;
    }

    /// Slot truth rate: what share of what is said is true, 0 to 1; none when nothing is said.
    pub fn truth(&self) -> Option<f64> {
        share(self.right, self.said)
    }

    /// Coverage: what share of the clear facts is said, and truly, 0 to 1; none when there are none.
    pub fn coverage(&self) -> Option<f64> {
        share(self.told, self.held)
    }
}

fn share(part: u64, all: u64) -> Option<f64> {
    (all > 0).then(|| part as f64 / all as f64)
}

/// What a caption says that knows nothing of its picture: of each slot the value that is clear in the most pictures, of
/// values as frequent the first. A captioner must do better than this.
pub fn most_frequent<'a>(facts: impl IntoIterator<Item = &'a Facts>) -> Slots {
    let values: Vec<Value> = Value::all().collect();
    let mut counts = vec![0_u64; values.len()];
    for value in facts.into_iter().flat_map(|facts| facts.clear().iter().collect::<Vec<_>>()) {
        // Values are in ascending order.
        counts[values.partition_point(|other| *other < value)] += 1;
    }
    let most = |slot: Slot| {
        let of_slot = values.iter().zip(&counts).filter(move |(value, count)| value.slot() == slot && **count > 0);
        of_slot.rev().max_by_key(|(_, count)| **count).map(|(value, _)| *value)
    };
    Slot::ALL.into_iter().filter_map(most).collect()
}

#[cfg(test)]
mod tests {
    use super::super::colour::Colour;
    use super::super::grammar::Grammar;
    use super::super::slots::{Brightness, Colours, Side};
    use super::*;
    use crate::data::cifar10_labels;

    const TAN: Value = Value::Centre(Colour::Tan);
    const GREEN: Value = Value::Border(Colour::Green);
    const DARK: Value = Value::Brightness(Brightness::Dark);
    const MUTED: Value = Value::Colours(Colours::Muted);

    fn facts(changes: &[(Slot, Fact)]) -> Facts {
        let mut facts = [Fact::Clear(TAN), Fact::Clear(GREEN), Fact::Unclear(DARK), Fact::Clear(MUTED), Fact::Absent];
        changes.iter().for_each(|(slot, fact)| facts[*slot as usize] = *fact);
        Facts::from_all(facts)
    }

    fn tally(captions: &[&str]) -> Tally {
        let grammar = Grammar::new(&cifar10_labels()).unwrap();
        let mut tally = Tally::default();
        captions.iter().for_each(|caption| tally.add(&grammar.read(caption), 6, &facts(&[])));
        tally
    }

    #[test]
    fn what_is_said_is_held_against_what_was_measured() {
        let all = tally(&["a frog, tan in the middle, green around the edges, in muted colours"]).all_slots();
        assert_eq!((all.truth(), all.coverage()), (Some(1.0), Some(1.0)));
        let unclear = tally(&["a frog, tan in the middle, in a dark picture"]).all_slots();
        assert_eq!(unclear, SlotTally { said: 2, right: 2, held: 3, told: 1 });
        let wrong = tally(&["a frog, red in the middle, lighter at the left, in a bright picture"]).all_slots();
        assert_eq!(wrong, SlotTally { said: 3, right: 0, held: 3, told: 0 });
        let torn = tally(&["tan in the middle, red in the middle"]).all_slots();
        assert_eq!(torn, SlotTally { said: 1, right: 0, held: 3, told: 0 });
    }

    #[test]
    fn saying_nothing_is_no_truth_and_covers_nothing() {
        let silent = tally(&["", "a frog"]);
        assert_eq!((silent.all_slots().truth(), silent.all_slots().coverage()), (None, Some(0.0)));
        assert_eq!(Tally::default().label_accuracy(), None);
        assert_eq!(silent.said_a_caption(), Some(0.0));
    }

    #[test]
    fn a_label_is_right_alone() {
        let found = tally(&["a frog", "a frog and a frog", "a frog or a cat", "a cat", "something"]);
        assert_eq!((found.right_labels, found.no_labels, found.several_labels), (2, 1, 1));
        assert_eq!(found.label_accuracy(), Some(0.4));
        let mut twice = found;
        twice.merge(&found);
        assert_eq!((twice.captions, twice.label_accuracy()), (10, Some(0.4)));
    }

    #[test]
    fn the_most_frequent_values_are_those_that_are_clear() {
        let red = (Slot::Centre, Fact::Clear(Value::Centre(Colour::Red)));
        let left = (Slot::Light, Fact::Clear(Value::Light(Side::Left)));
        let unclear = (Slot::Centre, Fact::Unclear(Value::Centre(Colour::Blue)));
        let all =
            [facts(&[red]), facts(&[red, left]), facts(&[]), facts(&[unclear]), facts(&[unclear]), facts(&[unclear])];
        let due = [Value::Centre(Colour::Red), GREEN, MUTED, Value::Light(Side::Left)];
        assert!(most_frequent(&all).iter().eq(due), "{:?}", most_frequent(&all));
        let tied = [facts(&[]), facts(&[red])];
        assert_eq!(most_frequent(&tied).get(Slot::Centre), Some(TAN.min(Value::Centre(Colour::Red))));
        assert_eq!(most_frequent([]).count(), 0);
        assert!(Value::all().is_sorted());
    }
}

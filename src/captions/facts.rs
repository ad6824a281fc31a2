//! Facts of a picture: measures called by words, and said only where they are clear.

use super::colour::Named;
use super::measure::{Measures, Pixels};
use super::slots::{Brightness, Colours, SLOTS, Side, Slot, Slots, Value};
use super::thresholds::{Band, Place, Thresholds};

/// What was measured for one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Holds, and by enough that a little noise cannot change it: captions say it.
    Clear(Value),
    /// Holds, but so near to a threshold that it is left out. Whoever says it all the same says what was measured.
    Unclear(Value),
    /// Nothing can be said: no side is lighter.
    Absent,
}

/// One fact a slot, of the very pixels that they were measured on. After any change of the pixels they are measured
/// anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts([Fact; SLOTS]);

impl Fact {
    /// What was measured, clear or not.
    pub fn value(self) -> Option<Value> {
        match self {
            Self::Clear(value) | Self::Unclear(value) => Some(value),
            Self::Absent => None,
        }
    }

    /// What a caption says.
    pub fn clear(self) -> Option<Value> {
        match self {
            Self::Clear(value) => Some(value),
            Self::Unclear(_) | Self::Absent => None,
        }
    }

    fn of(value: Value, is_clear: bool) -> Self {
        if is_clear { Self::Clear(value) } else { Self::Unclear(value) }
    }
}

impl Facts {
    /// Measures a picture.
    pub fn of(pixels: Pixels, thresholds: &Thresholds) -> Self {
        Self::from_measures(&Measures::of(pixels), thresholds)
    }

    pub(super) fn from_measures(measures: &Measures, thresholds: &Thresholds) -> Self {
        let is_clear = |named: &Named, margin: f32| named.margin > margin;
        let (brightness, bright) = level(measures.lightness, &thresholds.lightness, Brightness::ALL);
        let (colours, strong) = level(measures.chroma, &thresholds.chroma, Colours::ALL);
        Self([
            Fact::of(Value::Centre(measures.centre.name), is_clear(&measures.centre, thresholds.centre)),
            Fact::of(Value::Border(measures.border.name), is_clear(&measures.border, thresholds.border)),
            Fact::of(Value::Brightness(brightness), bright),
            Fact::of(Value::Colours(colours), strong),
            light(measures.slope, &thresholds.slope),
        ])
    }

    #[cfg(test)]
    pub(super) fn from_all(facts: [Fact; SLOTS]) -> Self {
        Self(facts)
    }

    /// The fact of a slot.
    pub fn get(&self, slot: Slot) -> Fact {
        self.0[slot as usize]
    }

    /// What captions say: the clear facts.
    pub fn clear(&self) -> Slots {
        self.0.iter().filter_map(|fact| fact.clear()).collect()
    }
}

/// Which of three levels a number is on, and whether it is clear of both thresholds.
fn level<T: Copy>(number: f32, bands: &[Band; 2], levels: [T; 3]) -> (T, bool) {
    let [low, high] = bands.map(|band| band.place(number));
    let level = levels[usize::from(low.is_above()) + usize::from(high.is_above())];
    (level, low.is_clear() && high.is_clear())
}

/// The side that is lighter than the one across, by more than any other. A picture that is as much lighter on another side is
/// lighter on both.
fn light([across, down]: [f32; 2], band: &Band) -> Fact {
    let place = band.place(across.abs().max(down.abs()));
    if place == Place::Below {
        return Fact::Absent;
    }
    let side = match (across.abs() > down.abs(), across > 0.0, down > 0.0) {
        (true, false, _) => Side::Left,
        (true, true, _) => Side::Right,
        (false, _, false) => Side::Top,
        (false, _, true) => Side::Bottom,
    };
    let is_one = (across.abs() - down.abs()).abs() > band.above - band.below;
    Fact::of(Value::Light(side), is_one && place == Place::Above)
}

#[cfg(test)]
mod tests {
    use super::super::colour::Colour;
    use super::*;

    fn thresholds() -> Thresholds {
        let band = |middle: f32| Band { below: middle - 0.05, middle, above: middle + 0.05 };
        Thresholds {
            centre: 0.01,
            border: 0.01,
            lightness: [band(0.3), band(0.6)],
            chroma: [band(0.1), band(0.3)],
            slope: band(0.25),
        }
    }

    fn measures() -> Measures {
        let named = |name| Named { name, margin: 0.1 };
        Measures {
            centre: named(Colour::Red),
            border: named(Colour::Blue),
            lightness: 0.45,
            chroma: 0.5,
            slope: [0.4, -0.1],
        }
    }

    fn fact(slot: Slot, change: impl FnOnce(&mut Measures)) -> Fact {
        let mut measures = measures();
        change(&mut measures);
        Facts::from_measures(&measures, &thresholds()).get(slot)
    }

    #[test]
    fn clear_measures_become_clear_facts() {
        let facts = Facts::from_measures(&measures(), &thresholds());
        let due = [
            Value::Centre(Colour::Red),
            Value::Border(Colour::Blue),
            Value::Brightness(Brightness::MidToned),
            Value::Colours(Colours::Vivid),
            Value::Light(Side::Right),
        ];
        assert!(facts.clear().iter().eq(due), "{facts:?}");
    }

    #[test]
    fn what_is_near_a_threshold_is_left_out_but_known() {
        let red = Fact::Unclear(Value::Centre(Colour::Red));
        assert_eq!(fact(Slot::Centre, |m| m.centre.margin = 0.005), red);
        let brightness = |at| fact(Slot::Brightness, |m| m.lightness = at);
        assert_eq!(brightness(0.62), Fact::Unclear(Value::Brightness(Brightness::Bright)));
        assert_eq!(brightness(0.58), Fact::Unclear(Value::Brightness(Brightness::MidToned)));
        assert_eq!(brightness(0.1), Fact::Clear(Value::Brightness(Brightness::Dark)));
        assert_eq!(brightness(0.66), Fact::Clear(Value::Brightness(Brightness::Bright)));
        assert_eq!(fact(Slot::Colours, |m| m.chroma = 0.12), Fact::Unclear(Value::Colours(Colours::Moderate)));
        assert_eq!(fact(Slot::Colours, |m| m.chroma = 0.01), Fact::Clear(Value::Colours(Colours::Muted)));
    }

    #[test]
    fn a_lighter_side_must_be_one_and_lighter_by_enough() {
        let light = |slope| fact(Slot::Light, |m| m.slope = slope);
        assert_eq!(light([0.1, -0.1]), Fact::Absent);
        assert_eq!(light([-0.5, 0.3]), Fact::Clear(Value::Light(Side::Left)));
        assert_eq!(light([0.1, 0.6]), Fact::Clear(Value::Light(Side::Bottom)));
        assert_eq!(light([0.1, -0.6]), Fact::Clear(Value::Light(Side::Top)));
        assert_eq!(light([0.1, -0.27]), Fact::Unclear(Value::Light(Side::Top)));
        assert_eq!(light([0.55, -0.5]), Fact::Unclear(Value::Light(Side::Right)));
    }
}

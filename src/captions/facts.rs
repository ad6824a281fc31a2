//! Facts of a picture: measures called by words, and said only where they are clear.

use super::measure::{MainColour, Measures, Pixels};
use super::slots::{Brightness, Extent, SLOTS, Side, Slot, Slots, Value};
use super::thresholds::{Band, Place, Thresholds};

/// What was measured for one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Holds, and by enough that a little noise cannot change it: captions say it.
    Clear(Value),
    /// Holds, but so near to a threshold that it is left out. Whoever says it all the same says what was measured.
    Unclear(Value),
    /// Nothing can be said: no subject stands out, or it lies in the middle.
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
        let is_clear = |main: &MainColour, [margin, share]: [f32; 2]| {
            main.named.margin > margin && (main.is_alone || main.share > share)
        };
        Self([
            Fact::of(Value::Centre(measures.centre.named.name), is_clear(&measures.centre, thresholds.centre)),
            Fact::of(Value::Border(measures.border.named.name), is_clear(&measures.border, thresholds.border)),
            brightness(measures.lightness, &thresholds.lightness),
            extent(measures, thresholds),
            side(measures, thresholds),
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

fn brightness(lightness: f32, bands: &[Band; 2]) -> Fact {
    let (level, is_clear) = level(lightness, bands, Brightness::ALL);
    Fact::of(Value::Brightness(level), is_clear)
}

fn extent(measures: &Measures, thresholds: &Thresholds) -> Fact {
    let apart = thresholds.apart.place(measures.apart);
    if apart == Place::Below {
        return Fact::Absent;
    }
    let (level, is_clear) = level(measures.extent, &thresholds.extent, Extent::ALL);
    Fact::of(Value::Extent(level), is_clear && apart == Place::Above)
}

/// The side that the subject is farthest off to. A subject that is as far off to another side is on both.
fn side(measures: &Measures, thresholds: &Thresholds) -> Fact {
    let apart = thresholds.apart.place(measures.apart);
    let [x, y] = measures.offset;
    let (across, down) = (x.abs(), y.abs());
    let off = thresholds.side.place(across.max(down));
    if apart == Place::Below || off == Place::Below {
        return Fact::Absent;
    }
    let side = match (across > down, x > 0.0, y > 0.0) {
        (true, false, _) => Side::Left,
        (true, true, _) => Side::Right,
        (false, _, false) => Side::Top,
        (false, _, true) => Side::Bottom,
    };
    let is_one = (across - down).abs() > thresholds.side.above - thresholds.side.below;
    Fact::of(Value::Side(side), is_one && off == Place::Above && apart == Place::Above)
}

#[cfg(test)]
mod tests {
    use super::super::colour::{Colour, Named};
    use super::*;

    fn thresholds() -> Thresholds {
        let band = |middle: f32| Band { below: middle - 0.05, middle, above: middle + 0.05 };
        Thresholds {
            centre: [0.01, 0.55],
            border: [0.01, 0.55],
            lightness: [band(0.3), band(0.6)],
            apart: band(0.2),
            extent: [band(0.3), band(0.6)],
            side: band(0.25),
        }
    }

    fn measures() -> Measures {
        let main = |name| MainColour { named: Named { name, margin: 0.1 }, share: 0.9, is_alone: false };
        Measures {
            centre: main(Colour::Red),
            border: main(Colour::Blue),
            lightness: 0.45,
            apart: 0.5,
            extent: 0.9,
            offset: [0.4, -0.1],
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
            Value::Extent(Extent::Most),
            Value::Side(Side::Right),
        ];
        assert!(facts.clear().iter().eq(due), "{facts:?}");
    }

    #[test]
    fn what_is_near_a_threshold_is_left_out_but_known() {
        let red = Fact::Unclear(Value::Centre(Colour::Red));
        assert_eq!(fact(Slot::Centre, |m| m.centre.named.margin = 0.005), red);
        assert_eq!(fact(Slot::Centre, |m| m.centre.share = 0.52), red);
        let is_alone = |m: &mut Measures| (m.centre.share, m.centre.is_alone) = (0.52, true);
        assert_eq!(fact(Slot::Centre, is_alone), Fact::Clear(Value::Centre(Colour::Red)));
        let brightness = |at| fact(Slot::Brightness, |m| m.lightness = at);
        assert_eq!(brightness(0.62), Fact::Unclear(Value::Brightness(Brightness::Bright)));
        assert_eq!(brightness(0.58), Fact::Unclear(Value::Brightness(Brightness::MidToned)));
        assert_eq!(brightness(0.1), Fact::Clear(Value::Brightness(Brightness::Dark)));
        assert_eq!(brightness(0.66), Fact::Clear(Value::Brightness(Brightness::Bright)));
        assert_eq!(fact(Slot::Extent, |m| m.apart = 0.22), Fact::Unclear(Value::Extent(Extent::Most)));
    }

    #[test]
    fn sides_need_a_subject_off_the_middle_and_one_direction() {
        let side = |offset| fact(Slot::Side, |m| m.offset = offset);
        assert_eq!(side([0.1, -0.1]), Fact::Absent);
        assert_eq!(side([-0.5, 0.3]), Fact::Clear(Value::Side(Side::Left)));
        assert_eq!(side([0.1, 0.6]), Fact::Clear(Value::Side(Side::Bottom)));
        assert_eq!(side([0.1, -0.6]), Fact::Clear(Value::Side(Side::Top)));
        assert_eq!(side([0.1, -0.27]), Fact::Unclear(Value::Side(Side::Top)));
        assert_eq!(side([0.55, -0.5]), Fact::Unclear(Value::Side(Side::Right)));
        assert_eq!(fact(Slot::Side, |m| m.apart = 0.1), Fact::Absent);
        assert_eq!(fact(Slot::Extent, |m| m.apart = 0.1), Fact::Absent);
    }
}

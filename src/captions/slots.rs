//! What a caption may say of a picture beside its label: five slots, each with its values.

use serde::{Deserialize, Serialize};

use super::colour::Colour;

/// How many slots there are.
pub const SLOTS: usize = 5;

/// Something that a caption may say one thing about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Slot {
    /// The mean colour in the middle of the frame.
    Centre,
    /// The mean colour along the frame's edges.
    Border,
    /// How light the picture is as a whole.
    Brightness,
    /// How far the picture's colours are from grey.
    Colours,
    /// Which side of the frame is lighter than the one across.
    Light,
}

/// How light a picture is among the training pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Brightness {
    Dark,
    MidToned,
    Bright,
}

/// How strong a picture's colours are among those of the training pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Colours {
    Muted,
    Moderate,
    Vivid,
}

/// A side of the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Left,
    Right,
    Top,
    Bottom,
}

/// A slot and what is said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    Centre(Colour),
    Border(Colour),
    Brightness(Brightness),
    Colours(Colours),
    Light(Side),
}

impl Slot {
    pub const ALL: [Self; SLOTS] = [Self::Centre, Self::Border, Self::Brightness, Self::Colours, Self::Light];

    /// Its name in a table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Centre => "centre colour",
            Self::Border => "border colour",
            Self::Brightness => "brightness",
            Self::Colours => "colours",
            Self::Light => "lighter side",
        }
    }
}

impl Brightness {
    pub const ALL: [Self; 3] = [Self::Dark, Self::MidToned, Self::Bright];

    /// Its words in captions.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::MidToned => "mid-toned",
            Self::Bright => "bright",
        }
    }
}

impl Colours {
    pub const ALL: [Self; 3] = [Self::Muted, Self::Moderate, Self::Vivid];

    /// Its word in captions.
    pub fn name(self) -> &'static str {
        match self {
            Self::Muted => "muted",
            Self::Moderate => "moderate",
            Self::Vivid => "vivid",
        }
    }
}

impl Side {
    pub const ALL: [Self; 4] = [Self::Left, Self::Right, Self::Top, Self::Bottom];

    /// Its word in captions.
    pub fn name(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
            Self::Top => "top",
            Self::Bottom => "bottom",
        }
    }
}

impl Value {
    /// What it is said of.
    pub fn slot(self) -> Slot {
        match self {
            Self::Centre(_) => Slot::Centre,
            Self::Border(_) => Slot::Border,
            Self::Brightness(_) => Slot::Brightness,
            Self::Colours(_) => Slot::Colours,
            Self::Light(_) => Slot::Light,
        }
    }

    /// The word or words that tell it from the slot's other values.
    pub fn name(self) -> &'static str {
        match self {
            Self::Centre(colour) | Self::Border(colour) => colour.name(),
            Self::Brightness(brightness) => brightness.name(),
            Self::Colours(colours) => colours.name(),
            Self::Light(side) => side.name(),
        }
    }

    /// Everything that can be said, slot by slot.
    pub fn all() -> impl Iterator<Item = Self> {
        let brightness = Brightness::ALL.into_iter().map(Self::Brightness);
        let strong = Colours::ALL.into_iter().map(Self::Colours);
        let lit = Side::ALL.into_iter().map(Self::Light);
        let colours = Colour::all().map(Self::Centre).chain(Colour::all().map(Self::Border));
        colours.chain(brightness).chain(strong).chain(lit)
    }
}

/// At most one value a slot: what a caption is to say beside its label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slots([Option<Value>; SLOTS]);

impl Slots {
    /// What is said of a slot.
    pub fn get(&self, slot: Slot) -> Option<Value> {
        self.0[slot as usize]
    }

    /// Says this, in the place of what was said of its slot.
    pub fn set(&mut self, value: Value) {
        self.0[value.slot() as usize] = Some(value);
    }

    /// Number of slots that something is said of.
    pub fn count(&self) -> usize {
        self.iter().count()
    }

    /// What is said, in the order of the slots.
    pub fn iter(&self) -> impl Iterator<Item = Value> {
        self.0.iter().filter_map(|value| *value)
    }
}

impl FromIterator<Value> for Slots {
    fn from_iter<I: IntoIterator<Item = Value>>(values: I) -> Self {
        let mut slots = Self::default();
        values.into_iter().for_each(|value| slots.set(value));
        slots
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_keep_the_last_value_of_each() {
        let said = [Value::Light(Side::Left), Value::Centre(Colour::Tan), Value::Light(Side::Top)];
        let slots: Slots = said.into_iter().collect();
        assert_eq!(slots.count(), 2);
        assert!(slots.iter().eq([Value::Centre(Colour::Tan), Value::Light(Side::Top)]));
        assert_eq!(slots.get(Slot::Border), None);
        for (at, slot) in Slot::ALL.into_iter().enumerate() {
            assert_eq!(slot as usize, at);
            assert!(Value::all().any(|value| value.slot() == slot));
        }
    }
}

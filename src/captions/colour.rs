//! Colours as captions name them, in OKLab (Ottosson 2020, "A perceptual color space for image processing"), where
//! distances are about as large as they look.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// Lightness 0 (black) to 1 (white), green to red, blue to yellow.
pub(super) type Lab = [f32; 3];

/// A colour with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Colour {
    Black,
    DarkGrey,
    Grey,
    LightGrey,
    White,
    Brown,
    Tan,
    Red,
    Orange,
    Yellow,
    Olive,
    Green,
    Teal,
    LightBlue,
    Blue,
    DarkBlue,
    Purple,
    Pink,
}

/// Each colour, its name, and what it is nearest to: eight-bit sRGB.
const COLOURS: [(Colour, &str, [u8; 3]); 18] = [
    (Colour::Black, "black", [22, 22, 22]),
    (Colour::DarkGrey, "dark grey", [72, 72, 72]),
    (Colour::Grey, "grey", [122, 122, 122]),
    (Colour::LightGrey, "light grey", [180, 180, 180]),
    (Colour::White, "white", [240, 240, 240]),
    (Colour::Brown, "brown", [98, 70, 48]),
    (Colour::Tan, "tan", [165, 135, 100]),
    (Colour::Red, "red", [165, 45, 40]),
    (Colour::Orange, "orange", [215, 120, 50]),
    (Colour::Yellow, "yellow", [220, 190, 70]),
    (Colour::Olive, "olive", [112, 112, 62]),
    (Colour::Green, "green", [90, 140, 65]),
    (Colour::Teal, "teal", [60, 130, 130]),
    (Colour::LightBlue, "light blue", [145, 180, 215]),
    (Colour::Blue, "blue", [70, 115, 175]),
    (Colour::DarkBlue, "dark blue", [38, 52, 88]),
    (Colour::Purple, "purple", [105, 70, 130]),
    (Colour::Pink, "pink", [205, 140, 150]),
];

/// The prototypes in OKLab.
static PROTOTYPES: LazyLock<[(Colour, Lab); 18]> = LazyLock::new(|| COLOURS.map(|(colour, _, rgb)| (colour, lab(rgb))));

/// Linear light, 0 to 1, of an eight-bit sRGB value (IEC 61966-2-1).
static LINEAR: LazyLock<[f32; 256]> = LazyLock::new(|| {
    std::array::from_fn(|byte| {
        let value = byte as f32 / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    })
});

impl Colour {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        COLOURS.iter().map(|(colour, _, _)| *colour)
    }

    /// Its name: one or two words.
    pub fn name(self) -> &'static str {
        COLOURS[self as usize].1
    }
}

/// The name nearest to a colour, and how much farther the next one is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Named {
    pub name: Colour,
    pub margin: f32,
}

/// A pixel in OKLab.
pub(super) fn lab(rgb: [u8; 3]) -> Lab {
    let [r, g, b] = rgb.map(|byte| LINEAR[usize::from(byte)]);
    let l = (0.412_221_46 * r + 0.536_332_55 * g + 0.051_445_995 * b).cbrt();
    let m = (0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b).cbrt();
    let s = (0.088_302_46 * r + 0.281_718_85 * g + 0.629_978_7 * b).cbrt();
    [
        0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s,
        1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s,
        0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s,
    ]
}

/// The squared distance.
pub(super) fn squared(a: Lab, b: Lab) -> f32 {
    (0..3).map(|i| (a[i] - b[i]) * (a[i] - b[i])).sum()
}

/// Names a colour.
pub(super) fn name(colour: Lab) -> Named {
    let mut nearest = (f32::INFINITY, Colour::Black);
    let mut next = f32::INFINITY;
    for &(name, prototype) in PROTOTYPES.iter() {
        let found = squared(colour, prototype).sqrt();
        if found < nearest.0 {
            next = nearest.0;
            nearest = (found, name);
        } else {
            next = next.min(found);
        }
    }
    Named { name: nearest.1, margin: next - nearest.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Primaries and white as CSS Color 4 converts them: `oklab(from red l a b)` and so on.
    #[test]
    fn known_colours_lie_where_they_should() {
        let known = [
            ([255, 255, 255], [1.0, 0.0, 0.0]),
            ([0, 0, 0], [0.0, 0.0, 0.0]),
            ([255, 0, 0], [0.627_96, 0.224_86, 0.125_85]),
            ([0, 255, 0], [0.866_44, -0.233_89, 0.179_5]),
            ([0, 0, 255], [0.452_01, -0.032_46, -0.311_53]),
        ];
        for (rgb, due) in known {
            assert!(squared(lab(rgb), due) < 1e-7, "{rgb:?}: {:?}", lab(rgb));
        }
    }

    #[test]
    fn every_prototype_has_its_own_name() {
        for (at, colour) in Colour::all().enumerate() {
            assert_eq!(colour as usize, at);
            let named = name(lab(COLOURS[at].2));
            assert_eq!(named.name, colour);
            assert!(named.margin > 0.04, "{named:?} is too near to another");
            assert_eq!(serde_json::from_str::<Colour>(&serde_json::to_string(&colour).unwrap()).unwrap(), colour);
        }
    }
}

//! How many colours the terminal has, and the nearest of them to a colour.

use std::fmt;
use std::str::FromStr;

use ratatui::style::Color;

use super::Environment;

/// How many colours may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ColourDepth {
    /// No colour at all: shades and attributes only.
    Mono,
    /// The 16 colours that every colour terminal has.
    Ansi16,
    /// The 6x6x6 cube and the 24 greys of xterm.
    Ansi256,
    Truecolour,
}

/// Parts of `TERM` of terminals that always have 24-bit colours; over SSH TERM is all that arrives.
const TRUECOLOUR_TERMS: [&str; 8] = ["kitty", "ghostty", "alacritty", "foot", "wezterm", "contour", "direct", "rio"];

/// Parts of `TERM` that stand for 256 colours. A plain `xterm` is not one of the 1990s: every current emulator that
/// says so has at least 256.
const ANSI256_TERMS: [&str; 9] = ["256", "xterm", "tmux", "screen", "rxvt", "konsole", "gnome", "st-", "mlterm"];

/// Names that terminals answer with (XTVERSION) and that always have 24-bit colours.
const TRUECOLOUR_NAMES: [&str; 9] =
    ["kitty", "ghostty", "wezterm", "iterm2", "foot", "konsole", "contour", "mintty", "rio"];

/// Since this patch of 2018 xterm shows 24-bit colours as they are.
const XTERM_TRUECOLOUR_PATCH: u32 = 331;

/// The number in `xterm(379)`.
fn xterm_patch(name: &str) -> Option<u32> {
    name.strip_prefix("xterm(")?.strip_suffix(')')?.parse().ok()
}

impl ColourDepth {
    /// Decides from the environment and from the name that the terminal gave itself, if it gave one.
    pub fn decide(environment: &Environment, terminal_name: Option<&str>) -> Self {
        let term = environment.term.to_ascii_lowercase();
        let name = terminal_name.unwrap_or_default().to_ascii_lowercase();
        let any_in = |parts: &[&str], text: &str| parts.iter().any(|part| text.contains(part));
        if environment.no_color || matches!(term.as_str(), "dumb" | "vt100" | "vt220") {
            return Self::Mono;
        }
        let truecolour = matches!(environment.colorterm.as_str(), "truecolor" | "24bit")
            || any_in(&TRUECOLOUR_TERMS, &term)
            || TRUECOLOUR_NAMES.iter().any(|known| name.starts_with(known))
            || xterm_patch(&name).is_some_and(|patch| patch >= XTERM_TRUECOLOUR_PATCH);
        if truecolour {
            Self::Truecolour
        } else if any_in(&ANSI256_TERMS, &term) && !term.contains("16color") {
            Self::Ansi256
        } else {
            Self::Ansi16
        }
    }

    /// The nearest colour that this depth has; [`Color::Reset`] without colours.
    pub fn nearest(self, rgb: [u8; 3]) -> Color {
        self.nearest_with_rgb(rgb).0
    }

    /// The nearest colour, and what it looks like, for whoever spreads the difference over the neighbours.
    pub fn nearest_with_rgb(self, rgb: [u8; 3]) -> (Color, [u8; 3]) {
        match self {
            Self::Mono => (Color::Reset, rgb),
            Self::Ansi16 => nearest_16(rgb),
            Self::Ansi256 => nearest_256(rgb),
            Self::Truecolour => (Color::Rgb(rgb[0], rgb[1], rgb[2]), rgb),
        }
    }
}

impl fmt::Display for ColourDepth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mono => "none",
            Self::Ansi16 => "16",
            Self::Ansi256 => "256",
            Self::Truecolour => "truecolor",
        })
    }
}

/// A colour depth that is none of the known ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no colour depth: use truecolor, 256, 16 or none")]
pub struct ParseColourDepthError(String);

impl FromStr for ColourDepth {
    type Err = ParseColourDepthError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Mono, Self::Ansi16, Self::Ansi256, Self::Truecolour]
            .into_iter()
            .find(|depth| depth.to_string() == text)
            .ok_or_else(|| ParseColourDepthError(text.to_owned()))
    }
}

/// The steps of xterm's colour cube.
const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// xterm's default palette; users change theirs, but its order of hues and brightness stays.
const ANSI16: [([u8; 3], Color); 16] = [
    ([0, 0, 0], Color::Black),
    ([205, 0, 0], Color::Red),
    ([0, 205, 0], Color::Green),
    ([205, 205, 0], Color::Yellow),
    ([0, 0, 238], Color::Blue),
    ([205, 0, 205], Color::Magenta),
    ([0, 205, 205], Color::Cyan),
    ([229, 229, 229], Color::Gray),
    ([127, 127, 127], Color::DarkGray),
    ([255, 0, 0], Color::LightRed),
    ([0, 255, 0], Color::LightGreen),
    ([255, 255, 0], Color::LightYellow),
    ([92, 92, 255], Color::LightBlue),
    ([255, 0, 255], Color::LightMagenta),
    ([0, 255, 255], Color::LightCyan),
    ([255, 255, 255], Color::White),
];

fn nearest_16(rgb: [u8; 3]) -> (Color, [u8; 3]) {
    let nearest = ANSI16.iter().min_by_key(|(known, _)| distance(rgb, *known));
    nearest.map_or((Color::Reset, rgb), |&(known, colour)| (colour, known))
}

fn nearest_256(rgb: [u8; 3]) -> (Color, [u8; 3]) {
    let step = rgb.map(|channel| (0..6u8).min_by_key(|&i| channel.abs_diff(CUBE[usize::from(i)])).unwrap_or(0));
    let cube = step.map(|i| CUBE[usize::from(i)]);
    let mean = rgb.iter().map(|&channel| u16::from(channel)).sum::<u16>() / 3;
    let grey_step = (mean.saturating_sub(3) / 10).min(23) as u8;
    let grey = [8 + 10 * grey_step; 3];
    if distance(rgb, grey) < distance(rgb, cube) {
        (Color::Indexed(232 + grey_step), grey)
    } else {
        (Color::Indexed(16 + 36 * step[0] + 6 * step[1] + step[2]), cube)
    }
}

/// Squared distance in RGB weighted for the eye: "redmean", <https://www.compuphase.com/cmetric.htm>.
fn distance(a: [u8; 3], b: [u8; 3]) -> i32 {
    let [red, green, blue] = [0, 1, 2].map(|i| i32::from(a[i]) - i32::from(b[i]));
    let mean_red = (i32::from(a[0]) + i32::from(b[0])) / 2;
    (((512 + mean_red) * red * red) >> 8) + 4 * green * green + (((767 - mean_red) * blue * blue) >> 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(term: &str, colorterm: &str, name: Option<&str>) -> ColourDepth {
        let environment =
            Environment { term: term.to_owned(), colorterm: colorterm.to_owned(), ..Environment::default() };
        ColourDepth::decide(&environment, name)
    }

    #[test]
    fn plain_xterm_over_ssh_has_256_colours() {
        assert_eq!(decide("xterm", "", None), ColourDepth::Ansi256);
        assert_eq!(decide("xterm-256color", "", Some("XTerm(330)")), ColourDepth::Ansi256);
    }

    #[test]
    fn colorterm_or_the_terminals_own_name_promises_truecolour() {
        assert_eq!(decide("xterm-256color", "truecolor", None), ColourDepth::Truecolour);
        assert_eq!(decide("xterm-256color", "", Some("WezTerm 20240203")), ColourDepth::Truecolour);
        assert_eq!(decide("xterm-kitty", "", None), ColourDepth::Truecolour);
        assert_eq!(decide("xterm", "", Some("XTerm(379)")), ColourDepth::Truecolour);
    }

    #[test]
    fn the_linux_console_has_16_and_no_color_wins() {
        assert_eq!(decide("linux", "", None), ColourDepth::Ansi16);
        assert_eq!(decide("xterm-16color", "", None), ColourDepth::Ansi16);
        assert_eq!(decide("dumb", "", None), ColourDepth::Mono);
        let environment = Environment {
            term: "xterm-kitty".to_owned(),
            colorterm: "truecolor".to_owned(),
            no_color: true,
            ..Environment::default()
        };
        assert_eq!(ColourDepth::decide(&environment, Some("kitty(0.26.5)")), ColourDepth::Mono);
    }

    #[test]
    fn colours_of_the_palette_are_their_own_nearest() {
        for (index, step) in CUBE.into_iter().enumerate() {
            let expected = 16 + 36 * index as u8;
            assert_eq!(ColourDepth::Ansi256.nearest([step, 0, 0]), Color::Indexed(expected));
        }
        for step in 0..24u8 {
            let grey = [8 + 10 * step; 3];
            assert_eq!(ColourDepth::Ansi256.nearest(grey), Color::Indexed(232 + step));
        }
        for (rgb, colour) in ANSI16 {
            assert_eq!(ColourDepth::Ansi16.nearest(rgb), colour);
        }
    }

    #[test]
    fn every_depth_is_parsed_back_from_its_name() {
        for depth in [ColourDepth::Mono, ColourDepth::Ansi16, ColourDepth::Ansi256, ColourDepth::Truecolour] {
            assert_eq!(depth.to_string().parse(), Ok(depth));
        }
        assert!("8".parse::<ColourDepth>().is_err());
    }
}

//! Colours and glyphs: one place decides both, for every depth that a terminal may have.
//!
//! A screen asks for a meaning ("bad", "third series", "share of 0.4"), never for a colour. Hues are the
//! Okabe-Ito set, which stays apart for colour-blind eyes, and no meaning rests on hue alone: phases have
//! glyphs, mistakes have marks, heat has numbers.

use ratatui::style::{Color, Modifier, Style};

use crate::term::ColourDepth;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    pub depth: ColourDepth,
    pub light: bool,
    /// Plain ASCII instead of block, line and braille glyphs.
    pub ascii: bool,
}

/// A colour for deep terminals and its nearest kin among the sixteen.
#[derive(Clone, Copy)]
struct Hue(u8, u8, u8, Color);

/// The colour-blind-safe line colours, brightened a little for dark grounds.
const SERIES_DARK: [Hue; 7] = [
    Hue(86, 180, 233, Color::Cyan),
    Hue(240, 165, 30, Color::Yellow),
    Hue(30, 190, 145, Color::Green),
    Hue(216, 140, 185, Color::Magenta),
    Hue(240, 228, 90, Color::LightYellow),
    Hue(232, 110, 50, Color::LightRed),
    Hue(110, 150, 255, Color::LightBlue),
];

const SERIES_LIGHT: [Hue; 7] = [
    Hue(0, 114, 178, Color::Blue),
    Hue(190, 110, 0, Color::Yellow),
    Hue(0, 130, 95, Color::Green),
    Hue(170, 70, 130, Color::Magenta),
    Hue(140, 120, 0, Color::Yellow),
    Hue(190, 75, 0, Color::Red),
    Hue(60, 80, 200, Color::LightBlue),
];

impl Theme {
    pub const DARK: Theme = Theme { depth: ColourDepth::Truecolour, light: false, ascii: false };

    pub fn text(&self) -> Style {
        Style::new()
    }

    /// What matters less: units, captions, what is over.
    pub fn dim(&self) -> Style {
        match self.depth {
            ColourDepth::Mono => Style::new().add_modifier(Modifier::DIM),
            _ => self.fg(self.pick(Hue(138, 146, 162, Color::Gray), Hue(96, 102, 116, Color::DarkGray))),
        }
    }

    /// Rules, axes and the tracks of bars.
    pub fn frame(&self) -> Style {
        match self.depth {
            ColourDepth::Mono => Style::new().add_modifier(Modifier::DIM),
            _ => self.fg(self.pick(Hue(74, 82, 98, Color::DarkGray), Hue(184, 190, 200, Color::Gray))),
        }
    }

    pub fn title(&self) -> Style {
        self.text().add_modifier(Modifier::BOLD)
    }

    pub fn accent(&self) -> Style {
        self.fg(self.pick(SERIES_DARK[0], SERIES_LIGHT[0]))
    }

    pub fn good(&self) -> Style {
        self.fg(self.pick(SERIES_DARK[2], SERIES_LIGHT[2]))
    }

    pub fn bad(&self) -> Style {
        let hue = self.pick(Hue(240, 105, 60, Color::LightRed), Hue(190, 60, 0, Color::Red));
        self.fg(hue).add_modifier(Modifier::BOLD)
    }

    pub fn warn(&self) -> Style {
        self.fg(self.pick(Hue(240, 200, 80, Color::Yellow), Hue(150, 105, 0, Color::Yellow)))
    }

    /// The row, cell or tab that the keys act on.
    pub fn selected(&self) -> Style {
        match self.depth {
            ColourDepth::Mono => Style::new().add_modifier(Modifier::REVERSED),
            ColourDepth::Ansi16 => Style::new().add_modifier(Modifier::BOLD),
            _ => {
                // Both, whatever the terminal's own colours are.
                let ground = self.pick(Hue(38, 50, 72, Color::Reset), Hue(214, 226, 244, Color::Reset));
                let ink = self.pick(Hue(236, 240, 246, Color::Reset), Hue(20, 24, 32, Color::Reset));
                Style::new().fg(self.color(ink)).bg(self.color(ground))
            }
        }
    }

    /// The tab that is open.
    pub fn tab(&self) -> Style {
        match self.depth {
            ColourDepth::Mono => Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD),
            _ => self.accent().add_modifier(Modifier::REVERSED | Modifier::BOLD),
        }
    }

    /// A key in a line of keys.
    pub fn key(&self) -> Style {
        self.accent().add_modifier(Modifier::BOLD)
    }

    pub fn series(&self, index: usize) -> Style {
        let i = index % SERIES_DARK.len();
        self.fg(self.pick(SERIES_DARK[i], SERIES_LIGHT[i]))
    }

    /// The same curve in the background: the band between its extremes.
    pub fn faint(&self, style: Style) -> Style {
        match style.fg {
            Some(Color::Rgb(r, g, b)) => {
                let ground: u16 = if self.light { 255 } else { 0 };
                let mix = |channel: u8| ((u16::from(channel) * 2 + ground * 3) / 5) as u8;
                style.fg(Color::Rgb(mix(r), mix(g), mix(b)))
            }
            _ => style.add_modifier(Modifier::DIM),
        }
    }

    /// A cell of the confusion matrix: `right` cells grow blue, mistakes grow orange.
    /// `weight` is 0..1, already stretched by the caller so that rare mistakes are seen.
    pub fn heat(&self, weight: f32, right: bool) -> Style {
        let weight = if weight.is_finite() { weight.clamp(0.0, 1.0) } else { 0.0 };
        match self.depth {
            ColourDepth::Mono if weight >= 0.5 => Style::new().add_modifier(Modifier::REVERSED),
            ColourDepth::Mono => Style::new(),
            ColourDepth::Ansi16 => self.heat_of_sixteen(weight, right),
            _ => self.heat_of_many(weight, right),
        }
    }

    fn heat_of_sixteen(&self, weight: f32, right: bool) -> Style {
        let ground = if right { Color::Cyan } else { Color::Yellow };
        match weight {
            w if w >= 0.6 => Style::new().fg(Color::Black).bg(ground),
            w if w >= 0.25 => Style::new().fg(ground).add_modifier(Modifier::BOLD),
            w if w > 0.0 => Style::new().fg(ground),
            _ => self.dim(),
        }
    }

    fn heat_of_many(&self, weight: f32, right: bool) -> Style {
        if weight <= 0.0 {
            return self.frame();
        }
        let (low, high) = match (self.light, right) {
            (false, true) => ((18, 34, 52), (64, 164, 226)),
            (false, false) => ((44, 32, 20), (240, 150, 30)),
            (true, true) => ((232, 242, 250), (20, 110, 180)),
            (true, false) => ((252, 244, 230), (220, 120, 10)),
        };
        let mix = |a: u8, b: u8| (f32::from(a) + (f32::from(b) - f32::from(a)) * weight).round() as u8;
        let (r, g, b) = (mix(low.0, high.0), mix(low.1, high.1), mix(low.2, high.2));
        let luminance = 0.299 * f32::from(r) + 0.587 * f32::from(g) + 0.114 * f32::from(b);
        let ink = if luminance > 110.0 { Hue(0, 0, 0, Color::Black) } else { Hue(235, 238, 244, Color::White) };
        Style::new().fg(self.color(ink)).bg(self.color(Hue(r, g, b, Color::Reset)))
    }

    fn pick(&self, dark: Hue, light: Hue) -> Hue {
        if self.light { light } else { dark }
    }

    fn fg(&self, hue: Hue) -> Style {
        match self.depth {
            ColourDepth::Mono => Style::new(),
            _ => Style::new().fg(self.color(hue)),
        }
    }

    fn color(&self, Hue(r, g, b, sixteen): Hue) -> Color {
        match self.depth {
            ColourDepth::Ansi16 => sixteen,
            depth => depth.nearest([r, g, b]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn theme(depth: ColourDepth) -> Theme {
        Theme { depth, ..Theme::DARK }
    }

    #[test]
    fn no_color_sends_no_colour() {
        let mono = theme(ColourDepth::Mono);
        let styles = [mono.text(), mono.dim(), mono.bad(), mono.series(3), mono.heat(0.9, false), mono.selected()];
        assert!(styles.iter().all(|s| matches!(s.fg, None | Some(Color::Reset)) && s.bg.is_none()));
    }

    #[test]
    fn sixteen_colours_stay_among_the_sixteen() {
        let few = theme(ColourDepth::Ansi16);
        let styles = (0..9).map(|i| few.series(i)).chain((0..10).map(|i| few.heat(i as f32 / 9.0, i % 2 == 0)));
        for style in styles {
            assert!(!matches!(style.fg, Some(Color::Rgb(..) | Color::Indexed(_))), "{style:?}");
        }
    }

    #[test]
    fn heat_of_nonsense_is_no_heat() {
        assert_eq!(Theme::DARK.heat(f32::NAN, true), Theme::DARK.heat(0.0, true));
    }
}

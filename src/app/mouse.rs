//! What the mouse does. The application knows no cells: whoever draws says where in the chart the mouse is.

use super::{App, Effect, Key, Tab};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mouse {
    /// The wheel, towards the user or away; `place` is a share of the chart's width, none beside the chart.
    Wheel { down: bool, place: Option<f64> },
    /// The wheel to the side.
    Sideways { right: bool, place: Option<f64> },
    /// The left button is down, or drags.
    Held { place: Option<f64> },
}

impl App {
    pub(super) fn hear_mouse(&mut self, mouse: Mouse) -> Vec<Effect> {
        if self.dialog.is_some() {
            return Vec::new();
        }
        let on_chart = self.tab == Tab::Loss;
        match mouse {
            Mouse::Wheel { down, place: Some(place) } if on_chart => self.wheel_on_plot(place, !down),
            Mouse::Sideways { right, place: Some(_) } if on_chart => self.pan_plot(right),
            Mouse::Held { place: Some(place) } if on_chart => self.read_at(place),
            // Elsewhere the wheel is what it is in a terminal that knows no mouse: the arrows.
            Mouse::Wheel { down, .. } => return self.press(if down { Key::Down } else { Key::Up }),
            Mouse::Sideways { .. } | Mouse::Held { .. } => {}
        }
        Vec::new()
    }
}

//! Small pieces that screens are made of. Each draws in any area, an empty one included.

mod bar;
mod canvas;
mod chart;
mod heatmap;
mod sparkline;
mod ticks;

pub use bar::Bar;
pub use chart::{Chart, Curve};
pub use heatmap::Heatmap;
pub use sparkline::Sparkline;

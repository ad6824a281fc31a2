//! Small pieces that screens are made of. Each draws in any area, an empty one included.

mod bar;
mod canvas;
mod chart;
mod frame;
mod heatmap;
mod sparkline;
mod ticks;
mod trace;

pub use bar::Bar;
pub use chart::Chart;
pub use heatmap::Heatmap;
pub use sparkline::Sparkline;
pub use ticks::{log_ticks, ticks};
pub use trace::Curve;

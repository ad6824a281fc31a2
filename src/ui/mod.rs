//! The screens: how the application's state looks. Drawing changes nothing but the buffer.

mod answers;
mod attention;
mod brush;
mod cards;
mod compare;
mod confusion;
mod curves;
mod dialogs;
mod differences;
#[cfg(test)]
mod fixture;
mod footer;
mod form;
pub mod format;
mod headline;
mod jobs;
mod legend;
mod logs;
mod loss;
mod matrix;
mod metrics;
mod nearest;
mod phase;
pub mod pictures;
mod play;
mod portrait;
mod preview;
mod run_table;
mod tabs;
#[cfg(test)]
mod tests;
pub mod theme;
mod told;
mod triple;
mod widgets;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::{App, Page, Tab};
use attention::Glow;
use brush::{Brush, below, row, top};
use pictures::{Picture, Pictures};
use theme::Theme;
use triple::Triple;
pub use widgets::{log_ticks, ticks};

/// All screens in one theme.
#[derive(Debug)]
pub struct Screens {
    theme: Theme,
    /// The picture of the user's file that is open, made once: it may be large.
    file: Option<(u64, Picture)>,
    /// The pictures of the view that shows one damaged and restored.
    triple: Option<Triple>,
    glow: Option<Glow>,
    /// The pictures of the view that shows one beside its nearest training images.
    nearest: Option<nearest::Row>,
    /// Where the curves of the last frame's large chart are, for the mouse.
    chart: Option<Rect>,
    page: Option<Page>,
}

impl Screens {
    pub fn new(theme: Theme) -> Screens {
        Screens { theme, file: None, triple: None, glow: None, nearest: None, chart: None, page: None }
    }

    /// How many pictures stand side by side in a terminal of this size, for the keys that move among them.
    pub fn pictures_a_row(width: u16, height: u16) -> u16 {
        // Without tabs, keys, headline and title.
        preview::pictures_a_row(width, height.saturating_sub(4))
    }

    /// Where a cell is in the large chart that was drawn last: a share of its width. None for cells beside it.
    pub fn place_in_chart(&self, column: u16, row: u16) -> Option<f64> {
        let chart = self.chart.filter(|chart| chart.contains((column, row).into()))?;
        Some(f64::from(column - chart.x) / f64::from(chart.width.saturating_sub(1).max(1)))
    }

    /// Which pictures of the list the last frame showed, for the keys that move by pages; none if it showed no list.
    pub fn page(&self) -> Option<Page> {
        self.page
    }

    /// Draws a whole frame.
    pub fn render(&mut self, app: &App, area: Rect, buf: &mut Buffer, pictures: &mut dyn Pictures) {
        self.keep_file(app);
        Triple::keep(&mut self.triple, app.preview.triple.as_ref());
        Glow::keep(&mut self.glow, app.preview.attention.as_ref());
        nearest::Row::keep(&mut self.nearest, app.preview.nearest.as_ref());
        let mut brush = Brush { theme: self.theme, buf, pictures, chart: None, page: None };
        tabs::render(app, top(area, 1), &mut brush);
        let body = Rect { height: area.height.saturating_sub(2), ..below(area, 1) };
        match app.tab {
            Tab::Jobs => jobs::render(app, body, &mut brush),
            Tab::Loss => loss::render(app, body, &mut brush),
            Tab::Confusion => confusion::render(app, body, &mut brush),
            Tab::Preview if let Some(view) = &app.preview.nearest => {
                nearest::render(view, self.nearest.as_ref(), body, &mut brush);
            }
            Tab::Preview if let Some(view) = &app.preview.attention => {
                attention::render(view, self.glow.as_ref(), body, &mut brush);
            }
            Tab::Preview if let Some(view) = &app.preview.triple => {
                triple::render(view, self.triple.as_ref(), body, &mut brush);
            }
            Tab::Preview => preview::render(app, self.file.as_ref().map(|(_, picture)| picture), body, &mut brush),
            Tab::Compare if let Some(view) = app.playing() => play::render(app, view, body, &mut brush),
            Tab::Compare => compare::render(app, body, &mut brush),
            Tab::Logs => logs::render(app, body, &mut brush),
        }
        if area.height > 1 {
            footer::render(app, row(area, area.height - 1), &mut brush);
        }
        dialogs::render(app, body, &mut brush);
        self.chart = brush.chart;
        self.page = brush.page;
    }

    fn keep_file(&mut self, app: &App) {
        let open = app.preview.file.as_ref();
        let id = open.map(|file| file.id);
        if id == self.file.as_ref().map(|(id, _)| *id) {
            return;
        }
        self.file = open.and_then(|file| {
            let answer = file.answer.as_ref()?.as_ref().ok()?;
            Some((file.id, Picture::new(answer.picture.as_ref().clone())?))
        });
    }
}

//! The game on the Compare screen: a picture, and the labels with their digits.

use ratatui::layout::Rect;

use super::brush::{Brush, after, below, row, span};
use super::portrait;
use crate::app::{App, PlayView};

/// Columns for digits and labels.
const LABELS: u16 = 24;

pub fn render(app: &App, view: &PlayView, area: Rect, brush: &mut Brush<'_>) {
    let theme = brush.theme;
    let gallery = app.gallery_of(&view.run);
    let (Some(game), Some(gallery)) = (&view.game, gallery) else {
        return brush.centred(row(area, area.height / 2), "Loading the pictures …", theme.dim());
    };
    let place = format!("picture {} of {}", game.named.len() + 1, game.pictures.len());
    let area = brush.titled(area, "what is this?", &place);
    let Some(index) = game.picture() else { return };
    let picture = Rect { width: area.width.saturating_sub(LABELS + 2).min(area.height * 2), ..area };
    portrait::picture(gallery, index, picture, brush);
    let side = after(area, picture.width + 2);
    for (line, label) in (0..).zip(&game.labels) {
        brush.line(row(side, line), &[span(line.to_string(), theme.key()), span(format!("  {label}"), theme.text())]);
    }
    let done = below(side, game.labels.len() as u16 + 1);
    if let Some(last) = game.named.last() {
        let words = format!("the last one: {}", game.labels[usize::from(*last)]);
        brush.text(row(done, 0), &words, theme.dim());
    }
}

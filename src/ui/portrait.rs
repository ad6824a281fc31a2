//! One test picture: the pixels, its true label, what the run named it, and how sure it was.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::brush::{Brush, after, below, row, span, top};
use super::pictures::Picture;
use super::told;
use crate::app::{App, Shown, Tab};
use crate::data::SIDE;
use crate::jobs::{Gallery, Subject};
use crate::run::Phase;

/// Cells that show 32x32 pixels pixel for pixel, two to a cell.
pub const FULL: (u16, u16) = (32, 16);
/// Rows that a caption has below its picture.
pub const CAPTION: u16 = 3;

/// The picture under the cursor with its labels and its caption below; words where there is none. Returns the area that is
/// left below.
pub fn current(app: &App, area: Rect, brush: &mut Brush<'_>) -> Rect {
    match (app.selected_gallery(), app.preview.picture()) {
        (Some(Ok(gallery)), Some(index)) => return one(app, gallery, index, area, brush),
        (Some(Ok(_)), None) => {
            let style = brush.theme.dim();
            brush.wrapped(below(area, area.height / 3), none_listed(app), style);
        }
        // A run that failed for want of its pictures says so itself, beside the curves.
        (Some(Err(_)), _)
            if app.tab == Tab::Jobs && app.runs.selected().is_some_and(|run| run.phase == Phase::Failed) => {}
        (Some(Err(why)), _) => {
            let style = brush.theme.warn();
            brush.wrapped(below(area, area.height / 3), why.as_str(), style);
        }
        (None, _) if app.runs.selected().is_some() => {
            brush.centred(row(area, area.height / 2), "Loading the pictures …", brush.theme.dim());
        }
        (None, _) => {}
    }
    below(area, area.height)
}

/// A picture with its labels and its caption below; returns the area that is left.
pub fn one(app: &App, gallery: &Gallery, index: u32, area: Rect, brush: &mut Brush<'_>) -> Rect {
    // In a low terminal the caption has the place of the bar.
    let has_bar = !app.has_captions() || area.height >= FULL.1 + 4;
    let left = labelled(app, gallery, index, area, has_bar, brush);
    let Some(told) = app.caption(index) else { return left };
    below(left, told::caption(told, top(left, CAPTION), brush))
}

/// A picture with its labels below, with a bar of how sure or without; returns the area that is left.
pub fn labelled(app: &App, gallery: &Gallery, index: u32, area: Rect, has_bar: bool, brush: &mut Brush<'_>) -> Rect {
    let pixels = FULL.1.min(area.height.saturating_sub(1));
    picture(gallery, index, top(area, pixels), brush);
    let left = below(area, pixels);
    let of_labels = if has_bar { 2 } else { 1 };
    if let Some(shown) = Shown::new(gallery, predictions(app), index) {
        labels(app, gallery, &shown, top(left, of_labels), brush);
    }
    below(left, of_labels)
}

/// Rows that captions have below pictures.
pub fn for_caption(app: &App) -> u16 {
    if app.has_captions() { CAPTION } else { 0 }
}

/// The selected run's predictions at the epoch shown.
pub fn predictions(app: &App) -> Option<&crate::jobs::Predictions> {
    if app.shows_strip() {
        return None;
    }
    app.shown_predictions().and_then(|loaded| loaded.as_deref().ok())
}

/// Why the list of pictures is empty.
pub fn none_listed(app: &App) -> &'static str {
    if app.preview.needs_predictions() && matches!(app.shown_predictions(), Some(Err(_))) {
        "What was named at this epoch cannot be read: 0 shows all pictures."
    } else if app.preview.needs_predictions() && app.subject() == Subject::Training {
        "Pictures that a run learns from are not named: 0 shows all of them."
    } else if app.preview.needs_predictions() && is_never_named(app) {
        "The run named none of these pictures: 0 shows all of them."
    } else if app.preview.needs_predictions() && predictions(app).is_none() {
        "Nothing named yet: the first epoch is under way."
    } else if let Some(why) = app.nobody_differs() {
        why
    } else if app.preview.is_filtered() {
        "No picture is like that at this epoch: 0 shows all of them again."
    } else if app.folder().is_some() {
        "Looking at the pictures …"
    } else {
        "There are no pictures."
    }
}

pub fn picture(gallery: &Gallery, index: u32, area: Rect, brush: &mut Brush<'_>) {
    let pixels = gallery.pixels(index);
    if let Some(picture) = pixels.and_then(|pixels| Picture::from_rgb(SIDE as u32, SIDE as u32, pixels)) {
        brush.picture(area, &picture);
    }
}

/// True and named label in the first row; in the second, if there is one, how sure.
pub fn labels(app: &App, gallery: &Gallery, shown: &Shown, area: Rect, brush: &mut Brush<'_>) {
    let theme = brush.theme;
    let truth = shown.truth.map_or("", |truth| gallery.label(truth));
    let Some((named, sure)) = shown.named else {
        let (why, style) = unnamed(app, gallery, brush);
        brush.line(row(area, 0), &[span(truth, theme.title()), span("  ", theme.text()), span(why, style)]);
        return;
    };
    let (mark, style) = match shown.is_right() {
        Some(is_right) => verdict(is_right, brush),
        None => ("", theme.accent()),
    };
    let percent = format!("{:>3.0} %", sure * 100.0);
    let named = gallery.label(named);
    let spans = match shown.is_right() {
        None => vec![span(named, theme.title())],
        Some(true) => vec![span(mark, style), span(" ", theme.text()), span(named, style)],
        Some(false) => vec![
            span(mark, style),
            span(" ", theme.text()),
            span(named, style),
            span(format!(", {} {truth}", gallery.truth_word()), theme.dim()),
        ],
    };
    let first = row(area, 0);
    brush.line(Rect { width: first.width.saturating_sub(6), ..first }, &spans);
    brush.right(first, &percent, theme.text());
    brush.bar(row(area, 1), f64::from(sure), style);
}

/// Why a picture has no named label.
fn unnamed(app: &App, gallery: &Gallery, brush: &Brush<'_>) -> (&'static str, Style) {
    match app.shown_predictions() {
        Some(Err(_)) => ("cannot be read", brush.theme.bad()),
        _ if gallery.is_made() => ("no judge has looked", brush.theme.dim()),
        _ if app.subject() == Subject::Training => ("not named: learned", brush.theme.dim()),
        Some(Ok(_)) if app.folder().is_none() => ("not among the named", brush.theme.dim()),
        _ if is_never_named(app) => ("never named", brush.theme.dim()),
        _ => ("not named yet", brush.theme.dim()),
    }
}

/// Nothing was named, and nothing will be: no worker has the run.
fn is_never_named(app: &App) -> bool {
    let history = app.selected_history().filter(|_| app.folder().is_none());
    history.is_some_and(|history| history.epochs(app.subject()).is_empty())
        && app.runs.selected().is_some_and(|run| !run.phase.is_live())
}

/// Right and wrong differ in glyph and colour.
pub fn verdict(is_right: bool, brush: &Brush<'_>) -> (&'static str, Style) {
    let theme = brush.theme;
    if is_right { (brush.glyph("✓", "+"), theme.good()) } else { (brush.glyph("✗", "x"), theme.bad()) }
}

/// What the run named the picture at each epoch it has, the newest that fit: the picture's own history.
pub fn over_epochs(app: &App, gallery: &Gallery, index: u32, area: Rect, brush: &mut Brush<'_>) {
    let Some(history) = app.selected_history() else { return };
    if app.shows_strip() {
        return;
    }
    let theme = brush.theme;
    let epochs = history.epochs(app.subject());
    let shown_epoch = app.shown_epoch();
    let at = epochs.iter().position(|epoch| Some(*epoch) == shown_epoch).unwrap_or(0);
    let fits = usize::from(area.height);
    let first = (at + 1).saturating_sub(fits).min(epochs.len().saturating_sub(fits));
    for (line, epoch) in (0..area.height).zip(&epochs[first..]) {
        let area = row(area, line);
        if Some(*epoch) == shown_epoch {
            brush.buf.set_style(area.intersection(brush.buf.area), theme.selected());
        }
        brush.text(area, &format!("epoch {epoch:>3}"), theme.dim());
        let known = match app.predictions_of(*epoch) {
            Some(Err(_)) => {
                brush.text(after(area, 11), "cannot be read", theme.bad());
                continue;
            }
            Some(Ok(known)) => Some(known.as_ref()),
            None => None,
        };
        let Some(shown) = Shown::new(gallery, known, index) else { continue };
        let Some((named, sure)) = shown.named else { continue };
        let (mark, style) = verdict(shown.is_right() == Some(true), brush);
        let name = Rect { width: 13.min(area.width.saturating_sub(11)), ..after(area, 11) };
        brush.line(name, &[span(mark, style), span(" ", theme.text()), span(gallery.label(named), style)]);
        brush.right(area, &format!("{:>3.0} %", sure * 100.0), theme.text());
        let bar = Rect { width: area.width.saturating_sub(11 + 14 + 6), ..after(area, 11 + 14) };
        brush.bar(bar, f64::from(sure), style);
    }
}

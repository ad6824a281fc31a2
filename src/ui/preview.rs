//! The Preview screen: pictures with what the run named them, or a file of the user's.

use ratatui::layout::Rect;

use super::brush::{Brush, after, below, row, span, top};
use super::pictures::Picture;
use super::{answers, headline, matrix, portrait, told};
use crate::app::{App, FileView, FolderView, Page, Shown};
use crate::jobs::{FileAnswer, Folder, Gallery, Subject};

/// From here on pictures stand in a grid; below, they are a list beside one picture.
const GRID: (u16, u16) = (2 * portrait::FULL.0 + 46, portrait::FULL.1 + 6);
/// Columns for what is known of the picture under the cursor.
const SIDE: u16 = 44;
/// Answers of marked runs below a picture of the grid; beside the grid there are all of them.
const MAX_ANSWERS: u16 = 3;

/// Pictures side by side in an area of this size; 1 where they are a list.
pub fn pictures_a_row(width: u16, height: u16) -> u16 {
    if width >= GRID.0 && height >= GRID.1 { ((width - SIDE) / (portrait::FULL.0 + 1)).max(1) } else { 1 }
}

pub fn render(app: &App, file: Option<&Picture>, area: Rect, brush: &mut Brush<'_>) {
    if let Some(view) = &app.preview.file {
        return file_of_users(view, file, area, brush);
    }
    let area = match app.folder() {
        Some(view) => folder_of_users(view, area, brush),
        None if app.runs.selected().is_none() => {
            let text = "No run is selected. Press n to start one, or o to name pictures of yours.";
            return brush.centred(row(area, area.height / 2), text, brush.theme.dim());
        }
        None => trouble(app, headline::render(app, area, brush), brush),
    };
    let area = brush.titled(area, &app.filter_words(), &position_words(app));
    match app.selected_gallery() {
        Some(Ok(gallery)) if app.preview.picture().is_some() => {
            if pictures_a_row(area.width, area.height) > 1 {
                grid(app, gallery, area, brush);
            } else {
                list(app, gallery, area, brush);
            }
        }
        _ => {
            portrait::current(app, area, brush);
        }
    }
}

/// Why nothing can be said of the pictures at this epoch, where that is so; returns the area below.
fn trouble(app: &App, area: Rect, brush: &mut Brush<'_>) -> Rect {
    let Some(why) = app.unreadable() else { return area };
    let style = brush.theme.bad();
    below(area, brush.wrapped(after(top(area, 2), 1), why.as_str(), style))
}

/// Whose pictures these are and how far they are named, in the first row; returns the area below.
fn folder_of_users(view: &FolderView, area: Rect, brush: &mut Brush<'_>) -> Rect {
    let theme = brush.theme;
    let who = view.model.as_ref().map_or("the CNN that comes with pixscribe".to_owned(), ToString::to_string);
    let far = view.folder.as_ref().map(|folder| far_words(folder, &who)).unwrap_or_default();
    let spans = [span(format!(" {}", view.path), theme.title()), span(format!("  {far}"), theme.dim())];
    let line = row(area, 0);
    let used = brush.line(line, &spans);
    let rest = after(line, used + 2);
    let leave = "Esc leaves ";
    if usize::from(rest.width) > leave.len() {
        brush.right(rest, leave, theme.frame());
    }
    below(area, 1)
}

fn far_words(folder: &Folder, who: &str) -> String {
    let done = u64::from(folder.gallery.len()) + folder.unread as u64;
    let mut words = match folder.is_done {
        false => format!("{who} has named {done} of {}", folder.asked),
        true => format!("named by {who}"),
    };
    if folder.found > folder.asked {
        words += &format!(", the first {} of {} pictures", folder.asked, folder.found);
    }
    match (&folder.trouble, folder.unread) {
        (Some(why), 0) => words += &format!("; then {}", why.as_str()),
        (Some(why), n) => words += &format!("; {n} could not be read: {}", why.as_str()),
        (None, _) => {}
    }
    words
}

fn position_words(app: &App) -> String {
    let epoch = if app.folder().is_some() { String::new() } else { matrix::epoch_note(app) };
    let place = app.preview.position().map(|at| format!("{} of {}", at + 1, app.preview.list().len()));
    match (place, epoch.is_empty()) {
        (Some(place), false) => format!("{place}, {epoch}"),
        (Some(place), true) => place,
        (None, _) => epoch,
    }
}

/// Rows of text left, the picture under the cursor right.
fn list(app: &App, gallery: &Gallery, area: Rect, brush: &mut Brush<'_>) {
    let picture_width = portrait::FULL.0.min(area.width / 2);
    let right = after(area, area.width - picture_width);
    let rest = under_picture(app, gallery, right, brush);
    let left = Rect { width: (area.width - picture_width).saturating_sub(1), ..area };
    let (Some(at), Some(index)) = (app.preview.position(), app.preview.picture()) else { return };
    // What it was named at each epoch stands below the picture or, in a low terminal, below the list.
    let history = below(rest, 1);
    if history.height >= 3 && gallery.has_truths() {
        portrait::over_epochs(app, gallery, index, history, brush);
    }
    let first = at.saturating_sub(usize::from(left.height / 2));
    let first = first.min(app.preview.list().len().saturating_sub(usize::from(left.height)));
    brush.page = Some(Page { first, room: usize::from(left.height) });
    for (line, index) in (0..left.height).zip(&app.preview.list()[first..]) {
        list_row(app, gallery, *index, first + usize::from(line) == at, row(left, line), brush);
    }
}

/// The picture under the cursor and what all runs in focus say of it; returns the area that is left below.
fn under_picture(app: &App, gallery: &Gallery, area: Rect, brush: &mut Brush<'_>) -> Rect {
    let Some(index) = app.preview.picture().filter(|_| answers::rows(app) > 0) else {
        return portrait::current(app, area, brush);
    };
    let mut rest = portrait::labelled(app, gallery, index, area, false, brush);
    if let Some(told) = app.caption(index) {
        // In a low terminal the caption is cut: what the others say fits too.
        let rows = portrait::CAPTION.min(rest.height.saturating_sub(answers::rows(app)).max(1));
        rest = below(rest, told::caption(told, top(rest, rows), brush));
    }
    answers::in_full(app, gallery, index, rest, brush)
}

fn list_row(app: &App, gallery: &Gallery, index: u32, is_current: bool, area: Rect, brush: &mut Brush<'_>) {
    let theme = brush.theme;
    if is_current {
        brush.buf.set_style(area.intersection(brush.buf.area), theme.selected());
        let bar = brush.glyph("▌", ">");
        brush.text(area, bar, theme.accent());
    }
    let Some(shown) = Shown::new(gallery, portrait::predictions(app), index) else { return };
    brush.text(after(area, 1), &format!("{:>5}", gallery.number(index)), theme.dim());
    let text = after(area, 8);
    let is = Rect { width: 13.min(text.width.saturating_sub(14)), ..after(text, 14) };
    let Some((named, sure)) = shown.named else {
        brush.text(text, shown.truth.map_or("", |truth| gallery.label(truth)), theme.text());
        return;
    };
    match shown.truth {
        Some(truth) => {
            let (mark, style) = portrait::verdict(named == truth, brush);
            brush.line(text, &[span(mark, style), span(" ", theme.text()), span(gallery.label(named), style)]);
            if named != truth {
                brush.text(is, &format!("{} {}", gallery.truth_word(), gallery.label(truth)), theme.dim());
            }
        }
        None => {
            brush.text(after(text, 2), gallery.label(named), theme.text());
            brush.text(Rect { width: text.width.saturating_sub(20), ..is }, &gallery.name(index), theme.dim());
        }
    }
    brush.right(area, &format!("{:>3.0} % ", sure * 100.0), theme.text());
}

/// Pictures side by side, and beside them what is known of the one under the cursor.
fn grid(app: &App, gallery: &Gallery, area: Rect, brush: &mut Brush<'_>) {
    let columns = pictures_a_row(area.width, area.height);
    let height = portrait::FULL.1 + 2 + for_answers(app) + portrait::for_caption(app);
    let rows = (area.height / height).max(1);
    let (Some(at), Some(index)) = (app.preview.position(), app.preview.picture()) else { return };
    let a_page = usize::from(columns * rows);
    let first = at / a_page * a_page;
    brush.page = Some(Page { first, room: a_page });
    for (place, index) in app.preview.list().iter().skip(first).take(a_page).enumerate() {
        let (column, line) = (place as u16 % columns, place as u16 / columns);
        let cell = top(below(after(area, column * (portrait::FULL.0 + 1)), line * height), height);
        let cell = Rect { width: portrait::FULL.0, ..cell };
        grid_cell(app, gallery, *index, first + place == at, cell, brush);
    }
    let side = after(area, columns * (portrait::FULL.0 + 1) + 1);
    about(app, gallery, index, side, brush);
}

fn grid_cell(app: &App, gallery: &Gallery, index: u32, is_current: bool, area: Rect, brush: &mut Brush<'_>) {
    portrait::picture(gallery, index, top(area, portrait::FULL.1), brush);
    let labels = row(area, portrait::FULL.1);
    if is_current {
        brush.buf.set_style(labels.intersection(brush.buf.area), brush.theme.selected());
        let bar = brush.glyph("▌", ">");
        brush.text(labels, bar, brush.theme.accent());
    }
    if let Some(shown) = Shown::new(gallery, portrait::predictions(app), index) {
        portrait::labels(app, gallery, &shown, after(labels, 1), brush);
    }
    let rest = below(area, portrait::FULL.1 + 1);
    if let Some(told) = app.caption(index) {
        told::caption(told, top(rest, portrait::CAPTION), brush);
    }
    answers::beside(app, gallery, index, top(below(rest, portrait::for_caption(app)), for_answers(app)), brush);
}

/// Rows that the marked runs' answers have below each picture of the grid.
fn for_answers(app: &App) -> u16 {
    answers::rows(app).min(MAX_ANSWERS)
}

fn about(app: &App, gallery: &Gallery, index: u32, area: Rect, brush: &mut Brush<'_>) {
    let inside = brush.titled(area, &gallery.title(index), "");
    let theme = brush.theme;
    if let Some(shown) = Shown::new(gallery, portrait::predictions(app), index) {
        portrait::labels(app, gallery, &shown, top(inside, 2), brush);
    }
    let mut rest = below(inside, 3);
    if let Some(told) = app.caption(index) {
        let rows = told::caption(told, top(rest, portrait::CAPTION), brush);
        told::missed(told, below(rest, rows), brush);
        rest = below(rest, rows + 2);
    }
    if answers::rows(app) > 0 {
        let room = rest.height / 2;
        let left = answers::in_full(app, gallery, index, top(rest, room), brush);
        rest = below(rest, room - left.height + 1);
    }
    if !gallery.has_truths() {
        brush.text(row(rest, 0), "Enter enlarges it", theme.dim());
        return;
    }
    if app.subject() == Subject::Training {
        let words = "It learns from these pictures, so that none of them is named.";
        brush.wrapped(rest, words, theme.dim());
        return;
    }
    brush.text(row(rest, 0), "named at each epoch", theme.dim());
    portrait::over_epochs(app, gallery, index, below(rest, 1), brush);
}

/// A file of the user's: the picture, and every label's bar.
fn file_of_users(view: &FileView, picture: Option<&Picture>, area: Rect, brush: &mut Brush<'_>) {
    let theme = brush.theme;
    let area = brush.titled(area, &view.path, "Esc goes back");
    match &view.answer {
        None => brush.centred(row(area, area.height / 2), "Looking at it …", theme.dim()),
        Some(Err(why)) => {
            let style = theme.bad();
            brush.wrapped(after(below(area, area.height / 3), 2), why.as_str(), style);
        }
        Some(Ok(answer)) => {
            let width = (area.width * 3 / 5).min(area.height * 2);
            if let Some(picture) = picture {
                brush.picture(Rect { width, ..area }, picture);
            }
            answer_words(answer, after(area, width + 2), brush);
        }
    }
}

fn answer_words(answer: &FileAnswer, area: Rect, brush: &mut Brush<'_>) {
    let theme = brush.theme;
    brush.line(
        row(area, 0),
        &[
            span(answer.label.as_str(), theme.title()),
            span(format!("  {:.0} %", answer.confidence * 100.0), theme.text()),
        ],
    );
    let mut rest = below(area, 2);
    if let Some(caption) = &answer.caption {
        let style = theme.text();
        let rows = brush.wrapped(top(rest, 4), caption, style);
        rest = below(rest, rows + 1);
    }
    for (line, (label, share)) in (0..rest.height).zip(&answer.probabilities) {
        let area = row(rest, line);
        let name_width = 12.min(area.width / 2);
        brush.text(Rect { width: name_width.saturating_sub(1), ..area }, label, theme.text());
        brush.right(area, &format!("{:>5.1} % ", share * 100.0), theme.text());
        let bar = Rect { width: area.width.saturating_sub(name_width + 9).min(40), ..after(area, name_width) };
        brush.bar(bar, *share, theme.accent());
    }
}

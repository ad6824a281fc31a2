//! A picture, and beside it the training images that are most like it.

use ratatui::layout::Rect;

use super::brush::{Brush, after, below, row, top};
use super::pictures::Picture;
use crate::app::NearestView;

/// Columns that a picture has at least; those that there is no room for are left out, the farthest first.
const MIN_WIDTH: u16 = 24;
/// Rows of words below each.
const WORDS: u16 = 3;

/// The pictures of a view, made once: a file of the user's may be large.
#[derive(Debug)]
pub struct Row {
    id: u64,
    own: Option<Picture>,
    found: Vec<Option<Picture>>,
}

impl Row {
    /// Keeps the pictures of the view that is open, and no others.
    pub fn keep(kept: &mut Option<Row>, view: Option<&NearestView>) {
        let Some(view) = view else { return *kept = None };
        let picture = |pixels: &image::RgbImage| Picture::new(pixels.clone());
        if kept.as_ref().is_none_or(|row| row.id != view.id) {
            *kept = Some(Row { id: view.id, own: picture(&view.picture), found: Vec::new() });
        }
        if let (Some(row), Some(Ok(found))) = (kept.as_mut().filter(|row| row.found.is_empty()), &view.answer) {
            row.found = found.iter().map(|near| picture(&near.picture)).collect();
        }
    }
}

pub fn render(view: &NearestView, pictures: Option<&Row>, area: Rect, brush: &mut Brush<'_>) {
    let theme = brush.theme;
    let title = format!("{}: nearest training images, by their pixels", view.of);
    let area = brush.titled(area, &title, "Esc back");
    let found = match &view.answer {
        Some(Err(why)) => {
            brush.wrapped(after(below(area, area.height / 3), 2), why.as_str(), theme.bad());
            return;
        }
        Some(Ok(found)) => found.as_slice(),
        None => &[],
    };
    let fits = ((area.width + 1) / (MIN_WIDTH + 1)).max(2);
    let columns = fits.min(1 + found.len().max(1) as u16);
    let width = ((area.width + 1) / columns).saturating_sub(1).min(area.width);
    let height = (width / 2).min(area.height.saturating_sub(WORDS));
    let column = |at: u16| Rect { width, ..after(area, at * (width + 1)) };
    let say = |at: u16, line: u16, words: &str, brush: &mut Brush<'_>| {
        let style = if line == 0 { theme.title() } else { theme.text() };
        brush.centred(row(below(column(at), height), line), words, style);
    };
    if let Some(own) = pictures.and_then(|row| row.own.as_ref()) {
        brush.picture(top(column(0), height), own);
    }
    say(0, 0, &view.of, brush);
    if view.answer.is_none() {
        brush.centred(row(column(1), height / 2), "looking for them …", theme.dim());
    }
    for (at, near) in (1..columns).zip(found) {
        let picture = pictures.and_then(|row| row.found.get(usize::from(at) - 1)?.as_ref());
        if let Some(picture) = picture {
            brush.picture(top(column(at), height), picture);
        }
        let words = [near.label.clone(), near.distance_words(), format!("training image {}", near.number)];
        (0..).zip(&words).for_each(|(line, words)| say(at, line, words, brush));
    }
    let rest = below(area, height + WORDS + 1);
    let words =
        "Apart: the root of the mean squared difference of pixel values, as a share of the range from black to white.";
    brush.wrapped(after(rest, 1), words, theme.dim());
}

//! What a model wrote about a picture, with what is false in it marked.

use ratatui::layout::Rect;
use ratatui::style::Modifier;

use super::brush::{Brush, Span, row, span, wrap_places};
use crate::run::captions::Told;

/// Draws a caption into as many rows as it needs and the area has; returns how many that were. What is false is underlined
/// in the colour of mistakes.
pub fn caption(told: &Told, area: Rect, brush: &mut Brush<'_>) -> u16 {
    let places = wrap_places(&told.text, usize::from(area.width));
    let rows = (places.len() as u16).min(area.height);
    for (line, place) in (0..rows).zip(places) {
        let spans = spans(told, place.start, place.end, brush);
        brush.line(row(area, line), &spans);
    }
    rows
}

/// What the caption leaves out, in one row.
pub fn missed(told: &Told, area: Rect, brush: &mut Brush<'_>) {
    if !told.missed.is_empty() {
        let style = brush.theme.dim();
        brush.text(row(area, 0), &format!("not said: {}", told.missed.join(", ")), style);
    }
}

/// A part of the text, cut where false parts begin and end.
fn spans<'a>(told: &'a Told, from: usize, to: usize, brush: &Brush<'_>) -> Vec<Span<'a>> {
    let (right, wrong) = (brush.theme.text(), brush.theme.bad().add_modifier(Modifier::UNDERLINED));
    let mut cuts: Vec<usize> = told.wrong.iter().flatten().copied().filter(|&cut| from < cut && cut < to).collect();
    cuts.extend([from, to]);
    cuts.sort_unstable();
    cuts.dedup();
    let is_wrong = |at: usize| told.wrong.iter().any(|&[begin, end]| (begin..end).contains(&at));
    let parts = cuts.windows(2).filter_map(|cut| Some((cut[0], told.text.get(cut[0]..cut[1])?)));
    parts.map(|(at, part)| span(part, if is_wrong(at) { wrong } else { right })).collect()
}

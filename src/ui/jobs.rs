//! The Jobs screen: the runs, and beside them the selected one's curves, confusion and a picture, all live.

use ratatui::layout::Rect;

use super::brush::{Brush, after, below, row, span, top};
use super::{cards, curves, matrix, metrics, portrait, run_table};
use crate::app::App;

/// From here on there is room for everything at once.
const WIDE: (u16, u16) = (150, 36);
/// Fewer rows than this hold no picture beside the chart.
const MIN_PICTURE: (u16, u16) = (70, 16);
/// Runs shown at most above the chart, and at least.
const MAX_ROWS: u16 = 5;
const MIN_ROWS: u16 = 2;

pub fn render(app: &App, area: Rect, brush: &mut Brush<'_>) {
    if let Some(trouble) = &app.runs.trouble {
        let style = brush.theme.bad();
        brush.wrapped(after(below(area, area.height / 3), 2), trouble, style);
    } else if app.runs.is_empty() {
        empty(app, area, brush);
    } else if area.width >= WIDE.0 && area.height >= WIDE.1 {
        wide(app, area, brush);
    } else {
        compact(app, area, brush);
    }
}

/// Nothing there yet: what to press, and what will happen.
fn empty(app: &App, area: Rect, brush: &mut Brush<'_>) {
    let theme = brush.theme;
    if !app.runs.scanned {
        return brush.centred(row(area, area.height / 2), "Reading the runs …", theme.dim());
    }
    let middle = below(area, (area.height / 2).saturating_sub(4));
    let data = match &app.data {
        Ok(data) => format!("It trains on {data}, in the background: closing this window does not stop it."),
        Err(why) => why.as_str().to_owned(),
    };
    brush.centred(row(middle, 0), "No runs yet", theme.title());
    let width = 44.min(area.width);
    let press = after(row(middle, 2), (area.width - width) / 2);
    let spans = [
        span("Press ", theme.text()),
        span("Enter", theme.key()),
        span(": a CNN learns to name pictures.", theme.text()),
    ];
    brush.line(press, &spans);
    let style = if app.data.is_ok() { theme.dim() } else { theme.bad() };
    let wide = (area.width.saturating_sub(4)).min(76);
    let below_it = after(below(middle, 4), (area.width - wide) / 2);
    brush.wrapped(Rect { width: wide, height: below_it.height.min(3), ..below_it }, &data, style);
    brush.centred(row(middle, 7), "n chooses the preset, the epochs and the name", theme.dim());
}

/// Runs above; below them the chart at the left and one picture at the right.
fn compact(app: &App, area: Rect, brush: &mut Brush<'_>) {
    let runs = u16::try_from(app.runs.shown().len()).unwrap_or(u16::MAX);
    let for_picture = portrait::FULL.1 + 1;
    let free = area.height.saturating_sub(1 + for_picture);
    let most = if area.height < 8 { area.height } else { free.clamp(MIN_ROWS, MAX_ROWS.max(area.height / 4)) };
    let rows = runs.clamp(1, most.max(1));
    run_table::render(app, top(area, rows + 1), brush);
    let body = below(area, rows + 1);
    if body.width >= MIN_PICTURE.0 && body.height >= MIN_PICTURE.1 {
        let right = after(body, body.width - portrait::FULL.0);
        // The picture stands on the last rows, so that its labels are next to the keys.
        let spare = right.height.saturating_sub(for_picture + 1 + portrait::for_caption(app));
        portrait::current(app, below(right, spare), brush);
        curves::chart(app, Rect { width: body.width - portrait::FULL.0 - 1, ..body }, brush);
    } else {
        curves::chart(app, body, brush);
    }
}

/// Runs and queue left, chart over sparklines in the middle, confusion over two pictures right.
fn wide(app: &App, area: Rect, brush: &mut Brush<'_>) {
    let right_width = 2 * portrait::FULL.0 + 1;
    let left_width = (area.width / 4).clamp(44, 60);
    let left = Rect { width: left_width, ..area };
    let right = after(area, area.width - right_width);
    let middle = Rect { width: area.width - left_width - right_width - 4, ..after(area, left_width + 2) };
    cards::render(app, left, brush);
    let chart_rows = area.height * 11 / 20;
    curves::chart(app, top(middle, chart_rows), brush);
    metrics::render(app, below(middle, chart_rows), brush);
    let rest = confusion_part(app, right, brush);
    two_pictures(app, rest, brush);
}

fn confusion_part(app: &App, area: Rect, brush: &mut Brush<'_>) -> Rect {
    let rows = matrix::rows_for(app.shown_confusion()) + 1;
    matrix::map(app, false, top(area, rows), brush);
    let rest = below(area, rows);
    let for_pictures = portrait::FULL.1 + 3 + portrait::for_caption(app);
    let room = rest.height.saturating_sub(for_pictures);
    match app.shown_confusion().filter(|_| room >= rows) {
        Some(confusion) => {
            matrix::label_bars(&app.matrix, confusion, top(rest, rows), brush);
            if room >= rows + 3 {
                matrix::worst(confusion, below(top(rest, room), rows), brush);
            }
            below(rest, room)
        }
        None => below(rest, room),
    }
}

/// The picture under the cursor and the one behind it.
fn two_pictures(app: &App, area: Rect, brush: &mut Brush<'_>) {
    let at = app.preview.position().map_or(0, |at| at + 1);
    let note = format!("{at} of {}", app.preview.list().len());
    let area = brush.titled(area, "pictures", if at > 0 { &note } else { "" });
    let left = Rect { width: portrait::FULL.0.min(area.width), ..area };
    portrait::current(app, left, brush);
    let next = app.preview.position().and_then(|at| app.preview.list().get(at + 1));
    let Some((Some(Ok(gallery)), index)) = next.map(|index| (app.selected_gallery(), *index)) else { return };
    portrait::one(app, gallery, index, after(area, portrait::FULL.0 + 1), brush);
}

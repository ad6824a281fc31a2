//! The confusion of the selected run at the epoch shown: the map, the bars of the labels, the worst mix-ups.

use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use super::brush::{Brush, after, below, row, span, top};
use super::format;
use super::widgets::Heatmap;
use crate::app::{App, CellText, LabelScore, MatrixView};
use crate::jobs::{Confusion, Subject};

/// `epoch 3 of 10`, with what the time machine does.
pub fn epoch_note(app: &App) -> String {
    let Some(shown) = app.shown_epoch() else { return String::new() };
    let all = app.runs.selected().and_then(|run| run.state.as_deref()).map_or(0, |state| state.epochs);
    let of = if all > 0 { format!(" of {all}") } else { String::new() };
    let newest = if app.follows_newest_epoch() { "" } else { ", ] newer" };
    format!("epoch {shown}{of}{newest}")
}

/// The map with its title; `cursor` where its cells can be walked.
pub fn map(app: &App, with_cursor: bool, area: Rect, brush: &mut Brush<'_>) {
    let Some(confusion) = app.shown_confusion() else {
        let inside = brush.titled(area, "confusion", "");
        return not_yet(app, inside, brush);
    };
    let (title, verb) = match app.subject() {
        Subject::Test | Subject::HeldOut | Subject::Training => ("confusion".to_owned(), "right"),
        Subject::Generated => (format!("asked for, and seen by {}", app.judge().unwrap_or("the judge")), "agree"),
    };
    let title = match app.matrix.cells {
        CellText::OfNamed => "% of the named".to_owned(),
        CellText::OfTruth | CellText::Counts => title,
    };
    let accuracy = format!("{} {verb}, {}", format::share(confusion.accuracy()), epoch_note(app));
    let inside = brush.titled(area, &title, &accuracy);
    let theme = brush.theme;
    let order = app.matrix.order(confusion);
    let place = |label: usize| order.iter().position(|&other| other == label).unwrap_or(0);
    let (truth, named) = app.matrix.cell(confusion);
    let cursor = with_cursor.then(|| (place(truth), place(named)));
    // A copy of a thousand labels is too much for every frame.
    let ordered = app.matrix.worst_first.then(|| confusion.in_order(&order));
    let confusion = ordered.as_ref().unwrap_or(confusion);
    let map = Heatmap { confusion, cells: app.matrix.cells, cursor, theme: &theme };
    (&map).render(inside, brush.buf);
}

/// Why there is no matrix.
pub fn not_yet(app: &App, area: Rect, brush: &mut Brush<'_>) {
    let text = match (app.runs.selected(), app.selected_history()) {
        (None, _) => "Start a run first: press n.",
        (_, None) => "Reading the log …",
        (Some(run), _) if run.phase.is_live() => "It comes when the first epoch is done.",
        _ => "This run finished no epoch.",
    };
    brush.centred(row(area, area.height / 2), text, brush.theme.dim());
}

/// What the cell under the cursor says, in words.
pub fn sentence(app: &App, confusion: &Confusion, area: Rect, brush: &mut Brush<'_>) {
    let (truth, named) = app.matrix.cell(confusion);
    let (count, of) = (confusion.count(truth, named), confusion.of_truth(truth));
    let share = format::share(confusion.share(truth, named));
    let (truth_name, named_name) = (&confusion.labels[truth], &confusion.labels[named]);
    let theme = brush.theme;
    let words = match (app.subject(), truth == named) {
        (Subject::Generated, _) => format!(" asked for, {named_name} seen: {count} of {of}, {share}"),
        (_, true) => format!(": {count} of {of} named right, {share}"),
        (_, false) => format!(" named {named_name}: {count} of {of}, {share}"),
    };
    let spans = [span(" ", theme.text()), span(truth_name.as_str(), theme.title()), span(words, theme.text())];
    let used = brush.line(area, &spans);
    let rest = after(area, used + 2);
    if count > 0 && rest.width > 20 {
        brush.text(rest, "Enter shows them", theme.dim());
    }
}

/// A bar for each label, in the map's order: the share of its pictures that were named right, or another score.
pub fn label_bars(view: &MatrixView, confusion: &Confusion, area: Rect, brush: &mut Brush<'_>) {
    let theme = brush.theme;
    let title = match view.score {
        LabelScore::Recall => "by label",
        LabelScore::Precision => "precision",
        LabelScore::F1 => "F1",
    };
    let inside = brush.titled(area, title, "");
    let score = |label: usize| view.score.of(confusion, label);
    let worst = (0..confusion.len()).min_by(|a, b| score(*a).total_cmp(&score(*b)));
    for (line, label) in (0..inside.height).zip(view.order(confusion)) {
        let area = row(inside, line);
        let name_width = 11.min(area.width / 2);
        let style = if Some(label) == worst { theme.warn() } else { theme.text() };
        brush.text(Rect { width: name_width.saturating_sub(1), ..area }, &confusion.labels[label], style);
        let share = score(label);
        brush.right(area, &format!("{:>3.0} %", share * 100.0), style);
        let bar = Rect { width: area.width.saturating_sub(name_width + 6), ..after(area, name_width) };
        brush.bar(bar, share, if Some(label) == worst { theme.warn() } else { theme.accent() });
    }
}

/// The mix-ups that happen most.
pub fn worst(confusion: &Confusion, area: Rect, brush: &mut Brush<'_>) {
    let theme = brush.theme;
    let inside = brush.titled(area, "most frequent mistakes", "");
    let arrow = brush.glyph("→", "->");
    let columns = (inside.width / 38).max(1);
    let width = inside.width / columns;
    let fits = usize::from(inside.height) * usize::from(columns);
    for (place, (truth, named, count)) in confusion.mistakes().into_iter().take(fits).enumerate() {
        let (column, line) = (place / usize::from(inside.height.max(1)), place % usize::from(inside.height.max(1)));
        let cell = Rect { width: width.saturating_sub(1), ..after(inside, width * column as u16) };
        let cell = row(cell, line as u16);
        let text = format!("{} {arrow} {}", confusion.labels[truth], confusion.labels[named]);
        brush.text(Rect { width: cell.width.saturating_sub(14), ..cell }, &text, theme.text());
        let figures = format!("{count:>5}  {:>6}", format::share(confusion.share(truth, named)));
        brush.right(cell, &figures, theme.dim());
    }
}

/// Rows that `label_bars` and the map need for all labels.
pub fn rows_for(confusion: Option<&Confusion>) -> u16 {
    confusion.map_or(11, Heatmap::height_of).min(40)
}

/// The map above, the sentence below it; for the Confusion tab.
pub fn map_with_sentence(app: &App, area: Rect, brush: &mut Brush<'_>) -> Rect {
    let Some(confusion) = app.shown_confusion() else {
        map(app, true, area, brush);
        return Rect { height: 0, ..area };
    };
    let lines = confusion.len() as u16;
    // CellText two rows high where there is room for them and for the list of mistakes too.
    let high = 2 * lines + 2;
    let rows = if area.height >= high + 8 { high } else { (lines + 2).min(area.height.saturating_sub(1)) };
    map(app, true, top(area, rows), brush);
    sentence(app, confusion, row(area, rows), brush);
    below(area, rows + 1)
}

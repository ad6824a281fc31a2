//! The Compare screen: the runs side by side by what they reached.

use std::collections::BTreeSet;

use ratatui::layout::Rect;
use ratatui::style::Modifier;
use unicode_width::UnicodeWidthStr;

use super::brush::{Brush, after, below, row, top};
use super::{format, run_table};
use crate::app::App;
use crate::jobs::RunView;

const NAME_WIDTH: u16 = 24;
const CELL: u16 = 11;

/// A run's value, to compare by and to show; none if it has none.
type Reading = Box<dyn Fn(&RunView) -> Option<(f64, String)>>;

/// A column: its title, and the text and value of a run.
struct Column {
    title: String,
    value: Reading,
    higher_is_better: Option<bool>,
}

pub fn render(app: &App, area: Rect, brush: &mut Brush<'_>) {
    let theme = brush.theme;
    if app.runs.is_empty() {
        let text = "Nothing to compare yet. Press n to start a run.";
        return brush.centred(row(area, area.height / 2), text, theme.dim());
    }
    let area = brush.titled(area, "compare", "the best of each column stands out");
    let columns = columns(app);
    let fits = usize::from(area.width.saturating_sub(NAME_WIDTH + 2) / CELL);
    let columns = &columns[..fits.min(columns.len())];
    let head = top(area, 1);
    brush.text(after(head, 2), "RUN", theme.dim());
    for (at, column) in columns.iter().enumerate() {
        brush.right(cell(head, at), &column.title, theme.dim());
    }
    let runs: Vec<&RunView> = app.runs.shown().collect();
    let best: Vec<Option<f64>> = columns.iter().map(|column| best(column, &runs)).collect();
    // The labels have what the runs leave, but never more than half.
    let for_runs = (runs.len() as u16 + 2).min(area.height.div_ceil(2));
    by_label(app, below(area, for_runs), brush);
    let rows = below(top(area, for_runs), 1);
    let first = run_table::first_shown(app, usize::from(rows.height));
    for (line, run) in (0..rows.height).zip(&runs[first.min(runs.len())..]) {
        run_row(app, run, columns, &best, row(rows, line), brush);
    }
}

fn cell(area: Rect, at: usize) -> Rect {
    let cell = after(area, 2 + NAME_WIDTH + CELL * at as u16);
    Rect { width: cell.width.min(CELL - 1), ..cell }
}

fn run_row(app: &App, run: &RunView, columns: &[Column], best: &[Option<f64>], area: Rect, brush: &mut Brush<'_>) {
    let theme = brush.theme;
    let is_selected = app.runs.selected_name() == Some(&run.name);
    if is_selected {
        brush.buf.set_style(area.intersection(brush.buf.area), theme.selected());
    }
    run_table::margin(app, run, area, is_selected, brush);
    let name = Rect { width: NAME_WIDTH.min(area.width.saturating_sub(2)), ..after(area, 2) };
    brush.text(name, &run_table::short_name(run.name.as_str(), usize::from(name.width)), theme.text());
    for (at, (column, best)) in columns.iter().zip(best).enumerate() {
        let Some((value, text)) = (column.value)(run) else { continue };
        let is_best = best.is_some_and(|best| value == best);
        let style = if is_best { theme.good().add_modifier(Modifier::BOLD) } else { theme.text() };
        brush.right(cell(area, at), &text, style);
    }
}

/// The best value of a column, where one is better than another and there are two to compare.
fn best(column: &Column, runs: &[&RunView]) -> Option<f64> {
    let higher = column.higher_is_better?;
    let values: Vec<f64> = runs.iter().filter_map(|run| (column.value)(run)).map(|(value, _)| value).collect();
    let finite = values.iter().copied().filter(|value| value.is_finite());
    let best = if higher { finite.reduce(f64::max) } else { finite.reduce(f64::min) };
    best.filter(|_| values.len() > 1)
}

fn columns(app: &App) -> Vec<Column> {
    let of_metric = |title: &str, name: &'static str, is_share: bool, higher: bool| Column {
        title: title.to_owned(),
        value: Box::new(move |run| run.last(name).map(|value| (value, format::metric(value, is_share)))),
        higher_is_better: Some(higher),
    };
    let epochs = Column {
        title: "epochs".to_owned(),
        value: Box::new(|run| {
            let text = run_table::epochs(run);
            run.epochs_done().map(|done| (done, text))
        }),
        higher_is_better: None,
    };
    let minutes = Column {
        title: "computed".to_owned(),
        value: Box::new(|run| {
            let seconds = run.state.as_deref()?.run_ms as f64 / 1e3;
            Some((seconds, format::seconds(seconds)))
        }),
        higher_is_better: None,
    };
    let size = Column {
        title: "on disk".to_owned(),
        value: Box::new(|run| run.bytes.map(|bytes| (bytes as f64, format::bytes(bytes)))),
        higher_is_better: None,
    };
    let mut columns = vec![
        of_metric("test acc", "test/accuracy", true, true),
        of_metric("held-out", "held_out/accuracy", true, true),
        of_metric("test loss", "test/loss", false, false),
        epochs,
        minutes,
        size,
    ];
    let of_captions_and_made = [
        ("no label", "test/none", true, false),
        ("truth", "test/slot_truth", true, true),
        ("coverage", "test/slot_coverage", true, true),
        ("CIDEr-D", "test/cider", false, true),
        ("as asked", "generated/agreement", true, true),
        ("diversity", "generated/diversity", false, true),
    ];
    let logged = app.metric_columns();
    let any = of_captions_and_made.into_iter().filter(|(_, name, ..)| logged.iter().any(|logged| logged == name));
    columns.extend(any.map(|(title, name, is_share, higher)| of_metric(title, name, is_share, higher)));
    columns
}

/// The labels of the runs in focus, the accuracy of each as a bar: a column a run.
fn by_label(app: &App, area: Rect, brush: &mut Brush<'_>) {
    let theme = brush.theme;
    let runs: Vec<&RunView> = app.runs.in_focus().into_iter().filter(|run| labels(run).next().is_some()).collect();
    let names: BTreeSet<&str> = runs.iter().flat_map(|run| labels(run)).map(|(label, _)| label).collect();
    if runs.is_empty() || area.height < 3 {
        return;
    }
    let inside = brush.titled(area, "test accuracy by label", "Space marks runs to set beside");
    let width = names.iter().map(|name| name.width()).max().unwrap_or(0).min(16) as u16 + 2;
    let column = (inside.width.saturating_sub(width) / runs.len() as u16).max(1);
    for (at, run) in (0..).zip(&runs) {
        let place = Rect { width: column.saturating_sub(1), ..after(inside, width + at * column) };
        let name = run_table::short_name(run.name.as_str(), usize::from(place.width));
        brush.text(row(place, 0), &name, theme.dim());
        for (line, name) in (1..inside.height).zip(&names) {
            let Some((_, share)) = labels(run).find(|(label, _)| label == name) else { continue };
            let best =
                runs.iter().filter_map(|run| labels(run).find(|(label, _)| label == name)).map(|(_, share)| share);
            let is_best = runs.len() > 1 && best.fold(f64::MIN, f64::max) <= share;
            let style = if is_best { theme.good() } else { theme.accent() };
            brush.bar(Rect { width: place.width.saturating_sub(8), ..row(place, line) }, share, style);
            brush.right(row(place, line), &format::share(share), theme.text());
        }
    }
    for (line, name) in (1..inside.height).zip(&names) {
        brush.text(Rect { width, ..row(inside, line) }, name, theme.text());
    }
}

/// The accuracy of each label, as far as a run logged it.
fn labels(run: &RunView) -> impl Iterator<Item = (&str, f64)> {
    let last = run.state.iter().flat_map(|state| &state.last);
    last.filter_map(|(name, value)| Some((name.strip_prefix("test/accuracy/")?, value.get())))
}

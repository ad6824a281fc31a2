//! The Compare screen: the runs side by side by what they reached.

use std::collections::{BTreeMap, BTreeSet};

use ratatui::layout::Rect;
use ratatui::style::Modifier;
use unicode_width::UnicodeWidthStr;

use super::brush::{Brush, after, below, row, top};
use super::{differences, format, run_table};
use crate::app::App;
use crate::jobs::{Game, RunView, Score};

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
    let area = brush.titled(area, "compare", "the best of each column stands out; l: name pictures yourself");
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
    let you = app.kept_game();
    let for_runs = (runs.len() as u16 + 2 + u16::from(you.is_some())).min(area.height.div_ceil(2));
    if app.compares_settings() {
        differences::render(app, below(area, for_runs), brush);
    } else {
        by_label(app, below(area, for_runs), brush);
    }
    let mut rows = below(top(area, for_runs), 1);
    if let Some(game) = you {
        your_row(game, row(rows, 0), brush);
        rows = below(rows, 1);
    }
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

/// What the user named right, before the runs that were asked the same.
fn your_row(game: &Game, area: Rect, brush: &mut Brush<'_>) {
    let theme = brush.theme;
    let yours = game.yours();
    let (low, high) = yours.interval();
    brush.text(after(area, 2), "you", theme.title());
    brush.right(cell(area, 0), &format::share(yours.share()), theme.title());
    let words =
        format!("{} of {} right; 95 % interval {:.1} to {:.1} %", yours.right, yours.of, 100.0 * low, 100.0 * high);
    brush.text(after(area, 4 + NAME_WIDTH + CELL), &words, theme.dim());
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
    let yours = app.you().map(|you| Column {
        title: "on yours".to_owned(),
        value: {
            let runs = you.runs.clone();
            Box::new(move |run: &RunView| {
                runs.get(&run.name).map(|score| (score.share(), format::share(score.share())))
            })
        },
        higher_is_better: Some(true),
    });
    let mut columns: Vec<Column> = yours.filter(|_| app.kept_game().is_some()).into_iter().collect();
    columns.extend([
        of_metric("test acc", "test/accuracy", true, true),
        of_metric("held-out", "held_out/accuracy", true, true),
        of_metric("test loss", "test/loss", false, false),
        epochs,
        minutes,
        size,
    ]);
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

/// The shares that were named right, label by label, under a name.
struct Bars {
    name: String,
    shares: BTreeMap<String, f64>,
}

/// The labels of the runs in focus, the accuracy of each as a bar: a column a run.
fn by_label(app: &App, area: Rect, brush: &mut Brush<'_>) {
    let theme = brush.theme;
    let (bars, title) = if app.compares_yours() {
        (on_your_pictures(app), "right by label on the pictures that you named")
    } else {
        (on_all_pictures(app), "test accuracy by label")
    };
    let names: BTreeSet<&String> = bars.iter().flat_map(|bars| bars.shares.keys()).collect();
    if bars.is_empty() || area.height < 3 {
        return;
    }
    let note = if app.kept_game().is_some() {
        "Space marks runs, b changes pictures"
    } else {
        "Space marks runs to set beside"
    };
    let inside = brush.titled(area, title, note);
    let width = names.iter().map(|name| name.width()).max().unwrap_or(0).min(16) as u16 + 2;
    let column = (inside.width.saturating_sub(width) / bars.len() as u16).max(1);
    for (at, of_one) in (0..).zip(&bars) {
        let place = Rect { width: column.saturating_sub(1), ..after(inside, width + at * column) };
        let name = run_table::short_name(&of_one.name, usize::from(place.width));
        brush.text(row(place, 0), &name, theme.dim());
        for (line, name) in (1..inside.height).zip(&names) {
            let Some(share) = of_one.shares.get(*name).copied() else { continue };
            let best = bars.iter().filter_map(|bars| bars.shares.get(*name)).copied().fold(f64::MIN, f64::max);
            let is_best = bars.len() > 1 && best <= share;
            let style = if is_best { theme.good() } else { theme.accent() };
            brush.bar(Rect { width: place.width.saturating_sub(8), ..row(place, line) }, share, style);
            brush.right(row(place, line), &format::share(share), theme.text());
        }
    }
    for (line, name) in (1..inside.height).zip(&names) {
        brush.text(Rect { width, ..row(inside, line) }, name, theme.text());
    }
}

/// The accuracy of each label, as far as the runs in focus logged it.
fn on_all_pictures(app: &App) -> Vec<Bars> {
    let logged = |run: &RunView| {
        let last = run.state.iter().flat_map(|state| &state.last);
        let shares =
            last.filter_map(|(name, value)| Some((name.strip_prefix("test/accuracy/")?.to_owned(), value.get())));
        Bars { name: run.name.to_string(), shares: shares.collect() }
    };
    app.runs.in_focus().into_iter().map(logged).filter(|bars| !bars.shares.is_empty()).collect()
}

/// What the user and the runs in focus named right on the same few pictures.
fn on_your_pictures(app: &App) -> Vec<Bars> {
    let (Some(you), Some(game)) = (app.you(), app.kept_game()) else { return Vec::new() };
    let bars = |name: String, score: &Score| {
        let named = game.labels.iter().zip(&score.by_label).filter(|(_, (_, of))| *of > 0);
        let shares = named.map(|(label, (right, of))| (label.clone(), *right as f64 / *of as f64));
        Bars { name, shares: shares.collect() }
    };
    let yours = bars("you".to_owned(), &game.yours());
    let of_runs = app.runs.in_focus().into_iter().filter_map(|run| Some((run, you.runs.get(&run.name)?)));
    std::iter::once(yours).chain(of_runs.map(|(run, score)| bars(run.name.to_string(), score))).collect()
}

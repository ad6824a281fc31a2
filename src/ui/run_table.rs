//! The runs, one a row: as many columns as the width has room for, the most telling first.

use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::widgets::Widget;
use unicode_width::UnicodeWidthStr;

use super::brush::{Brush, after, below, row, span, top};
use super::format;
use super::phase;
use super::widgets::Sparkline;
use crate::app::App;
use crate::jobs::RunView;
use crate::run::Phase;

/// Columns behind name and phase, as they stand from left to right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Model,
    Step,
    Epoch,
    Bar,
    Rate,
    Left,
    Loss,
    Accuracy,
    Best,
    Spark,
    Size,
}

/// Room is given in this order.
const BY_IMPORTANCE: [Column; 11] = [
    Column::Epoch,
    Column::Bar,
    Column::Left,
    Column::Accuracy,
    Column::Rate,
    Column::Spark,
    Column::Best,
    Column::Loss,
    Column::Size,
    Column::Step,
    Column::Model,
];
const NAME_WIDTH: u16 = 14;
const MAX_NAME_WIDTH: u16 = 32;
const PHASE_WIDTH: u16 = 13;
/// The bar that shows the selected row, and the mark.
const MARGIN: u16 = 2;

impl Column {
    fn width(self) -> u16 {
        match self {
            Column::Model => 9,
            Column::Step => 13,
            Column::Rate | Column::Loss => 5,
            Column::Size => 7,
            _ => 6,
        }
    }

    /// What it may grow to where there is room.
    fn max_width(self) -> u16 {
        match self {
            Column::Bar => 20,
            Column::Spark => 32,
            other => other.width(),
        }
    }

    fn title(self) -> &'static str {
        match self {
            Column::Model => "MODEL",
            Column::Step => "STEP",
            Column::Epoch => "EPOCH",
            Column::Bar => "",
            Column::Rate => "IMG/S",
            Column::Left => "LEFT",
            Column::Loss => "LOSS",
            Column::Accuracy => "ACC",
            Column::Best => "BEST",
            Column::Spark => "LOSS",
            Column::Size => "SIZE",
        }
    }

    fn is_right_aligned(self) -> bool {
        !matches!(self, Column::Model | Column::Bar | Column::Spark)
    }
}

/// The columns chosen and where each stands.
struct Plan {
    name_width: u16,
    columns: Vec<(Column, u16)>,
}

impl Plan {
    fn new(width: u16) -> Plan {
        let mut room = width.saturating_sub(MARGIN + NAME_WIDTH + 1 + PHASE_WIDTH);
        let mut chosen = Vec::new();
        for column in BY_IMPORTANCE {
            if room > column.width() {
                room -= column.width() + 1;
                chosen.push(column);
            }
        }
        chosen.sort_by_key(|column| *column as u8);
        let for_name = room.min(MAX_NAME_WIDTH - NAME_WIDTH);
        room -= for_name;
        let columns = chosen.into_iter().map(|column| {
            let more = room.min(column.max_width() - column.width());
            room -= more;
            (column, column.width() + more)
        });
        Plan { name_width: NAME_WIDTH + for_name, columns: columns.collect() }
    }
}

/// Draws a head and as many runs as fit, the selected one among them.
pub fn render(app: &App, area: Rect, brush: &mut Brush<'_>) {
    let plan = Plan::new(area.width);
    head(app, top(area, 1), &plan, brush);
    let rows = below(area, 1);
    let first = first_shown(app, usize::from(rows.height));
    for (at, run) in (0..rows.height).zip(app.runs.shown().skip(first)) {
        run_row(app, run, row(rows, at), &plan, brush);
    }
}

/// The number of the first row, so that the selected one is in sight.
pub fn first_shown(app: &App, rows: usize) -> usize {
    let selected = app.runs.selected_index().unwrap_or(0);
    let hidden = app.runs.shown().len().saturating_sub(rows);
    selected.saturating_sub(rows / 2).min(hidden)
}

fn head(app: &App, area: Rect, plan: &Plan, brush: &mut Brush<'_>) {
    let style = brush.theme.dim();
    let shown = app.runs.shown().len();
    let title = match (app.runs.filter(), app.runs.len()) {
        ("", n) if n > usize::from(area.height) + 4 => format!("RUN ({n})"),
        ("", _) => "RUN".to_owned(),
        (filter, n) => format!("RUN \"{filter}\" {shown}/{n}"),
    };
    let name = Rect { width: plan.name_width, ..after(area, MARGIN) };
    brush.text(name.intersection(area), &title, style);
    let mut rest = after(area, MARGIN + plan.name_width + 1);
    brush.text(rest, "PHASE", style);
    rest = after(rest, PHASE_WIDTH);
    for (column, width) in &plan.columns {
        let cell = Rect { width: *width, ..after(rest, 1) }.intersection(area);
        if column.is_right_aligned() {
            brush.right(cell, column.title(), style);
        } else {
            brush.text(cell, column.title(), style);
        }
        rest = after(rest, width + 1);
    }
}

fn run_row(app: &App, run: &RunView, area: Rect, plan: &Plan, brush: &mut Brush<'_>) {
    let theme = brush.theme;
    let is_selected = app.runs.selected_name() == Some(&run.name);
    if is_selected {
        brush.buf.set_style(area.intersection(brush.buf.area), theme.selected());
    }
    margin(app, run, area, is_selected, brush);
    let name_style = if is_selected { theme.title() } else { theme.text() };
    let name = Rect { width: plan.name_width, ..after(area, MARGIN) }.intersection(area);
    brush.text(name, &short_name(run.name.as_str(), usize::from(name.width)), name_style);

    let rest = after(area, MARGIN + plan.name_width + 1);
    let look = phase::look(app, run, &theme);
    let cell = Rect { width: rest.width.min(PHASE_WIDTH), ..rest };
    brush.line(cell, &[span(look.glyph, look.style), span(" ", theme.text()), span(look.word, look.style)]);
    let rest = after(rest, PHASE_WIDTH);
    match phase::reason(run).filter(|_| says_why(run)) {
        Some(why) => drop(brush.text(after(rest, 1), &why, theme.dim())),
        None => cells(run, rest, plan, brush),
    }
}

/// The bar of the selected row, and the mark in its curve's colour.
pub fn margin(app: &App, run: &RunView, area: Rect, is_selected: bool, brush: &mut Brush<'_>) {
    let theme = brush.theme;
    if is_selected {
        let bar = brush.glyph("▌", ">");
        brush.text(area, bar, theme.accent());
    }
    if let Some(mark) = app.runs.mark_of(&run.name) {
        let mark_glyph = brush.glyph("◆", "+");
        brush.text(after(area, 1), mark_glyph, theme.series(mark + 1));
    }
}

/// Phases in which the reason says more than figures do.
fn says_why(run: &RunView) -> bool {
    matches!(run.phase, Phase::Queued | Phase::Failed | Phase::Unknown | Phase::Diverged)
        || run.phase == Phase::Interrupted && run.last("test/accuracy").is_none()
}

fn cells(run: &RunView, area: Rect, plan: &Plan, brush: &mut Brush<'_>) {
    let mut rest = area;
    for (column, width) in &plan.columns {
        let cell = Rect { width: *width, ..after(rest, 1) }.intersection(area);
        draw_cell(*column, run, cell, brush);
        rest = after(rest, width + 1);
    }
}

fn draw_cell(column: Column, run: &RunView, cell: Rect, brush: &mut Brush<'_>) {
    let theme = brush.theme;
    let Some(state) = run.state.as_deref() else { return };
    match column {
        Column::Bar => brush.bar(cell, run.progress().unwrap_or(0.0), bar_style(run, brush)),
        Column::Spark => spark(run, cell, brush),
        Column::Model => drop(brush.text(cell, &state.model, theme.dim())),
        _ => {
            let (text, style) = figure(column, run, brush);
            brush.right(cell, &text, style);
        }
    }
}

/// The bar of progress: bright while it computes.
pub fn bar_style(run: &RunView, brush: &Brush<'_>) -> Style {
    if run.phase.is_live() { brush.theme.accent() } else { brush.theme.dim() }
}

fn figure(column: Column, run: &RunView, brush: &Brush<'_>) -> (String, Style) {
    let theme = brush.theme;
    let Some(state) = run.state.as_deref() else { return (String::new(), theme.text()) };
    let share = |value: Option<f64>| value.map_or_else(String::new, format::share);
    match column {
        Column::Step => (steps(run), theme.text()),
        Column::Epoch => (epochs(run), theme.text()),
        Column::Rate => (rate(run), theme.text()),
        Column::Left if run.phase.is_live() => (state.eta_s.map_or_else(String::new, format::seconds), theme.text()),
        Column::Loss => {
            // A model of several losses shows the one that its sparkline follows.
            let loss = run.last("train/loss").or_else(|| run.last(&state.spark_metric));
            (loss.map_or_else(String::new, |loss| format::metric(loss, false)), theme.text())
        }
        Column::Accuracy => (share(run.last("test/accuracy")), theme.text().add_modifier(Modifier::BOLD)),
        Column::Best => (share(run.best("test/accuracy")), theme.dim()),
        Column::Size => (run.bytes.map_or_else(String::new, format::bytes), theme.dim()),
        _ => (String::new(), theme.text()),
    }
}

/// `412/1,020`
pub fn steps(run: &RunView) -> String {
    run.state.as_deref().map_or_else(String::new, |state| {
        format!("{}/{}", format::short_count(state.step as f64), format::short_count(state.total_steps as f64))
    })
}

/// `4.1/10`
pub fn epochs(run: &RunView) -> String {
    let (Some(state), Some(done)) = (run.state.as_deref(), run.epochs_done()) else { return String::new() };
    let is_whole = !run.phase.is_live() && done.fract() < 0.05 || state.epochs >= 100;
    if is_whole { format!("{done:.0}/{}", state.epochs) } else { format!("{done:.1}/{}", state.epochs) }
}

/// Images a second while it computes.
pub fn rate(run: &RunView) -> String {
    let rate = run.state.as_deref().and_then(|state| state.images_per_s).filter(|_| run.phase.is_computing());
    rate.map_or_else(String::new, format::short_count)
}

pub fn spark(run: &RunView, area: Rect, brush: &mut Brush<'_>) {
    let Some(state) = run.state.as_deref() else { return };
    let theme = brush.theme;
    let style = if run.phase.is_live() { theme.accent() } else { theme.dim() };
    let sparkline = Sparkline { values: &state.spark, style, broken: theme.bad(), ascii: theme.ascii };
    (&sparkline).render(Rect { height: area.height.min(1), ..area }, brush.buf);
}

/// A name within so many columns: names of the same day differ at their end, so the middle is left out.
pub fn short_name(name: &str, width: usize) -> String {
    if name.width() <= width || width < 6 {
        return name.to_owned();
    }
    let head = (width - 1) / 3;
    let tail = name.len() - (width - 1 - head);
    format!("{}…{}", &name[..head], &name[tail..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_80_columns_the_plan_fills_the_row() {
        let plan = Plan::new(80);
        let used: u16 = plan.columns.iter().map(|(_, width)| width + 1).sum();
        assert_eq!(MARGIN + plan.name_width + 1 + PHASE_WIDTH + used, 80);
        for column in [Column::Epoch, Column::Bar, Column::Rate, Column::Left, Column::Accuracy, Column::Best] {
            assert!(plan.columns.iter().any(|(c, _)| *c == column), "{column:?}");
        }
    }

    #[test]
    fn a_plan_never_takes_more_than_there_is() {
        for width in 0..300 {
            let plan = Plan::new(width);
            let used: u16 = plan.columns.iter().map(|(_, width)| width + 1).sum();
            let fixed = MARGIN + plan.name_width + 1 + PHASE_WIDTH;
            assert!(plan.columns.is_empty() || fixed + used <= width, "{width}");
        }
    }

    #[test]
    fn generated_names_keep_the_end_that_tells_them_apart() {
        assert_eq!(short_name("cnn-20250131-142530", 14), "cnn-…31-142530");
        assert_eq!(short_name("base", 14), "base");
    }
}

//! The large chart of the selected and the marked runs, with its title and what stands in its place where there is none.

use ratatui::layout::Rect;

use super::brush::{Brush, after, below, row, top};
use super::format;
use super::legend;
use super::phase;
use super::theme::Theme;
use super::widgets::{Chart, Curve};
use crate::app::{App, Line, Plot};
use crate::jobs::Smoothing;
use crate::run::Phase;

/// So many bands can be told apart where they lie over each other; of others only the outline is drawn.
const MAX_BANDS: usize = 3;

/// Draws the chart of the group that is open, with its title and legend.
pub fn chart(app: &App, area: Rect, brush: &mut Brush<'_>) {
    let area = trouble(app, area, brush);
    let Some(plot) = app.plot() else {
        return nothing_yet(app, area, brush);
    };
    let inside = brush.titled(area, &title(&plot), &note(app, &plot));
    let rows = legend::render(app, &plot, inside, brush);
    let theme = brush.theme;
    let chart = Chart {
        curves: &curves(&plot, &theme),
        axis: plot.axis,
        window: plot.window,
        log_y: app.loss.log_y,
        is_share: plot.lines.iter().any(Line::is_share),
        cursor: plot.cursor,
        theme: &theme,
    };
    brush.chart = chart.draw(below(inside, rows), brush.buf);
}

fn title(plot: &Plot<'_>) -> String {
    match plot.group.unit {
        "" | "%" => plot.group.name.to_owned(),
        unit => format!("{}, {unit}", plot.group.name),
    }
}

/// How the chart differs from a plain one, the most surprising first.
fn note(app: &App, plot: &Plot<'_>) -> String {
    let mut notes = Vec::new();
    if plot.window != plot.whole {
        let place = |at| format::place(plot.axis, at);
        notes.push(format!("{} to {}", place(plot.window.low), place(plot.window.high)));
    }
    match (app.loss.log_x, app.loss.log_y) {
        (true, true) => notes.push("log x, log y".to_owned()),
        (true, false) => notes.push("log x".to_owned()),
        (false, true) => notes.push("log y".to_owned()),
        (false, false) => {}
    }
    if app.loss.means && plot.lines.iter().any(|line| line.metric.contains("/epoch_")) {
        notes.push("means of epochs".to_owned());
    }
    if plot.lines.iter().any(|line| !line.is_per_epoch()) {
        notes.push(match plot.smoothing {
            Smoothing::NONE => "not smoothed".to_owned(),
            smoothing => format!("smoothed {}", smoothing.weight()),
        });
    }
    notes.join(", ")
}

/// What is wrong with the run, if anything, in the first rows; returns the area below.
fn trouble(app: &App, area: Rect, brush: &mut Brush<'_>) -> Rect {
    let Some(run) = app.runs.selected() else { return area };
    let is_bad = matches!(run.phase, Phase::Failed | Phase::Diverged | Phase::Interrupted | Phase::Unknown);
    let has_trouble = run.state.as_deref().is_some_and(|state| state.trouble.is_some());
    let Some(why) = phase::reason(run).filter(|_| is_bad || has_trouble) else { return area };
    let text = format!("{} {}: {why}", run.name, run.phase);
    let style = if is_bad && run.phase != Phase::Interrupted { brush.theme.bad() } else { brush.theme.warn() };
    let rows = brush.wrapped(top(after(area, 1), (area.height / 3).clamp(1, 4)), &text, style);
    below(area, rows)
}

fn nothing_yet(app: &App, area: Rect, brush: &mut Brush<'_>) {
    let Some(run) = app.runs.selected() else { return };
    let is_filtered = app.selected_history().is_some_and(|history| history.series().next().is_some());
    let text = match (app.selected_history(), run.phase) {
        (None, _) => "Reading the log …".to_owned(),
        (Some(_), _) if is_filtered => format!("No metric is named like `{}`. Press f.", app.loss.filter.text()),
        (_, Phase::Queued) => phase::reason(run).unwrap_or_else(|| "Waiting for its turn …".to_owned()),
        (_, Phase::Starting) => "Loading data and weights …".to_owned(),
        (_, phase) if phase.is_live() => "The first steps are under way …".to_owned(),
        _ => "No figures were logged.".to_owned(),
    };
    let inside = brush.titled(area, "loss", "");
    brush.centred(row(inside, inside.height / 2), &text, brush.theme.dim());
}

/// The curves in the order in which they are drawn: the selected run's over the others', and what is measured by epochs
/// over what every step logs.
fn curves<'a>(plot: &Plot<'a>, theme: &Theme) -> Vec<Curve<'a>> {
    let mut of_steps = 0;
    let curve = |line: &Line<'a>| {
        let bright = theme.series(line.colour);
        of_steps += usize::from(!line.is_per_epoch());
        Curve {
            series: line.series,
            style: if line.is_faint { theme.faint(bright) } else { bright },
            band: theme.faint(bright),
            outline: of_steps > if plot.is_overlay { 1 } else { MAX_BANDS },
            smoothing: (!line.is_per_epoch()).then_some(plot.smoothing),
            breaks: line.history.begun(plot.axis),
        }
    };
    let mut curves: Vec<Curve<'a>> = plot.lines.iter().map(curve).collect();
    if plot.is_overlay {
        curves.reverse();
    }
    curves
}

//! The runs as cards of three rows, for the left side of a wide terminal.

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use super::brush::{Brush, after, below, row, span, top};
use super::{format, phase, run_table};
use crate::app::App;
use crate::jobs::RunView;
use crate::run::Phase;

/// Rows of a card, the empty one behind it included.
const HEIGHT: u16 = 4;
/// Rows for what is known of the selected run.
const ABOUT: u16 = 9;

pub fn render(app: &App, area: Rect, brush: &mut Brush<'_>) {
    let shown = app.runs.shown().len();
    let note = match app.runs.filter() {
        "" => counted(app),
        filter => format!("\"{filter}\": {shown} of {}", app.runs.len()),
    };
    let inside = brush.titled(area, "runs", &note);
    // What is left below the cards tells more about the selected run.
    let all = HEIGHT.saturating_mul(u16::try_from(shown).unwrap_or(u16::MAX));
    let for_cards = all.min(inside.height.saturating_sub(ABOUT)).max(HEIGHT);
    about(app, below(inside, for_cards), brush);
    let fits = usize::from(for_cards / HEIGHT).max(1);
    let first = run_table::first_shown(app, fits);
    for (at, run) in (0..).zip(app.runs.shown().skip(first).take(fits)) {
        card(app, run, top(below(inside, at * HEIGHT), HEIGHT - 1), brush);
    }
}

/// `2 running, 1 queued, 5 in all`
fn counted(app: &App) -> String {
    let count = |wanted: fn(Phase) -> bool| app.runs.shown().filter(|run| wanted(run.phase)).count();
    let computing = count(Phase::is_computing);
    let queued = count(|phase| phase == Phase::Queued);
    let parts = [(computing, "running"), (queued, "queued"), (app.runs.len(), "in all")];
    let said: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    said.join(", ")
}

fn card(app: &App, run: &RunView, area: Rect, brush: &mut Brush<'_>) {
    let theme = brush.theme;
    let is_selected = app.runs.selected_name() == Some(&run.name);
    for line in 0..area.height {
        if is_selected {
            brush.buf.set_style(row(area, line).intersection(brush.buf.area), theme.selected());
            let bar = brush.glyph("▌", ">");
            brush.text(row(area, line), bar, theme.accent());
        }
    }
    run_table::margin(app, run, row(area, 0), is_selected, brush);
    let inside = after(area, 2);
    let inside = Rect { width: inside.width.saturating_sub(1), ..inside };
    head(app, run, row(inside, 0), brush);
    match phase::reason(run).filter(|_| !run.phase.is_computing()) {
        Some(why) => drop(brush.text(row(inside, 1), &why, theme.dim())),
        None => progress(run, row(inside, 1), brush),
    }
    figures(run, row(inside, 2), brush);
}

/// What is known of the selected run, below the cards.
fn about(app: &App, area: Rect, brush: &mut Brush<'_>) {
    let Some(run) = app.runs.selected() else { return };
    let Some(state) = run.state.as_deref() else { return };
    let inside = brush.titled(area, "about", "");
    let seconds = state.run_ms as f64 / 1e3;
    let host = if state.host.is_empty() { String::new() } else { format!("{}, process {}", state.host, state.pid) };
    let is_begun = state.total_steps > 0;
    let steps = format!("{} of {}", format::count(state.step), format::count(state.total_steps));
    let steps = if is_begun { steps } else { String::new() };
    let facts = [
        ("run", run.name.to_string()),
        ("model", state.model.clone()),
        ("data", state.data.clone()),
        ("device", state.device.clone()),
        ("steps", steps),
        ("computed", format::seconds(seconds)),
        ("worker", host),
        ("trouble", state.trouble.clone().unwrap_or_default()),
    ];
    let theme = brush.theme;
    let told = facts.iter().filter(|(_, fact)| !fact.is_empty());
    for (line, (name, fact)) in (0..inside.height).zip(told) {
        let area = after(row(inside, line), 2);
        brush.text(area, name, theme.dim());
        brush.text(after(area, 10), fact, if *name == "trouble" { theme.bad() } else { theme.text() });
    }
}

fn head(app: &App, run: &RunView, area: Rect, brush: &mut Brush<'_>) {
    let theme = brush.theme;
    let look = phase::look(app, run, &theme);
    let width = look.word.chars().count() as u16 + 3;
    let name = Rect { width: area.width.saturating_sub(width), ..area };
    brush.text(name, &run_table::short_name(run.name.as_str(), usize::from(name.width)), theme.title());
    brush.right(area, &format!("{} {}", look.glyph, look.word), look.style);
}

fn progress(run: &RunView, area: Rect, brush: &mut Brush<'_>) {
    let theme = brush.theme;
    let left = run.state.as_deref().and_then(|state| state.eta_s).filter(|_| run.phase.is_live());
    let left = left.map_or_else(String::new, |eta| format!("{} left", format::seconds(eta)));
    let epochs = run_table::epochs(run);
    let epochs = if epochs.is_empty() { epochs } else { format!("epoch {epochs}") };
    let figures = format!("  {epochs:<14}{left:>13}");
    let width = figures.chars().count() as u16;
    brush.right(area, &figures, theme.text());
    let bar = Rect { width: area.width.saturating_sub(width), ..area };
    brush.bar(bar, run.progress().unwrap_or(0.0), run_table::bar_style(run, brush));
}

fn figures(run: &RunView, area: Rect, brush: &mut Brush<'_>) {
    let theme = brush.theme;
    let share = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), format::share);
    let spans = [
        span("test ", theme.dim()),
        span(format!("{:>6}", share(run.last("test/accuracy"))), theme.title()),
        span("  best ", theme.dim()),
        span(format!("{:>6}", share(run.best("test/accuracy"))), theme.text()),
    ];
    let used = brush.line(area, &spans);
    let rate = run_table::rate(run);
    let rate = if rate.is_empty() { rate } else { format!("  {rate} img/s") };
    let size = run.bytes.map_or_else(String::new, |bytes| format!("  {:>8}", format::bytes(bytes)));
    // What there is no room for is left out, the size first.
    let room = area.width.saturating_sub(used);
    let ends = [format!("{rate}{size}"), rate, String::new()];
    let end = ends.into_iter().find(|end| end.width() <= usize::from(room)).unwrap_or_default();
    brush.right(area, &end, theme.dim());
    let spark = after(area, used + 2);
    let spark = Rect { width: spark.width.saturating_sub(end.width() as u16), ..spark };
    run_table::spark(run, spark, brush);
}

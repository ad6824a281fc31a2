//! The table of a screen as text with tabs, which spreadsheets and shells both take.

use super::show::Shown;
use super::{Answer, App, Tab};
use crate::jobs::{Confusion, History};

/// None where the screen has no table yet.
pub(super) fn table(app: &App) -> Option<String> {
    match app.tab {
        Tab::Compare if app.compares_settings() => differences(app),
        Tab::Jobs | Tab::Compare => (!app.runs.is_empty()).then(|| runs(app)),
        Tab::Loss => app.selected_history().map(metrics),
        Tab::Confusion => app.shown_confusion().map(confusion),
        Tab::Preview => pictures(app),
        Tab::Logs => app.selected_history().map(events),
    }
}

fn lines(rows: impl IntoIterator<Item = Vec<String>>) -> String {
    rows.into_iter().map(|row| row.join("\t") + "\n").collect()
}

fn words(row: &[&str]) -> Vec<String> {
    row.iter().map(|word| word.to_string()).collect()
}

fn runs(app: &App) -> String {
    let metrics = app.metric_columns();
    let fixed = words(&["run", "model", "phase", "step", "epoch", "images_per_s"]);
    let head = fixed.into_iter().chain(metrics.iter().cloned()).collect();
    let rows = app.runs.shown().map(|run| {
        let state = run.state.as_deref();
        let number = |n: Option<f64>| n.map_or_else(String::new, |n| n.to_string());
        let mut row = vec![
            run.name.to_string(),
            state.map_or_else(String::new, |state| state.model.clone()),
            run.phase.to_string(),
            number(state.map(|state| state.step as f64)),
            number(state.map(|state| state.epoch as f64)),
            number(state.and_then(|state| state.images_per_s)),
        ];
        row.extend(metrics.iter().map(|metric| number(run.last(metric))));
        row
    });
    lines(std::iter::once(head).chain(rows))
}

fn differences(app: &App) -> Option<String> {
    let found = app.differences()?.as_ref().ok()?;
    let names = app.runs.in_focus().into_iter().map(|run| run.name.to_string());
    let head = std::iter::once("setting".to_owned()).chain(names).collect();
    let rows = found.iter().map(|(key, values)| std::iter::once(key).chain(values).cloned().collect());
    Some(lines(std::iter::once(head).chain(rows)))
}

fn metrics(history: &History) -> String {
    let head = words(&["metric", "step", "value"]);
    let rows = history.series().filter_map(|(name, series)| {
        let last = series.last()?;
        Some(vec![name.to_owned(), last.step.to_string(), last.value.to_string()])
    });
    lines(std::iter::once(head).chain(rows))
}

fn confusion(confusion: &Confusion) -> String {
    let labels = || confusion.labels.iter().cloned();
    let head = std::iter::once("true \\ named".to_owned()).chain(labels()).collect();
    let rows = labels().enumerate().map(|(truth, label)| {
        let counts = (0..confusion.len()).map(|named| confusion.count(truth, named).to_string());
        std::iter::once(label).chain(counts).collect()
    });
    lines(std::iter::once(head).chain(rows))
}

fn pictures(app: &App) -> Option<String> {
    let gallery = app.selected_gallery()?.as_ref().ok()?;
    let predictions = app.shown_predictions().and_then(|loaded| loaded.as_deref().ok());
    let cells = |named: Option<(usize, f32)>| {
        let words = named.map(|(label, sure)| [gallery.label(label).to_owned(), format!("{sure:.2}")]);
        words.unwrap_or_default()
    };
    let others = app.others();
    let fixed = words(&["picture", "true", "named", "confidence"]);
    let of_others = others.iter().flat_map(|run| [run.to_string(), format!("{run} confidence")]);
    let head = fixed.into_iter().chain(of_others).collect();
    let rows = app.preview.list().iter().filter_map(|index| {
        let shown = Shown::new(gallery, predictions, *index)?;
        let of_others = others.iter().map(|run| match app.answer_of(run, *index) {
            Answer::Named { label, sure, .. } => Some((label, sure)),
            Answer::Loading | Answer::Silent(_) => None,
        });
        let said = std::iter::once(shown.named).chain(of_others).flat_map(cells);
        let truth = shown.truth.map_or("", |truth| gallery.label(truth));
        Some([gallery.name(*index), truth.to_owned()].into_iter().chain(said).collect())
    });
    Some(lines(std::iter::once(head).chain(rows)))
}

fn events(history: &History) -> String {
    let rows = history.lines().iter().map(|line| vec![line.t_ms.to_string(), line.text.clone()]);
    lines(std::iter::once(words(&["unix_ms", "event"])).chain(rows))
}

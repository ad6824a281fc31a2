//! The table for people: which figures it has, how they read, and which of them stand out.

use super::seeds::{Entry, Seeds};
use super::{Row, percent};

/// A column: its title, its text, and the figure behind it, if it has one.
pub(super) struct Column {
    title: &'static str,
    text: fn(&Row) -> Option<String>,
    pub figure: Option<Figure>,
}

/// What a column tells as a number.
#[derive(Clone, Copy)]
pub(super) struct Figure {
    pub key: &'static str,
    pub value: fn(&Row) -> Option<f64>,
    /// The mean over seeds and the deviation, in words.
    spread: fn(f64, f64) -> String,
    /// More is better.
    is_ranked: bool,
}

pub(super) const COLUMNS: [Column; 15] = {
    const fn plain(title: &'static str, text: fn(&Row) -> Option<String>) -> Column {
        Column { title, text, figure: None }
    }
    const fn figure(
        title: &'static str,
        key: &'static str,
        text: fn(&Row) -> Option<String>,
        value: fn(&Row) -> Option<f64>,
        spread: fn(f64, f64) -> String,
    ) -> Column {
        Column { title, text, figure: Some(Figure { key, value, spread, is_ranked: true }) }
    }
    const fn unranked(column: Column) -> Column {
        match column.figure {
            Some(figure) => Column { figure: Some(Figure { is_ranked: false, ..figure }), ..column },
            None => column,
        }
    }
    [
        plain("run", |row| Some(row.run.clone())),
        plain("model", |row| Some(row.model.clone())),
        plain("parameters", |row| row.parameters.map(|count| format!("{:.0} k", count as f64 / 1e3))),
        plain("epochs", |row| row.of_run(row.epoch.to_string())),
        unranked(figure(
            "minutes",
            "minutes",
            |row| row.of_run(format!("{:.1}", row.minutes)),
            |row| row.of_run(row.minutes),
            tenths,
        )),
        figure("on yours", "yours", |row| row.yours.map(percent), |row| row.yours, percents),
        figure(
            "label right",
            "accuracy",
            |row| row.of_run(percent(row.accuracy)),
            |row| row.of_run(row.accuracy),
            percents,
        ),
        plain("95 % interval", |row| Some(format!("{:.2} to {:.2}", 100.0 * row.interval[0], 100.0 * row.interval[1]))),
        figure(
            "worst label",
            "worst_accuracy",
            |row| row.of_run(format!("{} {}", row.worst_label, percent(row.worst_accuracy))),
            |row| row.of_run(row.worst_accuracy),
            percents,
        ),
        unranked(figure("none", "none", |row| row.none.map(percent), |row| row.none, percents)),
        figure("truth", "slot_truth", |row| row.slot_truth.map(percent), |row| row.slot_truth, percents),
        figure("coverage", "slot_coverage", |row| row.slot_coverage.map(percent), |row| row.slot_coverage, percents),
        figure("CIDEr-D", "cider", |row| row.cider.map(|it| format!("{it:.2}")), |row| row.cider, hundredths),
        figure("made as asked", "agreement", |row| row.agreement.map(percent), |row| row.agreement, percents),
        figure(
            "diversity",
            "diversity",
            |row| row.diversity.map(|it| format!("{it:.3}")),
            |row| row.diversity,
            |m, d| format!("{m:.3} ± {d:.3}"),
        ),
    ]
};

fn percents(mean: f64, deviation: f64) -> String {
    format!("{:.2} ± {:.2} %", 100.0 * mean, 100.0 * deviation)
}

fn tenths(mean: f64, deviation: f64) -> String {
    format!("{mean:.1} ± {deviation:.1}")
}

fn hundredths(mean: f64, deviation: f64) -> String {
    format!("{mean:.2} ± {deviation:.2}")
}

/// Titles and texts, without the columns that no run has; the best of a column is marked, where there are two. Runs that differ
/// by their seed alone stand below a line of their means and deviations.
pub(super) fn cells(entries: &[Entry]) -> Vec<Vec<String>> {
    let rows: Vec<&Row> = entries.iter().flat_map(Entry::rows).collect();
    let used: Vec<&Column> =
        COLUMNS.iter().filter(|column| rows.iter().any(|row| (column.text)(row).is_some())).collect();
    let bests: Vec<Option<f64>> = used.iter().map(|column| column.best(&rows)).collect();
    let line =
        |row: &Row| -> Vec<String> { used.iter().zip(&bests).map(|(column, &best)| column.cell(row, best)).collect() };
    let titles = used.iter().map(|column| column.title.to_owned()).collect();
    let mut lines = vec![titles];
    for entry in entries {
        match entry {
            Entry::One(row) => lines.push(line(row)),
            Entry::Seeds(seeds) => {
                lines.push(used.iter().map(|column| column.heading(seeds)).collect());
                lines.extend(seeds.rows.iter().map(|row| {
                    let mut line = line(row);
                    line[0].insert_str(0, "  ");
                    line
                }));
            }
        }
    }
    lines
}

impl Column {
    fn best(&self, rows: &[&Row]) -> Option<f64> {
        let figure = self.figure.filter(|figure| figure.is_ranked)?;
        let values: Vec<f64> = rows.iter().filter_map(|row| (figure.value)(row)).collect();
        values.iter().copied().reduce(f64::max).filter(|_| values.len() > 1)
    }

    fn cell(&self, row: &Row, best: Option<f64>) -> String {
        let text = (self.text)(row).unwrap_or_default();
        let value = self.figure.and_then(|figure| (figure.value)(row));
        if best.is_some() && value == best { format!("*{text}*") } else { text }
    }

    /// What stands above runs of several seeds: what they have in common, and means with deviations.
    fn heading(&self, seeds: &Seeds) -> String {
        if let Some(figure) = self.figure {
            let spread = seeds.figures.get(figure.key);
            return spread.map_or_else(String::new, |spread| (figure.spread)(spread.mean, spread.deviation));
        }
        let own = (self.text)(&seeds.rows[0]);
        match self.title {
            "run" => format!("{}, {} seeds", seeds.name, seeds.rows.len()),
            _ if seeds.rows.iter().all(|row| (self.text)(row) == own) => own.unwrap_or_default(),
            _ => String::new(),
        }
    }
}

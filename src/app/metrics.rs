//! The metrics of a run in groups that share a chart, and the filter over their names.

use regex::{Regex, RegexBuilder};

use crate::jobs::History;

/// The metrics that share a chart: the same quantity in the same unit, of several parts of the net or splits of the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricGroup<'a> {
    /// `loss`, `accuracy`: the name behind the split.
    pub name: &'a str,
    pub unit: &'a str,
    pub metrics: Vec<&'a str>,
}

/// Which metrics are shown: a regular expression, or, where the text is none, the text itself; case makes no difference.
#[derive(Clone, Debug, Default)]
pub struct MetricFilter {
    text: String,
    compiled: Option<Regex>,
}

impl MetricFilter {
    pub fn new(text: &str) -> MetricFilter {
        let compiled = RegexBuilder::new(text).case_insensitive(true).build().ok();
        MetricFilter { text: text.to_owned(), compiled: compiled.filter(|_| !text.is_empty()) }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// False where the text is looked for as it stands.
    pub fn is_regex(&self) -> bool {
        self.text.is_empty() || self.compiled.is_some()
    }

    pub fn lets_through(&self, metric: &str) -> bool {
        match &self.compiled {
            Some(regex) => regex.is_match(metric),
            None => metric.to_lowercase().contains(&self.text.to_lowercase()),
        }
    }
}

impl PartialEq for MetricFilter {
    fn eq(&self, other: &MetricFilter) -> bool {
        self.text == other.text
    }
}

/// The metrics of a history that the filter lets through, those of one quantity together; the one that the run shows by
/// itself first, then losses and accuracies.
pub fn groups<'a>(history: &'a History, filter: &MetricFilter) -> Vec<MetricGroup<'a>> {
    let mut groups: Vec<MetricGroup<'a>> = Vec::new();
    for (metric, _) in history.series().filter(|(metric, _)| filter.lets_through(metric)) {
        let (name, unit) = (quantity(metric), history.unit(metric));
        match groups.iter_mut().find(|group| group.name == name && group.unit == unit) {
            Some(group) => group.metrics.push(metric),
            None => groups.push(MetricGroup { name, unit, metrics: vec![metric] }),
        }
    }
    let is_main = |group: &MetricGroup<'_>| history.main_metric().is_some_and(|main| group.metrics.contains(&main));
    let rank = |group: &MetricGroup<'_>| match group.name {
        _ if is_main(group) => 0,
        "loss" => 1,
        "accuracy" => 2,
        _ => 3,
    };
    groups.sort_by_key(rank);
    groups
}

/// What a metric measures, whatever the split: `test/accuracy` and `train/epoch_accuracy` are both `accuracy`;
/// `test/accuracy/cat` is `accuracy by label`, `held_out/loss/t0.31` is `loss by noise level`.
fn quantity(metric: &str) -> &str {
    let quantity = metric.split_once('/').map_or(metric, |(_, quantity)| quantity);
    match quantity.strip_prefix("epoch_").unwrap_or(quantity) {
        per_label if per_label.starts_with("accuracy/") => "accuracy by label",
        per_level if per_level.starts_with("loss/") => "loss by noise level",
        quantity => quantity,
    }
}

/// The metric whose mean over an epoch this one is: `train/loss` for `train/epoch_loss`; none for others.
pub fn mean_of(metric: &str) -> Option<String> {
    let (split, quantity) = metric.split_once('/')?;
    Some(format!("{split}/{}", quantity.strip_prefix("epoch_")?))
}

/// A metric's split and quantity; a mean over an epoch has those of what it is a mean of.
fn line_of(metric: &str) -> (&str, &str) {
    let (split, quantity) = metric.split_once('/').unwrap_or(("", metric));
    (split, quantity.strip_prefix("epoch_").unwrap_or(quantity))
}

impl MetricGroup<'_> {
    /// The colour of each metric: the same split has the same one on every chart, and a mean that of what it is a mean
    /// of. All at once and by borrowed names: it is asked for in every frame.
    pub fn colours(&self) -> Vec<usize> {
        /// Colours 0 to 2 are those of the splits that every model has.
        const SPLITS: [&str; 3] = ["train", "held_out", "test"];
        let lines: Vec<(&str, &str)> = self.metrics.iter().map(|metric| line_of(metric)).collect();
        let fixed = |own: &(&str, &str)| {
            let is_alone = lines.iter().all(|other| other.0 != own.0 || other == own);
            SPLITS.iter().position(|split| is_alone && *split == own.0)
        };
        let fixed: Vec<Option<usize>> = lines.iter().map(fixed).collect();
        let mut free = (0..).filter(|colour| !fixed.contains(&Some(*colour)));
        let mut given: Vec<(&(&str, &str), usize)> = Vec::new();
        let mut next = |line| {
            if let Some((_, colour)) = given.iter().find(|(known, _)| *known == line) {
                return *colour;
            }
            let colour = free.next().unwrap_or(0);
            given.push((line, colour));
            colour
        };
        lines.iter().zip(&fixed).map(|(line, fixed)| fixed.unwrap_or_else(|| next(line))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Event, EventKind, MetricDef, Num};

    fn history(names: &[&str], defs: &[(&str, &str)]) -> History {
        let mut history = History::default();
        let def = |(name, unit): &(&str, &str)| MetricDef {
            name: name.to_string(),
            unit: unit.to_string(),
            higher_is_better: None,
        };
        let defs = defs.iter().map(def).collect();
        history.apply(Event::new(0, 0, 0, EventKind::MetricDefs { defs }));
        let values = names.iter().map(|name| (name.to_string(), Num(1.0))).collect();
        history.apply(Event::new(0, 0, 0, EventKind::Metrics { step: 1, epoch: 0.1, values }));
        history
    }

    #[test]
    fn splits_of_one_quantity_share_a_chart_and_the_loss_is_first() {
        let metrics = [
            "held_out/loss/t0.06",
            "held_out/loss/t0.19",
            "lr",
            "test/accuracy",
            "test/accuracy/cat",
            "test/loss",
            "train/epoch_loss",
            "train/loss",
        ];
        let history = history(&metrics, &[]);
        let groups = groups(&history, &MetricFilter::default());
        let names: Vec<&str> = groups.iter().map(|group| group.name).collect();
        assert_eq!(names, ["loss", "accuracy", "loss by noise level", "lr", "accuracy by label"]);
        assert_eq!(groups[0].metrics, ["test/loss", "train/epoch_loss", "train/loss"]);
    }

    #[test]
    fn another_unit_is_another_chart_and_the_runs_own_metric_comes_first() {
        let defs = [("d/real", ""), ("label/loss", "nats"), ("d/loss", ""), ("g/loss", ""), ("test/loss", "nats")];
        let history = history(&["d/loss", "d/real", "g/loss", "label/loss", "test/loss"], &defs);
        let groups = groups(&history, &MetricFilter::default());
        let found: Vec<(&str, &str)> = groups.iter().map(|group| (group.name, group.unit)).collect();
        assert_eq!(found, [("real", ""), ("loss", ""), ("loss", "nats")]);
    }

    #[test]
    fn a_filter_is_a_regular_expression_or_else_plain_text() {
        let passing = |text: &str| {
            let filter = MetricFilter::new(text);
            let history = history(&["lr", "test/accuracy/cat", "test/accuracy/dog", "train/loss[0]"], &[]);
            let all = groups(&history, &filter);
            let metrics: Vec<String> =
                all.iter().flat_map(|group| group.metrics.iter().map(|metric| metric.to_string())).collect();
            (filter.is_regex(), metrics.join(" "))
        };
        assert_eq!(passing("(CAT|dog)$"), (true, "test/accuracy/cat test/accuracy/dog".into()));
        assert_eq!(passing("^l"), (true, "lr".into()));
        assert_eq!(passing("SS["), (false, "train/loss[0]".into()));
        assert!(passing("").0);
        assert_eq!(passing("nothing"), (true, String::new()));
    }

    #[test]
    fn every_line_has_a_colour_of_its_own_and_a_mean_that_of_its_steps() {
        let gan = MetricGroup {
            name: "loss",
            unit: "",
            metrics: vec!["d/epoch_loss", "d/loss", "g/epoch_loss", "g/loss", "test/loss"],
        };
        assert_eq!(gan.colours(), [0, 0, 1, 1, 2]);
        let labels = MetricGroup { name: "a", unit: "%", metrics: vec!["test/a/cat", "test/a/dog", "test/a/frog"] };
        assert_eq!(labels.colours(), [0, 1, 2]);
        let cnn = MetricGroup { name: "loss", unit: "", metrics: vec!["held_out/loss", "test/loss", "train/loss"] };
        assert_eq!(cnn.colours(), [1, 2, 0]);
    }
}

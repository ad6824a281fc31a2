//! What the Loss tab shows: which metrics, against which axis, and where the reading line stands.

use crate::jobs::{Axis, History};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct LossView {
    /// The part of the metric's name behind the split: `loss`, `accuracy`. None: the first there is.
    group: Option<String>,
    pub axis: Axis,
    pub log_y: bool,
    /// The reading line, as a share of the chart's width; none without one.
    pub cursor: Option<f64>,
}

/// The metrics that share a chart: the same quantity on several splits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricGroup<'a> {
    pub name: &'a str,
    pub metrics: Vec<&'a str>,
}

/// How far one press of an arrow moves the reading line.
const CURSOR_STEP: f64 = 0.01;

impl LossView {
    /// The group that is drawn large.
    pub fn shown<'a>(&self, history: &'a History) -> Option<MetricGroup<'a>> {
        let mut groups = groups(history);
        let wanted = |group: &MetricGroup<'_>| Some(group.name) == self.group.as_deref();
        let at = groups.iter().position(wanted).unwrap_or(0);
        (at < groups.len()).then(|| groups.swap_remove(at))
    }

    pub fn move_group(&mut self, history: &History, by: isize) {
        let groups = groups(history);
        let Some(last) = groups.len().checked_sub(1) else { return };
        let at = groups.iter().position(|group| Some(group.name) == self.group.as_deref());
        let to = at.unwrap_or(0).saturating_add_signed(by).min(last);
        self.group = Some(groups[to].name.to_owned());
    }

    pub fn next_axis(&mut self) {
        let at = Axis::ALL.iter().position(|axis| *axis == self.axis).unwrap_or(0);
        self.axis = Axis::ALL[(at + 1) % Axis::ALL.len()];
    }

    /// Shows the reading line at the right edge, or moves it.
    pub fn move_cursor(&mut self, steps: f64) {
        let from = self.cursor.unwrap_or(1.0);
        self.cursor = Some((from + steps * CURSOR_STEP).clamp(0.0, 1.0));
    }
}

/// All metrics of a history, those of one quantity together; loss and accuracy first.
pub fn groups(history: &History) -> Vec<MetricGroup<'_>> {
    let mut groups: Vec<MetricGroup<'_>> = Vec::new();
    for (metric, _) in history.series() {
        let name = quantity(metric);
        match groups.iter_mut().find(|group| group.name == name) {
            Some(group) => group.metrics.push(metric),
            None => groups.push(MetricGroup { name, metrics: vec![metric] }),
        }
    }
    let rank = |name: &str| match name {
        "loss" => 0,
        "accuracy" => 1,
        _ => 2,
    };
    groups.sort_by_key(|group| rank(group.name));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Event, EventKind, Num};

    fn history(names: &[&str]) -> History {
        let values = names.iter().map(|name| (name.to_string(), Num(1.0))).collect();
        let mut history = History::default();
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
        let history = history(&metrics);
        let groups = groups(&history);
        let names: Vec<&str> = groups.iter().map(|group| group.name).collect();
        assert_eq!(names, ["loss", "accuracy", "loss by noise level", "lr", "accuracy by label"]);
        assert_eq!(groups[0].metrics, ["test/loss", "train/epoch_loss", "train/loss"]);
    }

    #[test]
    fn moving_through_groups_stops_at_the_ends() {
        let history = history(&["lr", "test/accuracy", "train/loss"]);
        let mut view = LossView::default();
        view.move_group(&history, -1);
        assert_eq!(view.shown(&history).map(|group| group.name), Some("loss"));
        view.move_group(&history, 9);
        assert_eq!(view.shown(&history).map(|group| group.name), Some("lr"));
        view.move_group(&History::default(), 1);
        assert_eq!(view.shown(&History::default()), None);
    }

    #[test]
    fn the_cursor_stays_on_the_chart() {
        let mut view = LossView::default();
        view.move_cursor(5.0);
        assert_eq!(view.cursor, Some(1.0));
        view.move_cursor(-1e9);
        assert_eq!(view.cursor, Some(0.0));
    }
}

//! All that a run's log tells, reduced to what screens draw.
//!
//! A history is built in parts: the reader of a log reduces each stretch of new lines to small parts
//! and sends those; the dashboard appends them to what it has. That gives the same wherever the log was cut.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::confusion::Confusion;
use super::point::{Axis, Point};
use super::series::Series;
use crate::run::{Event, EventKind, EventTail, MetricDef, Num, RunDir, SheetNote, plain_text};

/// Lines of the event list that are kept; the log itself has them all.
const MAX_LINES: usize = 5_000;
/// Workers whose begin is kept; no run is resumed so often, a hostile log might say so.
const MAX_WORKERS: usize = 10_000;
/// Metrics that are followed; no model has so many, a hostile log might.
const MAX_METRICS: usize = 500;

#[derive(Clone, Debug, Default)]
pub struct History {
    pub model: Option<String>,
    series: BTreeMap<String, Series>,
    defs: BTreeMap<String, MetricDef>,
    /// The metric that the run shows by itself: the first that it defined.
    main_metric: Option<String>,
    /// Metrics that are logged at the end of an epoch.
    per_epoch: BTreeSet<String>,
    /// When workers began, in seconds since the first event.
    begun_s: Vec<f64>,
    confusions: Vec<Confusion>,
    predictions: Vec<EpochFile>,
    captions: Vec<EpochFile>,
    sheets: Vec<SheetFile>,
    lines: VecDeque<Line>,
    /// When the first event was logged, for the wall-time axis.
    begun_ms: Option<u64>,
    /// The last step heard of.
    step: u64,
    /// The earliest step that this part went back to: what an earlier part holds beyond it is void.
    went_back_to: Option<u64>,
    /// Records that could not be used.
    pub damaged: u64,
}

/// Where something about every picture of a split at the end of an epoch is kept: label and confidence, or a caption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochFile {
    pub split: String,
    pub epoch: u64,
    pub step: u64,
    /// Relative to the run's folder.
    pub path: String,
}

/// Pictures that the model made by the end of an epoch, and what was said of them.
#[derive(Clone, Debug, PartialEq)]
pub struct SheetFile {
    pub epoch: u64,
    pub step: u64,
    /// Relative to the run's folder.
    pub path: String,
    pub note: Arc<SheetNote>,
}

/// What a run is looked at for: how it names pictures, or the pictures that it makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Subject {
    #[default]
    Test,
    /// Training images that are held out for choosing.
    HeldOut,
    /// Those that it learns from, which nobody names.
    Training,
    Generated,
}

impl Subject {
    /// The split in the log's events.
    fn split(self) -> &'static str {
        match self {
            Subject::Test => "test",
            Subject::HeldOut => "held_out",
            Subject::Training => "train",
            Subject::Generated => "generated",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Info,
    Good,
    Warning,
    Error,
}

/// One line of the event list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub t_ms: u64,
    pub level: Level,
    pub text: String,
}

impl History {
    /// The whole log of a run as it is now.
    pub fn read(run: &RunDir) -> History {
        let mut tail = EventTail::open(run.events_path());
        let (mut whole, mut part) = (History::default(), History::default());
        loop {
            part.take_in(tail.poll()).into_iter().for_each(|part| whole.append(part));
            if !tail.is_behind() {
                break;
            }
        }
        whole.damaged += tail.damaged();
        whole
    }

    /// The events as parts, and this one goes on behind them. A worker's first words begin a part: what they take back
    /// of earlier ones is taken back before anything is added.
    pub fn take_in(&mut self, events: Vec<Event>) -> Vec<History> {
        let mut parts = Vec::new();
        for event in events {
            if matches!(event.kind, EventKind::Hello { .. }) {
                parts.push(self.split_off());
            }
            self.apply(event);
        }
        parts.push(self.split_off());
        parts
    }

    /// This part; what is left is an empty one that goes on where it ends.
    fn split_off(&mut self) -> History {
        let next = History { begun_ms: self.begun_ms, step: self.step, ..History::default() };
        std::mem::replace(self, next)
    }

    /// The last step logged.
    pub fn last_step(&self) -> u64 {
        self.step
    }

    pub fn series(&self) -> impl Iterator<Item = (&str, &Series)> {
        self.series.iter().map(|(name, series)| (name.as_str(), series))
    }

    pub fn metric(&self, name: &str) -> Option<&Series> {
        self.series.get(name)
    }

    /// True for values of 0..1 that are shown as per cent.
    pub fn is_share(&self, name: &str) -> bool {
        self.unit(name) == "%"
    }

    /// Empty for a metric without one.
    pub fn unit(&self, name: &str) -> &str {
        self.defs.get(name).map_or("", |def| def.unit.as_str())
    }

    /// None for a metric that is neither better higher nor lower.
    pub fn higher_is_better(&self, name: &str) -> Option<bool> {
        self.defs.get(name)?.higher_is_better
    }

    /// The metric that the run shows by itself.
    pub fn main_metric(&self) -> Option<&str> {
        self.main_metric.as_deref()
    }

    /// True for a metric with one value an epoch: of it, each is shown as it is.
    pub fn is_per_epoch(&self, name: &str) -> bool {
        self.per_epoch.contains(name)
    }

    /// When workers began, ascending: between two of them the run stood still. Only the wall clock counts that.
    pub fn begun(&self, axis: Axis) -> &[f64] {
        if axis == Axis::WallTime { &self.begun_s } else { &[] }
    }

    pub fn lines(&self) -> &VecDeque<Line> {
        &self.lines
    }

    /// The epochs of which the subject has a confusion matrix, answers or pictures, ascending.
    pub fn epochs(&self, subject: Subject) -> Vec<u64> {
        let of_confusions = self.confusions.iter().filter(|c| c.split == subject.split()).map(|c| c.epoch);
        let files = self.predictions.iter().chain(&self.captions);
        let of_files = files.filter(|file| file.split == subject.split()).map(|file| file.epoch);
        let of_sheets = self.sheets.iter().filter(|_| subject == Subject::Generated).map(|sheet| sheet.epoch);
        let mut epochs: Vec<u64> = of_confusions.chain(of_files).chain(of_sheets).collect();
        epochs.sort_unstable();
        epochs.dedup();
        epochs
    }

    /// The subject's confusion at the end of `epoch`.
    pub fn confusion(&self, subject: Subject, epoch: u64) -> Option<&Confusion> {
        self.confusions.iter().rev().find(|c| c.split == subject.split() && c.epoch == epoch)
    }

    /// The model has made pictures.
    pub fn makes_pictures(&self) -> bool {
        !self.sheets.is_empty()
    }

    /// The pictures that the model made at the end of `epoch`; of the last epoch, those that it made since, if any.
    pub fn sheet(&self, epoch: u64) -> Option<&SheetFile> {
        let mut of_epoch = self.sheets.iter().filter(|sheet| sheet.epoch == epoch);
        let is_last = self.sheets.last().is_some_and(|last| last.epoch == epoch);
        if is_last { of_epoch.next_back() } else { of_epoch.next() }
    }

    /// All pictures that the model made, in their order.
    pub fn sheets(&self) -> &[SheetFile] {
        &self.sheets
    }

    /// All files of captions, in their order.
    pub fn caption_files(&self) -> &[EpochFile] {
        &self.captions
    }

    /// When the first event was logged, Unix milliseconds.
    pub fn begun_ms(&self) -> Option<u64> {
        self.begun_ms
    }

    /// Where the predictions of the subject's pictures at the end of `epoch` are.
    pub fn predictions(&self, subject: Subject, epoch: u64) -> Option<&EpochFile> {
        last_of(&self.predictions, subject, epoch)
    }

    /// Where the captions of the subject's pictures at the end of `epoch` are.
    pub fn captions(&self, subject: Subject, epoch: u64) -> Option<&EpochFile> {
        last_of(&self.captions, subject, epoch)
    }

    /// Adds the next record of the log to a part.
    pub fn apply(&mut self, event: Event) {
        let Event { t_ms, run_ms, kind, .. } = event;
        let begun_ms = *self.begun_ms.get_or_insert(t_ms);
        let clock = Clock { run_ms, wall_ms: t_ms.saturating_sub(begun_ms) };
        if let Some((level, text)) = describe(&kind) {
            self.add_line(Line { t_ms, level, text: plain_text(&text).into_owned() });
        }
        match kind {
            EventKind::Hello { model, resumed_from_step, .. } => {
                self.model = Some(plain_text(&model).into_owned());
                self.note_begin(clock.wall_ms as f64 / 1e3);
                if let Some(step) = resumed_from_step {
                    self.go_back_to(step);
                }
            }
            EventKind::MetricDefs { defs } => {
                self.main_metric = defs.first().map(|def| def.name.clone()).or(self.main_metric.take());
                let room = MAX_METRICS.saturating_sub(self.defs.len());
                self.defs.extend(defs.into_iter().take(room).map(|def| (def.name.clone(), def)));
            }
            EventKind::Metrics { step, epoch, values } => self.add_values(step, epoch, clock, values),
            EventKind::EpochFinished { epoch, step, values } => {
                let room = MAX_METRICS.saturating_sub(self.per_epoch.len());
                self.per_epoch.extend(values.keys().take(room).map(|name| plain_text(name).into_owned()));
                self.add_values(step, epoch as f64, clock, values);
            }
            EventKind::Confusion { split, epoch, labels, matrix } => {
                let labels = labels.iter().map(|label| plain_text(label).into_owned()).collect();
                match Confusion::new(split, epoch, self.step, labels, &matrix) {
                    Some(confusion) => self.confusions.push(confusion),
                    None => self.damaged += 1,
                }
            }
            EventKind::Predictions { split, epoch, path } => {
                self.predictions.push(EpochFile { split, epoch, step: self.step, path });
            }
            EventKind::Captions { split, epoch, path } => {
                self.captions.push(EpochFile { split, epoch, step: self.step, path });
            }
            EventKind::Samples { path, epoch, step, sheet: Some(note) } => {
                self.sheets.push(SheetFile { epoch, step, path, note: Arc::new(note) });
            }
            _ => {}
        }
    }

    /// Appends the part that follows.
    pub fn append(&mut self, part: History) {
        if let Some(step) = part.went_back_to {
            self.go_back_to(step);
        }
        for (name, series) in part.series {
            self.series.entry(name).or_default().extend(series.points().iter().copied());
        }
        self.defs.extend(part.defs);
        self.main_metric = part.main_metric.or(self.main_metric.take());
        self.per_epoch.extend(part.per_epoch);
        part.begun_s.into_iter().for_each(|begun| self.note_begin(begun));
        self.confusions.extend(part.confusions);
        self.predictions.extend(part.predictions);
        self.captions.extend(part.captions);
        self.sheets.extend(part.sheets);
        part.lines.into_iter().for_each(|line| self.add_line(line));
        self.model = part.model.or(self.model.take());
        self.begun_ms = self.begun_ms.or(part.begun_ms);
        self.step = part.step;
        self.damaged += part.damaged;
    }

    fn go_back_to(&mut self, step: u64) {
        self.series.values_mut().for_each(|series| series.cut(step));
        self.confusions.retain(|confusion| confusion.step <= step);
        self.predictions.retain(|file| file.step <= step);
        self.captions.retain(|file| file.step <= step);
        self.sheets.retain(|sheet| sheet.step <= step);
        self.step = self.step.min(step);
        self.went_back_to = Some(self.went_back_to.map_or(step, |before| before.min(step)));
    }

    fn add_values(&mut self, step: u64, epoch: f64, clock: Clock, values: BTreeMap<String, Num>) {
        self.step = step;
        for (name, value) in values {
            let point = Point {
                step,
                epoch: epoch as f32,
                run_s: clock.run_ms as f32 / 1e3,
                wall_s: clock.wall_ms as f32 / 1e3,
                value: value.get() as f32,
            };
            if let Some(series) = self.series.get_mut(&name) {
                series.log(point);
            } else if self.series.len() < MAX_METRICS {
                let name = plain_text(&name).into_owned();
                self.series.entry(name).or_default().log(point);
            }
        }
    }

    /// A clock that was set back stands still, as that of the points does.
    fn note_begin(&mut self, wall_s: f64) {
        if self.begun_s.len() < MAX_WORKERS {
            self.begun_s.push(self.begun_s.last().map_or(wall_s, |last| last.max(wall_s)));
        }
    }

    fn add_line(&mut self, line: Line) {
        if self.lines.len() == MAX_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }
}

/// How long a run had computed, and lived, when something was logged.
#[derive(Clone, Copy)]
struct Clock {
    run_ms: u64,
    wall_ms: u64,
}

/// The last of the files about the subject's pictures at the end of `epoch`.
fn last_of(files: &[EpochFile], subject: Subject, epoch: u64) -> Option<&EpochFile> {
    files.iter().rev().find(|file| file.split == subject.split() && file.epoch == epoch)
}

/// The words for the event list; none for what is drawn elsewhere.
fn describe(kind: &EventKind) -> Option<(Level, String)> {
    use crate::run::Phase;
    let with_reason = |text: String, reason: &Option<String>| match reason {
        Some(reason) => format!("{text}: {reason}"),
        None => text,
    };
    Some(match kind {
        EventKind::Hello { model, resumed_from_step: Some(step), .. } => {
            (Level::Info, format!("{model} worker went on from step {step}"))
        }
        EventKind::Hello { model, .. } => (Level::Info, format!("{model} worker started")),
        EventKind::PhaseChanged { phase, reason } => {
            let level = match phase {
                Phase::Failed | Phase::Diverged => Level::Error,
                Phase::Interrupted | Phase::Unknown => Level::Warning,
                Phase::Finished => Level::Good,
                _ => Level::Info,
            };
            (level, with_reason(phase.to_string(), reason))
        }
        EventKind::EpochFinished { epoch, step, .. } => (Level::Info, format!("epoch {epoch} finished at step {step}")),
        EventKind::CheckpointSaved { path, step, best, .. } => {
            let best = if *best { ", the best so far" } else { "" };
            (Level::Info, format!("saved {path} at step {step}{best}"))
        }
        EventKind::CommandHandled { ok: true, .. } => return None,
        EventKind::CommandHandled { ok: false, reason, .. } => {
            (Level::Warning, with_reason("refused a command".to_owned(), reason))
        }
        EventKind::Note { level, text } => {
            let level = match level.as_str() {
                "error" => Level::Error,
                "warning" | "warn" => Level::Warning,
                _ => Level::Info,
            };
            (level, text.clone())
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event(t_ms: u64, kind: EventKind) -> Event {
        Event { seq: t_ms, t_ms, run_ms: t_ms, kind, extra: Default::default() }
    }

    fn metrics(step: u64, value: f64) -> EventKind {
        let values = BTreeMap::from([("train/loss".to_owned(), Num(value))]);
        EventKind::Metrics { step, epoch: step as f64 / 10.0, values }
    }

    fn hello(resumed_from_step: Option<u64>) -> EventKind {
        EventKind::Hello {
            schema: 1,
            instance: "i".to_owned(),
            model: "cnn".to_owned(),
            config_hash: String::new(),
            data_sha256: String::new(),
            resumed_from_step,
        }
    }

    fn confusion(epoch: u64) -> EventKind {
        let labels = vec!["cat".to_owned(), "dog".to_owned()];
        EventKind::Confusion { split: "test".to_owned(), epoch, labels, matrix: vec![vec![1, 2], vec![3, 4]] }
    }

    fn reduced(kinds: Vec<EventKind>) -> History {
        let mut history = History::default();
        let events = (0..).zip(kinds).map(|(t, kind)| event(t, kind)).collect();
        History::default().take_in(events).into_iter().for_each(|part| history.append(part));
        history
    }

    fn losses(history: &History) -> Vec<(u64, f32)> {
        let series = history.metric("train/loss").map(Series::points).unwrap_or_default();
        series.iter().map(|p| (p.step, p.value)).collect()
    }

    #[test]
    fn a_resume_takes_back_what_was_not_saved() {
        let history = reduced(vec![
            hello(None),
            metrics(1, 1.0),
            confusion(1),
            metrics(2, 2.0),
            confusion(2),
            hello(Some(1)),
            metrics(2, 20.0),
        ]);
        assert_eq!(losses(&history), [(1, 1.0), (2, 20.0)]);
        assert_eq!(history.epochs(Subject::Test), [1]);
    }

    #[test]
    fn text_of_a_file_loses_its_control_characters() {
        let note = EventKind::Note { level: "error".to_owned(), text: "\x1b[31mred\u{7}".to_owned() };
        let history = reduced(vec![note]);
        assert_eq!(history.lines()[0].text, "[31mred");
        assert_eq!(history.lines()[0].level, Level::Error);
    }

    #[test]
    fn a_ragged_confusion_is_counted_as_damage() {
        let bad = EventKind::Confusion {
            split: "test".to_owned(),
            epoch: 1,
            labels: vec!["cat".to_owned()],
            matrix: vec![vec![1, 2]],
        };
        assert_eq!(reduced(vec![bad]).damaged, 1);
    }

    #[test]
    fn the_clocks_count_a_pause_as_they_should() {
        // Computes for 10 s, stands still for 90, goes on from the step that was saved.
        let log = [
            (0, 0, hello(None)),
            (5_000, 5_000, metrics(1, 1.0)),
            (10_000, 10_000, metrics(2, 1.0)),
            (100_000, 10_000, hello(Some(1))),
            (105_000, 15_000, metrics(2, 1.0)),
        ];
        let event = |(t_ms, run_ms, kind)| Event { seq: t_ms, t_ms, run_ms, kind, extra: Default::default() };
        let mut history = History::default();
        History::default().take_in(log.map(event).to_vec()).into_iter().for_each(|part| history.append(part));
        let series = history.metric("train/loss").unwrap();
        let on = |axis| series.points().iter().map(|point| point.at(axis)).collect::<Vec<f64>>();
        assert_eq!(on(Axis::Step), [1.0, 2.0]);
        assert_eq!(on(Axis::RunTime), [5.0, 15.0]);
        assert_eq!(on(Axis::WallTime), [5.0, 105.0]);
        assert_eq!(history.begun(Axis::WallTime), [0.0, 100.0]);
        assert!(history.begun(Axis::RunTime).is_empty());
    }

    #[test]
    fn the_first_metric_defined_is_the_main_one_and_epochs_are_told_from_steps() {
        let def = |name: &str| MetricDef { name: name.into(), unit: "nats".into(), higher_is_better: Some(false) };
        let values = BTreeMap::from([("test/loss".to_owned(), Num(1.0))]);
        let history = reduced(vec![
            hello(None),
            EventKind::MetricDefs { defs: vec![def("train/loss"), def("a/loss")] },
            metrics(1, 1.0),
            EventKind::EpochFinished { epoch: 1, step: 1, values },
        ]);
        assert_eq!(history.main_metric(), Some("train/loss"));
        assert!(history.is_per_epoch("test/loss") && !history.is_per_epoch("train/loss"));
        assert_eq!((history.unit("a/loss"), history.higher_is_better("a/loss")), ("nats", Some(false)));
    }

    fn any_kind() -> impl Strategy<Value = EventKind> {
        prop_oneof![
            4 => (0u64..40, -9f64..9.0).prop_map(|(step, value)| metrics(step, value)),
            1 => (0u64..40).prop_map(|step| hello(Some(step))),
            1 => (1u64..5).prop_map(confusion),
        ]
    }

    proptest! {
        #[test]
        fn parts_append_to_the_whole(kinds in prop::collection::vec(any_kind(), 0..60), cuts in prop::collection::vec(0usize..60, 0..4)) {
            let events: Vec<Event> = (0..).zip(kinds).map(|(t, kind)| event(t, kind)).collect();
            let mut whole = History::default();
            let mut one = History::default();
            events.iter().for_each(|e| one.take_in(vec![e.clone()]).into_iter().for_each(|part| whole.append(part)));
            let mut cuts = cuts;
            cuts.sort_unstable();
            let mut joined = History::default();
            let mut part = History::default();
            let mut from = 0;
            for to in cuts.into_iter().map(|c| c.min(events.len())).chain([events.len()]) {
                part.take_in(events[from..to.max(from)].to_vec()).into_iter().for_each(|part| joined.append(part));
                from = to.max(from);
            }
            prop_assert_eq!(losses(&joined), losses(&whole));
            prop_assert_eq!(joined.epochs(Subject::Test), whole.epochs(Subject::Test));
            prop_assert_eq!(joined.metric("train/loss"), whole.metric("train/loss"));
            prop_assert_eq!(&joined.confusions, &whole.confusions);
            prop_assert_eq!(joined.lines(), whole.lines());
            prop_assert_eq!(joined.begun(Axis::WallTime), whole.begun(Axis::WallTime));
        }
    }
}
